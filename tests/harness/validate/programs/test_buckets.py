"""A bucket's name that almost is another's is found."""

import pytest

from harness.validate.programs.buckets import check
from tests.harness.validate.made import made

TEXT = """
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: b}
data:
  LOGS: s3://airflow/logs
  MORE: s3a://lakehouse/_events
  policy.json: |
    {"Resource": ["arn:aws:s3:::lakehouse",
      "arn:aws:s3:::%s/*"]}
---
apiVersion: v1
kind: Pod
metadata: {name: c, namespace: b}
spec: {containers: [{name: d, image: e, env: [{name: URI, value: "%s"}]}]}
"""


@pytest.mark.parametrize(
    ("in_policy", "uri", "said"),
    [
        ("lakehouse", "s3://lakehouse", []),
        (
            "lakehouse",
            "s3://lakehous",
            ["Pod b/c names the bucket lakehous, where others name lakehouse: use that."],
        ),
        (
            "lakehouze",
            "s3://lakehouse",
            ["ConfigMap b/a names the bucket lakehouze, where others name lakehouse: use"],
        ),
        ("backups", "s3://lakehouse-of-another", []),
        ("lakehouse", "s3://lakehouse${SUFFIX}", []),
        ("lakehouse", "s3://lake*", []),
    ],
)
def test_a_bucket(in_policy: str, uri: str, said: list[str]) -> None:
    found = list(check(made(TEXT % (in_policy, uri))))
    assert [violation.message[: len(one)] for violation, one in zip(found, said, strict=True)] == said
    assert [violation.line for violation in found if violation.path[0] == "data"] == [2] * (
        in_policy == "lakehouze"
    )
