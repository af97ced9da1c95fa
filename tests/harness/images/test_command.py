from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.errors import HarnessError
from harness.images import command
from harness.images.command import LACKING, app
from harness.images.registry import answers, host, local_name


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("quay.io/argoproj/argocd:v3.3.0", "quay.io"),
        ("docker.io/grafana/grafana:12.2.0", "registry-1.docker.io"),
        ("debian:bookworm-slim", "registry-1.docker.io"),
        ("example/web", "registry-1.docker.io"),
        ("localhost:5000/web", "localhost:5000"),
    ],
)
def test_the_registry_of_an_image(image: str, expected: str) -> None:
    assert host(image) == expected


def test_the_name_that_docker_lists() -> None:
    assert local_name("docker.io/library/postgres:15") == "postgres:15"
    assert local_name("docker.io/prom/prometheus:v3") == "prom/prometheus:v3"
    assert local_name("public.ecr.aws/docker/library/redis:8") == "public.ecr.aws/docker/library/redis:8"


def test_a_registry_where_nobody_answers() -> None:
    # Port 1 of this machine: nobody listens there.
    assert answers("localhost:1/web:1") is False


def test_a_text_that_no_name_has_in_it() -> None:
    with pytest.raises(HarnessError, match=r"^No image has 'helm' in its name: 'harness images list'") as caught:
        command._names(command._chosen("minikube", None), ["helm"])

    assert caught.value.exit_code == 2


def test_what_only_a_registry_has_is_named_and_has_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.images.work import Plan, Source

    plans = [Plan("lakehouse/spark:1", Source.PRESENT), Plan("docker.io/grafana/grafana:12", Source.NONE)]
    monkeypatch.setattr("harness.images.wanted.wanted", lambda _: [])
    monkeypatch.setattr("harness.images.work.ensure", lambda *_, **__: plans)
    monkeypatch.setattr("harness.images.archive.disk_use", lambda _: 10**9)

    done = CliRunner().invoke(app, ["build", "minikube"])

    assert done.exit_code == LACKING
    assert "Not to be had without an image registry: docker.io/grafana/grafana:12." in done.output


@pytest.mark.parametrize("arguments", [["list"], ["build"], ["pull"], ["load"], ["save", "x.tar"], ["prune"]])
def test_without_docker_one_sentence(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    done = CliRunner().invoke(app, arguments)

    assert isinstance(done.exception, HarnessError)
    assert str(done.exception).startswith("There is no docker command: install Docker")
    assert "\n" not in str(done.exception)
