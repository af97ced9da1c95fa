"""Settings that nothing reads: of a ConfigMap for kustomize's replacements, and misspelt ones that are optional."""

from collections.abc import Iterator
from typing import Final

from harness.errors import closest
from harness.manifests.generated_names import HASH
from harness.manifests.values import string_map
from harness.validate.finding import Violation
from harness.validate.kubernetes.references import uses
from harness.validate.kustomize.replacements import keys_read
from harness.validate.model import Environment
from harness.validate.rule import ValidationRule

LH212: Final = ValidationRule(
    "LH212",
    "A setting for replacements is read by one, and no optional setting is misspelt",
    "A misspelt name changes nothing, and the default stays.",
)


_SIMILAR: Final = 0.85


def check(environment: Environment) -> Iterator[Violation]:
    """Finds keys that nothing reads."""
    yield from _misspelt(environment)
    yield from _unread(environment)


def _misspelt(environment: Environment) -> Iterator[Violation]:
    """Keys that no variable reads, of a ConfigMap without one that a variable reads if it is there."""
    optional: dict[tuple[str, str], set[str]] = {}
    for pod in environment.pods:
        for kind, name, key, is_optional, _ in uses(pod):
            if kind == "ConfigMap" and key is not None and is_optional:
                optional.setdefault((pod.namespace, name), set()).add(key)
    for config in environment.of_kind("ConfigMap") if optional else ():
        data = string_map(config.value.get("data")).keys()
        missing = optional.get((config.namespace, config.name), set()) - data
        for key in sorted(data - optional.get((config.namespace, config.name), set())) if missing else ():
            if close := closest(key, missing, _SIMILAR):
                message = f"{config} sets {key}, which nothing reads: use {close}."
                yield Violation(LH212, message, config, ("data", key))


def _unread(environment: Environment) -> Iterator[Violation]:
    """Keys that no replacement reads, of a ConfigMap that only these read."""
    used = {
        (pod.namespace, name) for pod in environment.pods for kind, name, *_ in uses(pod) if kind == "ConfigMap"
    }
    read = {build.folder: keys_read(build) for build in environment.builds}
    for config in environment.of_kind("ConfigMap"):
        keys = read[config.build.folder].get(HASH.sub("", config.name))
        if keys and (config.namespace, config.name) not in used:
            for key in sorted(string_map(config.value.get("data")).keys() - keys):
                close = closest(key, keys)
                instead = f"use {close}" if close else "remove it"
                yield Violation(
                    LH212, f"{config} sets {key}, which no replacement reads: {instead}.", config, ("data", key)
                )
