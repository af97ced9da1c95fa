"""ExternalSecrets: what they read is what the catalogue of secrets declares."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.catalogue import Catalogue
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.values import dig, mappings, string_map
from harness.validate.finding import Violation
from harness.validate.kubernetes.secrets import fetched_keys, target_of
from harness.validate.model import Environment
from harness.validate.rule import ValidationRule
from harness.validate.texts.readers import Reading

LH731: Final = ValidationRule(
    "LH731",
    "An ExternalSecret reads what the catalogue declares for its Secret",
    "The operator makes no Secret, or one with another's values.",
)

_USED: Final = re.compile(r"\{\{-?[^}]*?(?:(?<![\w)])\.(\w+)|index\s+\.\s+\"([^\"]+)\")")


def check(environment: Environment, catalogue: Catalogue) -> Iterator[Violation]:
    """Finds entries, and keys of them, that nobody makes; nothing where there is no catalogue."""
    declared = {(str(place.namespace), place.name): secret for place, secret in catalogue.places()}
    for external in environment.of_kind("ExternalSecret") if declared else ():
        secret = declared.get((external.namespace, target_of(external)))
        for key, wanted, path in entries_read(external.value):
            entry = catalogue.entry(key)
            if entry is None:
                said = f"reads {key}, which is no entry of the catalogue of secrets"
            elif secret is not None and entry is not secret:
                said = f"reads {key}, where the catalogue of secrets has {secret.entry}"
            elif wanted and wanted not in entry.keys:
                said = f"reads {wanted} of {key}, which has {', '.join(entry.keys)}"
            else:
                continue
            yield Violation(LH731, f"{external} {said}.", external, path)
        fetched = fetched_keys(external, catalogue)
        for name, text in string_map(dig(external.value, "spec", "target", "template", "data")).items():
            for used in ("".join(groups) for groups in _USED.findall(text)):
                if fetched is not None and used not in fetched:
                    has = ", ".join(sorted(fetched)) or "nothing"
                    path = ("spec", "target", "template", "data", name)
                    message = f"{external} uses {used} in {name}, and fetches {has}."
                    yield Violation(LH731, message, external, path)


def readings(environment: Environment) -> Iterator[Reading]:
    """The templates of Secrets."""
    for external in environment.of_kind("ExternalSecret"):
        path = ("spec", "target", "template", "data")
        if str(dig(external.value, *path[:-1], "engineVersion") or "v2") != "v2":
            continue
        for name, text in string_map(dig(external.value, *path)).items():
            said = f"a template of {name} that the operator cannot read"
            yield Reading(LH731, external, (*path, name), "secret", text, said, first=None)


def entries_read(external: dict[str, Any]) -> Iterator[tuple[str, str, tuple[Step, ...]]]:
    """What an ExternalSecret reads: (entry, key of it or empty for all, path)."""
    spec: Any = external.get("spec")
    for index, item in enumerate(mappings(dig(spec, "data"))):
        reference = dig(item, "remoteRef")
        yield (
            str(dig(reference, "key")),
            str(dig(reference, "property") or ""),
            ("spec", "data", index, "remoteRef"),
        )
    for index, item in enumerate(mappings(dig(spec, "dataFrom"))):
        if isinstance(dig(item, "extract"), dict):
            yield (
                str(item["extract"].get("key")),
                str(item["extract"].get("property") or ""),
                ("spec", "dataFrom", index, "extract", "key"),
            )
