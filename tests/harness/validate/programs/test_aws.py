"""ARNs and regions of AWS."""

import pytest

from harness.validate.programs import aws
from tests.harness.validate.made import made


@pytest.mark.parametrize(
    ("field", "text", "wrong"),
    [
        ("role", "arn:aws:iam::123456789012:role/reader", False),
        ("role", "arn:aws:iam:123456789012:role/reader", True),
        ("role", "arn:aws:iam::ACCOUNT:role/reader", False),
        ("role", "arn:aws:iam::aws:policy/ReadOnly", False),
        ("bucket", "arn:aws:s3:::lakehouse/*", False),
        ("bucket", "arn:aws-cn:s3:::lakehouse", False),
        ("key", "arn:aws:kms:eu-central-1:123456789012:key/a", False),
        ("role", "arn:aws:iam:${ACCOUNT}:role/a", False),
        ("region", "eu-centrl-1", True),
        ("region", "us-gov-west-1", False),
        ("region", "ap-southeast-4", False),
        ("region", "minio", False),
        ("AWS_REGION", "us-eats-1", True),
        ("name", "eu-centrl-1", False),
    ],
)
def test_a_name_of_aws(field: str, text: str, wrong: bool) -> None:
    assert bool(aws.problem_of(field, text)) == wrong


def test_it_is_found_at_its_field() -> None:
    text = """
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: aws, namespace: app}
spec: {provider: {aws: {region: eu-centrl-1, role: "arn:aws:iam:123456789012:role/a"}}}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: app}
spec: {containers: [{name: a, env: [{name: AWS_REGION, value: us-eats-1}]}]}
"""
    paths = [violation.path for violation in aws.check(made(text))]
    assert paths == [
        ("spec", "provider", "aws", "region"),
        ("spec", "provider", "aws", "role"),
        ("spec", "containers", 0, "env", "AWS_REGION"),
    ]
