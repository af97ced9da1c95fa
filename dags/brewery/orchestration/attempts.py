"""What an attempt of a Spark job leaves on Kubernetes, and how the next one removes it before it starts.

The operator here has no webhook that would give the driver an owner, and the SparkApplication has no uid before it
exists. So a ConfigMap of the same name comes first: it owns the application, and from its first moment the driver.
The application owns the ConfigMap in turn, so that deleting either removes everything.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow.exceptions import AirflowException
from kubernetes.client import CoreV1Api, CustomObjectsApi, V1ConfigMap, V1ObjectMeta, V1OwnerReference

APPLICATIONS: Final = {"group": "sparkoperator.k8s.io", "version": "v1beta2", "plural": "sparkapplications"}
ATTEMPT: Final = {"lakehouse/attempt": "spark-job"}
"""Label of the ConfigMaps."""
_ATTEMPTS: Final = ",".join(f"{key}={value}" for key, value in ATTEMPT.items())
_PODS: Final = "sparkoperator.k8s.io/launched-by-spark-operator=true"
_APPLICATION: Final = "sparkoperator.k8s.io/app-name"
_ENDED: Final = ("Succeeded", "Failed")
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
        """Pods that run for attempts of other jobs."""
        pods = self._running()
        return [name for name, application in pods.items() if not application.startswith(f"{job}-")]

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
        status = self.applications.get_namespaced_custom_object_status(
            namespace=self.namespace, name=name, **APPLICATIONS
        ).get("status", {})
        state = status.get("applicationState", {})
        return state.get("errorMessage", "no reason given") if "FAIL" in state.get("state", "") else None


def _owned(application: Mapping[str, Any], owner: Mapping[str, str]) -> dict[str, Any]:
    """The application with an owner, and a driver with the same."""
    spec = application["spec"]
    template = {"metadata": {"ownerReferences": [owner]}, **spec["driver"]["template"]}
    return {
        **application,
        "metadata": {**application["metadata"], "ownerReferences": [owner]},
        "spec": {**spec, "driver": {**spec["driver"], "template": template}},
    }
