"""Starts ministack with the lab's patches, on loopback, for as long as its parent holds our stdin open."""

import os
import shutil
import signal
import subprocess
import sys
import threading


def main():
    for name in ("GATEWAY_PORT", "BIND_HOST", "FALCO_RESPONDER_NODE_MAJOR"):
        if not os.environ.get(name):
            sys.exit(f"emulator: {name} is not set")
    node = shutil.which("node")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip() if node else "none"
    if not version.startswith(f"v{os.environ['FALCO_RESPONDER_NODE_MAJOR']}."):
        sys.exit(f"emulator: Lambdas would run on {version}, not on Node {os.environ['FALCO_RESPONDER_NODE_MAJOR']}")
    print(f"emulator: Lambdas run on Node {version}", flush=True)

    # The lab dies with who started it, however that one ended.
    threading.Thread(target=_end_with_parent, daemon=True).start()

    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from ministack import app
    from ministack.core import iam_actions, iam_evaluator, lambda_runtime, responses, sigv4
    from ministack.services import cloudwatch_logs, ecs, eks, iam, lambda_svc, s3, sts
    from ministack.services.cloudformation import provisioners

    from patches import buckets, calls
    from patches import ecs as ecs_patches
    from patches import eks as eks_patches
    from patches import function_urls, identity, subscriptions

    ecs_patches.apply(ecs, responses)
    subscriptions.apply(cloudwatch_logs, lambda_svc, s3, responses)
    buckets.apply(provisioners, s3)
    function_urls.apply(lambda_svc)
    if os.environ.get("FALCO_RESPONDER_CALLS"):
        calls.apply(app, lambda_runtime, lambda_svc, iam_actions, os.environ["FALCO_RESPONDER_CALLS"])
    eks_patches.apply(eks, provisioners)
    # After the calls: those give a function its key.
    identity.apply(lambda_runtime, lambda_svc, iam_evaluator, iam, sts, sigv4, responses)

    from ministack.app import main as serve
    sys.argv = ["ministack"]
    serve()


def _end_with_parent():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    # Its own Lambdas hold pipes from us and end with us.
    threading.Timer(3, lambda: os._exit(1)).start()


main()
