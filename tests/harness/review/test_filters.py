"""What a reader does not want to see is left out, and never without a word."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import HarnessError, UsageError
from harness.exits import ExitCode
from harness.review.filters import Filters, parse_selector
from harness.review.model import SideName
from tests.harness.review.conftest import Checkout

Run = Callable[..., Any]


def workload(name: str, replicas: int, **labels: str) -> str:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": f"example.com/{name}:1.0"}]},
    }
    value = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name, **labels}},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
    }
    return yaml.safe_dump(value)


def configmap(name: str, namespace: str, value: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace},
            "data": {"size": value, "mode": value},
        }
    )


CLAIM = yaml.safe_dump(
    {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"}}
)
CLEAR = {
    "base/kustomization.yaml": "resources: [web.yaml, api.yaml, settings.yaml, claim.yaml]\n",
    "base/web.yaml": workload("web", 3, tier="front"),
    "base/api.yaml": workload("api", 3, tier="back"),
    "base/settings.yaml": configmap("settings", "tools", "small"),
    "base/claim.yaml": CLAIM,
    "overlays/live/kustomization.yaml": "resources: [../../base]\n",
}
CHANGED = {
    "base/kustomization.yaml": "resources: [web.yaml, api.yaml, settings.yaml]\n",
    "base/web.yaml": workload("web", 2, tier="front"),
    "base/api.yaml": workload("api", 2, tier="back"),
    "base/settings.yaml": configmap("settings", "tools", "large"),
    "base/claim.yaml": None,
}
"""Four changes in the environment `live`; the claim that goes takes data with it, a high risk."""


def invoke(*words: str) -> Any:
    """The result of `harness diff`, with the exit code of the whole program."""
    result = CliRunner().invoke(app, ["diff", *words])
    if isinstance(result.exception, HarnessError):
        result.exit_code = result.exception.exit_code
    return result


@pytest.fixture
def changed(checkout: Checkout) -> Checkout:
    checkout.commit(CLEAR)
    checkout.write(CHANGED)
    return checkout


@pytest.fixture
def run(changed: Checkout) -> Run:
    return lambda *words: invoke("HEAD", "-C", str(changed.root), *words)


def shown(checkout: Checkout, **filters: Any) -> set[str]:
    if "selector" in filters:
        filters["selector"] = parse_selector(filters["selector"])
    review = checkout.review(filters=Filters(**filters))
    names = {resource.identity.name for _, _, resource in review.walk()}
    assert sum(item.count for item in review.hidden) == 4 - len(names)
    return names


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, {"web", "api", "settings", "data"}),
        ({"kind": ["deployment"]}, {"web", "api"}),
        ({"kind": ["Deployment.apps", "PersistentVolumeClaim"]}, {"web", "api", "data"}),
        ({"kind": ["Deployment.batch"]}, set()),
        ({"name": ["w*"]}, {"web"}),
        ({"namespace": ["tools"]}, {"settings"}),
        ({"namespace": ["sho?"], "kind": ["Deployment"], "name": ["api", "settings"]}, {"api"}),
        ({"path": ["base/web.yaml"]}, {"web"}),
        ({"path": ["base"]}, {"web", "api", "settings", "data"}),
        ({"path": ["base/*i.yaml", "**/settings.yaml"]}, {"api", "settings"}),
        ({"path": ["overlays/live"]}, {"web", "api", "settings", "data"}),
        ({"path": ["overlays/test"]}, set()),
        ({"selector": "app=web"}, {"web"}),
        ({"selector": "app==web,tier=back"}, set()),
        ({"selector": "tier"}, {"web", "api"}),
        ({"selector": "!tier"}, {"settings", "data"}),
        ({"selector": "tier!=front"}, {"api", "settings", "data"}),
        ({"selector": "tier in (front, back), app notin (web)"}, {"api"}),
    ],
)
def test_a_filter_shows_what_it_names_and_counts_the_rest(
    changed: Checkout, filters: Mapping[str, Any], names: set[str]
) -> None:
    assert shown(changed, **filters) == names


@pytest.mark.parametrize("text", ["app=", "a in (b", "a = b = c", "in (a)", "a,,b", "a>1", "=b", "a in b"])
def test_a_selector_that_is_none(text: str) -> None:
    if text == "app=":
        assert parse_selector(text)[0].holds({"app": ""})
        return
    with pytest.raises(UsageError, match=r"^--selector takes labels such as"):
        parse_selector(text)


def test_a_label_that_changes_is_found_by_both_values(checkout: Checkout) -> None:
    checkout.commit(CLEAR)
    checkout.write({"base/web.yaml": workload("web", 3, tier="middle")})
    for tier in ("front", "middle"):
        review = checkout.review(filters=Filters(selector=parse_selector(f"tier={tier}")))
        assert {resource.identity.name for _, _, resource in review.walk()} == {"web"}


def test_what_goes_is_found_by_the_file_that_defined_it(checkout: Checkout) -> None:
    overlay = "resources: [../../base]\n"
    component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [claim.yaml]\n"
    checkout.commit(
        {
            "base/kustomization.yaml": "resources: [web.yaml]\n",
            "base/web.yaml": workload("web", 3),
            "components/backup/kustomization.yaml": component,
            "components/backup/claim.yaml": CLAIM,
            "overlays/live/kustomization.yaml": f"{overlay}components: [../../components/backup]\n",
        }
    )
    checkout.write({"base/web.yaml": workload("web", 2), "overlays/live/kustomization.yaml": overlay})
    ((_, _, resource),) = checkout.review(filters=Filters(path=["components"])).walk()
    assert resource.identity.name == "data"
    assert resource.source is not None
    assert (resource.source.file, resource.source.side) == ("components/backup/claim.yaml", SideName.BASE)


def test_the_headline_counts_what_a_filter_hides(run: Run) -> None:
    result = run("--kind", "Deployment", "--fail-on", "high")
    assert result.exit_code == ExitCode.OK
    assert result.stdout.splitlines()[0].split("; ", 1)[0] == "Touches live (2 changed)"
    assert "2 changes outside the filter (--kind Deployment; worst risk: high)." in " ".join(result.stdout.split())
    assert run("--fail-on", "high").exit_code == ExitCode.ATTENTION


def test_nothing_that_is_shown_is_not_nothing_that_is_touched(run: Run) -> None:
    result = run("--name", "nobody", "--format", "json")
    headline = json.loads(result.stdout)["headline"]
    assert headline == (
        "Touches nothing that is shown; 4 changes outside the filter (--name nobody; worst risk: high)."
    )


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_each_format_says_what_a_filter_hides(run: Run, form: str) -> None:
    text = " ".join(run("--namespace", "tools", "--format", form).stdout.split())
    assert "3 changes outside the filter" in text
    assert "Deployment" not in text.replace("kind=Deployment", "")


def test_environments_that_are_not_asked_for_are_named(checkout: Checkout) -> None:
    checkout.commit({**CLEAR, "overlays/test/kustomization.yaml": "resources: [../../base]\n"})
    checkout.write(CHANGED)
    review = checkout.review(environments=["live"])
    assert review.headline == "Touches live (3 changed, 1 removed); not compared: test."
    assert "not compared" not in checkout.review().headline


def test_images_are_those_of_what_is_shown(checkout: Checkout) -> None:
    checkout.commit(CLEAR)
    checkout.write({name: str(CLEAR[name]).replace(":1.0", ":2.0") for name in ("base/web.yaml", "base/api.yaml")})
    review = checkout.review(filters=Filters(name=["web"]))
    assert [row.after for environment in review.environments for row in environment.images] == [
        "example.com/web:2.0"
    ]


def test_a_filter_hides_no_problem_and_nothing_that_is_not_covered(checkout: Checkout) -> None:
    checkout.commit(CLEAR)
    checkout.write({"base/web.yaml": "a: [", "stray.yaml": "a: 1\n"})
    result = invoke("HEAD", "-C", str(checkout.root), "--name", "api")
    assert result.exit_code == ExitCode.FAILED
    assert "Not built, so not reviewed" in result.stdout
    checkout.write({"base/web.yaml": CLEAR["base/web.yaml"]})
    result = invoke("HEAD", "-C", str(checkout.root), "--name", "api")
    assert result.exit_code == ExitCode.NOT_COVERED


def test_a_filter_is_for_changes() -> None:
    result = invoke("--parity", "live", "test", "--kind", "Secret")
    assert result.exit_code == ExitCode.USAGE
    assert "--kind Secret chooses among changes" in str(result.exception)


IGNORE = """\
[[tool.harness.diff.ignore]]
path = "spec.replicas"
kind = "Deploy*"
reason = "An autoscaler sets it."
"""


def test_a_branch_cannot_hide_its_own_change(checkout: Checkout) -> None:
    checkout.commit(CLEAR)
    checkout.write({"base/web.yaml": workload("web", 2, tier="front"), "pyproject.toml": IGNORE})
    review = checkout.review(filters=Filters(kind=["ConfigMap"]))
    assert [(risk.rule, risk.path) for *_, risk in review.risks] == [("DF609", "ignore")]
    review = checkout.review()
    assert "web" in {resource.identity.name for _, _, resource in review.walk()}


class TestIgnored:
    def test_fields_are_counted_with_their_reason(self, changed: Checkout) -> None:
        changed.commit({"pyproject.toml": IGNORE, **CLEAR})
        changed.write(CHANGED)
        review = changed.review()
        assert {resource.identity.name for _, _, resource in review.walk()} == {"settings", "data"}
        assert [str(item) for item in review.hidden] == [
            "2 changes ignored (An autoscaler sets it; worst risk: medium)"
        ]
        assert "2 changes ignored (An autoscaler sets it; worst risk: medium)" in review.headline

    def test_the_other_fields_of_a_resource_are_shown(self, checkout: Checkout) -> None:
        ignore = '[[tool.harness.diff.ignore]]\npath = "data.size"\nreason = "It grows."\n'
        checkout.commit({**CLEAR, "pyproject.toml": ignore})
        checkout.write({"base/settings.yaml": configmap("settings", "tools", "large")})
        ((_, _, resource),) = checkout.review().walk()
        assert [change.path for change in resource.fields] == ["data.mode"]

    def test_a_whole_resource(self, checkout: Checkout) -> None:
        ignore = '[[tool.harness.diff.ignore]]\npath = "*"\nname = "dat?"\nreason = "A test."\n'
        checkout.commit({**CLEAR, "pyproject.toml": ignore})
        checkout.write({name: CHANGED[name] for name in ("base/kustomization.yaml", "base/claim.yaml")})
        review = checkout.review()
        assert list(review.walk()) == []
        assert review.headline.startswith("Touches nothing that is shown")
        assert "1 change ignored (A test; worst risk: high)" in review.headline

    @pytest.mark.parametrize("entry", ['path = "a"', 'reason = "a"', 'path = "a"\nreason = "b"\nrule = "c"'])
    def test_an_entry_without_a_reason_is_refused(self, checkout: Checkout, entry: str) -> None:
        checkout.commit({**CLEAR, "pyproject.toml": f"[[tool.harness.diff.ignore]]\n{entry}\n"})
        with pytest.raises(UsageError, match="has a 'ignore' entry without path and reason, or with an unknown"):
            checkout.review()


class TestShort:
    def test_one_line_for_scripts(self, run: Run) -> None:
        result = run("--summary")
        assert result.stdout == "Touches live (3 changed, 1 removed). Risks: 1 high, 2 medium, 1 low.\n"
        assert run("--summary", "--fail-on", "high").exit_code == ExitCode.ATTENTION

    def test_quiet_prints_errors_only(self, run: Run) -> None:
        assert run("--quiet").output == ""
        result = run("--quiet", "--fail-on", "high")
        assert result.exit_code == ExitCode.ATTENTION
        assert result.stdout == ""

    def test_quiet_names_what_a_filter_hides(self, run: Run) -> None:
        result = run("--quiet", "--name", "web")
        assert result.stdout == ""
        assert "3 changes outside the filter (--name web; worst risk: high)" in result.stderr

    def test_lines_that_are_cut_are_counted(self, run: Run) -> None:
        whole = run().stdout.splitlines()
        cut = run("--max-lines", "5").stdout.splitlines()
        assert cut == [*whole[:5], f"… {len(whole) - 5} more lines: raise --max-lines."]
        assert run("--max-lines", str(len(whole))).stdout.splitlines() == whole
        assert run("--max-lines", "5", "--format", "json").exit_code != ExitCode.OK
