"""EKS clusters that have an API server: the one of the lab's own control plane. And their access entries, made by a template too.

ministack would start k3s in Docker. Here CreateCluster takes two more keys, `endpoint` and `certificateAuthority` ({data}), of a control plane
that runs already, and DescribeCluster tells of them. An access entry is for a role, never for one of its sessions; its groups cannot be the
system's own; its user is the session.
https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html
https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAccessEntry.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-eks-accessentry.html
"""

from patches.replace import present, replace


def apply(eks, provisioners):
    present(eks, "_clusters", "_describe_cluster", "_update_access_entry", "_delete_access_entry", "_error")
    present(provisioners, "_RESOURCE_HANDLERS")
    replace(eks, "_get_docker", lambda _original: lambda: None)
    replace(eks, "_create_cluster", lambda original: _of_control_plane(eks, original))
    replace(eks, "_create_access_entry", lambda original: _checked(eks, original))
    provisioners._RESOURCE_HANDLERS["AWS::EKS::AccessEntry"] = {
        "create": lambda _logical_id, props, _stack: _entry_made(eks, props),
        "update": lambda physical_id, _old, props, _stack: _entry_changed(eks, physical_id, props),
        "delete": lambda physical_id, _props: eks._delete_access_entry(*physical_id.split("|", 1)[::-1]),
    }


def _of_control_plane(eks, original):
    def create(body, *rest):
        answer = original(body, *rest)
        if answer[0] == 200 and body.get("endpoint"):
            eks._clusters[body["name"]].update(
                endpoint=body["endpoint"], certificateAuthority=body["certificateAuthority"], status="ACTIVE")
            return eks._describe_cluster(body["name"])
        return answer
    return create


def _checked(eks, original):
    def create(cluster, body):
        principal, groups = body.get("principalArn", ""), body.get("kubernetesGroups", [])
        if ":iam::" not in principal:
            return eks._error(400, "InvalidParameterException", f"The specified principalArn is invalid: invalid principal: {principal}")
        if any(group.startswith(("system:", "eks:", "aws:", "amazon:", "iam:")) for group in groups):
            return eks._error(400, "InvalidParameterException", "The kubernetes group name is reserved")
        parts = principal.split(":")
        name = parts[5].rsplit("/", 1)[-1]
        session = f"arn:{parts[1]}:sts::{parts[4]}:assumed-role/{name}/{{{{SessionName}}}}"
        return original(cluster, {"username": session if parts[5].startswith("role/") else principal, **body})
    return create


def _entry_made(eks, props):
    cluster, principal = props["ClusterName"], props["PrincipalArn"]
    answer = eks._create_access_entry(cluster, {
        "principalArn": principal,
        "kubernetesGroups": props.get("KubernetesGroups", []),
        "type": props.get("Type", "STANDARD"),
    })
    if answer[0] >= 400:
        raise ValueError(f"AWS::EKS::AccessEntry: {answer[2]!r}")
    return f"{principal}|{cluster}", {"AccessEntryArn": f"{principal}|{cluster}"}


def _entry_changed(eks, physical_id, props):
    """In place: only the groups of an entry change."""
    eks._update_access_entry(props["ClusterName"], props["PrincipalArn"], {"kubernetesGroups": props.get("KubernetesGroups", [])})
    return physical_id, {"AccessEntryArn": physical_id}
