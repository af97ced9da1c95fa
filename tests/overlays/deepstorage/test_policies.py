"""MinIO's policies: what each user may do with which object, asked as the store would ask."""

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest


def allows(policy: dict[str, Any], action: str, resource: str) -> bool:
    """Whether a policy of Allow statements without conditions allows an action (`*` and `?` as S3 has them)."""
    return any(
        statement["Effect"] == "Allow"
        and "Condition" not in statement
        and any(fnmatchcase(action, pattern) for pattern in statement["Action"])
        and any(fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        for statement in policy["Statement"]
    )


@pytest.mark.parametrize(
    ("user", "action", "target", "allowed"),
    [
        ("airflow", "s3:PutObject", "airflow/logs/dag_id=a/attempt=1.log", True),
        ("airflow", "s3:PutObject", "lakehouse/bronze/breweries/x.jsonl.gz", True),
        ("airflow", "s3:GetObject", "lakehouse/gold/daily_changes/x.parquet", True),
        ("airflow", "s3:PutObject", "lakehouse/_claims/000000000001.json", True),
        ("airflow", "s3:DeleteObject", "lakehouse/_claims/000000000001.json", True),
        ("airflow", "s3:PutObject", "lakehouse/silver/breweries/x.parquet", False),
        ("airflow", "s3:GetObject", "airflow/backups/postgres/x.dump", False),
        ("spark", "s3:DeleteObject", "lakehouse/silver/breweries/x.parquet", True),
        ("spark", "s3:ListBucket", "lakehouse", True),
        ("spark", "s3:GetObject", "airflow/logs/dag_id=a/attempt=1.log", False),
        ("spark", "s3:ListBucket", "airflow", False),
        ("jupyter", "s3:GetObject", "lakehouse/gold/daily_changes/x.parquet", True),
        ("jupyter", "s3:GetObject", "lakehouse/silver/breweries/x.parquet", True),
        ("jupyter", "s3:GetObject", "lakehouse/bronze/breweries/x.jsonl.gz", False),
        ("jupyter", "s3:PutObject", "lakehouse/gold/daily_changes/x.parquet", False),
        ("jupyter", "s3:PutObject", "lakehouse/_claims/000000000001.json", False),
        ("jupyter", "s3:DeleteObject", "lakehouse/gold/daily_changes/x.parquet", False),
        ("jupyter", "s3:GetObject", "airflow/logs/dag_id=a/attempt=1.log", False),
        ("spark", "s3:PutObject", "lakehouse/_events/eventlog_v2_a/events_1_a.zstd", True),
        ("history", "s3:GetObject", "lakehouse/_events/eventlog_v2_a/events_1_a.zstd", True),
        ("history", "s3:DeleteObject", "lakehouse/_events/eventlog_v2_a/events_1_a.zstd", True),
        ("history", "s3:DeleteObject", "lakehouse/_events/.keep", False),
        ("history", "s3:PutObject", "lakehouse/_events/eventlog_v2_a/events_1_a.zstd", False),
        ("history", "s3:GetObject", "lakehouse/gold/daily_changes/x.parquet", False),
        ("backup", "s3:PutObject", "airflow/backups/postgres/x.dump", True),
        ("backup", "s3:GetObject", "airflow/logs/dag_id=a/attempt=1.log", False),
        ("backup", "s3:ListBucket", "airflow", False),
        ("backup", "s3:GetObject", "lakehouse/gold/daily_changes/x.parquet", False),
    ],
)
def test_a_user_may_do_its_own_work_and_no_other(
    repo: Path, user: str, action: str, target: str, allowed: bool
) -> None:
    policy = json.loads((repo / "base/deepstorage/policies" / f"{user}.json").read_text(encoding="utf-8"))
    assert allows(policy, action, f"arn:aws:s3:::{target}") is allowed


def test_no_policy_has_a_wildcard_for_actions_or_buckets(repo: Path) -> None:
    for file in sorted((repo / "base/deepstorage/policies").glob("*.json")):
        for statement in json.loads(file.read_text(encoding="utf-8")).get("Statement", []):
            assert not [action for action in statement["Action"] if "*" in action], file.name
            assert not [arn for arn in statement["Resource"] if "*" in arn.split("/")[0]], file.name
