"""Lints IAM policies with parliament, offline: unknown actions, resources that an action does not take, condition keys that it does not know.

stdin: {name: policy document}. stdout: {"checked": statements, "findings": [{policy, issue, detail}]}.
https://github.com/duo-labs/parliament
"""

import json
import sys
import warnings

# parliament finds its data by pkg_resources, which says at every import that it will go.
warnings.simplefilter("ignore")

from parliament import analyze_policy_string  # noqa: E402


def main():
    checked, findings = 0, []
    for name, document in json.load(sys.stdin).items():
        checked += len(document["Statement"])
        for finding in analyze_policy_string(json.dumps(document)).findings:
            findings.append({"policy": name, "issue": finding.issue, "detail": str(finding.detail)})
    print(json.dumps({"checked": checked, "findings": findings}))


main()
