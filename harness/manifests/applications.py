"""What deploys folders of a repository: Argo CD's Applications and ApplicationSets, Flux's Kustomizations."""

import itertools
import json
import math
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from harness.manifests import edits
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.values import canonical, dig, mapping, mappings

KINDS: Final = ("Application", "ApplicationSet", "Kustomization")
WAVE: Final = "argocd.argoproj.io/sync-wave"
_FLUX: Final = "kustomize.toolkit.fluxcd.io/"
_MOST_GENERATED: Final = 1_000
"""Applications that a generator makes; a matrix of matrices makes any number."""
_PLACEHOLDER: Final = re.compile(r"\{\{-?\s*\.?([\w.\-\[\]]+)\s*-?\}\}")
_INDEX: Final = re.compile(r"\{\{-?\s*index \.([\w.]+) (\d+)\s*-?\}\}")
"""`{{ index .path.segments 1 }}`, as Go templates have it for `{{path[1]}}`."""


@dataclass(frozen=True)
class ApplicationSource:
    """A folder that an Application deploys.

    Attributes:
        repository: URL of its repository; empty for this one.
        edits: What it changes in the kustomization; empty for nothing.
        directory: Options for a folder of plain manifests.
        not_built: Why it is not followed, as the end of a sentence; empty when it is.
    """

    path: str
    repository: str = ""
    edits: dict[str, Any] = field(default_factory=dict, hash=False)
    directory: dict[str, Any] = field(default_factory=dict, hash=False)
    not_built: str = ""


@dataclass(frozen=True)
class Deployer:
    """An Application, or what stands for one.

    Attributes:
        namespace: Where resources without a namespace go.
        definition: Its spec, as canonical text.
        cluster: What tells the destination from others; empty for the cluster itself.
        problem: What cannot be resolved in it, as the end of a sentence.
    """

    name: str
    wave: int | None
    namespace: str
    sources: tuple[ApplicationSource, ...]
    definition: str
    cluster: str = ""
    problem: str = ""


@dataclass
class Folders:
    """What the git generators of an ApplicationSet look at.

    Attributes:
        read: Reads a file: its parsed documents.
    """

    folders: list[str]
    files: list[str] = field(default_factory=list)
    read: Callable[[str], list[Any]] = lambda _: []


def deployers(resource: dict[str, Any], repository: Folders) -> list[Deployer]:
    """The Applications that a resource is or makes; none for any other resource."""
    api, kind = str(resource.get("apiVersion") or ""), resource.get("kind")
    if kind == "Application" and api.startswith("argoproj.io/"):
        return [_application(resource)]
    if kind == "ApplicationSet" and api.startswith("argoproj.io/"):
        return list(_application_set(resource, repository))
    if kind == "Kustomization" and api.startswith(_FLUX):
        return [_flux(resource)]
    return []


def _application(resource: dict[str, Any]) -> Deployer:
    spec = mapping(resource.get("spec"))
    sources = [_source(source) for _, source in sources_of(spec) if not ("ref" in source and "path" not in source)]
    problem = "" if sources else "has no Application source that the review can follow"
    if spec.get("sourceHydrator"):
        problem = "has a sourceHydrator"
    return Deployer(
        name=_name(resource),
        wave=wave(resource),
        namespace=str(dig(spec, "destination", "namespace") or ""),
        sources=tuple(sources),
        definition=canonical(spec),
        cluster=str(dig(spec, "destination", "name") or dig(spec, "destination", "server") or ""),
        problem=problem,
    )


def sources_of(spec: Any) -> list[tuple[tuple[Step, ...], dict[str, Any]]]:
    if several := mappings(dig(spec, "sources")):
        return [(("spec", "sources", index), source) for index, source in enumerate(several)]
    return [(("spec", "source"), source) for source in mappings([dig(spec, "source")])]


def _source(source: dict[str, Any]) -> ApplicationSource:
    path = posixpath.normpath(str(source.get("path") or "."))
    url = str(source.get("repoURL") or "")
    if source.get("chart"):
        return ApplicationSource(path, url, not_built=f"the Helm chart {source['chart']} is not built")
    if source.get("plugin") is not None:
        return ApplicationSource(path, url, not_built="a config management plugin is not run")
    kustomize = mapping(source.get("kustomize"))
    if strange := edits.unknown(kustomize):
        return ApplicationSource(path, url, not_built=f"its kustomize option {strange[0]} is not followed")
    return ApplicationSource(path, url, kustomize, mapping(source.get("directory")))


def _flux(resource: dict[str, Any]) -> Deployer:
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
        options["images"] = [_flux_image(image) for image in mappings(spec["images"])]
    away = "" if kind == "GitRepository" else f"its source is a {kind}"
    source = ApplicationSource(path, "", options, {"recurse": True}, away)
    return Deployer(_name(resource), None, str(spec.get("targetNamespace") or ""), (source,), canonical(spec))


def _flux_image(image: dict[str, Any]) -> str:
    name = str(image.get("name") or "")
    text = f"{name}={image.get('newName') or name}"
    if image.get("newTag"):
        text += f":{image['newTag']}"
    if image.get("digest"):
        text += f"@{image['digest']}"
    return text


def _application_set(resource: dict[str, Any], repository: Folders) -> Iterator[Deployer]:
    template = dig(resource, "spec", "template")
    name, definition = _name(resource), canonical(resource.get("spec"))
    if not isinstance(template, dict):
        return
    if dig(resource, "spec", "templatePatch"):
        yield _unresolved(name, definition, "is an ApplicationSet with a templatePatch, which is not followed")
        return
    for generator in mappings(dig(resource, "spec", "generators")):
        try:
            parameters = _parameters(generator, repository)
        except _NotStaticError as error:
            yield _unresolved(name, definition, f"is an ApplicationSet whose {error}")
            continue
        for values in parameters:
            filled = _fill(template, values)
            application = _application({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", **filled})
            left = _PLACEHOLDER.search(canonical(filled)) or re.search(r"\{\{", canonical(filled))
            if left:
                problem = f"is generated by the ApplicationSet {name} with the unsupported expression {left[0]}"
                yield _unresolved(application.name, application.definition, problem)
            else:
                yield application


def _unresolved(name: str, definition: str, problem: str) -> Deployer:
    return Deployer(name, None, "", (), definition, problem=problem)


class _NotStaticError(ValueError):
    """A generator that asks a cluster or a service."""


def _parameters(generator: dict[str, Any], repository: Folders) -> list[dict[str, str]]:
    if isinstance(generator.get("list"), dict):
        return [_flat(element) for element in mappings(generator["list"].get("elements"))]
    if isinstance(generator.get("git"), dict):
        git = generator["git"]
        values = _flat({"values": git["values"]}) if isinstance(git.get("values"), dict) else {}
        if git.get("directories"):
            folders = _match(mappings(git["directories"]), repository.folders)
            return [{**values, **_path_parameters(folder)} for folder in folders]
        patterns = mappings(git.get("files"))
        return [
            {**values, **_flat(document), **_path_parameters(posixpath.dirname(file) or ".")}
            for file in _match(patterns, repository.files)
            for document in repository.read(file)
            if isinstance(document, dict)
        ]
    if isinstance(generator.get("matrix"), dict):
        inner = [_parameters(item, repository) for item in mappings(generator["matrix"].get("generators"))]
        if math.prod(map(len, inner)) > _MOST_GENERATED:
            raise _NotStaticError(f"generator 'matrix' makes more than {_MOST_GENERATED:,} Applications")
        return [
            {key: value for part in parts for key, value in part.items()} for parts in itertools.product(*inner)
        ]
    kind = next(iter(set(generator) - {"selector", "template"}), "nothing")
    raise _NotStaticError(f"generator {kind!r} cannot be resolved without a cluster")


def _match(patterns: list[dict[str, Any]], candidates: list[str]) -> list[str]:
    wanted = [str(item.get("path") or "") for item in patterns if not item.get("exclude")]
    unwanted = [str(item.get("path") or "") for item in patterns if item.get("exclude")]
    return [
        path
        for path in candidates
        if any(_glob(path, pattern) for pattern in wanted)
        and not any(_glob(path, pattern) for pattern in unwanted)
        and not any(part.startswith(".") for part in path.split("/"))
    ]


def _glob(path: str, pattern: str) -> bool:
    """Go's filepath.Match, in which `*` stays within a folder; `**` goes through folders."""
    if "**" in pattern:
        return fnmatchcase(path, pattern.replace("**/", "*"))
    left, right = path.split("/"), pattern.strip("/").split("/")
    return len(left) == len(right) and all(map(fnmatchcase, left, right))


def _path_parameters(path: str) -> dict[str, str]:
    base = posixpath.basename(path)
    parameters = {
        "path": path,
        "path.path": path,
        "path.basename": base,
        "path.basenameNormalized": re.sub(r"[^a-z0-9.-]", "-", base.lower()),
    }
    for index, segment in enumerate(path.split("/")):
        parameters[f"path[{index}]"] = parameters[f"path.segments[{index}]"] = segment
    return parameters


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat |= _flat(item, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = item if isinstance(item, str) else json.dumps(item)
    return flat


def _fill(value: Any, parameters: dict[str, str]) -> Any:
    if isinstance(value, str):
        plain = _INDEX.sub(lambda match: parameters.get(f"{match[1]}[{match[2]}]", match[0]), value)
        return _PLACEHOLDER.sub(lambda match: parameters.get(match[1], match[0]), plain)
    if isinstance(value, dict):
        return {_fill(key, parameters): _fill(item, parameters) for key, item in value.items()}
    return [_fill(item, parameters) for item in value] if isinstance(value, list) else value


def wave(resource: dict[str, Any]) -> int | None:
    """The sync wave of a resource; None without one that is a number."""
    value = dig(resource, "metadata", "annotations", WAVE)
    try:
        return None if value is None else int(str(value))
    except ValueError:
        return None


def _name(resource: dict[str, Any]) -> str:
    return str(dig(resource, "metadata", "name") or dig(resource, "metadata", "generateName") or "unnamed")


def normalised_url(url: str) -> str:
    """A repository's URL without what does not tell it from others.

    >>> normalised_url("git@github.com:a/b.git") == normalised_url("https://token@GitHub.com/a/b/")
    True
    """
    text = re.sub(r"^[a-z+]+://", "", url.strip())
    text = re.sub(r"^[^@/]*@", "", text).replace(":", "/", 1) if "@" in text.split("/")[0] else text
    return re.sub(r"\.git$", "", text.rstrip("/")).lower()
