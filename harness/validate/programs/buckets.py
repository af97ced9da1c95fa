"""Buckets of object stores: a name that almost is that of another is misspelt."""

import re
from collections.abc import Iterator
from typing import Final

from harness.errors import closest
from harness.manifests.kubernetes_yaml import FieldPath
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource, Environment
from harness.validate.rule import ValidationRule
from harness.validate.texts.placeholders import texts_in

LH324: Final = ValidationRule(
    "LH324",
    "URIs and policies name the same buckets",
    "The program finds no bucket, or may not read it.",
    is_about_absence=True,
    provided_by=frozenset({"ConfigMap"}),
)

_BUCKET: Final = re.compile(r"(?:\bs3[an]?://|arn:aws[\w-]*:s3:::)([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?![\w$*{.-])")
_ALIKE: Final = 0.85
_OFTEN: Final = 2
"""How much more often the right name occurs."""

Place = tuple[BuiltResource, FieldPath, int | None]


def check(environment: Environment) -> Iterator[Violation]:
    """Finds names that differ from a more frequent one in a letter or two."""
    places: dict[str, list[Place]] = {}
    # What a ConfigMap repeats is set elsewhere.
    for resource in sorted(environment.resources, key=lambda resource: resource.kind == "ConfigMap"):
        if resource.kind == "CustomResourceDefinition" or b"s3" not in resource.as_json:
            continue
        for path, text in texts_in(resource.value):
            for match in _BUCKET.finditer(text) if "s3" in text else ():
                line = text.count("\n", 0, match.start()) + 1 if path[0] == "data" else None
                places.setdefault(match[1], []).append((resource, path, line))
    for name, named in places.items():
        others = [other for other, more in places.items() if len(more) >= _OFTEN * len(named) and other != name]
        if close := closest(name, others, _ALIKE):
            resource, path, line = named[0]
            message = f"{resource} names the bucket {name}, where others name {close}: use that."
            yield Violation(LH324, message, resource, path, line)
