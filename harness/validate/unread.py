"""Settings for kustomize's replacements: of a ConfigMap that only they read, they read every key."""

from collections.abc import Iterator
from typing import Final

from harness.errors import closest
from harness.manifests.generated_names import HASH
from harness.manifests.values import string_map
from harness.validate.finding import Violation
from harness.validate.model import Environment
from harness.validate.references import uses
from harness.validate.replacements import keys_read
from harness.validate.rule import ValidationRule

LH212: Final = ValidationRule(
    "LH212", "A setting for replacements is read by one", "A misspelt name changes nothing, and the default stays."
)


def check(environment: Environment) -> Iterator[Violation]:
    """Finds keys that nothing reads."""
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
