"""What an environment needs of AWS, as commands of the AWS CLI."""

import json
import re
import shlex
from typing import Final

from harness.init.aws import ISSUER, Needs
from harness.init.buckets import Bucket
from harness.manifests.catalogue import Recipe, Secret

_HEAD: Final = """\
#!/bin/sh
# What {environment} needs of AWS. It has not been run on AWS: read it first.
# Running it again creates what is missing, and updates roles and buckets; entries of Secrets Manager stay.
set -eu
: "${{CLUSTER:?Set CLUSTER to the name of the EKS cluster.}}"
aws() {{ command aws --region {region} "$@"; }}
if [ "$(aws sts get-caller-identity --query Account --output text)" != {account} ]; then
  echo "The AWS CLI is logged in to another account than {account}, which the overlay names." >&2
  exit 1
fi

issuer=$(aws eks describe-cluster --name "$CLUSTER" --query cluster.identity.oidc.issuer --output text)
issuer=${{issuer#https://}}
provider=arn:{partition}:iam::{account}:oidc-provider/$issuer
aws iam get-open-id-connect-provider --open-id-connect-provider-arn "$provider" >/dev/null 2>&1 ||
  aws iam create-open-id-connect-provider --url "https://$issuer" --client-id-list sts.amazonaws.com

letters() {{ LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c "$1"; }}
fernet() {{ head -c 32 /dev/urandom | base64 | tr '+/' '-_'; }}
# The value comes from standard input, so that no list of processes shows it.
secret() {{
  aws secretsmanager describe-secret --secret-id "$1" </dev/null >/dev/null 2>&1 ||
    aws secretsmanager create-secret --name "$1" --secret-string file:///dev/stdin
}}
# Name, path, trust policy, policy.
role() {{
  trust=$(printf %s "$3" | sed "s|{issuer}|$issuer|g")
  if aws iam get-role --role-name "$1" >/dev/null 2>&1; then
    aws iam update-assume-role-policy --role-name "$1" --policy-document "$trust"
  else
    aws iam create-role --role-name "$1" --path "$2" --assume-role-policy-document "$trust"
  fi
  aws iam put-role-policy --role-name "$1" --policy-name lakehouse --policy-document "$4"
}}
"""

_BUCKETS: Final = """\
# Name, the options of its creation. Nothing in it is ever public.
bucket() {
  name=$1
  shift
  aws s3api head-bucket --bucket "$name" >/dev/null 2>&1 || aws s3api create-bucket --bucket "$name" "$@"
  aws s3api put-public-access-block --bucket "$name" --public-access-block-configuration \\
    '{"BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true}'
}
"""
_FIRST_REGION: Final = "us-east-1"
"""Where S3 takes no place for a bucket."""


def commands(needs: Needs, environment: str) -> str:
    """A script for `sh`."""
    head = _HEAD.format(
        environment=environment,
        region=shlex.quote(needs.region),
        account=needs.account,
        partition=needs.roles[0].partition,
        issuer=ISSUER,
    )
    secrets = [f"secret {shlex.quote(secret.entry)} <<END\n{_content(secret)}\nEND\n" for secret in needs.secrets]
    roles = [
        " \\\n  ".join(
            (
                f"role {shlex.quote(role.name)} {shlex.quote(role.path)}",
                shlex.quote(json.dumps(role.trust)),
                shlex.quote(json.dumps(role.policy)),
            )
        )
        + "\n"
        for role in needs.roles
    ]
    made = [_BUCKETS, *(_bucket(bucket, needs.region) for bucket in needs.buckets)] if needs.buckets else []
    return "\n".join([head, *secrets, *made, *roles])


def _bucket(bucket: Bucket, region: str) -> str:
    name, place = shlex.quote(bucket.name), json.dumps({"LocationConstraint": region})
    options = "" if region == _FIRST_REGION else f" --create-bucket-configuration {shlex.quote(place)}"
    lines = [f"bucket {name}{options}\n"]
    if bucket.lifecycle:
        rules = shlex.quote(json.dumps({"Rules": bucket.lifecycle}))
        command = f"aws s3api put-bucket-lifecycle-configuration --bucket {name}"
        lines.append(f"{command} --lifecycle-configuration \\\n  {rules}\n")
    lines += [f"aws s3api put-object --bucket {name} --key {shlex.quote(key)}\n" for key in bucket.kept]
    return "".join(lines)


def _content(secret: Secret) -> str:
    """JSON within a here-document, in which the shell makes the random values."""
    values = ", ".join(f"{_literal(key)}: {_value(recipe)}" for key, recipe in secret.keys.items())
    return f"{{{values}}}"


def _value(recipe: Recipe) -> str:
    match recipe.kind:
        case "constant" | "setting":
            return _literal(recipe.value)
        case "fernet":
            return '"$(fernet)"'
        case _:
            return f'"$(letters {recipe.length})"'


def _literal(text: str) -> str:
    return re.sub(r"([\\$`])", r"\\\1", json.dumps(text))
