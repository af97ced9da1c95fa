"""Texts in ConfigMaps and Secrets that are UTF-16: kustomize stores their bytes as they are."""

import base64
import binascii
from collections.abc import Iterator

from harness.manifests.encodings import is_utf_16
from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.values import string_map
from harness.validate.finding import Violation
from harness.validate.kustomize.building import LH105
from harness.validate.model import BuiltResource, Environment


def check(environment: Environment) -> Iterator[Violation]:
    """Finds texts that programs cannot read."""
    for resource in environment.of_kind("ConfigMap", "Secret"):
        for path, content in _contents(resource):
            if is_utf_16(content):
                message = f"{resource} has UTF-16 in {path[-1]}: save it as UTF-8."
                yield Violation(LH105, message, resource, path)


def _contents(resource: BuiltResource) -> Iterator[tuple[FieldPath, bytes]]:
    encoded = "data" if resource.kind == "Secret" else "binaryData"
    for field in ("data", "stringData", "binaryData"):
        for key, text in string_map(resource.value.get(field)).items():
            try:
                yield (field, key), base64.b64decode(text) if field == encoded else text.encode()
            except (binascii.Error, UnicodeEncodeError):
                continue
