"""Which package of the harness may import which: itself, and those of an earlier layer."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pytest

LAYERS: Final = (
    ("exits",),
    ("errors",),
    ("signals",),
    ("paths", "files", "inert"),
    ("console", "conversion", "sarif"),
    ("machine",),
    ("manifests",),
    ("options",),
    ("manifests.command",),
    ("validate", "review"),
    ("review.risks",),
    ("review.locations", "review.permissions", "review.projects"),
    ("review.compare", "review.filters"),
    ("review.review",),
    ("review.output",),
    ("review.command", "review.init"),
    ("pipeline.mock_api", "pipeline.lakehouse"),
    ("pipeline.report", "pipeline.quarantine"),
    ("pipeline.embedded",),
    ("clusters.docker",),
    ("clusters.without_registry",),
    ("clusters.kind",),
    ("clusters.images", "clusters.secrets"),
    ("clusters.deploy",),
    ("clusters.up",),
    ("clusters.e2e",),
    ("bench", "doctor", "init"),
    ("cli",),
    ("start",),
    ("__main__",),
)
"""Packages and modules below `harness`; those of one layer do not import each other."""
APART: Final = {("clusters", "pipeline"), ("clusters", "review"), ("clusters", "validate"), ("review", "validate")}
"""The first does not import the second, whatever their layers."""
LAYER: Final = {name: number for number, names in enumerate(LAYERS) for name in names}

Import = tuple[str, str]
"""The module that imports, and what it imports, both without `harness.` in front."""


def package(module: str) -> str:
    """The longest name in `LAYERS` that the module has or is below."""
    return max((name for name in LAYER if f"{module}.".startswith(f"{name}.")), key=len, default=module)


def forbidden(imports: Iterable[Import]) -> list[Import]:
    """Imports that lead to no earlier layer, or to a package from which the importing one is kept apart."""
    return [
        (module, imported)
        for module, imported in imports
        if (one := package(module)) != (other := package(imported))
        and (
            LAYER.get(other, len(LAYERS)) >= LAYER.get(one, -1)
            or (one.partition(".")[0], other.partition(".")[0]) in APART
        )
    ]


def imports(root: Path) -> Iterator[Import]:
    """Every import of a module of the harness by another, within functions too."""
    for file in sorted(root.rglob("*.py")):
        module = ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            yield from ((module, name.removeprefix("harness.")) for name in names if name.startswith("harness."))


def test_imports_lead_to_earlier_layers(repo: Path) -> None:
    arrows = list(imports(repo / "harness"))
    assert len(arrows) > 300
    assert forbidden(arrows) == []


def test_every_package_is_in_a_layer(repo: Path) -> None:
    modules = {module for module, _ in imports(repo / "harness")}
    assert {module for module in modules if package(module) not in LAYER} == set()


@pytest.mark.parametrize(
    ("module", "imported", "is_allowed"),
    [
        ("clusters.kind.cluster", "clusters.docker.client.docker", True),
        ("clusters.docker.client", "clusters.kind.cluster.Cluster", False),
        ("clusters.kind.node", "clusters.kind.cluster.Cluster", True),
        ("clusters.deploy.work", "pipeline.lakehouse.read", False),
        ("clusters.images.build", "review.images.table", False),
        ("validate.check", "review.model.Change", False),
        ("review.command", "validate.check", False),
        ("review.output.text", "review.model.Review", True),
        ("review.model", "review.output.text", False),
        ("review.model", "a_new_package.module", False),
        ("a_new_package.module", "errors.HarnessError", False),
    ],
)
def test_an_upward_import_is_noticed(module: str, imported: str, is_allowed: bool) -> None:
    assert (forbidden([(module, imported)]) == []) is is_allowed
