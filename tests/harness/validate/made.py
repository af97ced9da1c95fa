"""Environments from manifests in a text, for rules that judge what is built."""

from pathlib import Path
from typing import Any, cast

from harness.manifests.build import Build
from harness.manifests.kubernetes_yaml import load
from harness.manifests.pods import embedded
from harness.validate.model import BuiltResource, Environment

ROOT = cast(Build, None)


def made(text: str, name: str = "north") -> Environment:
    """An environment of these manifests, which no root has built."""
    environment = Environment(name, Path(), [])
    for value in load(text):
        resource: BuiltResource = BuiltResource.of(cast(dict[str, Any], value), build=ROOT)
        environment.resources.append(resource)
        environment.embedded += embedded(resource)
    return environment
