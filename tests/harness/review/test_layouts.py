"""Repositories laid out unlike this one: environments and Applications are found, changes land in the right one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.review.model import Review

pytestmark = pytest.mark.tools


def touched(review: Review) -> dict[str, list[str]]:
    """Environment → changed resources as `Application: change resource`."""
    of_environment: dict[str, list[str]] = {environment.name: [] for environment in review.environments}
    for environment, application, resource in review.walk():
        of_environment[environment.name].append(f"{application.name}: {resource.change} {resource.identity}")
    return of_environment


def lines(checkout: Any, path: str, old: str, new: str) -> None:
    file: Path = checkout.root / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_a_monorepo_of_apps_with_overlays(layout: Callable[[str], Any]) -> None:
    repo = layout("monorepo")
    assert repo.review().headline == "Touches no environment (argocd, production and staging)."
    lines(repo, "apps/web/overlays/production/settings.properties", "mode=production", "mode=live")
    review: Review = repo.review()
    assert touched(review) == {
        "production": ["web-production: changed ConfigMap web-production/web-settings"],
        "staging": [],
        "argocd": [],
    }
    (risk,) = [risk for *_, risk in review.risks if risk.rule == "DF301"]
    assert "Deployment web-production/web" in risk.sentence
    assert review.notes == ()


def test_a_base_touches_every_environment_that_uses_it(layout: Callable[[str], Any]) -> None:
    repo = layout("monorepo")
    lines(repo, "apps/api/base/deployment.yaml", "api:1.0.0", "api:1.1.0")
    review: Review = repo.review()
    assert touched(review) == {
        "production": ["api-production: changed Deployment api-production/api"],
        "staging": ["api-staging: changed Deployment api-staging/api"],
        "argocd": [],
    }
    images = review.environments[1].images
    assert [(image.before, image.after, image.note) for image in images] == [
        ("registry.example.com/api:1.0.0", "registry.example.com/api:1.1.0", "upgrade")
    ]


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{{path.basename}}-{{path[1]}}", "apps/api/overlays/staging"),
        (
            "{{.path.basename}}-{{ index .path.segments 0 }}-{{.path.path}}",
            "staging-apps-apps/api/overlays/staging",
        ),
        ('{{ .path.basename | upper | printf "%s-%s" (last .path.segments) }}', "staging-STAGING"),
    ],
)
def test_a_template_is_filled_or_named_and_its_folders_reviewed(
    layout: Callable[[str], Any], template: str, name: str
) -> None:
    repo = layout("monorepo")
    lines(repo, "argocd/appset.yaml", "{{ index .path.segments 1 }}-{{ .path.basename }}", template)
    repo.commit({})
    lines(repo, "apps/api/overlays/staging/settings.properties", "mode=staging", "mode=test")
    review: Review = repo.review()
    assert touched(review)["staging"] == [f"{name}: changed ConfigMap api-staging/api-settings"]
    assert touched(review)["production"] == []
    named = any("apps is an ApplicationSet that cannot be filled" in note.sentence for note in review.notes)
    assert named is ("path[1]" in template)


@pytest.mark.parametrize(
    ("generator", "expected"),
    [
        ("list: {elements: [{app: web, env: staging}]}", ["web-staging"]),
        (
            "matrix: {generators: [{list: {elements: [{app: web}, {app: api}]}}, "
            "{list: {elements: [{env: staging}]}}]}",
            ["web-staging", "api-staging"],
        ),
        ("git: {files: [{path: 'apps/*/overlays/*/app.json'}]}", ["web-staging"]),
    ],
)
def test_generators(layout: Callable[[str], Any], generator: str, expected: list[str]) -> None:
    repo = layout("monorepo")
    source = "{repoURL: x, path: 'apps/{{app}}/overlays/{{env}}'}"
    template = f"{{metadata: {{name: '{{{{app}}}}-{{{{env}}}}'}}, spec: {{source: {source}, destination: {{}}}}}}"
    text = (
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: apps}\n"
        f"spec:\n  generators:\n  - {generator}\n  template: {template}\n"
    )
    repo.commit(
        {"argocd/appset.yaml": text, "apps/web/overlays/staging/app.json": '{"app": "web", "env": "staging"}'}
    )
    for app in ("web", "api"):
        lines(repo, f"apps/{app}/overlays/staging/settings.properties", "mode=staging", "mode=test")
    review: Review = repo.review()
    names = {line.partition(":")[0] for line in touched(review)["staging"]}
    assert names == {*expected, *(["apps/api/overlays/staging"] if len(expected) == 1 else [])}


def test_a_generator_that_asks_a_cluster_is_named(layout: Callable[[str], Any]) -> None:
    repo = layout("monorepo")
    lines(repo, "argocd/appset.yaml", "    - git:", "    - clusters: {}\n    - git:")
    sentences = [note.sentence for note in repo.review().notes]
    assert sentences == [
        "apps is an ApplicationSet whose generator 'clusters' cannot be resolved without a cluster."
    ]


def test_plain_manifests_and_helm(layout: Callable[[str], Any]) -> None:
    repo = layout("flat")
    lines(repo, "manifests/shop/jobs/cleanup.yaml", "0 3 * * *", "0 4 * * *")
    lines(repo, "manifests/shop/jobs/old.skip.yaml", "name: old", "name: older")
    lines(repo, "charts/own/templates/service.yaml", "kind: Service", "kind: Endpoints")
    review: Review = repo.review()
    expected = [
        "metrics: removed Service metrics/metrics",
        "metrics: added Endpoints metrics/metrics",
        "shop: changed CronJob shop/cleanup",
    ]
    assert touched(review) == {"dev": expected, "live": expected}
    assert {risk.rule for *_, risk in review.risks} == {"DF312", "DF705"}
    assert review.environments[0].applications[1].wave_after == 1
    notes = {(note.sentence, note.changed) for note in review.notes if note.environment == "dev"}
    assert notes == {
        ("metrics deploys deploy of another repository (https://git.example.com/other/place.git).", False),
    }
    assert [note.sentence for note in review.notes if not note.environment] == [
        "Helm charts of 2 Applications or roots are not rendered, because charts.example.com is not allowed "
        "(see --allow-host): dev/metrics, live/metrics.",
        "A changed manifest is used by no environment: manifests/shop/jobs/old.skip.yaml.",
    ]


def test_what_an_application_changes_in_a_kustomization_is_rendered(layout: Callable[[str], Any]) -> None:
    repo = layout("flat")
    lines(repo, "clusters/live/apps.yaml", "gateway:2.0", "gateway:2.1")
    review: Review = repo.review()
    assert touched(review) == {
        "dev": [],
        "live": ["gateway: changed Deployment gateway/live-gateway", "clusters/live: changed Application gateway"],
    }
    (change,) = [resource for *_, resource in review.walk() if resource.identity.kind == "Deployment"]
    assert [(field.before, field.after) for field in change.fields] == [
        ("registry.example.com/gateway:2.0", "registry.example.com/gateway:2.1")
    ]
    assert "replicas: 3" in change.after_yaml


def test_an_application_that_goes_to_another_namespace_moves_its_resources(layout: Callable[[str], Any]) -> None:
    repo = layout("flat")
    lines(repo, "clusters/dev/apps.yaml", "namespace: shop", "namespace: store")
    review: Review = repo.review()
    assert sorted(touched(review)["dev"]) == [
        "clusters/dev: changed Application shop",
        "shop: moved CronJob store/cleanup",
        "shop: moved Service store/shop",
    ]


def test_a_removed_application_is_removed_with_its_resources(layout: Callable[[str], Any]) -> None:
    repo = layout("flat")
    file: Path = repo.root / "clusters/live/apps.yaml"
    file.write_text("---\n".join(file.read_text(encoding="utf-8").split("---\n")[1:]), encoding="utf-8")
    review: Review = repo.review()
    assert sorted(touched(review)["live"]) == [
        "clusters/live: removed Application shop",
        "shop: removed CronJob shop/cleanup",
        "shop: removed Service shop/shop",
    ]
    assert "DF601" in {risk.rule for *_, risk in review.risks}


def test_flux(layout: Callable[[str], Any]) -> None:
    repo = layout("flux")
    lines(repo, "apps/production/replicas.yaml", "replicas: 2", "replicas: 0")
    lines(repo, "infrastructure/namespace.yaml", "name: web}", "name: web, labels: {team: a}}")
    review: Review = repo.review()
    assert touched(review) == {
        "production": ["apps: changed Deployment web/web", "infrastructure: changed Namespace web"],
        "staging": ["infrastructure: changed Namespace web"],
    }
    assert {risk.rule for *_, risk in review.risks} == {"DF502"}


def test_a_configured_layout(checkout: Any) -> None:
    deployment = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n"
    files = {
        "pyproject.toml": '[tool.harness.diff.environments]\none = ["k8s/first"]\ntwo = ["k8s/second/**"]\n',
        "k8s/first/kustomization.yaml": "resources: [web.yaml]\n",
        "k8s/first/web.yaml": deployment,
        "k8s/second/deep/web.yaml": deployment,
    }
    checkout.commit(files)
    checkout.write({"k8s/second/deep/web.yaml": deployment.replace("80", "81")})
    review: Review = checkout.review()
    assert touched(review) == {"one": [], "two": ["k8s/second: changed Service web"]}
