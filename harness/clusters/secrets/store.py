"""The Secrets of one cluster, over the Kubernetes API."""

import base64
from pathlib import Path
from typing import Any, Final

from harness.clusters.secrets.plan import LABELS, Change, Present
from harness.errors import HarnessError, unknown
from harness.manifests.catalogue import NamespacedName

_MANAGER: Final = "harness-secrets"
_TIMEOUT: Final = (5, 30)
"""Seconds to connect and to answer."""
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409


class ConflictError(Exception):
    """A Secret was changed by others since it was read."""


class Store:
    """Reads and writes Secrets in the cluster of one named context."""

    def __init__(self, context: str, kubeconfig: Path | None = None) -> None:
        """Connects to nothing yet."""
        from kubernetes import client, config

        file = str(kubeconfig) if kubeconfig else None
        try:
            contexts, _ = config.list_kube_config_contexts(config_file=file)
        except config.ConfigException as error:
            raise HarnessError(
                f"The kubeconfig cannot be used ({error}): set KUBECONFIG or --kubeconfig."
            ) from error
        known = sorted(item["name"] for item in contexts)
        if context not in known:
            raise unknown("context of the kubeconfig", context, known)
        self._client = client
        try:
            self._api = client.CoreV1Api(config.new_client_from_config(config_file=file, context=context))
        except config.ConfigException as error:
            raise HarnessError(f"Context {context!r} cannot be used ({error}): correct the kubeconfig.") from error
        self.context = context

    def read(self, place: NamespacedName) -> Present | None:
        try:
            secret = self._api.read_namespaced_secret(place.name, place.namespace, _request_timeout=_TIMEOUT)
        except Exception as error:  # noqa: BLE001 - translated at once
            if self._status(error) == _NOT_FOUND:
                return None
            raise self._explained(error, f"read Secret {place}") from None
        data = {key: base64.b64decode(value) for key, value in (secret.data or {}).items()}
        return Present(data, dict(secret.metadata.annotations or {}), str(secret.metadata.resource_version))

    def write(self, change: Change) -> None:
        """Creates a Secret, or applies a change to it server-side.

        Raises:
            ConflictError: It was changed since the change was planned.
        """
        name, namespace, body = change.place.name, change.place.namespace, change.manifest()
        options: dict[str, Any] = {"field_manager": _MANAGER, "_request_timeout": _TIMEOUT}
        try:
            if change.version is None:
                # Not an apply: that would overwrite the random values of a run at the same time.
                self._api.create_namespaced_secret(namespace, body, **options)
            else:
                kind = "application/apply-patch+yaml"
                self._api.patch_namespaced_secret(name, namespace, body, force=True, _content_type=kind, **options)
        except Exception as error:  # noqa: BLE001 - translated at once
            if self._status(error) == _CONFLICT:
                raise ConflictError(str(change.place)) from None
            raise self._explained(error, f"write Secret {change.place}") from None

    def ensure_namespace(self, name: str) -> bool:
        """Creates a missing namespace, which Argo CD takes over later; returns whether it did."""
        try:
            self._api.read_namespace(name, _request_timeout=_TIMEOUT)
        except Exception as error:  # noqa: BLE001 - translated at once
            if self._status(error) != _NOT_FOUND:
                raise self._explained(error, f"read Namespace {name}") from None
        else:
            return False
        labels = {**LABELS, "pod-security.kubernetes.io/enforce": "restricted"}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        try:
            self._api.create_namespace(body, field_manager=_MANAGER, _request_timeout=_TIMEOUT)
        except Exception as error:  # noqa: BLE001 - translated at once
            if self._status(error) != _CONFLICT:
                raise self._explained(error, f"create Namespace {name}") from None
        return True

    def _status(self, error: Exception) -> int | None:
        if isinstance(error, self._client.ApiException):
            status = error.status
            return int(status) if status is not None else None
        return None

    def _explained(self, error: Exception, doing: str) -> HarnessError:
        """The error, without the request, whose body has the values."""
        if isinstance(error, self._client.ApiException):
            reason = f"{error.status} {error.reason}"
            return HarnessError(f"Could not {doing} in {self.context} ({reason}): check your rights there.")
        return HarnessError(f"{self.context} does not answer ({type(error).__name__}): is the cluster running?")
