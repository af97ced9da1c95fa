from typing import Any

import pytest

from harness.clusters.without_registry import replaced
from harness.clusters.without_registry.replaced import absent

Object = dict[str, Any]

IMAGES = [
    "docker.io/grafana/grafana:12.2.0",
    "docker.io/emberstack/kubernetes-reflector:9.1.45",
    "lakehouse/airflow:0.1.0",
]


def node(*names: str, provider: str = "kind://docker/lakehouse/lakehouse-control-plane") -> Object:
    return {"spec": {"providerID": provider}, "status": {"images": [{"names": [name]} for name in names]}}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No registry answers; remembers which images it was asked for."""
    names: list[str] = []

    def answers(image: str) -> bool:
        names.append(image)
        return False

    monkeypatch.setattr(replaced, "answers", answers)
    return names


def test_what_the_node_lacks_and_no_registry_has_is_absent(asked: list[str]) -> None:
    missing = absent(IMAGES, [node("docker.io/lakehouse/airflow:0.1.0")])
    assert missing == ["docker.io/emberstack/kubernetes-reflector", "docker.io/grafana/grafana"]
    assert "lakehouse/airflow:0.1.0" not in asked


@pytest.mark.parametrize(("tag", "is_absent"), [("12.2.0", False), ("11.0.0", True)])
def test_only_the_same_tag_on_the_node_helps(tag: str, is_absent: bool) -> None:
    missing = absent(IMAGES, [node(f"docker.io/grafana/grafana:{tag}")])
    assert "docker.io/emberstack/kubernetes-reflector" in missing
    assert ("docker.io/grafana/grafana" in missing) is is_absent


def test_what_a_registry_has_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaced, "answers", lambda _: True)
    assert absent(IMAGES, [node()]) == []


def test_what_the_environment_does_not_name_is_not() -> None:
    assert absent(IMAGES[2:], [node()]) == []


def test_other_clusters_get_their_images_by_themselves(asked: list[str]) -> None:
    assert absent(IMAGES, [node(provider="aws:///eu-west-1a/i-0abc")]) == []
    assert asked == []
