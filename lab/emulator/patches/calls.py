"""Writes down which operations each Lambda function calls, so that its role can be compared with them.

A function has the account's credentials in ministack; here its access key id is its name, for every double that it speaks to as well. Each
pair of function and operation is written once, as a line of JSON: {"principal": function name, "service": "dynamodb", "action": "Query"}. A transaction is
written as the operations in it ("TransactWriteItems/Put"): IAM knows only those. GetCallerIdentity is not written: it needs no right, and
what a cluster asks with a function's token is not the function's call.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
"""

import json
import threading

from patches.replace import present, replace

_functions = set()
_seen = set()
_lock = threading.Lock()


def apply(app, runtime, functions, actions, path):
    present(app, "detect_service", "extract_access_key_id", "_routing_params", "_decompress_request_body")
    present(actions, "_match_rest_action", "_action_from_query", "_action_from_target", "_s3_action", "_lambda_action")
    for module in (runtime, functions):
        replace(module, "execution_credentials", _named)
    replace(app, "_handle_special_data_plane_request", lambda original: _recorded(app, actions, path, original))


def _named(original):
    def credentials(config):
        _functions.add(config["FunctionName"])
        return {**original(config), "AWS_ACCESS_KEY_ID": config["FunctionName"]}
    return credentials


def _recorded(app, actions, path, original):
    async def handle(method, place, headers, body, query_params, *rest, **options):
        key = app.extract_access_key_id(headers, query_params)
        if key in _functions:
            params = app._routing_params(method, place, headers, body, query_params)
            service = app.detect_service(method, place, headers, params)
            for action in _operations(app, actions, service, method, place, headers, body, params):
                _write(path, key, service, action)
        return await original(method, place, headers, body, query_params, *rest, **options)
    return handle


def _operations(app, actions, service, method, place, headers, body, params):
    """What cannot be named is written as it came: the comparison then fails on it instead of passing without it."""
    name = actions._action_from_query(params, body, headers.get("content-type", "")) or actions._action_from_target(headers)
    if name is None and service == "s3":
        name = actions._s3_action(method, place, params)
    if name is None and service == "lambda":
        name = actions._lambda_action(method, place)
    if name is None and service == "eks":
        name = actions._match_rest_action(service, method, place, params)
    if name is None:
        return [f"{method} {place}"]
    if (service, name) == ("sts", "GetCallerIdentity"):
        return []
    if name in ("TransactWriteItems", "TransactGetItems"):
        items = json.loads(app._decompress_request_body(body, headers)).get("TransactItems", [])
        return sorted({f"{name}/{kind}" for item in items for kind in item})
    return [name]


def _write(path, principal, service, action):
    call = (principal, service, action)
    with _lock:
        if call in _seen:
            return
        _seen.add(call)
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(dict(zip(("principal", "service", "action"), call))) + "\n")
