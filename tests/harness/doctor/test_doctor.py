import json
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from harness.doctor import checks
from harness.doctor.checks import EVERY, Finding, State, Tier, findings
from harness.doctor.command import doctor
from harness.setup.java import JavaRuntime

app = typer.Typer()
app.command()(doctor)

READY = Finding("git", EVERY, State.READY, "/usr/bin/git")
LATER = Finding("Spark's jars: delta", (Tier.RUN,), State.FIRST_USE, "2 to fetch", "harness setup --jars delta")
NO_DOCKER = Finding("Docker", (Tier.E2E,), State.MISSING, "no docker command", "install Docker")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.doctor.command.findings", lambda: iter([READY, LATER, NO_DOCKER]))
    monkeypatch.setattr("harness.doctor.command.out", Console(width=140))


@pytest.mark.usefixtures("machine")
def test_what_comes_by_itself_is_not_missing() -> None:
    done = CliRunner().invoke(app, [])

    assert done.exit_code == 0
    assert "nothing is missing for run, test" in done.stdout
    assert "harness setup --jars delta" in done.stdout


@pytest.mark.usefixtures("machine")
def test_a_missing_need_of_the_tier_that_was_named_fails() -> None:
    done = CliRunner().invoke(app, ["e2e"])

    assert done.exit_code == 1
    assert "missing for e2e: Docker" in done.stdout
    assert "install Docker" in done.stdout


@pytest.mark.usefixtures("machine")
def test_for_a_machine() -> None:
    done = CliRunner().invoke(app, ["--json", "e2e"])

    assert done.exit_code == 1
    assert json.loads(done.stdout)[2] == {
        "name": "Docker",
        "tiers": ["e2e"],
        "state": "missing",
        "detail": "no docker command",
        "remedy": "install Docker",
    }


def by_name() -> dict[str, Finding]:
    return {finding.name: finding for finding in findings()}


def test_an_empty_machine_lacks_what_does_not_come_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.delenv("PYENV_ROOT", raising=False)

    found = by_name()

    missing = {name for name, finding in found.items() if finding.state is State.MISSING}
    assert missing == {"git", "Python 3.10", "Docker"}
    first_use = {name for name, finding in found.items() if finding.state is State.FIRST_USE}
    assert {"Java 17 or 11", "Spark's jars: delta", "Spark's jars: s3", "kustomize", "kind"} <= first_use
    assert all(found[name].remedy for name in missing | first_use)


def test_an_unsupported_java_is_named_and_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(checks, "found_runtimes", lambda: iter([JavaRuntime(Path("/opt/jdk-25"), 25, "JAVA_HOME")]))

    java = by_name()["Java 17 or 11"]

    assert java.state is State.FIRST_USE
    assert "Java 25 (JAVA_HOME) at /opt/jdk-25" in java.detail


def test_a_broken_ca_bundle_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))

    bundle = by_name()["CA bundle"]

    assert bundle.state is State.MISSING
    assert "gone.pem" in bundle.detail
