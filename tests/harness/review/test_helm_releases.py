"""Flux's HelmReleases: what a change does to what Helm renders for them."""

import json
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.review.command import diff
from harness.review.model import Review

pytestmark = pytest.mark.tools

URL = "https://git.example.com/ops/web.git"
TEMPLATE = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
spec:
  replicas: {{ .Values.replicas }}
  template:
    spec:
      containers: [{name: web, image: "web:{{ .Values.tag }}"}]
"""
FLUX = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: flux}\n"
FILES = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "replicas: 1\ntag: '1'\n",
    "charts/web/prod.yaml": "replicas: 5\ntag: '1'\n",
    "charts/web/templates/web.yaml": TEMPLATE,
    "charts/web/templates/check.yaml": "apiVersion: v1\nkind: Pod\n"
    "metadata: {name: check, annotations: {helm.sh/hook: test}}\n",
    "charts/web/crds/things.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    "metadata: {name: things.example.com}\n",
    "clusters/prod/flux.yaml": f"{FLUX}spec: {{path: ./apps, sourceRef: {{kind: GitRepository, name: ops}}}}\n---\n"
    "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
    f"metadata: {{name: ops, namespace: flux}}\nspec: {{url: {URL}}}\n",
    "apps/kustomization.yaml": "resources: [web.yaml, values.yaml]\n",
    "apps/values.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: values, namespace: shop}\n"
    "data: {values.yaml: 'replicas: 7', tag: '9'}\n",
}
OPS = {"kind": "GitRepository", "name": "ops", "namespace": "flux"}


def helm_release(chart: dict[str, Any] | None = None, **spec: Any) -> dict[str, str]:
    own = {"chart": "./charts/web", "sourceRef": OPS, **(chart or {})}
    value = {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"chart": {"spec": own}, **spec},
    }
    return {"apps/web.yaml": json.dumps(value)}


@pytest.fixture
def repo(checkout: Any) -> Any:
    checkout.commit({**FILES, **helm_release()})
    checkout.git("remote", "add", "origin", URL)
    return checkout


def rendered(review: Review) -> dict[str, Any]:
    """The fields that changed in what the chart renders to, and their new values."""
    assert review.problems == ()
    return {
        field.path.rpartition(".")[2]: field.after
        for *_, resource in review.walk()
        if resource.identity.kind not in ("HelmRelease", "ConfigMap")
        for field in resource.fields
    }


@pytest.mark.parametrize(
    ("chart", "spec", "expected"),
    [
        ({}, {"values": {"replicas": 2}}, {"replicas": 2}),
        ({"valuesFiles": ["charts/web/prod.yaml"]}, {}, {"replicas": 5}),
        ({"valuesFiles": ["./charts/web/prod.yaml"]}, {"values": {"replicas": 3}}, {"replicas": 3}),
        (
            {"valuesFiles": ["absent.yaml", "charts/web/prod.yaml"], "ignoreMissingValuesFiles": True},
            {},
            {"replicas": 5},
        ),
        ({}, {"valuesFrom": [{"kind": "ConfigMap", "name": "values"}]}, {"replicas": 7}),
        ({}, {"valuesFrom": [{"kind": "ConfigMap", "name": "values"}], "values": {"replicas": 3}}, {"replicas": 3}),
        (
            {},
            {"valuesFrom": [{"kind": "ConfigMap", "name": "values", "valuesKey": "tag", "targetPath": "tag"}]},
            {"image": "web:9"},
        ),
        ({}, {"valuesFrom": [{"kind": "ConfigMap", "name": "absent", "optional": True}]}, {}),
        ({}, {"postRenderers": [{"kustomize": {"images": [{"name": "web", "newTag": "8"}]}}]}, {"image": "web:8"}),
        (
            {},
            {
                "postRenderers": [
                    {
                        "kustomize": {
                            "patches": [
                                {
                                    "target": {"kind": "Deployment"},
                                    "patch": '[{"op": "replace", "path": "/spec/replicas", "value": 4}]',
                                }
                            ]
                        }
                    }
                ]
            },
            {"replicas": 4},
        ),
    ],
)
def test_values_come_from_where_flux_takes_them(
    repo: Any, chart: dict[str, Any], spec: dict[str, Any], expected: dict[str, Any]
) -> None:
    repo.write(helm_release(chart, **spec))
    review = repo.review()
    assert rendered(review) == expected
    assert review.uncovered == ""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"releaseName": "shop"}, {("Deployment", "shop", "shop")}),
        ({"targetNamespace": "other"}, {("Deployment", "shop", "web"), ("Deployment", "other", "other-web")}),
        ({"install": {"crds": "Skip"}}, {("CustomResourceDefinition", "", "things.example.com")}),
        ({"test": {"enable": True}}, {("Pod", "shop", "check")}),
    ],
)
def test_options_decide_what_is_rendered(
    repo: Any, spec: dict[str, Any], expected: set[tuple[str, str, str]]
) -> None:
    repo.write(helm_release(**spec))
    identities = [resource.identity for *_, resource in repo.review().walk()]
    assert {(item.kind, item.namespace, item.name) for item in identities if item.kind != "HelmRelease"} == expected


def test_a_change_of_the_chart_or_of_values_elsewhere_shows_its_effect(repo: Any) -> None:
    repo.commit(helm_release(valuesFrom=[{"kind": "ConfigMap", "name": "values"}]))
    repo.write({"charts/web/values.yaml": "replicas: 1\ntag: '2'\n"})
    assert rendered(repo.review()) == {"image": "web:2"}
    repo.write({"apps/values.yaml": FILES["apps/values.yaml"].replace("replicas: 7", "replicas: 0")})
    assert rendered(repo.review()) == {"image": "web:2", "replicas": 0}
    (*_, resource) = next(item for item in repo.review().walk() if item[-1].identity.kind == "Deployment")
    assert resource.source is not None


def test_values_of_a_secret_are_not_used(repo: Any) -> None:
    metadata = "metadata: {name: tags, namespace: shop}"
    secret = f"apiVersion: v1\nkind: Secret\n{metadata}\nstringData: {{values.yaml: 'tag: 9'}}\n"
    more = {"apps/values.yaml": f"{FILES['apps/values.yaml']}---\n{secret}"}
    repo.write({**helm_release(valuesFrom=[{"kind": "Secret", "name": "tags"}]), **more})
    review = repo.review()
    assert "image" not in rendered(review)
    assert [note.sentence for note in review.notes] == [
        "web is rendered without the values from the Secret shop/tags, which are secret."
    ]


@pytest.mark.parametrize(
    ("chart", "said"),
    [
        (
            {"chart": "redis", "sourceRef": {"kind": "HelmRepository", "name": "x"}},
            "the Helm chart redis is not rendered, because its repository is not defined here",
        ),
        (
            {"sourceRef": {"kind": "GitRepository", "name": "x"}, "chart": "other"},
            "deploys other of another repository",
        ),
    ],
)
def test_what_is_not_rendered_is_named(repo: Any, chart: dict[str, Any], said: str) -> None:
    repo.write(helm_release(chart))
    assert any(said in note.sentence for note in repo.review().notes)
    with pytest.raises(HarnessError, match="prod/web") as caught:
        diff("HEAD", root=repo.root)
    assert caught.value.exit_code == 5


def test_values_for_a_chart_of_elsewhere_are_merged(repo: Any) -> None:
    elsewhere = {"chart": "redis", "sourceRef": {"kind": "HelmRepository", "name": "x"}}
    spec = {"valuesFrom": [{"kind": "ConfigMap", "name": "values"}], "values": {"tag": "3"}}
    repo.commit(helm_release(elsewhere, **spec))
    repo.write({"apps/values.yaml": FILES["apps/values.yaml"].replace("replicas: 7", "{replicas: 0, tag: 4}")})
    assert rendered(repo.review()) == {"replicas": 0}


def test_a_chart_that_is_missing_is_a_problem(repo: Any) -> None:
    repo.write({name: None for name in FILES if name.startswith("charts/")})
    (problem,) = repo.review().problems
    assert problem.sentence == "charts/web has no Chart.yaml, but web deploys it as a Helm chart."
