"""Flux's Kustomizations."""

import posixpath
from typing import Any, Final

from harness.manifests.applications.deployer import ApplicationSource, Deployer, name_of
from harness.manifests.values import canonical, dig, mapping, mappings

GROUP: Final = "kustomize.toolkit.fluxcd.io"


def kustomization(resource: dict[str, Any]) -> Deployer:
    spec = mapping(resource.get("spec"))
    path = posixpath.normpath(str(spec.get("path") or ".")).lstrip("/") or "."
    kind = dig(spec, "sourceRef", "kind")
    options: dict[str, Any] = {}
    if spec.get("targetNamespace"):
        options["namespace"] = str(spec["targetNamespace"])
    for name in ("namePrefix", "nameSuffix", "patches", "components", "ignoreMissingComponents"):
        if spec.get(name):
            options[name] = spec[name]
    if spec.get("images"):
        options["images"] = [_image(image) for image in mappings(spec["images"])]
    away = "" if kind == "GitRepository" else f"its source is a {kind}"
    source = ApplicationSource(path, "", options, {"recurse": True}, away)
    return Deployer(name_of(resource), None, str(spec.get("targetNamespace") or ""), (source,), canonical(spec))


def _image(image: dict[str, Any]) -> str:
    name = str(image.get("name") or "")
    text = f"{name}={image.get('newName') or name}"
    if image.get("newTag"):
        text += f":{image['newTag']}"
    if image.get("digest"):
        text += f"@{image['digest']}"
    return text
