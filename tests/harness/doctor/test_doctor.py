import json
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from harness.clusters.kind.machine import GIB
from harness.doctor import checks
from harness.doctor.checks import EVERY, Need, State, Tier, needs
from harness.doctor.command import doctor
from harness.exits import ExitCode
from harness.machine.java import JavaRuntime
from tests.harness.programs import program

app = typer.Typer()
app.command()(doctor)

READY = Need("git", EVERY, State.READY, "/usr/bin/git")
LATER = Need("Spark's jars: delta", (Tier.RUN,), State.FIRST_USE, "2 to fetch", "harness setup --jars delta")
NO_DOCKER = Need("Docker", (Tier.E2E,), State.MISSING, "no docker command", "install Docker")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.doctor.command.needs", lambda: iter([READY, LATER, NO_DOCKER]))
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

    assert done.exit_code == ExitCode.ATTENTION
    assert "missing for e2e: Docker" in done.stdout
    assert "install Docker" in done.stdout


@pytest.mark.usefixtures("machine")
def test_for_a_machine() -> None:
    done = CliRunner().invoke(app, ["--format", "json", "e2e"])

    assert done.exit_code == ExitCode.ATTENTION
    assert json.loads(done.stdout)[2] == {
        "name": "Docker",
        "tiers": ["e2e"],
        "state": "missing",
        "detail": "no docker command",
        "remedy": "install Docker",
    }


def by_name() -> dict[str, Need]:
    return {finding.name: finding for finding in needs()}


def missing(name: str) -> Need:
    need = by_name()[name]
    assert need.state is State.MISSING
    return need


def test_an_empty_machine_lacks_what_does_not_come_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.delenv("PYENV_ROOT", raising=False)

    named = by_name()

    lacking = {name for name, finding in named.items() if finding.state is State.MISSING}
    assert lacking == {"git", "Python 3.10", "Docker"}
    first_use = {name for name, finding in named.items() if finding.state is State.FIRST_USE}
    assert {"Java 17 or 11", "Spark's jars: delta", "Spark's jars: s3", "kustomize", "kind"} <= first_use
    assert all(named[name].remedy for name in lacking | first_use)


def test_an_unsupported_java_is_named_and_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(checks, "local_runtimes", lambda: iter([JavaRuntime(Path("/opt/jdk-25"), 25, "JAVA_HOME")]))

    java = by_name()["Java 17 or 11"]

    assert java.state is State.FIRST_USE
    assert "Java 25 (JAVA_HOME) at /opt/jdk-25" in java.detail


def test_a_broken_ca_bundle_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))

    assert "gone.pem" in missing("CA bundle").detail


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose only program is `docker`, which answers."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(checks, "dockerd_too_old", lambda: False)
    monkeypatch.setattr(checks, "answers", lambda _: False)
    monkeypatch.setattr(checks, "available_memory", lambda: 32 * GIB)
    return program(
        tmp_path / "docker",
        'case "$1" in\nversion) echo 26.1.5 ;;\nbuildx) echo "github.com/docker/buildx v0.13.1" ;;\n'
        f'info) echo \'{{"CgroupVersion": "2", "DockerRootDir": "{tmp_path}"}}\' ;;\nesac',
    )


def test_what_the_cluster_tier_needs_is_told_one_by_one(docker: Path) -> None:
    named = by_name()

    assert named["Docker"].detail == "server 26.1.5"
    assert named["Docker's buildx"].detail == "v0.13.1"
    assert named["memory"].detail == "32 GiB available, 6 are needed"
    assert named["image of a cluster's node"].state is State.FIRST_USE
    assert named["image debian:bookworm-slim"].state is State.MISSING
    assert "mmdebstrap is missing" in named["image debian:bookworm-slim"].detail


def test_the_base_image_is_no_worry_where_a_registry_answers(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "answers", lambda _: True)

    assert by_name()["image debian:bookworm-slim"].state is State.FIRST_USE


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("permission denied while trying to connect to the Docker daemon socket", "group docker"),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", "make e2e-deps"),
    ],
)
def test_a_daemon_without_permission_is_told_from_one_that_is_down(docker: Path, said: str, remedy: str) -> None:
    program(docker, f"echo '{said}' >&2; exit 1")

    assert remedy in missing("Docker").remedy


def test_a_docker_that_this_machine_cannot_use_is_missing(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "dockerd_too_old", lambda: True)
    monkeypatch.setattr(checks, "dockerd_version", lambda: 20)

    assert "version 20 asks for capabilities" in missing("Docker").detail


def test_too_little_memory_is_told_with_figures(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "available_memory", lambda: 3 * GIB)

    assert missing("memory").detail == "3 GiB available, 6 are needed"


def test_each_remedy_has_a_line_of_its_own_that_80_columns_do_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    remedy = f"harness setup --jars {'delta' * 20}"
    needed = Need("Spark's jars: delta", EVERY, State.FIRST_USE, "in [bold]/x[/]", remedy)
    monkeypatch.setattr("harness.doctor.command.needs", lambda: iter([needed]))
    monkeypatch.setattr("harness.doctor.command.out", Console(width=80))

    lines = CliRunner().invoke(app, []).stdout.splitlines()

    assert lines[:3] == [
        "on first use  Spark's jars: delta (everything)",
        "              in [bold]/x[/]",
        f"              {remedy}",
    ]
