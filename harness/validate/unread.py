"""Settings for kustomize's replacements: of a ConfigMap that only they read, they read every key."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.errors import closest
from harness.manifests.build import Build
from harness.manifests.generated_names import HASH
from harness.manifests.kubernetes_yaml import YamlError, load
from harness.manifests.tree import UnreadableError
from harness.manifests.values import dig, mapping, mappings, string_map
from harness.validate.finding import Violation
from harness.validate.kustomizations import replacements_of
from harness.validate.model import Environment
from harness.validate.references import uses
from harness.validate.rule import ValidationRule

LH212: Final = ValidationRule(
    "LH212", "A setting for replacements is read by one", "A misspelt name changes nothing, and the default stays."
)

_KEY: Final = re.compile(r"data\.((?:[^.\\]|\\.)+)")
_TRANSFORMER: Final = "ReplacementTransformer"


def check(environment: Environment) -> Iterator[Violation]:
    """Finds keys that nothing reads."""
    used = {
        (pod.namespace, name) for pod in environment.pods for kind, name, *_ in uses(pod) if kind == "ConfigMap"
    }
    read = {build.folder: _read(build) for build in environment.builds}
    for config in environment.of_kind("ConfigMap"):
        keys = read[config.build.folder].get(HASH.sub("", config.name))
        if keys and (config.namespace, config.name) not in used:
            for key in sorted(string_map(config.value.get("data")).keys() - keys):
                close = closest(key, keys)
                instead = f"use {close}" if close else "remove it"
                yield Violation(
                    LH212, f"{config} sets {key}, which no replacement reads: {instead}.", config, ("data", key)
                )


def _read(build: Build) -> dict[str, set[str]]:
    """The keys that replacements read, by the ConfigMap's name."""
    keys: dict[str, set[str]] = {}
    for replacement in _replacements(build):
        source = mapping(replacement.get("source"))
        match = _KEY.match(str(source.get("fieldPath")))
        if source.get("kind") == "ConfigMap" and match:
            keys.setdefault(str(source.get("name")), set()).add(re.sub(r"\\(.)", r"\1", match[1]))
    return keys


def _replacements(build: Build) -> Iterator[dict[str, Any]]:
    for kustomization in build.root.kustomizations:
        yield from (replacement for replacement, _ in replacements_of(build, kustomization))
    for file in sorted(build.root.inputs.files):
        try:
            text = build.root.tree.text(file)
            documents = load(text) if _TRANSFORMER in text else []
        except (YamlError, UnreadableError, KeyError):
            continue
        for document in documents:
            if dig(document, "kind") == _TRANSFORMER:
                yield from mappings(dig(document, "replacements"))
