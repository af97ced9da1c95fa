"""renovate.json covers what `harness doctor --versions` lists."""

import json
import re

import pytest

from harness.doctor.pins import Kind, Pin, pins
from harness.paths import ROOT

CONFIGURATION = json.loads((ROOT / "renovate.json").read_text(encoding="utf-8"))
MANAGERS = {
    Kind.IMAGE: "kustomize",
    Kind.GO: "gomod",
    Kind.PYTHON: "pip_requirements",
    Kind.ACTION: "github-actions",
}


def covered(pin: Pin, file: str) -> bool:
    if _matches(CONFIGURATION[MANAGERS[pin.kind]], file):
        return True
    text = (ROOT / file).read_text(encoding="utf-8")
    return any(
        re.search(pattern.replace("(?<", "(?P<"), text)
        for manager in CONFIGURATION["customManagers"]
        if _matches(manager, file)
        for pattern in manager["matchStrings"]
    )


def _matches(manager: dict[str, list[str]], file: str) -> bool:
    return any(re.search(pattern.strip("/"), file) for pattern in manager["managerFilePatterns"])


@pytest.mark.parametrize("pin", pins(ROOT), ids=lambda pin: f"{pin.name}-{pin.version}")
def test_every_pin_has_a_manager_that_reads_its_files(pin: Pin) -> None:
    assert [file for file in pin.files if not covered(pin, file)] == []


def test_every_manager_is_enabled() -> None:
    assert {*MANAGERS.values(), "dockerfile", "custom.regex"} == set(CONFIGURATION["enabledManagers"])


def test_digests_are_pinned_wherever_a_registry_has_the_image() -> None:
    assert {"docker:pinDigests", "helpers:pinGitHubActionDigests"} <= set(CONFIGURATION["extends"])
    rules = CONFIGURATION["packageRules"]
    assert [rule for rule in rules if "pinDigests" in rule] == []
    # Neither is in a registry: the platform's own, and the placeholders of its names.
    left_out = [name for rule in rules if rule.get("enabled") is False for name in rule["matchPackageNames"]]
    assert left_out == ["lakehouse/**", "docker.io/example/**"]
