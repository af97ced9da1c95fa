from pathlib import Path

import pytest

from harness.manifests.applications.application import Application
from harness.manifests.builder import build_all
from harness.manifests.catalogue import read
from harness.manifests.environments import roots
from harness.manifests.generated_names import HASH
from harness.manifests.pods import pods_of
from harness.validate.check import Report, validate
from harness.validate.kubernetes.references import uses
from harness.validate.model import environment
from harness.validate.output import text

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def report(repo: Path) -> Report:
    return validate(repo)


def test_there_are_no_findings(report: Report) -> None:
    assert report.environments == ["eks", "minikube"]
    assert report.findings == [], text(report)


def test_the_catalogue_names_who_reads_each_secret(repo: Path) -> None:
    """`readers` is what a rotation is judged by, so it has to be what the manifests say."""
    built = environment("minikube", repo, [Application("", "", False, builds=build_all(roots(repo, "minikube")))])
    readers: dict[tuple[str, str], set[str]] = {}
    for resource in (*built.resources, *built.embedded):
        for pod in pods_of(resource):
            owner = resource.parent or resource
            name = HASH.sub("", owner.name)
            for kind, secret, _, _, _ in uses(pod):
                if kind == "Secret":
                    readers.setdefault((pod.namespace, secret), set()).add(f"{owner.namespace}/{owner.kind}/{name}")
    for item in read().without_components().secrets:
        actual = set[str]().union(
            *(readers.get((place.namespace, place.name), set()) for place in (item.place, *item.mirrors))
        )
        assert actual == set(item.readers), item.place
