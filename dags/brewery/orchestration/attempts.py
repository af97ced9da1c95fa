"""What an attempt of a Spark job leaves on Kubernetes, and how the next one removes it before it starts.

The operator here has no webhook that would give the driver an owner, and the SparkApplication has no uid before it
exists. So a ConfigMap of the same name comes first: it owns the application, and from its first moment the driver.
The application owns the ConfigMap in turn, so that deleting either removes everything.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from airflow.exceptions import AirflowException
from kubernetes.client import ApiException, CoreV1Api, CustomObjectsApi, V1ConfigMap, V1ObjectMeta, V1OwnerReference

APPLICATIONS: Final = {"group": "sparkoperator.k8s.io", "version": "v1beta2", "plural": "sparkapplications"}
ATTEMPT: Final = {"lakehouse/attempt": "spark-job"}
"""Label of the ConfigMaps."""
_ATTEMPTS: Final = ",".join(f"{key}={value}" for key, value in ATTEMPT.items())
_PODS: Final = "sparkoperator.k8s.io/launched-by-spark-operator=true"
_APPLICATION: Final = "sparkoperator.k8s.io/app-name"
_ENDED: Final = ("Succeeded", "Failed")
_OVER: Final = ("COMPLETED", "FAILED")
GONE_SECONDS: Final = 120
"""How long the pods of an earlier attempt may take to end: Kubernetes kills them after 30 s."""


@dataclass(frozen=True)
class Attempts:
    """The attempts in one namespace, of which one may run at a time."""

    core: CoreV1Api
    applications: CustomObjectsApi
    namespace: str

    def remove(self) -> None:
        """Remove every earlier attempt, and wait until none of its pods runs.

        Raises:
            AirflowException: One still runs after `GONE_SECONDS`.
        """
        self.core.delete_collection_namespaced_config_map(self.namespace, label_selector=_ATTEMPTS)
        deadline = time.monotonic() + GONE_SECONDS
        while left := list(self._running()):
            if time.monotonic() > deadline:
                raise AirflowException(
                    f"The Spark pod {self.namespace}/{left[0]}, which started before this attempt, has not ended "
                    f"within {GONE_SECONDS} s and could write: delete it once its node runs none of its processes."
                )
            time.sleep(1)

    def others(self, job: str) -> list[str]:
        """Applications of other jobs that have not ended, with or without a driver so far."""
        listed = self.applications.list_namespaced_custom_object(namespace=self.namespace, **APPLICATIONS)["items"]
        names = {item["metadata"]["name"] for item in listed if _state(item) not in _OVER}
        names |= set(self._running().values())
        return sorted(name for name in names if not name.startswith(f"{job}-"))

    def _running(self) -> dict[str, str]:
        """Name of each pod that has not ended -> its application."""
        pods = self.core.list_namespaced_pod(self.namespace, label_selector=_PODS).items
        return {
            pod.metadata.name: (pod.metadata.labels or {}).get(_APPLICATION, "")
            for pod in pods
            if pod.status.phase not in _ENDED
        }

    def start(self, name: str, application: Mapping[str, Any]) -> None:
        """Create a SparkApplication, and see to it that its driver goes with it."""
        held = self.core.create_namespaced_config_map(
            self.namespace, V1ConfigMap(metadata=V1ObjectMeta(name=name, labels=ATTEMPT))
        )
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": held.metadata.uid}
        created = self.applications.create_namespaced_custom_object(
            namespace=self.namespace, body=_owned(application, owner), **APPLICATIONS
        )
        reference = V1OwnerReference(
            api_version=created["apiVersion"], kind=created["kind"], name=name, uid=created["metadata"]["uid"]
        )
        self.core.patch_namespaced_config_map(
            name, self.namespace, V1ConfigMap(metadata=V1ObjectMeta(owner_references=[reference]))
        )

    def failure(self, name: str) -> str | None:
        """Why the operator could not start a driver, or None as long as it has not failed."""
        try:
            application = self.applications.get_namespaced_custom_object_status(
                namespace=self.namespace, name=name, **APPLICATIONS
            )
        except ApiException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return "a later attempt has removed it"
        state = application.get("status", {}).get("applicationState", {})
        return state.get("errorMessage", "no reason given") if "FAIL" in _state(application) else None


def _state(application: Mapping[str, Any]) -> str:
    """The operator's word for the state of an application, empty before its first."""
    return str(application.get("status", {}).get("applicationState", {}).get("state", ""))


def _owned(application: Mapping[str, Any], owner: Mapping[str, str]) -> dict[str, Any]:
    """The application with an owner, and a driver with the same."""
    spec = application["spec"]
    template = {"metadata": {"ownerReferences": [owner]}, **spec["driver"]["template"]}
    return {
        **application,
        "metadata": {**application["metadata"], "ownerReferences": [owner]},
        "spec": {**spec, "driver": {**spec["driver"], "template": template}},
    }
