"""Who sent a request, as STS tells it: a function is a session of its own role, and a presigned request is what its signature says.

ministack, which enforces no IAM here, tells of every function that it is the account, and checks no signature. A Kubernetes cluster believes STS
about whose token it was given, and the token is a presigned GetCallerIdentity: so here both are as on AWS. Such a request holds for 15 minutes
from its date, whatever X-Amz-Expires says, and answers in JSON where that is asked for.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/pkg/token/token.go
"""

import datetime
import json
import os
import re

from patches.replace import present, replace

_VALID_SECONDS = 900
_EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

# Access key id of a function, which is its name (patches/calls.py) -> ARN of its role.
_roles = {}


def apply(runtime, functions, evaluator, iam, sts, sigv4, responses):
    present(iam, "_roles")
    present(sts, "_sessions", "_error", "_caller_identity")
    present(sigv4, "build_canonical_request", "build_string_to_sign", "calculate_signature", "signatures_match")
    present(responses, "get_account_id")
    for module in (runtime, functions):
        replace(module, "execution_credentials", _noting_role)
    replace(evaluator, "resolve_caller_identity", lambda original: _knowing_functions(iam, responses, original))
    replace(sts, "handle_request", lambda original: _presigned(sts, sigv4, original))


def _noting_role(original):
    def credentials(config):
        given = original(config)
        _roles[given["AWS_ACCESS_KEY_ID"]] = config.get("Role", "")
        return given
    return credentials


def _knowing_functions(iam, responses, original):
    """The session of a function has the function's name."""
    def resolve(key):
        role = _roles.get(key)
        if not role:
            return original(key)
        account, name = role.split(":")[4], role.rsplit("/", 1)[-1]
        record = iam._roles.get_scoped(account, None, name) or {}
        return {
            "accessKey": key,
            "accountId": account,
            "userArn": f"arn:aws:sts::{account}:assumed-role/{name}/{key}",
            "userId": f"{record.get('RoleId', 'AROAUNKNOWN')}:{key}",
            "principalOrgId": None,
            "session": None,
        }
    return resolve


def _presigned(sts, sigv4, original):
    async def handle(method, path, headers, body, query_params):
        query = {name.lower(): values for name, values in query_params.items()}
        if method != "GET" or "x-amz-signature" not in query or query.get("action") != ["GetCallerIdentity"]:
            return await original(method, path, headers, body, query_params)
        refusal = _refusal(sts, sigv4, path, headers, query_params, {name: values[0] for name, values in query.items()})
        if refusal:
            return sts._error(403, *refusal, ns="sts")
        if "application/json" not in headers.get("accept", ""):
            return await original(method, path, headers, body, query_params)
        caller = sts._caller_identity(headers, query_params)
        result = {"Account": caller["accountId"], "Arn": caller["userArn"], "UserId": caller["userId"]}
        answer = {"GetCallerIdentityResponse": {"GetCallerIdentityResult": result, "ResponseMetadata": {"RequestId": "lab"}}}
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()
    return handle


def _refusal(sts, sigv4, path, headers, query_params, query):
    """Code and message, or None."""
    scope = query.get("x-amz-credential", "").split("/")
    date, signed = query.get("x-amz-date", ""), query.get("x-amz-signedheaders", "")
    if len(scope) != 5 or scope[3:] != ["sts", "aws4_request"] or not re.fullmatch(r"\d{8}T\d{6}Z", date) or scope[1] != date[:8]:
        return "IncompleteSignature", "The request signature does not conform to AWS standards."
    at = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    age = (datetime.datetime.now(datetime.timezone.utc) - at).total_seconds()
    if not -_VALID_SECONDS <= age <= _VALID_SECONDS:
        return "SignatureDoesNotMatch", "Signature expired."
    session = sts._sessions.get(scope[0]) or {}
    if query.get("x-amz-security-token", "") != session.get("SessionToken", ""):
        return "InvalidClientTokenId", "The security token included in the request is invalid."
    canonical = sigv4.build_canonical_request("GET", path, headers, query_params, signed, payload_hash=_EMPTY)
    text = sigv4.build_string_to_sign(date, scope[1], scope[2], scope[3], canonical)
    secret = session.get("SecretAccessKey") or os.environ.get("AWS_SECRET_ACCESS_KEY", "test")
    if not sigv4.signatures_match(sigv4.calculate_signature(secret, scope[1], scope[2], scope[3], text), query["x-amz-signature"]):
        return "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."
    return None
