"""ECS as it is on container instances: real ids, tasks sharing instances, ListTasks by instance, tasks that take time to stop.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerInstance.html
"""

import json
import secrets
import threading
import time

from patches.replace import present, replace

INSTANCES_PER_CLUSTER = 2
# The service scheduler starts a replacement a moment after a task is told to stop.
REPLACEMENT_DELAY_SECONDS = 0.3
MAX_DESCRIBED = 100

# cluster ARN -> container instances, in order of registration. Made when the first EC2 task needs one: a Fargate cluster has none.
_instances = {}
_lock = threading.RLock()


def apply(ecs, responses):
    present(ecs, "_tasks", "_services", "_ACTION_MAP", "_sanitize", "_resolve_task", "_mark_task_stopped", "_task_is_active",
            "_resolve_cluster_name", "_resolve_td_key", "_task_defs", "_bump_task_version", "_iso", "new_uuid")
    present(responses, "request_scope", "get_account_id", "get_region")

    # Ids of tasks and container instances are 32 hex digits, without hyphens.
    ecs.new_uuid = lambda: secrets.token_hex(16)

    replace(ecs, "_build_task_containers", _with_runtime_ids)
    replace(ecs, "_run_task", lambda original: _on_instances(ecs, responses, original))
    replace(ecs, "_stop_task", lambda original: _taking_time(ecs, responses, original))
    replace(ecs, "_list_tasks", lambda original: _by_instance(ecs, original))
    replace(ecs, "_describe_tasks", lambda original: _limited(ecs, original))
    replace(ecs, "_list_container_instances", lambda _original: lambda data: _list_container_instances(ecs, responses, data))
    replace(ecs, "_describe_container_instances", lambda _original: lambda data: _describe_container_instances(ecs, responses, data))
    for name in ("_stop_task", "_list_tasks", "_describe_tasks", "_list_container_instances", "_describe_container_instances"):
        replace(ecs, name, lambda original: _known_cluster(ecs, original))
    for action, name in {
        "RunTask": "_run_task", "StopTask": "_stop_task", "ListTasks": "_list_tasks", "DescribeTasks": "_describe_tasks",
        "ListContainerInstances": "_list_container_instances", "DescribeContainerInstances": "_describe_container_instances",
    }.items():
        if action not in ecs._ACTION_MAP:
            raise SystemExit(f"emulator: ministack no longer dispatches ECS {action} by _ACTION_MAP")
        ecs._ACTION_MAP[action] = getattr(ecs, name)
    # Places a task on the instances it names, as an agent-driven scheduler does: how the lab puts Falco's own task on each of them.
    ecs._ACTION_MAP["StartTask"] = lambda data: _start_task(ecs, data)


def _with_runtime_ids(original):
    """`runtimeId` is the container runtime's own id: 64 hex digits with Docker and containerd."""
    def build(td, overrides):
        containers = original(td, overrides)
        for container in containers:
            container["runtimeId"] = secrets.token_hex(32)
        return containers
    return build


def _cluster_instances(ecs, responses, cluster_arn):
    with _lock:
        if cluster_arn not in _instances:
            name = cluster_arn.rsplit("/", 1)[-1]
            region, account = responses.get_region(), responses.get_account_id()
            _instances[cluster_arn] = [{
                "containerInstanceArn": f"arn:aws:ecs:{region}:{account}:container-instance/{name}/{secrets.token_hex(16)}",
                "ec2InstanceId": f"i-{secrets.token_hex(9)[:17]}",
                "status": "ACTIVE",
                "agentConnected": True,
                "version": 1,
                "attributes": [],
                "tags": [],
            } for _ in range(INSTANCES_PER_CLUSTER)]
        return _instances[cluster_arn]


def _on_instances(ecs, responses, original):
    """EC2 tasks share the cluster's instances, spread by number of tasks; a Fargate task has none, and its runtime ids begin with the task id."""
    def run(data):
        status, headers, body = original(data)
        answer = json.loads(body)
        if status != 200:
            return status, headers, body
        for task in answer.get("tasks", []):
            stored = ecs._tasks.get(task["taskArn"])
            if stored is None:
                continue
            if stored.get("launchType") == "FARGATE":
                stored["containerInstanceArn"] = None
                task_id = stored["taskArn"].rsplit("/", 1)[-1]
                for container in stored["containers"]:
                    container["runtimeId"] = f"{task_id}-{secrets.randbelow(10**10):010d}"
            else:
                stored["containerInstanceArn"] = data.get("_containerInstanceArn") or _least_busy(ecs, responses, stored)
            stored["attachments"] = stored.get("attachments") or []
        answer["tasks"] = [ecs._sanitize(ecs._tasks[t["taskArn"]]) for t in answer["tasks"] if t["taskArn"] in ecs._tasks]
        return status, headers, json.dumps(answer).encode()
    return run


def _least_busy(ecs, responses, task):
    instances = _cluster_instances(ecs, responses, task["clusterArn"])
    busy = {i["containerInstanceArn"]: 0 for i in instances}
    for other in list(ecs._tasks.values()):
        if other is not task and other.get("lastStatus") != "STOPPED" and other.get("containerInstanceArn") in busy:
            busy[other["containerInstanceArn"]] += 1
    return min(busy, key=busy.get)


def _start_task(ecs, data):
    answers = []
    for instance in data.get("containerInstances", []):
        status, headers, body = ecs._run_task({**data, "count": 1, "launchType": "EC2", "_containerInstanceArn": instance})
        if status != 200:
            return status, headers, body
        answers.append(json.loads(body))
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps({
        "tasks": [t for a in answers for t in a["tasks"]], "failures": [f for a in answers for f in a["failures"]],
    }).encode()


def _taking_time(ecs, responses, original):
    """StopTask answers before the task has stopped when a container has a `stopTimeout`: it ignores SIGTERM for that long.

    Without one the containers exit at once. A task of a service is replaced by the scheduler a moment later.
    """
    def stop(data):
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        task = ecs._resolve_task(data.get("task", ""), cluster) if cluster else None
        seconds = _stop_seconds(ecs, task) if task else 0
        scope = (responses.get_account_id(), responses.get_region())
        if task is None or task.get("lastStatus") == "STOPPED" or seconds == 0:
            answer = original(data)
        elif task.get("desiredStatus") == "STOPPED":
            # The reason of the first StopTask stays.
            answer = 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps({"task": ecs._sanitize(task)}).encode()
        else:
            ecs._bump_task_version(task)
            task["desiredStatus"] = "STOPPED"
            task["lastStatus"] = "STOPPING"
            task["stoppingAt"] = ecs._iso()
            task["stoppedReason"] = data.get("reason", "Task stopped by user")
            task["stopCode"] = "UserInitiated"
            _later(responses, scope, seconds, lambda: _finish(ecs, task))
            answer = 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps({"task": ecs._sanitize(task)}).encode()
        if task and task.get("group", "").startswith("service:"):
            key = f"{cluster}/{task['group'].split(':', 1)[1]}"
            _later(responses, scope, REPLACEMENT_DELAY_SECONDS, lambda: ecs._reconcile_service_tasks(cluster, key))
        return answer
    present(ecs, "_reconcile_service_tasks")
    return stop


def _finish(ecs, task):
    # ministack ends only a task that is still wanted.
    task["desiredStatus"] = "RUNNING"
    ecs._mark_task_stopped(task["taskArn"], task, task["stoppedReason"], "UserInitiated", 137)


def _stop_seconds(ecs, task):
    definition = ecs._task_defs.get(ecs._resolve_td_key(task["taskDefinitionArn"])) or {}
    return max((c.get("stopTimeout") or 0 for c in definition.get("containerDefinitions", [])), default=0)


def _later(responses, scope, seconds, go):
    def run():
        time.sleep(seconds)
        with responses.request_scope(*scope):
            go()
    threading.Thread(target=run, daemon=True).start()


def _by_instance(ecs, original):
    """ListTasks keeps to `containerInstance` (ARN or id) beside its other filters; a page has at most 100."""
    def list_tasks(data):
        wanted = data.get("containerInstance")
        if not wanted:
            return original(data)
        status, headers, body = original({**data, "containerInstance": None, "maxResults": 1_000_000, "nextToken": None})
        if status != 200:
            return status, headers, body
        arns = [
            arn for arn in json.loads(body)["taskArns"]
            if (ecs._tasks[arn].get("containerInstanceArn") or "").endswith(wanted.rsplit("/", 1)[-1])
        ]
        start, size = int(data.get("nextToken") or 0), min(int(data.get("maxResults") or 100), 100)
        answer = {"taskArns": arns[start:start + size]}
        if start + size < len(arns):
            answer["nextToken"] = str(start + size)
        return 200, headers, json.dumps(answer).encode()
    return list_tasks


def _known_cluster(ecs, original):
    """An unknown cluster is an error, not an empty answer."""
    def check(data):
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        if cluster not in ecs._clusters:
            return ecs.error_response_json("ClusterNotFoundException", "Cluster not found.", 400)
        return original(data)
    present(ecs, "_clusters")
    return check


def _limited(ecs, original):
    """DescribeTasks takes at most 100 tasks."""
    def describe(data):
        if len(data.get("tasks", [])) > MAX_DESCRIBED:
            return ecs.error_response_json("InvalidParameterException", "Tasks can have at most 100 items.", 400)
        return original(data)
    present(ecs, "error_response_json")
    return describe


def _of(ecs, responses, data):
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    arn = f"arn:aws:ecs:{responses.get_region()}:{responses.get_account_id()}:cluster/{cluster}"
    return _instances.get(arn, [])


_REGISTERED_AT = time.time()


def _list_container_instances(ecs, responses, data):
    """All instances of the cluster; the filter `ec2InstanceId == i-...` (or `in [...]`) of the cluster query language is understood."""
    instances = [i for i in _of(ecs, responses, data) if data.get("status", i["status"]) == i["status"]]
    wanted = data.get("filter") or ""
    if "ec2InstanceId" in wanted:
        instances = [i for i in instances if i["ec2InstanceId"] in wanted.replace(",", " ").replace("[", " ").replace("]", " ").split()]
    elif wanted:
        return ecs.error_response_json("InvalidParameterException", f"the lab does not know the filter {wanted}", 400)
    return ecs.json_response({"containerInstanceArns": [i["containerInstanceArn"] for i in instances]})


def _describe_container_instances(ecs, responses, data):
    known = {i["containerInstanceArn"].rsplit("/", 1)[-1]: i for i in _of(ecs, responses, data)}
    found, failures = [], []
    for reference in data.get("containerInstances", []):
        instance = known.get(reference.rsplit("/", 1)[-1])
        if instance is None:
            failures.append({"arn": reference, "reason": "MISSING"})
            continue
        here = [t for t in list(ecs._tasks.values()) if t.get("containerInstanceArn") == instance["containerInstanceArn"]]
        found.append({
            **instance,
            "registeredAt": _REGISTERED_AT,
            "runningTasksCount": sum(t.get("lastStatus") == "RUNNING" for t in here),
            "pendingTasksCount": sum(t.get("lastStatus") == "PENDING" for t in here),
        })
    return ecs.json_response({"containerInstances": found, "failures": failures})
