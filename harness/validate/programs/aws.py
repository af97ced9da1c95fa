"""Names of AWS: ARNs have their parts, and regions are of the form that all regions have."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.kubernetes_yaml import FieldPath
from harness.validate.finding import Violation
from harness.validate.model import Environment
from harness.validate.rule import ValidationRule

LH216: Final = ValidationRule(
    "LH216", "An ARN has all of its parts, and a region of AWS is one", "Every request of AWS is refused."
)

_ARN: Final = re.compile(r"arn:aws[\w-]*:[\w-]+:[\w-]*:[^:]*:.+", re.DOTALL)
_PART: Final = "north|south|east|west|central|northeast|northwest|southeast|southwest"
_REGION: Final = re.compile(rf"[a-z]{{2}}(?:-(?:gov|iso[a-z]?))?-(?:{_PART})-\d")
_LIKE_A_REGION: Final = re.compile(r"[a-z]{2}-[a-z]+(?:-[a-z]+)?-\d")
_NAMED: Final = (b"arn:aws", b"region", b"REGION")
_FIELDS: Final = frozenset({"region", "AWS_REGION", "AWS_DEFAULT_REGION"})


def check(environment: Environment) -> Iterator[Violation]:
    """Finds ARNs and regions that nobody has."""
    for resource in environment.resources:
        # A definition has only the descriptions of such fields.
        if resource.kind == "CustomResourceDefinition" or not any(part in resource.as_json for part in _NAMED):
            continue
        for path, text in _texts(resource.value):
            if said := problem_of(str(path[-1]), text):
                yield Violation(LH216, f"{resource} {said}.", resource, path)


def problem_of(field: str, text: str) -> str:
    """What is wrong with the text of a field, as the end of a sentence; empty for nothing.

    >>> problem_of("region", "eu-centrl-1"), problem_of("region", "eu-central-1")
    ('names eu-centrl-1, which is no region', '')
    """
    if text.startswith("arn:aws") and "\n" not in text and not any(sign in text for sign in "${*?"):
        wanted = "arn:aws:service:region:account:resource"
        return "" if _ARN.fullmatch(text) else f"has an ARN in {field} with too few parts: {wanted}"
    if field in _FIELDS and _LIKE_A_REGION.fullmatch(text) and not _REGION.fullmatch(text):
        return f"names {text}, which is no region"
    return ""


def _texts(value: Any, path: FieldPath = ()) -> Iterator[tuple[FieldPath, str]]:
    """The texts in a value, with the field of each; a variable's name stands for its field."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "value" and isinstance(value.get("name"), str) and isinstance(item, str):
                yield (*path[:-1], value["name"]), item
            else:
                yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
    elif isinstance(value, str):
        yield path, value
