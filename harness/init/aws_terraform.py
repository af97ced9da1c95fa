"""What an environment needs of AWS, as Terraform in its JSON syntax."""

import json
import re
from typing import Any, Final

from harness.init.aws import ISSUER, Needs
from harness.init.buckets import Bucket
from harness.manifests.catalogue import Secret

_CLUSTER: Final = "data.aws_eks_cluster.lakehouse.identity[0].oidc[0].issuer"


def terraform(needs: Needs, environment: str) -> str:
    """A file `lakehouse.tf.json`."""
    resources: dict[str, dict[str, Any]] = {}
    local = {"lakehouse_issuer": f'${{replace({_CLUSTER}, "https://", "")}}'}
    for secret in needs.secrets:
        _add_secret(secret, resources, local)
    for bucket in needs.buckets:
        _add_bucket(bucket, resources)
    for role in needs.roles:
        name = _identifier(role.name)
        _put(
            resources,
            "aws_iam_role",
            name,
            {"name": role.name, "path": role.path, "assume_role_policy": _with_issuer(role.trust)},
        )
        policy = {"name": "lakehouse", "role": f"${{aws_iam_role.{name}.id}}", "policy": json.dumps(role.policy)}
        _put(resources, "aws_iam_role_policy", name, policy)
    return json.dumps(
        {
            "//": f"What {environment} needs of account {needs.account} in {needs.region}. It has not been applied "
            "to AWS: read the plan first. The state holds the random values: let only administrators read it.",
            "terraform": {
                "required_providers": {
                    "aws": {"source": "hashicorp/aws"},
                    "random": {"source": "hashicorp/random", "version": ">= 3.6"},
                }
            },
            "variable": {"cluster": {"type": "string", "description": "Name of the EKS cluster."}},
            "data": {
                "aws_eks_cluster": {"lakehouse": {"name": "${var.cluster}"}},
                "aws_iam_openid_connect_provider": {"lakehouse": {"url": f"${{{_CLUSTER}}}"}},
            },
            "locals": local,
            "resource": resources,
        },
        indent=2,
    )


def _add_secret(secret: Secret, resources: dict[str, dict[str, Any]], local: dict[str, str]) -> None:
    entry = _identifier(secret.entry)
    values = {}
    for key, recipe in secret.keys.items():
        name = f"{entry}_{_identifier(key)}"
        match recipe.kind:
            case "constant" | "setting":
                values[key] = re.sub(r"([$%])\{", r"\1\1{", recipe.value)
            case "fernet":
                _put(resources, "random_bytes", name, {"length": 32})
                local[name] = f'${{replace(replace(random_bytes.{name}.base64, "+", "-"), "/", "_")}}'
                values[key] = f"${{local.{name}}}"
            case _:
                _put(resources, "random_password", name, {"length": recipe.length, "special": False})
                values[key] = f"${{random_password.{name}.result}}"
    _put(resources, "aws_secretsmanager_secret", entry, {"name": secret.entry})
    _put(
        resources,
        "aws_secretsmanager_secret_version",
        entry,
        {
            "secret_id": f"${{aws_secretsmanager_secret.{entry}.id}}",
            "secret_string": json.dumps(values),
            # A rotation is not undone.
            "lifecycle": {"ignore_changes": ["secret_string"]},
        },
    )


def _add_bucket(bucket: Bucket, resources: dict[str, dict[str, Any]]) -> None:
    name = _identifier(bucket.name)
    reference = {"bucket": f"${{aws_s3_bucket.{name}.id}}"}
    _put(resources, "aws_s3_bucket", name, {"bucket": bucket.name})
    closed = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    _put(resources, "aws_s3_bucket_public_access_block", name, {**reference, **dict.fromkeys(closed, True)})
    if bucket.lifecycle:
        rules = [
            {
                "id": rule["ID"],
                "status": rule["Status"],
                "filter": {"prefix": rule["Filter"]["Prefix"]},
                "expiration": {"days": rule["Expiration"]["Days"]},
            }
            for rule in bucket.lifecycle
        ]
        _put(resources, "aws_s3_bucket_lifecycle_configuration", name, {**reference, "rule": rules})
    for key in bucket.kept:
        _put(resources, "aws_s3_object", f"{name}_{_identifier(key)}", {**reference, "key": key, "content": ""})


def _put(resources: dict[str, dict[str, Any]], kind: str, name: str, body: dict[str, Any]) -> None:
    resources.setdefault(kind, {})[name] = body


def _with_issuer(trust: dict[str, Any]) -> str:
    return json.dumps(trust).replace(ISSUER, "${local.lakehouse_issuer}")


def _identifier(text: str) -> str:
    return re.sub(r"\W", "_", text)
