"""Placeholders: what an example has in place of an account, an address or a name."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.kubernetes_yaml import Step
from harness.validate.finding import Violation
from harness.validate.model import Environment
from harness.validate.rule import ValidationRule

LH751: Final = ValidationRule(
    "LH751",
    "No placeholder is left",
    "The image, the account or the address belongs to nobody, or to somebody else.",
)

_NOUN: Final = "(?:account|bucket|cluster|company|domain|host|org|project|region|registry|repo|token)"
PLACEHOLDER: Final = re.compile(
    # Domains and addresses that are reserved for documentation (RFC 2606, 6761 and 5737).
    r"(?<![\w.-])(?:[\w-]+\.)*example\.(?:com|org|net|edu)(?![\w.-]*\w)"
    r"|(?<=[/@])[\w-]+(?:\.[\w-]+)*\.(?:example|invalid)(?=[:/]|$)"
    r"|(?<![\w.])(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}(?!\w)"
    # An owner of images or repositories; without a registry in front, it may be the name of a local image.
    r"|(?:(?<=//)|(?<![\w./:-]))[\w-]+(?:\.[\w-]+)+(?::\d+)?[/:]example/[\w.-]*\w"
    # Accounts of AWS's documentation.
    r"|(?<![\w-])(?:0{12}|123456789012|111122223333)(?![\w-])"
    r"|(?<![a-z])(?:change|replace)[-_ ]?me(?![a-z])"
    rf"|(?<!\w)(?:your|my)[-_]{_NOUN}(?!\w)|<(?:your|my|{_NOUN})[\w -]*>",
    re.IGNORECASE,
)
_PARTS: Final = (
    *("example", "EXAMPLE", ".invalid", "192.0.2.", "198.51.100.", "203.0.113."),
    *("000000000000", "123456789012", "111122223333"),
    *("hange", "HANGE", "eplace", "EPLACE", "our-", "our_", "OUR_", "my-", "my_", "MY_", "<"),
)
"""Of which every placeholder has one: looking for these is much faster."""

_NAMES: Final = frozenset({"apiVersion", "group", "name", "host"})
"""Fields that name a group, an object or what an Ingress answers to: nobody connects to these."""


def check(environment: Environment) -> Iterator[Violation]:
    """Finds each placeholder once, where it is first."""
    told: set[str] = set()
    # What a ConfigMap repeats is to be replaced elsewhere.
    for resource in sorted(environment.resources, key=lambda resource: resource.kind == "ConfigMap"):
        # The description of a field may well have an example.
        if resource.kind == "CustomResourceDefinition" or not any(part in resource.text for part in _PARTS):
            continue
        for path, text in texts_in(resource.value):
            for match in PLACEHOLDER.finditer(text) if any(part in text for part in _PARTS) else ():
                if match[0] not in told:
                    told.add(match[0])
                    field = ".".join(map(str, path))
                    message = f"{resource} has the placeholder {match[0]} in {field}: replace it."
                    line = text.count("\n", 0, match.start()) + 1 if path[0] == "data" else None
                    yield Violation(LH751, message, resource, path, line)


def texts_in(value: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _NAMES or not isinstance(item, str):
                yield from texts_in(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            name = item.get("name") if isinstance(item, dict) else None
            yield from texts_in(item, (*path, name if isinstance(name, str) else index))
