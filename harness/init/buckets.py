"""The buckets of the platform, as the manifests name them, and the policies that go with them.

The contract is that of MinIO: base/deepstorage/policies has a policy for each user and the lifecycle of a bucket,
with the names that the buckets have there.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from harness.errors import HarnessError
from harness.manifests.resource import Resource
from harness.manifests.values import string_map

USER_ANNOTATION: Final = "lakehouse/object-store-user"
"""Of a service account: whose policy its role has."""

_FOLDER: Final = Path("base/deepstorage/policies")
_LIFECYCLE: Final = "-lifecycle"
_NAMED_BY: Final = {"lakehouse": "LAKEHOUSE_URI", "airflow": "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"}
"""Bucket -> the variable of Airflow whose address is in it."""
_FOLDERS: Final = ("EVENT_LOGS",)
"""Variables with the address of a folder that a program wants to find: Spark's history server ends without it."""

Policies = Mapping[str, dict[str, Any]]
"""By the name of their file, without its ending."""


@dataclass(frozen=True)
class Bucket:
    """A bucket.

    Attributes:
        name: In S3.
        lifecycle: Its rules, as S3 takes them; empty for none.
        kept: Empty objects that have to be there first.
    """

    name: str
    lifecycle: tuple[dict[str, Any], ...]
    kept: tuple[str, ...] = ()


def policies(checkout: Path) -> Policies:
    try:
        files = sorted((checkout / _FOLDER).glob("*.json"))
        return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
    except (OSError, ValueError) as error:
        raise HarnessError(f"A policy in {_FOLDER} cannot be read ({error}): correct it.") from error


def buckets(resources: Iterable[Resource], known: Policies) -> dict[str, Bucket]:
    """By the names that they have in the policies.

    Raises:
        HarnessError: The resources do not name them.
    """
    variables: dict[str, str] = {}
    for resource in resources:
        if resource.kind == "ConfigMap":
            variables |= string_map(resource.value.get("data"))
    found = {}
    for name, variable in _NAMED_BY.items():
        host = urlsplit(variables.get(variable, "")).netloc
        if not host:
            raise HarnessError(f"No ConfigMap has {variable}, which names the bucket {name}: add it.")
        rules = known.get(f"{name}{_LIFECYCLE}", {}).get("Rules", [])
        folders = [urlsplit(variables.get(folder, "")) for folder in _FOLDERS]
        kept = tuple(f"{folder.path.strip('/')}/.keep" for folder in folders if folder.netloc == host)
        found[name] = Bucket(host, tuple(rules), kept)
    return found


def statements(
    user: str, known: Policies, there: Mapping[str, Bucket], partition: str
) -> tuple[dict[str, Any], ...]:
    """A user's policy, for the buckets that are there.

    Raises:
        HarnessError: There is no such user.
    """
    if user not in known:
        raise HarnessError(
            f"Nothing says what the user {user} of the object store may do: add {_FOLDER}/{user}.json."
        )
    return tuple(
        {**statement, "Resource": [_arn(arn, there, partition) for arn in statement["Resource"]]}
        for statement in known[user]["Statement"]
    )


def _arn(arn: str, there: Mapping[str, Bucket], partition: str) -> str:
    name, slash, path = arn.rpartition(":")[2].partition("/")
    return f"arn:{partition}:s3:::{there[name].name}{slash}{path}"
