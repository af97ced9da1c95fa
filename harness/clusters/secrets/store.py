"""The Secrets of one cluster, over the Kubernetes API."""

import base64
from collections.abc import Callable
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
        doing = f"read Secret {place}"
        secret = self._ask(doing, self._api.read_namespaced_secret, place.name, place.namespace, unless=_NOT_FOUND)
        if secret is None:
            return None
        data = {key: base64.b64decode(value) for key, value in (secret.data or {}).items()}
        return Present(data, dict(secret.metadata.annotations or {}), str(secret.metadata.resource_version))

    def write(self, change: Change) -> None:
        """Creates a Secret, or applies a change to it server-side, unless others have changed it meanwhile."""
        doing, body = f"write Secret {change.place}", change.manifest()
        where, options = change.place.namespace, {"field_manager": _MANAGER}
        if change.version is None:
            # Not an apply: that would overwrite the random values of a run at the same time.
            written = self._ask(doing, self._api.create_namespaced_secret, where, body, unless=_CONFLICT, **options)
        else:
            written = self._ask(
                doing,
                self._api.patch_namespaced_secret,
                *(change.place.name, where, body),
                unless=_CONFLICT,
                force=True,
                _content_type="application/apply-patch+yaml",
                **options,
            )
        if written is None:
            raise ConflictError(str(change.place))

    def ensure_namespace(self, name: str) -> None:
        """Creates a missing namespace, which Argo CD takes over later."""
        if self._ask(f"read Namespace {name}", self._api.read_namespace, name, unless=_NOT_FOUND) is not None:
            return
        labels = {**LABELS, "pod-security.kubernetes.io/enforce": "restricted"}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        doing, create = f"create Namespace {name}", self._api.create_namespace
        self._ask(doing, create, body, unless=_CONFLICT, field_manager=_MANAGER)

    def _ask(self, doing: str, call: Callable[..., Any], *arguments: Any, unless: int, **options: Any) -> Any:
        """The answer to a call; None for an answer with the status `unless`."""
        try:
            return call(*arguments, _request_timeout=_TIMEOUT, **options)
        except self._client.ApiException as error:
            if error.status == unless:
                return None
            # Without the request, whose body has the values.
            reason = f"{error.status} {error.reason}"
            raise HarnessError(
                f"Could not {doing} in {self.context} ({reason}): check your rights there."
            ) from None
        except Exception as error:  # noqa: BLE001 - whatever the connection raises
            kind = type(error).__name__
            raise HarnessError(f"{self.context} does not answer ({kind}): is the cluster running?") from None
