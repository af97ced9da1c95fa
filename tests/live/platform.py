"""A running platform, as the scenarios use it: its programs through forwarded ports, its objects, its secrets."""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from harness.clusters.kind.kubectl import Kubectl
from harness.paths import ROOT
from tests.live.airflow import Airflow
from tests.live.brewery_api import BreweryApi
from tests.live.forward import Forwards
from tests.live.pods import Seen, held
from tests.live.prometheus import Prometheus
from tests.live.wait import HopelessError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

NAMESPACES: Final = tuple(sorted(folder.parent.name for folder in (ROOT / "base").glob("*/namespace")))
"""The platform's namespaces: each has such a folder."""
WORKPLACES: Final = ("orchestrator", "processing")
"""Where the pipeline's pods come and go."""
REGION: Final = "us-east-1"
_WATCH_SECONDS: Final = 5
"""How long one watch lasts; the next begins with a list, so that nothing is lost."""


@dataclass
class Platform:
    """The platform on one cluster."""

    cluster: Kubectl
    forwards: Forwards

    @cached_property
    def airflow(self) -> Airflow:
        address = self.forwards.address("orchestrator", "airflow-webserver", 8080)
        return Airflow(f"http://{address}", self.secret("orchestrator", "airflow-secrets")["admin-password"])

    @cached_property
    def api(self) -> BreweryApi:
        return BreweryApi(f"http://{self.forwards.address('outside', 'mock-api', 8000)}")

    @cached_property
    def prometheus(self) -> Prometheus:
        return Prometheus(f"http://{self.forwards.address('monitoring', 'prometheus', 9090)}")

    @property
    def s3_endpoint(self) -> str:
        """MinIO's S3 address on this machine."""
        return f"http://{self.forwards.address('deepstorage', 'minio', 9000)}"

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        printed = self.cluster.run(
            "get", "secret", name, f"--namespace={namespace}", "--output=json", doing=f"read {namespace}/{name}"
        )
        data = json.loads(printed).get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def credentials(self, namespace: str, name: str = "minio-secrets") -> tuple[str, str]:
        """Access key and secret key of a MinIO user, as the pods of a namespace have them.

        `deepstorage` has the root account.
        """
        values = self.secret(namespace, name)
        if "root-user" in values:
            return values["root-user"], values["root-password"]
        return values["access-key"], values["secret-key"]

    def s3(self, access_key: str, secret_key: str, endpoint: str = "", *, attempts: int = 1) -> Any:
        """A boto3 client for MinIO, through the forwarded port by default; without retries, to see refusals."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=endpoint or self.s3_endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name=REGION,
            config=Config(retries={"total_max_attempts": attempts}, connect_timeout=120, read_timeout=120),
        )

    @cached_property
    def store(self) -> Any:
        """MinIO as its root account."""
        # A port's forward closes idle connections when its pod goes.
        return self.s3(*self.credentials("deepstorage"), attempts=3)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        pages = self.store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def read(self, bucket: str, key: str) -> bytes:
        content: bytes = self.store.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    @cached_property
    def client(self) -> "ApiClient":
        """The Kubernetes API as the cluster's administrator."""
        from kubernetes import config

        return config.new_client_from_config(config_file=str(self.cluster.kubeconfig), context=self.cluster.context)

    @cached_property
    def uid(self) -> str:
        printed = self.cluster.run("get", "namespace", "kube-system", "--output=json", doing="identify the cluster")
        return str(json.loads(printed)["metadata"]["uid"])

    def unless_held(self) -> None:
        """Raises `HopelessError` when a pod of the pipeline can never start; for the probes of `wait.until`."""
        for namespace in WORKPLACES:
            why = held(self.cluster.get("pods", namespace))
            if why is not None:
                raise HopelessError(why)

    @contextmanager
    def watching(self, namespaces: Sequence[str] = WORKPLACES) -> Iterator["Watched"]:
        """Remembers every pod and SparkApplication that comes and goes while the block runs."""
        watched = Watched()
        threads = [
            threading.Thread(target=watched.follow, args=(listing, stream), daemon=True)
            for listing, stream in self._streams(namespaces)
        ]
        for thread in threads:
            thread.start()
        try:
            yield watched
        finally:
            watched.stopping.set()
            for thread in threads:
                thread.join()

    def _streams(self, namespaces: Sequence[str]) -> Iterator[tuple[str, Callable[[], Iterator[Any]]]]:
        from kubernetes import client, watch

        def pods(namespace: str) -> Iterator[Any]:
            call = client.CoreV1Api(self.client).list_namespaced_pod
            return iter(watch.Watch().stream(call, namespace, timeout_seconds=_WATCH_SECONDS))

        def applications() -> Iterator[Any]:
            call = client.CustomObjectsApi(self.client).list_namespaced_custom_object
            what = ("sparkoperator.k8s.io", "v1beta2", "processing", "sparkapplications")
            return iter(watch.Watch().stream(call, *what, timeout_seconds=_WATCH_SECONDS))

        for namespace in namespaces:
            yield "pods", partial(pods, namespace)
        yield "applications", applications


@dataclass
class Watched:
    """Pods by namespace and name, and SparkApplications by name, as last seen; `stopping` ends the watch."""

    pods: dict[tuple[str, str], Seen] = field(default_factory=dict)
    applications: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)

    def follow(self, what: str, stream: Callable[[], Iterator[Any]]) -> None:
        from kubernetes.client import ApiException

        while not self.stopping.is_set():
            try:
                for event in stream():
                    self._take(what, event["raw_object"])
                    if self.stopping.is_set():
                        return
            except ApiException:
                # The watch's position is too old, or the API server was busy: it starts with a new list.
                self.stopping.wait(1)

    def _take(self, what: str, item: Mapping[str, Any]) -> None:
        if what == "pods":
            seen = Seen.of(item)
            self.pods[seen.namespace, seen.name] = seen
        else:
            self.applications[item["metadata"]["name"]] = item
