"""Expected differences, and the declared reference environment."""

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.manifests.expected import reason_for
from harness.manifests.settings import of_checkout


@pytest.mark.parametrize(
    ("path", "is_expected"),
    [
        ("spec/replicas", True),
        ("spec/minReplicas", True),
        ("spec/destination/server", True),
        ("spec/destination/namespace", False),
        ("spec/limits/Container/min/cpu", True),
        ("spec/hard/limits.cpu", True),
        ("spec/hard/services", False),
        ("spec/template/spec/containers/web/resources/limits/cpu", True),
        ("spec/template/spec/containers/web/args", False),
        ("data/app.yaml/0/spec/image", True),
    ],
)
def test_what_may_differ(path: str, is_expected: bool) -> None:
    assert bool(reason_for(path)) is is_expected


def test_the_reference_environment_is_declared(tmp_path: Path) -> None:
    assert of_checkout(tmp_path).reference == ""
    (tmp_path / "pyproject.toml").write_text('[tool.harness]\nreference-environment = "live"\n')
    assert of_checkout(tmp_path).reference == "live"


@pytest.mark.parametrize("text", ["[", "tool = 1", "[tool]\nharness = 2", "[tool.harness]\ndiff = 3"])
def test_settings_that_cannot_be_read_are_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(HarnessError, match=r"pyproject\.toml"):
        of_checkout(tmp_path)
