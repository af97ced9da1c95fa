"""The platform with its object store and its database outside of it."""

from functools import cached_property
from typing import Any

from tests.aws.prepare import BUCKETS, STORE
from tests.live.platform import Platform


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


def master(platform: Platform, query: str) -> list[str]:
    """Rows of what the owner of the database outside sees."""
    words = ["psql", "--host=/tmp", "--username=rdsadmin", "--dbname=postgres", "--tuples-only", "--no-align"]
    said = platform.cluster.execute(
        "outside", "deployment/database", [*words, f"--command={query}"], doing="ask the database outside"
    )
    return said.split()
