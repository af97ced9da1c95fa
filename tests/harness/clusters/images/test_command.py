from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.clusters.images import command
from harness.clusters.images.archive import save
from harness.clusters.images.command import app
from harness.errors import HarnessError
from harness.exits import ExitCode
from tests.harness.programs import program


def test_a_text_that_no_name_has_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.clusters.images.command.require_daemon", lambda: None)

    with pytest.raises(HarnessError, match=r"^No image name contains 'helm': 'harness images list'") as caught:
        command._names(command._chosen("minikube", None, None), ["helm"])

    assert caught.value.exit_code == 2


def test_what_only_a_registry_has_is_named_and_has_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.clusters.images.work import Origin, Plan

    plans = [Plan("lakehouse/spark:1", Origin.PRESENT), Plan("docker.io/grafana/grafana:12", Origin.NONE)]
    monkeypatch.setattr("harness.clusters.images.command.require_daemon", lambda: None)
    monkeypatch.setattr("harness.clusters.images.wanted.wanted", lambda *_: [])
    monkeypatch.setattr("harness.clusters.images.work.ensure", lambda *_, **__: plans)
    monkeypatch.setattr("harness.clusters.images.archive.disk_use", lambda _: 10**9)

    done = CliRunner().invoke(app, ["build", "minikube"])

    assert done.exit_code == ExitCode.ATTENTION
    assert "Available only from an image registry: docker.io/grafana/grafana:12." in done.output


@pytest.mark.parametrize(
    "arguments", [["list"], ["build"], ["pull"], ["load"], ["save", "x.tar"], ["release", "eks"], ["prune"]]
)
def test_without_docker_one_sentence(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    done = CliRunner().invoke(app, arguments)

    assert isinstance(done.exception, HarnessError)
    assert str(done.exception).startswith("There is no docker command: install Docker")
    assert "\n" not in str(done.exception)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            [],
            [
                "image prune --force --filter label=lakehouse.inputs",
                "builder prune --force",
            ],
        ),
        (
            ["--all"],
            [
                "image prune --force --filter label=lakehouse.inputs",
                "image ls --filter label=lakehouse.inputs --format {{.Repository}}:{{.Tag}}",
                "image rm --force lakehouse/spark:1",
                "image rm --force debian:bookworm-slim",
                "builder prune --force --all",
            ],
        ),
    ],
)
def test_prune_removes_what_was_replaced_and_all_only_when_asked(
    options: list[str], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    program(
        tmp_path / "docker",
        f'[ "$1" = version ] || echo "$*" >>{log}\n'
        'case "$1 $2" in\n"image ls") printf "debian:bookworm-slim\\n<none>:<none>\\nlakehouse/spark:1\\n";;\n'
        '"image prune") echo "Total reclaimed space: 1.2GB";;\n'
        '"builder prune") printf "Total:\\t3.4GB\\n";;\nesac',
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))

    done = CliRunner().invoke(app, ["prune", *options])

    assert log.read_text().splitlines() == expected
    assert "Freed: images 1.2GB, build cache 3.4GB." in done.output


def test_an_archive_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out" / "images.tar"
    docker = program(
        tmp_path / "docker",
        'case "$1" in\nimage) echo sha256:1;;\n'
        'save) echo half >"$3"; echo "write $3: no space left on device" >&2; exit 1;;\nesac',
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(HarnessError, match=r"^Could not write .*images\.tar: the disk .* is full"):
        save(["docker.io/library/redis:8"], target)
    assert list(target.parent.iterdir()) == []

    docker.write_text(docker.read_text().replace("exit 1", "exit 0"))
    assert save(["docker.io/library/redis:8"], target) == len("half\n")
