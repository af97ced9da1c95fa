from pathlib import Path

import pytest

from harness.clusters.docker import client
from harness.errors import HarnessError
from tests.harness.programs import program


@pytest.fixture
def fake_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` on the PATH whose body a test writes."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path / "bin" / "docker"


# Each as the docker command prints it (versions 20.10 to 28).
FAILURES = {
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: "
    'Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.24/version": dial unix /var/run/docker.sock: connect: permission '
    "denied": "group docker",
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. "
    "Is the docker daemon running?": "make e2e-deps",
    "failed to connect to the docker API at unix:///var/run/docker.sock; "
    "check if the path is correct": "make e2e-deps",
    "Error processing tar file(exit status 1): write /usr/lib/x.so: no space left on device": "is full",
    "docker: Error response from daemon: failed to create task for container: runc create failed: "
    "unable to start container process: unable to apply caps: operation not permitted: "
    "unknown.": "Docker 26 or newer",
}


@pytest.mark.parametrize(("printed", "help_"), FAILURES.items())
def test_known_failure_says_what_helps(fake_docker: Path, tmp_path: Path, printed: str, help_: str) -> None:
    (tmp_path / "printed").write_text(printed, encoding="utf-8")
    program(fake_docker, f"cat '{tmp_path}/printed' >&2; exit 1")
    with pytest.raises(HarnessError, match=help_) as raised:
        client.docker("build", ".", doing="build an image")
    assert "\n" not in str(raised.value)


def test_unknown_failure_quotes_docker_and_gives_the_hint(fake_docker: Path) -> None:
    program(fake_docker, "echo note; echo 'Error: No such image: x' >&2; exit 1")
    with pytest.raises(HarnessError) as raised:
        client.docker("save", "x", doing="save x", hint="build it first")
    assert str(raised.value) == "Could not save x (Error: No such image: x): build it first."


def test_without_the_command_the_error_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HarnessError, match="no docker command"):
        client.require_daemon()
    assert client.daemon_version() is None


def test_output_is_returned_and_the_error_output_is_not(fake_docker: Path) -> None:
    program(fake_docker, 'echo "$@"; echo warning >&2')
    assert client.docker("a", "b c", doing="try") == "a b c\n"


def test_lines_arrive_in_order_from_both_outputs(fake_docker: Path) -> None:
    program(fake_docker, "echo one; echo two >&2; echo three")
    lines: list[str] = []
    client.docker("build", doing="build", on_line=lines.append)
    assert lines == ["one", "two", "three"]


def test_standard_input_is_empty(fake_docker: Path) -> None:
    program(fake_docker, "cat")
    assert client.docker("load", doing="load") == ""


def test_absent_image_has_no_id(fake_docker: Path) -> None:
    program(fake_docker, "exit 0")
    assert client.image_id("no/such:image") is None
    assert client.image_label("no/such:image", "key") is None
