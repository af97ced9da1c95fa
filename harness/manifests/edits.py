"""What an Argo CD Application changes in a kustomization before it is built (`spec.source.kustomize`).

Argo CD runs `kustomize edit` for these fields; the result is the same, without a process for each.
"""

import re
from typing import Any, Final

_IMAGE: Final = re.compile(r"(?:(?P<old>[^=]+)=)?(?P<name>[^@]+?)(?::(?P<tag>\w[\w.-]*|\*))?(?:@(?P<digest>\S+))?")
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
        old: dict[str, Any] = next(
            (item for item in fields.get("images") or [] if item.get("name") == _name_of(image)), {}
        )
        _set(fields, "images", _overridden(old, image) if isinstance(image, dict) else _replaced(old, image))
    for replica in options.get("replicas") or []:
        _set(fields, "replicas", {"name": replica.get("name"), "count": int(replica.get("count") or 0)})
    if labels := options.get("commonLabels"):
        is_forced = bool(options.get("forceCommonLabels"))
        _add(_labels(fields, options), labels, is_forced, "forceCommonLabels")
    if annotations := options.get("commonAnnotations"):
        is_forced = bool(options.get("forceCommonAnnotations"))
        _add(_mapping(fields, "commonAnnotations"), annotations, is_forced, "forceCommonAnnotations")
    for name in ("components", "patches"):
        if options.get(name):
            there = fields.get(name) or []
            fields[name] = [*there, *(item for item in options[name] if name != "components" or item not in there)]


def _labels(fields: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """The mapping to which labels are added."""
    in_templates = bool(options.get("labelIncludeTemplates"))
    if not options.get("labelWithoutSelector"):
        if in_templates:
            raise ValueError("labelIncludeTemplates of the Application has no effect without labelWithoutSelector")
        return _mapping(fields, "commonLabels")
    fields["labels"] = items = list(fields.get("labels") or [])
    for item in items:
        if not item.get("includeSelectors") and bool(item.get("includeTemplates")) == in_templates:
            return _mapping(item, "pairs")
    items.append({"pairs": {}, "includeTemplates": in_templates})
    return _mapping(items[-1], "pairs")


def _mapping(fields: dict[str, Any], name: str) -> dict[str, Any]:
    fields[name] = mapping = dict(fields.get(name) or {})
    return mapping


def _add(there: dict[str, Any], more: dict[str, Any], is_forced: bool, option: str) -> None:
    """Adds labels or annotations; Argo CD does not replace one unless it is told to."""
    if (taken := sorted(set(there) & set(more))) and not is_forced:
        raise ValueError(f"{taken[0]} of the Application is in the kustomization, too, without {option}")
    there |= more


def _set(fields: dict[str, Any], name: str, item: dict[str, Any]) -> None:
    others = [other for other in fields.get(name) or [] if other.get("name") != item["name"]]
    fields[name] = [*others, item]


def _name_of(image: Any) -> str:
    return str(image.get("name") if isinstance(image, dict) else _image(str(image))["name"])


def _replaced(old: dict[str, Any], text: Any) -> dict[str, Any]:
    """An image of Argo CD in place of the kustomization's, of which an asterisk keeps a part."""
    image = {key: old.get(key) if value == "*" else value for key, value in _image(str(text)).items()}
    return {key: value for key, value in image.items() if value}


def _overridden(old: dict[str, Any], image: dict[str, Any]) -> dict[str, Any]:
    """An image of Flux over the kustomization's, where tag and digest are replaced together."""
    version = {key: image[key] for key in ("newTag", "digest") if image.get(key)}
    kept = {key: value for key, value in old.items() if not version or key not in ("newTag", "digest")}
    renamed = {"newName": image["newName"]} if image.get("newName") else {}
    return {**kept, "name": image.get("name"), **renamed, **version}


def _image(text: str) -> dict[str, Any]:
    """Reads `[old=]new[:tag][@digest]`.

    >>> _image("nginx=registry.example.com/nginx:1.27")
    {'name': 'nginx', 'newName': 'registry.example.com/nginx', 'newTag': '1.27'}
    """
    match = _IMAGE.fullmatch(text)
    if match is None or not (match["old"] or match["tag"] or match["digest"]):
        raise ValueError(f"the image {text!r} of the Application cannot be read")
    item = {"name": match["old"] or match["name"]}
    if match["old"]:
        item["newName"] = match["name"]
    if match["tag"]:
        item["newTag"] = match["tag"]
    if match["digest"]:
        item["digest"] = match["digest"]
    return item
