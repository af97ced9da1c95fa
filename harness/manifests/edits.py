"""What an Argo CD Application changes in a kustomization before it is built (`spec.source.kustomize`).

Argo CD runs `kustomize edit` for these fields; the result is the same, without a process for each.
"""

import re
from typing import Any, Final

_IMAGE: Final = re.compile(r"(?:(?P<old>[^=]+)=)?(?P<name>[^@]+?)(?::(?P<tag>[\w][\w.-]*))?(?:@(?P<digest>\S+))?")
_KNOWN: Final = frozenset(
    {
        "namePrefix",
        "nameSuffix",
        "namespace",
        "images",
        "replicas",
        "commonLabels",
        "commonAnnotations",
        "commonAnnotationsEnvsubst",
        "forceCommonLabels",
        "forceCommonAnnotations",
        "labelWithoutSelector",
        "labelIncludeTemplates",
        "components",
        "patches",
        "version",
        "kubeVersion",
        "apiVersions",
        "ignoreMissingComponents",
    }
)


def unknown(options: dict[str, Any]) -> list[str]:
    """The fields of `spec.source.kustomize` that the review does not follow, sorted."""
    return sorted(set(options) - _KNOWN)


def edit(fields: dict[str, Any], options: dict[str, Any]) -> None:
    """Applies an Application's options to a kustomization's fields.

    Raises:
        ValueError: They cannot be applied.
    """
    try:
        _edit(fields, options)
    except (AttributeError, TypeError) as error:
        raise ValueError("the Application's kustomize options are not valid for Argo CD") from error


def _edit(fields: dict[str, Any], options: dict[str, Any]) -> None:
    for name in ("namePrefix", "nameSuffix", "namespace"):
        if options.get(name):
            fields[name] = options[name]
    for image in options.get("images") or []:
        _set(fields, "images", _image(str(image)))
    for replica in options.get("replicas") or []:
        _set(fields, "replicas", {"name": replica.get("name"), "count": int(replica.get("count") or 0)})
    if options.get("commonLabels"):
        _label(fields, options)
    if options.get("commonAnnotations"):
        fields["commonAnnotations"] = {**(fields.get("commonAnnotations") or {}), **options["commonAnnotations"]}
    for name in ("components", "patches"):
        if options.get(name):
            fields[name] = [*(fields.get(name) or []), *options[name]]


def _label(fields: dict[str, Any], options: dict[str, Any]) -> None:
    labels = options["commonLabels"]
    if options.get("labelWithoutSelector"):
        item = {"pairs": labels, "includeTemplates": bool(options.get("labelIncludeTemplates"))}
        fields["labels"] = [*(fields.get("labels") or []), item]
    else:
        fields["commonLabels"] = {**(fields.get("commonLabels") or {}), **labels}


def _set(fields: dict[str, Any], name: str, item: dict[str, Any]) -> None:
    others = [other for other in fields.get(name) or [] if other.get("name") != item["name"]]
    fields[name] = [*others, item]


def _image(text: str) -> dict[str, Any]:
    """Reads `[old=]new[:tag][@digest]`.

    >>> _image("nginx=registry.example.com/nginx:1.27")
    {'name': 'nginx', 'newName': 'registry.example.com/nginx', 'newTag': '1.27'}
    """
    match = _IMAGE.fullmatch(text)
    if match is None:
        raise ValueError(f"the image {text!r} of the Application cannot be read")
    item = {"name": match["old"] or match["name"]}
    if match["old"]:
        item["newName"] = match["name"]
    if match["tag"]:
        item["newTag"] = match["tag"]
    if match["digest"]:
        item["digest"] = match["digest"]
    return item
