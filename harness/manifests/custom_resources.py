"""The definitions of custom resources whose operator the cluster brings."""

from collections.abc import Iterable
from typing import Any, Final

from harness.manifests.kubernetes_yaml import YamlError, load
from harness.manifests.upstream import module_folder
from harness.manifests.values import dig

CRD_MODULES: Final = {
    "external-secrets.io": ("github.com/external-secrets/external-secrets", "v1.3.2", "config/crds/bases"),
}
"""API groups whose operator the cluster brings: (Go module, version, folder of its CRDs)."""

KINDS: Final = {
    "external-secrets.io": {
        **dict.fromkeys(("ExternalSecret", "SecretStore", "PushSecret"), False),
        **dict.fromkeys(("ClusterExternalSecret", "ClusterSecretStore", "ClusterPushSecret"), True),
    },
}
"""Their kinds, and whether these belong to no namespace."""


def definitions_of(group: str) -> Iterable[dict[str, Any]]:
    module, version, folder = CRD_MODULES[group]
    for path in sorted((module_folder(module, version) / folder).glob("*.yaml")):
        try:
            documents = load(path.read_text(encoding="utf-8"))
        except YamlError:
            continue
        for value in documents:
            if dig(value, "kind") == "CustomResourceDefinition" and dig(value, "spec", "group") == group:
                yield value
