"""A function URL with AWS_IAM tells the function who signed the request.

ministack refuses an unsigned request as AWS does, checks no signature, and leaves the principal out of the event. Here the access key of the
signature stands for its principal: a user of that name.
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
"""

import re

from patches.replace import replace

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")


def apply(lambda_svc):
    replace(lambda_svc, "_build_function_url_event", _with_principal)


def _with_principal(original):
    def build(url_id, account_id, *args, **kwargs):
        event = original(url_id, account_id, *args, **kwargs)
        found = _CREDENTIAL.search(event["headers"].get("authorization") or "")
        if found and not kwargs.get("anonymous"):
            key = found.group(1)
            event["requestContext"]["authorizer"] = {"iam": {
                "accessKey": key,
                "accountId": account_id,
                "callerId": key,
                "cognitoIdentity": None,
                "principalOrgId": None,
                "userArn": f"arn:aws:iam::{account_id}:user/{key}",
                "userId": key,
            }}
        return event
    return build
