"""Flux's HelmReleases: what a change does to what Helm renders for them."""

import json
from typing import Any

import pytest
import yaml

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
    "data: {values.yaml: 'replicas: 7', tag: '9', quoted: \"'9'\", several: '{a,b}'}\n",
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


def values_at(key: str, path: str) -> dict[str, Any]:
    """Of a HelmRelease: the value of a key of the ConfigMap, at a path of the chart's values."""
    return {"valuesFrom": [{"kind": "ConfigMap", "name": "values", "valuesKey": key, "targetPath": path}]}


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
        ({}, {"valuesFrom": [{"kind": "ConfigMap", "name": "values", "valuesKey": "no", "optional": True}]}, {}),
        ({}, values_at("quoted", "tag"), {"image": "web:9"}),
        ({}, values_at("several", "tag"), {"image": "web:[a b]"}),
        (
            {},
            {"valuesFrom": [{**values_at("several", "tag")["valuesFrom"][0], "literal": True}]},
            {"image": "web:{a,b}"},
        ),
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


def test_common_metadata_is_added_to_what_is_rendered(repo: Any) -> None:
    common = {"labels": {"team": "shop"}, "annotations": {"by": "flux"}}
    repo.write(helm_release(commonMetadata=common))
    review = repo.review()
    assert rendered(review) == {"team": "shop", "by": "flux"}
    deployment = next(item for *_, item in review.walk() if item.identity.kind == "Deployment")
    metadata = yaml.safe_load(deployment.after_yaml)["metadata"]
    assert (metadata["labels"], metadata["annotations"]) == (common["labels"], common["annotations"])
    assert "team" not in str(yaml.safe_load(deployment.after_yaml)["spec"])
    assert {(item.identity.kind, item.identity.namespace) for *_, item in review.walk()} >= {("Deployment", "shop")}


@pytest.mark.parametrize(
    ("origin", "why"),
    [
        ({"name": "absent"}, "values.yaml of the ConfigMap shop/absent, which is not in this environment"),
        ({"name": "values", "valuesKey": "no"}, "no of the ConfigMap shop/values, which is not in it"),
    ],
)
def test_values_that_are_missing_are_named(repo: Any, origin: dict[str, str], why: str) -> None:
    repo.write(helm_release(valuesFrom=[{"kind": "ConfigMap", **origin}]))
    review = repo.review()
    assert any(f"web takes values from {why}." in note.sentence for note in review.notes)
    assert review.not_followed == ("prod/web",)


def test_what_a_release_waits_for_is_named_if_it_is_missing(repo: Any) -> None:
    repo.write(helm_release(dependsOn=[{"name": "web"}, {"name": "gone", "namespace": "other"}]))
    (note,) = repo.review().notes
    assert note.sentence == "web waits for the HelmRelease other/gone, which is not in this environment."


@pytest.mark.parametrize(
    ("annotation", "is_kept"), [("helm.sh/resource-policy: keep", True), ("team: shop", False)]
)
def test_helm_keeps_what_says_so(repo: Any, annotation: str, is_kept: bool) -> None:
    claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, annotations: {X}}\n"
    flux = FILES["clusters/prod/flux.yaml"].replace("spec: {path", "spec: {prune: true, path")
    repo.commit(
        {"charts/web/templates/claim.yaml": claim.replace("X", annotation), "clusters/prod/flux.yaml": flux}
    )
    repo.write({"charts/web/templates/claim.yaml": None})
    rules = {risk.rule for *_, risk in repo.review().risks}
    assert rules == ({"DF610"} if is_kept else {"DF101"})
    repo.write(
        {
            "charts/web/templates/claim.yaml": claim.replace("X", annotation),
            "apps/kustomization.yaml": "resources: [values.yaml]\n",
        }
    )
    rules = {risk.rule for *_, risk in repo.review().risks}
    assert ("DF101" in rules) is not is_kept


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
