"""The review of a random change in a random repository, compared with the difference between two complete builds.

`ORACLE_EXAMPLES=1000 make test PYTEST_ARGS=tests/harness/review/test_oracle.py` tries as many, others each time.
"""

import copy
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from harness.machine.tools import tool
from harness.review.output.json import as_json
from tests.oracle.manifests import Verdict, compare, truth
from tests.oracle.repositories import LINK, Deployer, Files, Manifest, Repository, Root, changes

pytestmark = pytest.mark.tools
_EXAMPLES = os.environ.get("ORACLE_EXAMPLES")


def write(folder: Path, files: Files) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith(LINK):
            path.symlink_to(content.removeprefix(LINK))
        else:
            path.write_text(content, encoding="utf-8")


def judged(checkout: Any, folder: Path, before: Files, after: Files) -> tuple[Verdict, dict[str, Any]]:
    """Compares the review of a change with the truth, in folders that are used again."""
    sides = []
    for side, files in (("base", before), ("head", after)):
        shutil.rmtree(folder / side, ignore_errors=True)
        write(folder / side, files)
        sides.append(truth(folder / side, tool("kustomize")))
        for path in checkout.root.iterdir():
            if path.name != ".git":
                shutil.rmtree(path)
        write(checkout.root, files)
        if side == "base":
            checkout.commit({})
    review: dict[str, Any] = json.loads(as_json(checkout.review()))
    return compare(sides[0], sides[1], review), review


@settings(
    max_examples=int(_EXAMPLES or 60),
    derandomize=_EXAMPLES is None,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(change=changes())
def test_no_changed_resource_is_unreported_and_no_unchanged_one_reported(
    checkout: Any, tmp_path: Path, change: tuple[Files, Files]
) -> None:
    verdict, review = judged(checkout, tmp_path, *change)
    assert list(map(str, verdict.unreported)) == []
    assert list(map(str, verdict.falsely)) == []
    assert bool(review["problems"]) == bool(verdict.unbuilt)


CHART = Root("apps/web", "Chart", manifests=[Manifest("ConfigMap", "data"), Manifest("Deployment", "web")])
INFLATED = Root("apps/web", inflated=CHART.manifests, values={"v0": 7})
VARIABLE = Root("apps/web", manifests=[Manifest("Widget", "data", is_variable=True)])


@pytest.mark.parametrize(
    ("root", "kind", "places"),
    [
        (CHART, "Application", ["valueFiles", "values", "valuesObject", "parameters"]),
        (CHART, "ApplicationSet", ["valueFiles", "values", "valuesObject", "parameters"]),
        (CHART, "HelmRelease", ["valueFiles", "values"]),
        (VARIABLE, "Kustomization", ["substitute", "substituteFrom"]),
        (INFLATED, "Application", [""]),
    ],
)
def test_a_changed_value_is_reported(
    checkout: Any, tmp_path: Path, root: Root, kind: str, places: list[str]
) -> None:
    for place in places:
        name = "VALUE" if root is VARIABLE else "v0"
        values = {} if root is INFLATED else {name: 7}
        before = Repository([root], [Deployer(kind, "app", 0, listed=True, values=values, place=place)])
        after = copy.deepcopy(before)
        for item in after.with_values():
            item.values[name] = 8
        verdict, _ = judged(checkout, tmp_path, before.files(), after.files())
        assert verdict.changed, place
        assert (verdict.unreported, verdict.falsely, verdict.unbuilt) == ([], [], []), place
