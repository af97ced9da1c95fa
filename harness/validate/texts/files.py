"""Files that programs read from ConfigMaps and Secrets: what names one in a mounted folder finds it there."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from harness.errors import closest
from harness.manifests.globs import path_match
from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.values import dig, mappings, sequence, string_map
from harness.validate.finding import Violation
from harness.validate.kubernetes.secrets import Origins
from harness.validate.model import BuiltResource, Environment, Pod
from harness.validate.rule import ValidationRule
from harness.validate.texts.mounts import mounted_files
from harness.validate.texts.variables import variables_of

LH322: Final = ValidationRule(
    "LH322",
    "A file that is named in a folder of a ConfigMap or Secret is there",
    "The program does not start, or goes on without it.",
    is_about_absence=True,
    provided_by=frozenset({"ConfigMap", "Secret", "ExternalSecret"}),
)

_NAME: Final = r"/([\w.*?-]+(?:/[\w.*?-]+)*)(?![\w/${%<*?\[-])"
"""The rest of a path, unless a program completes it."""
_PATH: Final = re.compile(r"(?<![\w./:${}-])(/[\w.-]+(?:/[\w.-]+)*/[\w.*?-]+)(?![\w/${%<*?\[-])")
_ALIKE: Final = 0.9
_COMMENT: Final = re.compile(r"^[^\S\n]*(?:#|//|--|;).*$", re.MULTILINE)
_SHOWN: Final = 5
_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_OF_ACCOUNT: Final = frozenset({"ca.crt", "namespace", "token"})
"""What Kubernetes mounts there for a pod's account."""


@dataclass(frozen=True)
class Text:
    """What a container reads: an argument, a variable, a file."""

    value: str
    resource: BuiltResource
    path: FieldPath
    has_lines: bool = False


def check(environment: Environment, origins: Origins) -> Iterator[Violation]:
    """Finds paths below a folder that nothing but ConfigMaps and Secrets fill, and that these do not have."""
    mounted: dict[int, list[Text]] = {}
    for file in mounted_files(environment):
        value = string_map(file.config.value.get("data")).get(file.key, "")
        mounted.setdefault(id(file.container), []).append(Text(value, file.config, ("data", file.key), True))
    told: set[tuple[str, FieldPath, str]] = set()
    for pod in environment.pods:
        for place, container, _ in pod.containers():
            folders = dict(_folders(pod, origins, container))
            if not any(folders.values()):
                continue
            texts = [*_own(environment, pod, place, container), *mounted.get(id(container), ())]
            for text, folder, name, start in _named(texts, folders):
                has = folders[folder]
                if (text.resource.key, text.path, name) in told or has is None or _is_there(name, has):
                    continue
                told.add((text.resource.key, text.path, name))
                close = closest(name, has)
                others = "" if len(has) <= _SHOWN else f" and {len(has) - _SHOWN} more"
                instead = f"use {close}" if close else f"it has {', '.join(sorted(has)[:_SHOWN])}{others}"
                message = f"{text.resource} names the file {folder}/{name}, which is not in that folder: {instead}."
                line = text.value.count("\n", 0, start) + 1 if text.has_lines else None
                yield Violation(LH322, message, text.resource, text.path, line)
            for text, path, folder, start in _beside(texts, folders):
                if (text.resource.key, text.path, path) in told:
                    continue
                told.add((text.resource.key, text.path, path))
                message = f"{text.resource} names {path}, which its container mounts in {folder}: use that."
                line = text.value.count("\n", 0, start) + 1 if text.has_lines else None
                yield Violation(LH322, message, text.resource, text.path, line)


def _beside(texts: list[Text], folders: dict[str, frozenset[str] | None]) -> Iterator[tuple[Text, str, str, int]]:
    """Paths in a folder that no container mounts, and that is misspelt: (text, path, folder, where it starts)."""
    filled = {folder: has for folder, has in folders.items() if has and folder.count("/") > 1}
    if not filled:
        return
    for text in texts:
        value = _COMMENT.sub(lambda match: " " * len(match[0]), text.value) if text.has_lines else text.value
        for match in _PATH.finditer(value):
            path = match[1].rstrip(".")
            parent, _, name = path.rpartition("/")
            if any(f"{path}/".startswith(f"{folder}/") for folder in folders) or parent in folders:
                continue
            close = closest(parent, filled, _ALIKE)
            has = filled.get(close)
            if has and (any(sign in name for sign in "*?") or name in has) and _is_there(name, has):
                yield text, path, close, match.start(1)


def _own(environment: Environment, pod: Pod, place: FieldPath, container: dict[str, Any]) -> Iterator[Text]:
    for field in ("command", "args"):
        for index, word in enumerate(sequence(container.get(field))):
            yield Text(str(word), pod.owner, (*place, field, index))
    for variable in variables_of(environment, pod, place, container):
        yield Text(variable.value or "", variable.resource, variable.path)


def _named(texts: list[Text], folders: dict[str, frozenset[str] | None]) -> Iterator[tuple[Text, str, str, int]]:
    """The paths that texts name: (text, folder, name below it, where it starts)."""
    longest = sorted(folders, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w./:${{}})-])({'|'.join(map(re.escape, longest))}){_NAME}")
    for text in texts:
        value = _COMMENT.sub(lambda match: " " * len(match[0]), text.value) if text.has_lines else text.value
        for match in pattern.finditer(value):
            yield text, match[1], match[2].rstrip("."), match.start()


def _is_there(name: str, has: frozenset[str]) -> bool:
    if any(sign in name for sign in "*?"):
        pattern = path_match(name)
        return any(pattern.fullmatch(file) for file in has)
    # Kubernetes keeps its own links there, and a path may be that of a folder.
    return name in has or name.startswith("..") or any(file.startswith(f"{name}/") for file in has)


def _folders(pod: Pod, origins: Origins, container: dict[str, Any]) -> Iterator[tuple[str, frozenset[str] | None]]:
    """The folders that a container mounts, each with its files; None where these are not known."""
    yield _ACCOUNT, _OF_ACCOUNT
    volumes = {str(volume.get("name")): volume for volume in mappings(pod.spec.get("volumes"))}
    for mount in mappings(container.get("volumeMounts")):
        volume = volumes.get(str(mount.get("name")), {})
        sources = mappings(dig(volume, "projected", "sources")) if "projected" in volume else [volume]
        files = [_files(pod, origins, source) for source in sources]
        is_known = files and not mount.get("subPath") and not mount.get("subPathExpr") and None not in files
        all_files = frozenset(name for names in files for name in names or ())
        yield posixpath.normpath(str(mount.get("mountPath"))), all_files if is_known and all_files else None


def _files(pod: Pod, origins: Origins, source: dict[str, Any]) -> frozenset[str] | None:
    for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
        if isinstance(part := source.get(field), dict):
            origin = origins.get((kind, pod.namespace, str(part.get("secretName") or part.get("name"))))
            items = frozenset(str(item.get("path")) for item in mappings(part.get("items")))
            return items or (origin.keys if origin else None)
    if "serviceAccountToken" in source:
        return frozenset({str(dig(source, "serviceAccountToken", "path"))})
    return None
