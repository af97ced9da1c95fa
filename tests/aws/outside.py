"""The platform with its object store and its database outside of it."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from harness.clusters.kind.kubectl import Kubectl
from harness.init.buckets import Bucket, policies, statements
from harness.paths import ROOT
from tests.aws.prepare import STORE, USERS
from tests.live.platform import Platform

BUCKETS: Final = {"lakehouse": "outside-lakehouse", "airflow": "outside-airflow"}
"""In the store, by the names of base/deepstorage/policies."""


class Outside(Platform):
    """The platform; its store is the one outside."""

    @property
    def s3_endpoint(self) -> str:
        return f"http://{self.forwards.address('outside', 'store', 9000)}"

    @cached_property
    def store(self) -> Any:
        return self.s3(*self.credentials("outside", STORE))

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        return super().keys(BUCKETS[bucket], prefix)

    def read(self, bucket: str, key: str) -> bytes:
        return super().read(BUCKETS[bucket], key)


def make_buckets_and_users(platform: Outside) -> None:
    """The store's buckets, and its users with what `harness init --aws` lets the roles do."""
    listed = {item["Name"] for item in platform.store.list_buckets()["Buckets"]}
    for name in {*BUCKETS.values()} - listed:
        platform.store.create_bucket(Bucket=name)
    known, there = policies(ROOT), {name: Bucket(bucket, ()) for name, bucket in BUCKETS.items()}
    for namespace, user in USERS.items():
        allowed = statements(user, known, there, partition="aws")
        _, secret = platform.credentials(namespace, STORE)
        make_user(platform.cluster, user, secret, {"Version": "2012-10-17", "Statement": allowed})


def make_user(cluster: Kubectl, user: str, secret: str, policy: Mapping[str, Any]) -> None:
    script = (
        'printf %s "$2" >/tmp/policy.json && mc admin policy create store "$1" /tmp/policy.json'
        ' && mc admin user add store "$1" "$3" && (mc admin policy attach store "$1" --user "$1" || true)'
    )
    words = ["sh", "-c", script, "sh", user, json.dumps(policy), secret]
    cluster.execute("outside", "deployment/store", words, doing=f"make the user {user} of the store")


def master(platform: Platform, query: str) -> list[str]:
    """Rows of what the owner of the database outside sees."""
    words = ["psql", "--host=/tmp", "--username=rdsadmin", "--dbname=postgres", "--tuples-only", "--no-align"]
    said = platform.cluster.execute(
        "outside", "deployment/database", [*words, f"--command={query}"], doing="ask the database outside"
    )
    return said.split()
