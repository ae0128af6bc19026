"""CloudWatch Logs subscriptions as AWS delivers them: asynchronous invocations, tried again, then sent to the on-failure destination.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import base64
import gzip
import json
import logging
import secrets
import threading
import time

from patches.replace import present, replace

logger = logging.getLogger("lab.subscriptions")
_sequence = [0]
_lock = threading.Lock()


def apply(logs, functions, buckets, responses):
    present(logs, "_log_groups", "_subscription_pattern_matches")
    present(functions, "_functions", "invoke_async_with_retry", "_run_with_function_config_scope")
    present(buckets, "_put_object")
    present(responses, "get_account_id")
    replace(logs, "_fanout_to_subscription_filters", lambda _original: lambda group, stream, events: _fan_out(logs, functions, responses, group, stream, events))
    replace(functions, "_route_async_failure", lambda original: _to_bucket(functions, buckets, original))


def _event_id(timestamp):
    """56 digits, rising with time, as CloudWatch gives them; a redelivery carries the same."""
    with _lock:
        _sequence[0] += 1
        return f"{timestamp:020d}{_sequence[0]:018d}{secrets.randbelow(10**18):018d}"


def _fan_out(logs, functions, responses, group, stream, events):
    filters = (logs._log_groups.get(group) or {}).get("subscriptionFilters") or {}
    for subscription in list(filters.values()):
        destination = subscription.get("destinationArn", "")
        if ":function:" not in destination:
            continue
        name = destination.split(":function:")[-1].split(":")[0]
        record = functions._functions.get(name)
        if record is None or group == f"/aws/lambda/{name}":
            continue
        now = int(time.time() * 1000)
        matched = [e for e in events if logs._subscription_pattern_matches(subscription.get("filterPattern", ""), e.get("message", ""))]
        if not matched:
            continue
        payload = {
            "messageType": "DATA_MESSAGE",
            "owner": responses.get_account_id(),
            "logGroup": group,
            "logStream": stream,
            "subscriptionFilters": [subscription.get("filterName", "")],
            "logEvents": [
                {"id": _event_id(e.get("timestamp", now)), "timestamp": e.get("timestamp", now), "message": e.get("message", "")} for e in matched
            ],
        }
        data = base64.b64encode(gzip.compress(json.dumps(payload, ensure_ascii=False).encode())).decode()
        functions._run_with_function_config_scope(record, functions.invoke_async_with_retry, record, {"awslogs": {"data": data}})


def _to_bucket(functions, buckets, original):
    """ministack knows queues, topics and functions as destinations; a bucket is one too, under aws/lambda/async/<function>/<date>/."""
    def route(target, name, event, result):
        if not target.startswith("arn:aws:s3:::"):
            return original(target, name, event, result)
        body = result.get("body") if isinstance(result.get("body"), dict) else {}
        record = {
            "version": "1.0",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
            "requestContext": {
                "requestId": secrets.token_hex(16),
                "functionArn": (functions._functions.get(name) or {}).get("config", {}).get("FunctionArn", ""),
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": result.get("function_error") or "Unhandled"},
            "responsePayload": body,
        }
        now = time.gmtime()
        key = f"aws/lambda/async/{name}/{time.strftime('%Y/%m/%d', now)}/{time.strftime('%Y-%m-%dT%H.%M.%S', now)}-{secrets.token_hex(8)}"
        answer = buckets._put_object(target.removeprefix("arn:aws:s3:::"), key, json.dumps(record).encode(), {"content-type": "application/json"})
        if answer[0] >= 300:
            logger.error("on-failure destination %s refused %s: %s", target, key, answer[0])
        return None
    return route
