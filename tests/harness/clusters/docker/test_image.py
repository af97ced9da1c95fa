import pytest

from harness.clusters.docker.image import full_name, local_name


def test_the_name_that_docker_lists() -> None:
    assert local_name("docker.io/library/postgres:15") == "postgres:15"
    assert local_name("docker.io/prom/prometheus:v3") == "prom/prometheus:v3"
    assert local_name("public.ecr.aws/docker/library/redis:8") == "public.ecr.aws/docker/library/redis:8"


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("redis", "docker.io/library/redis:latest"),
        ("debian:bookworm-slim", "docker.io/library/debian:bookworm-slim"),
        ("prom/prometheus:v3", "docker.io/prom/prometheus:v3"),
        ("index.docker.io/prom/prometheus:v3", "docker.io/prom/prometheus:v3"),
        ("quay.io/argoproj/argocd:v3.3.0", "quay.io/argoproj/argocd:v3.3.0"),
        ("localhost:5000/web", "localhost:5000/web:latest"),
    ],
)
def test_full_name(name: str, full: str) -> None:
    assert full_name(name) == full
