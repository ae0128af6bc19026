"""Object Lock of a bucket made by a template: ministack knows it by the S3 API only.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-s3-bucket-objectlockconfiguration.html
"""

from patches.replace import present, replace


def apply(provisioners, buckets):
    present(buckets, "_bucket_object_lock")
    replace(provisioners, "_s3_apply_configurations", lambda original: _with_lock(buckets, original))


def _with_lock(buckets, original):
    def configure(name, props, *rest):
        answer = original(name, props, *rest)
        # CloudFormation's booleans may arrive as text.
        if str(props.get("ObjectLockEnabled", "")).lower() == "true":
            default = ((props.get("ObjectLockConfiguration") or {}).get("Rule") or {}).get("DefaultRetention")
            retention = None
            if default:
                retention = {"Mode": default["Mode"], **{key: int(default[key]) for key in ("Days", "Years") if key in default}}
            buckets._bucket_object_lock[name] = {"enabled": True, "default_retention": retention}
        return answer
    return configure
