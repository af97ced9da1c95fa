"""Texts in ConfigMaps and Secrets that are not UTF-8: kustomize stores their bytes as they are."""

import base64
import binascii
from collections.abc import Iterator
from typing import Final

from harness.manifests.encodings import is_utf_16
from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.values import string_map
from harness.validate.finding import Violation
from harness.validate.kustomize.building import LH105
from harness.validate.model import BuiltResource, Environment

_TEXTS: Final = (
    *(
        ".cfg",
        ".conf",
        ".env",
        ".ini",
        ".json",
        ".lua",
        ".md",
        ".properties",
        ".py",
        ".sh",
        ".sql",
        ".toml",
        ".txt",
    ),
    *(".xml", ".yaml", ".yml"),
)
"""The ends of texts' names."""


def check(environment: Environment) -> Iterator[Violation]:
    """Finds texts that programs cannot read."""
    for resource in environment.of_kind("ConfigMap", "Secret"):
        for path, content in _contents(resource):
            if is_utf_16(content):
                message = f"{resource} has UTF-16 in {path[-1]}: save it as UTF-8."
                yield Violation(LH105, message, resource, path)
            elif path[0] == "binaryData" and (line := _line_of_no_text(str(path[-1]), content)):
                message = f"{resource} has a {path[-1]} that is not UTF-8, line {line}: save it as UTF-8."
                yield Violation(LH105, message, resource, path, line)


def _line_of_no_text(key: str, content: bytes) -> int | None:
    """The line of the first byte that is not UTF-8 in what is a text by its name; None where it is none."""
    if b"\0" in content or not key.lower().endswith(_TEXTS):
        return None
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + 1
    return None


def _contents(resource: BuiltResource) -> Iterator[tuple[FieldPath, bytes]]:
    encoded = "data" if resource.kind == "Secret" else "binaryData"
    for field in ("data", "stringData", "binaryData"):
        for key, text in string_map(resource.value.get(field)).items():
            try:
                yield (field, key), base64.b64decode(text) if field == encoded else text.encode()
            except (binascii.Error, UnicodeEncodeError):
                continue
