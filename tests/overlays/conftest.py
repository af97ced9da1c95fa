"""The rendered overlays."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.manifests.builder import build_all
from harness.manifests.environments import roots
from tests.overlays.listing import listings

Resource = dict[str, Any]


class Overlay:
    """What one environment consists of."""

    def __init__(self, name: str, resources: list[Resource]) -> None:
        self.name = name
        self.resources = resources

    def all(self, kind: str, namespace: str | None = None) -> list[Resource]:
        """Resources of a kind."""
        return [
            resource
            for resource in self.resources
            if resource["kind"] == kind and namespace in (None, resource["metadata"].get("namespace"))
        ]

    def one(self, kind: str, name: str, namespace: str | None = None) -> Resource:
        """The resource of a kind and name; a generated name may end in its hash."""
        matching = [
            resource
            for resource in self.all(kind, namespace)
            if resource["metadata"]["name"] == name
            or (kind == "ConfigMap" and resource["metadata"]["name"].rsplit("-", 1)[0] == name)
        ]
        assert len(matching) == 1, f"{len(matching)} of {kind} {namespace or ''}/{name} in {self.name}"
        return matching[0]

    def text(self, config_map: str, key: str) -> str:
        """What Airflow reads from a file of a ConfigMap."""
        return str(self.one("ConfigMap", config_map, "orchestrator")["data"][key])

    def pods(self) -> Iterator[tuple[str, Resource]]:
        """Every pod that a workload makes, with a name for it."""
        for resource in self.resources:
            spec = resource.get("spec") or {}
            spec = spec.get("jobTemplate", {}).get("spec", spec)
            if "containers" in spec.get("template", {}).get("spec", {}):
                name = f"{resource['kind']} {resource['metadata'].get('namespace')}/{resource['metadata']['name']}"
                yield name, spec["template"]["spec"]


@pytest.fixture(scope="session")
def overlay_of(repo: Path, request: pytest.FixtureRequest) -> Callable[[str], Overlay]:
    """Renders an environment, once."""
    if request.config.getoption("--update-goldens"):
        # New folders have to be listed before anything is rendered.
        for file, text in listings(repo):
            file.write_text(text, encoding="utf-8")
    rendered: dict[str, Overlay] = {}

    def render(name: str) -> Overlay:
        if name not in rendered:
            builds = build_all(roots(repo, name))
            problems = [problem for build in builds for problem in build.problems]
            assert not problems, problems
            rendered[name] = Overlay(name, [item.value for build in builds for item in build.resources])
        return rendered[name]

    return render


@pytest.fixture(params=["minikube", "eks"])
def overlay(request: pytest.FixtureRequest, overlay_of: Callable[[str], Overlay]) -> Overlay:
    """Each environment in turn."""
    return overlay_of(request.param)
