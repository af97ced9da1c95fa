from pathlib import Path

import pytest

from harness.clusters.docker import client, registry
from harness.clusters.docker.registry import answers, digest, host, push
from harness.errors import HarnessError
from tests.harness.programs import program
from tests.processes import QuietHandler, serving


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


def test_a_registry_where_nobody_answers() -> None:
    # Port 1 of this machine: nobody listens there.
    assert answers("localhost:1/web:1") is False


@pytest.mark.parametrize(
    ("status", "image", "expected"),
    [
        (200, "docker.io/library/redis:8", True),
        (401, "redis:8", True),
        # A mirror is one of Docker Hub alone, and need not have all of it.
        (200, "localhost:2/redis:8", False),
        (200, "redis:9", False),
        (404, "redis:8", False),
    ],
)
def test_a_mirror_answers_for_docker_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, image: str, expected: bool
) -> None:
    class Handler(QuietHandler):
        def answer(self) -> None:
            self.send_response(status if self.path == "/v2/library/redis/manifests/8" else 404)
            self.end_headers()

    monkeypatch.setenv("PATH", str(tmp_path))
    # Docker Hub itself is not asked in a test: nobody listens on port 1.
    monkeypatch.setattr(registry, "_DEFAULT", "localhost:1")
    registry._mirrors.cache_clear()
    with serving(Handler) as url:
        program(tmp_path / "docker", f"echo '[\"{url}/\"]'")
        assert answers(image) is expected
    registry._mirrors.cache_clear()


@pytest.mark.parametrize(("script", "expected"), [("echo sha256:01", "sha256:01"), ("echo no >&2; exit 1", None)])
def test_the_digest_that_a_registry_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: str | None
) -> None:
    monkeypatch.setattr(client, "docker_program", lambda: program(tmp_path / "docker", script))
    assert digest("localhost:1/web:1") == expected


def test_a_refused_push_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = "denied: requested access to the resource is denied"
    monkeypatch.setattr(
        client, "docker_program", lambda: program(tmp_path / "docker", f"echo '{refusal}' >&2; exit 1")
    )
    with pytest.raises(
        HarnessError, match=rf"^Could not push a/web:1 \({refusal}\): check .* \('docker login'\)\.$"
    ):
        push("a/web:1")
