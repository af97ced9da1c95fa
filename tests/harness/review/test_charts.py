"""Helm charts: what a change of a chart or of its values does to what Helm renders."""

import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.review.command import diff
from harness.review.model import Review

pytestmark = pytest.mark.tools

URL = "https://git.example.com/ops/web.git"
TEMPLATE = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-web
data:
  release: {{ .Release.Name }}/{{ .Release.Namespace }}
  replicas: {{ .Values.replicas | quote }}
  version: {{ .Values.version | toJson | quote }}
  list: {{ join "," .Values.list | quote }}
  file: {{ .Values.file | default "" | quote }}
"""
CHART = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "replicas: 1\nversion: 1\nlist: [a]\n",
    "charts/web/templates/web.yaml": TEMPLATE,
    "clusters/prod/kustomization.yaml": "resources: [web.yaml]\n",
}


def application(helm: Mapping[str, Any] | None = None, *more: Mapping[str, Any], **source: Any) -> str:
    own = {"repoURL": URL, "path": "charts/web", "helm": dict(helm or {}), **source}
    return json.dumps(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "web"},
            "spec": {"sources": [own, *more], "destination": {"namespace": "shop"}},
        }
    )


def changed(review: Review) -> dict[str, tuple[Any, Any]]:
    """The fields that changed in what the charts render to."""
    assert review.problems == ()
    return {
        field.path: (field.before, field.after)
        for *_, resource in review.walk()
        if resource.identity.kind != "Application"
        for field in resource.fields
    }


@pytest.fixture
def repo(checkout: Any) -> Any:
    checkout.commit({**CHART, "clusters/prod/web.yaml": application()})
    checkout.git("remote", "add", "origin", URL)
    return checkout


@pytest.mark.parametrize(
    ("file", "old", "new", "fields"),
    [
        ("charts/web/values.yaml", "replicas: 1", "replicas: 2", {"data.replicas": ("1", "2")}),
        (
            "charts/web/templates/web.yaml",
            "replicas: {{ .Values.replicas | quote }}",
            'replicas: "{{ .Values.replicas }}0"',
            {"data.replicas": ("1", "10")},
        ),
    ],
)
def test_a_change_in_a_chart_shows_its_effect(
    repo: Any, file: str, old: str, new: str, fields: dict[str, Any]
) -> None:
    repo.write({file: (repo.root / file).read_text().replace(old, new)})
    review = repo.review()
    assert changed(review) == fields
    assert review.headline == "Touches prod (1 changed)."
    diff("HEAD", root=repo.root)


def test_a_rendered_resource_is_located_at_its_template(repo: Any) -> None:
    repo.write({"charts/web/templates/web.yaml": TEMPLATE.replace("replicas:", "count:")})
    ((*_, resource),) = list(repo.review().walk())
    assert resource.source is not None
    assert (resource.source.file, resource.identity.namespace) == ("charts/web/templates/web.yaml", "shop")


def data(checkout: Any, helm: Mapping[str, Any], *more: Mapping[str, Any], **source: Any) -> dict[str, Any]:
    """What becomes of the fields of the ConfigMap with these options, beside those without."""
    checkout.write({"clusters/prod/web.yaml": application(helm, *more, **source)})
    return {path.removeprefix("data."): after for path, (_, after) in changed(checkout.review()).items()}


@pytest.mark.parametrize(
    ("helm", "expected"),
    [
        ({"values": "replicas: 2\n"}, {"replicas": "2"}),
        ({"valuesObject": {"replicas": 3}, "values": "replicas: 2\n"}, {"replicas": "3"}),
        ({"parameters": [{"name": "replicas", "value": "4"}], "values": "replicas: 2\n"}, {"replicas": "4"}),
        ({"parameters": [{"name": "version", "value": "2"}]}, {"version": "2"}),
        ({"parameters": [{"name": "version", "value": "2", "forceString": True}]}, {"version": '"2"'}),
        ({"parameters": [{"name": "list[0]", "value": "b"}]}, {"list": "b"}),
        ({"parameters": [{"name": "list", "value": "{x,y}"}]}, {"list": "x,y"}),
        ({"parameters": [{"name": "file", "value": "a,b"}]}, {"file": "a,b"}),
        (
            {"parameters": [{"name": "file", "value": "$ARGOCD_APP_NAME-${ARGOCD_APP_NAMESPACE}"}]},
            {"file": "web-shop"},
        ),
        ({"fileParameters": [{"name": "file", "path": "notes.txt"}]}, {"file": "note"}),
        ({"valueFiles": ["values-prod.yaml"]}, {"replicas": "5"}),
        ({"valueFiles": ["../../envs/prod/web-values.yaml"]}, {"replicas": "6"}),
        ({"valueFiles": ["/envs/prod/web-values.yaml"]}, {"replicas": "6"}),
        ({"valueFiles": ["values-prod.yaml", "../../envs/prod/web-values.yaml"]}, {"replicas": "6"}),
        ({"valueFiles": ["../../envs/prod/web-values.yaml", "values-prod.yaml"]}, {"replicas": "5"}),
        ({"valueFiles": ["../../envs/prod/web-values.yaml"], "values": "replicas: 7\n"}, {"replicas": "7"}),
        ({"valueFiles": ["absent.yaml"], "ignoreMissingValueFiles": True, "values": "list: []\n"}, {"list": ""}),
        ({"values": "replicas: null\n"}, {"replicas": None}),
        ({"namespace": "other"}, {"release": "web/other"}),
    ],
)
def test_values_are_merged_as_argo_cd_has_helm_merge_them(
    repo: Any, helm: dict[str, Any], expected: dict[str, Any]
) -> None:
    repo.commit(
        {
            "charts/web/values-prod.yaml": "replicas: 5\n",
            "charts/web/notes.txt": "note",
            "envs/prod/web-values.yaml": "replicas: 6\n",
        }
    )
    assert data(repo, helm) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["../../envs/prod/*.yaml"], {"replicas": "6", "list": "z"}),
        (["../../envs/prod/*.yaml", "../../envs/prod/a.yaml"], {"replicas": "5", "list": "z"}),
        (["../../envs/prod/a.yaml", "../../envs/prod/*.yaml"], {"replicas": "6", "list": "z"}),
        (["/envs/prod/**/*.yaml"], {"replicas": "7", "list": "z"}),
        (["/envs/p?od/[ab].yaml"], {"replicas": "6"}),
        (["$values/envs/*/b.yaml"], {"replicas": "6"}),
    ],
)
def test_patterns_select_values_in_the_order_of_their_names(
    repo: Any, names: list[str], expected: dict[str, str]
) -> None:
    repo.commit(
        {
            "envs/prod/a.yaml": "replicas: 5\n",
            "envs/prod/b.yaml": "replicas: 6\n",
            "envs/prod/z.yaml": "list: [z]\n",
            "envs/prod/more/c.yaml": "replicas: 7\n",
            "envs/prod/b.txt": "replicas: 9\n",
        }
    )
    assert data(repo, {"valueFiles": names}, {"ref": "values", "repoURL": URL}) == expected


def test_a_pattern_that_selects_nothing_is_named(repo: Any) -> None:
    repo.write({"clusters/prod/web.yaml": application({"valueFiles": ["envs/*.yaml"]})})
    (problem,) = repo.review().problems
    assert "charts/web/envs/*.yaml does not exist" in problem.sentence
    missing = {"valueFiles": ["envs/*.yaml"], "ignoreMissingValueFiles": True}
    repo.write({"clusters/prod/web.yaml": application(missing)})
    assert repo.review().problems == ()


def test_a_new_file_that_a_pattern_selects_is_shown(repo: Any) -> None:
    repo.commit(
        {"envs/a.yaml": "replicas: 2\n", "clusters/prod/web.yaml": application({"valueFiles": ["/envs/*"]})}
    )
    repo.write({"envs/b.yaml": "replicas: 3\n"})
    review = repo.review()
    assert changed(review) == {"data.replicas": ("2", "3")}
    assert review.uncovered == ""


def test_values_of_a_second_source_are_followed(repo: Any) -> None:
    values = {"ref": "values", "repoURL": URL}
    helm = {"valueFiles": ["$values/envs/prod/web-values.yaml"]}
    repo.commit({"envs/prod/web-values.yaml": "replicas: 6\n"})
    assert data(repo, helm, values) == {"replicas": "6"}
    repo.commit({})
    repo.write({"envs/prod/web-values.yaml": "replicas: 0\n"})
    review = repo.review()
    assert changed(review) == {"data.replicas": ("6", "0")}
    assert review.uncovered_files == ()


def test_a_release_has_another_name(repo: Any) -> None:
    repo.write({"clusters/prod/web.yaml": application({"releaseName": "shop"})})
    assert {resource.identity.name for *_, resource in repo.review().walk()} == {"web", "shop-web"}


GATES = """{{ if .Capabilities.APIVersions.Has "example.com/v1" }}
apiVersion: v1
kind: ConfigMap
metadata: {name: api}
---
{{ end }}
apiVersion: v1
kind: ConfigMap
metadata: {name: version, labels: {minor: "{{ .Capabilities.KubeVersion.Minor }}"}}
"""


def names(review: Review) -> set[str]:
    return {resource.identity.name for *_, resource in review.walk() if resource.identity.kind != "Application"}


@pytest.mark.parametrize(
    ("helm", "expected"),
    [
        ({"kubeVersion": "1.27.3"}, {"version"}),
        ({"kubeVersion": "1.28.0", "apiVersions": ["example.com/v1"]}, {"api"}),
        ({"kubeVersion": "1.28.0", "skipCrds": True}, {"things.example.com"}),
        ({"kubeVersion": "1.28.0", "skipTests": True}, {"check"}),
    ],
)
def test_options_decide_what_is_rendered(repo: Any, helm: dict[str, Any], expected: set[str]) -> None:
    hook = "metadata: {name: check, annotations: {helm.sh/hook: test}}"
    repo.commit(
        {
            "clusters/prod/web.yaml": application({"kubeVersion": "1.28.0"}),
            "charts/web/templates/gates.yaml": GATES,
            "charts/web/templates/check.yaml": f"apiVersion: v1\nkind: Pod\n{hook}\n",
            "charts/web/crds/things.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
            "metadata: {name: things.example.com}\n",
        }
    )
    repo.write({"clusters/prod/web.yaml": application(helm)})
    assert names(repo.review()) == expected


LIBRARY = {
    "Chart.yaml": "apiVersion: v2\nname: common\nversion: 1.0.0\n",
    "values.yaml": "port: 80\n",
    "templates/port.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: port}\n"
    'data: {port: "{{ .Values.port }}"}\n',
}


def archive(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"common/{name}")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def below(folder: str, files: Mapping[str, str]) -> dict[str, str | bytes | None]:
    return {f"{folder}/{name}": text for name, text in files.items()}


NINETY = {**LIBRARY, "values.yaml": "port: 90\n"}


@pytest.mark.parametrize(
    ("repository", "before", "after"),
    [
        ("", below("charts/web/charts/common", LIBRARY), below("charts/web/charts/common", NINETY)),
        (
            "https://charts.example.com",
            {"charts/web/charts/common-1.0.0.tgz": archive(LIBRARY)},
            {"charts/web/charts/common-1.0.0.tgz": archive(NINETY)},
        ),
        ("file://../../lib/common", below("lib/common", LIBRARY), below("lib/common", NINETY)),
    ],
)
def test_dependencies_are_rendered(repo: Any, repository: str, before: Any, after: Any) -> None:
    needs = f"dependencies: [{{name: common, version: 1.x.x, repository: '{repository}'}}]\n"
    repo.commit({**before, "charts/web/Chart.yaml": CHART["charts/web/Chart.yaml"] + needs})
    repo.write(after)
    review = repo.review()
    assert changed(review) == {"data.port": ("80", "90")}
    assert review.headline == "Touches prod (1 changed)."


def test_a_chart_that_needs_one_of_elsewhere_is_named_with_the_difference_of_its_values(repo: Any) -> None:
    needs = "dependencies: [{name: redis, version: 19.0.0, repository: 'https://charts.example.com'}]\n"
    repo.commit({"charts/web/Chart.yaml": CHART["charts/web/Chart.yaml"] + needs})
    repo.write({"charts/web/values.yaml": "replicas: 2\nversion: 1\nlist: [a]\n"})
    review = repo.review()
    assert changed(review) == {"values.replicas": (1, 2)}
    assert [note.sentence for note in review.notes] == [
        "web: the Helm chart in charts/web is not rendered without redis 19.0.0 of https://charts.example.com, "
        "because charts.example.com is not allowed (see --allow-host)."
    ]
    with pytest.raises(HarnessError, match="prod/web") as caught:
        diff("HEAD", root=repo.root)
    assert caught.value.exit_code == 5


def test_the_values_of_a_chart_of_elsewhere_are_compared_field_by_field(repo: Any) -> None:
    values = {"ref": "values", "repoURL": URL}
    chart = {"repoURL": "https://charts.example.com", "chart": "redis", "targetRevision": "19.0.0", "path": None}
    helm = {
        "valueFiles": ["$values/envs/base.yaml", "$values/envs/prod.yaml"],
        "values": "auth: {enabled: true}\n",
        "parameters": [{"name": "auth.password", "value": "s3cr3t-value"}],
    }
    text = application(helm, values, **chart)
    repo.commit(
        {
            "clusters/prod/web.yaml": text,
            "envs/base.yaml": "auth: {enabled: false, user: web}\nreplicas: 1\n",
            "envs/prod.yaml": "replicas: 2\n",
        }
    )
    repo.write(
        {
            "envs/base.yaml": "auth: {enabled: false, user: shop}\nreplicas: 7\n",
            "clusters/prod/web.yaml": text.replace("s3cr3t-value", "s3cr3t-other"),
        }
    )
    review = repo.review()
    fields = changed(review)
    assert fields.pop("values.auth.password") != ("s3cr3t-value", "s3cr3t-other")
    assert fields == {"values.auth.user": ("web", "shop")}
    assert "s3cr3t" not in "".join(resource.before_yaml + resource.after_yaml for *_, resource in review.walk())
    assert [note.sentence for note in review.notes] == [
        "web: the Helm chart redis 19.0.0 of https://charts.example.com is not rendered, "
        "because charts.example.com is not allowed (see --allow-host)."
    ]
    with pytest.raises(HarnessError, match="prod/web") as caught:
        diff("HEAD", root=repo.root)
    assert caught.value.exit_code == 5


def test_applications_in_templates_are_followed(checkout: Any) -> None:
    template = f"""{{{{- range .Values.apps }}}}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {{{{ .name }}}}
spec:
  source:
    repoURL: {URL}
    path: charts/web
    helm:
      valuesObject:
        replicas: {{{{ .replicas }}}}
  destination: {{namespace: {{{{ .name }}}}}}
{{{{- end }}}}
"""
    checkout.commit(
        {
            **CHART,
            "clusters/prod/web.yaml": application(path="apps"),
            "apps/Chart.yaml": "apiVersion: v2\nname: apps\nversion: 1.0.0\n",
            "apps/values.yaml": "apps: [{name: one, replicas: 1}, {name: two, replicas: 1}]\n",
            "apps/templates/apps.yaml": template,
        }
    )
    checkout.git("remote", "add", "origin", URL)
    checkout.write({"apps/values.yaml": "apps: [{name: one, replicas: 1}, {name: two, replicas: 3}]\n"})
    review = checkout.review()
    assert changed(review) == {"data.replicas": ("1", "3")}
    assert review.headline == "Touches prod (2 changed)."


def test_what_a_chart_asks_a_cluster_is_named(repo: Any) -> None:
    repo.commit(
        {
            "charts/web/templates/asking.yaml": '{{- $old := lookup "v1" "Secret" "shop" "web" }}\n'
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: asking}\n"
            'data: {there: "{{ empty $old }}", made: "{{ randAlphaNum 8 }}", at: "{{ now | date "2006" }}"}\n'
        }
    )
    file = repo.root / "charts/web/templates/asking.yaml"
    repo.write({"charts/web/templates/asking.yaml": file.read_text().replace("there:", "here:")})
    review = repo.review()
    assert changed(review) == {"data.there": ("true", None), "data.here": (None, "true")}
    (note,) = review.notes
    assert note.sentence == (
        "web is rendered without a cluster, but its chart asks for the time, "
        "calls randAlphaNum, which makes up a value, looks up Secret web in the cluster."
    )
    diff("HEAD", root=repo.root)


def test_the_helmignore_of_a_chart_holds(repo: Any) -> None:
    repo.commit({"charts/web/.helmignore": "templates/draft.yaml\n"})
    repo.write({"charts/web/templates/draft.yaml": "{{ fail `draft` }}"})
    assert changed(repo.review()) == {}


def test_what_a_template_says_is_located_in_it(repo: Any) -> None:
    repo.write({"charts/web/templates/web.yaml": TEMPLATE.replace(".Values.list", ".Values.list.first.one")})
    (problem,) = repo.review().problems
    assert (problem.file, problem.line) == ("charts/web/templates/web.yaml", 9)
    assert problem.sentence.startswith("The Helm chart in charts/web cannot be rendered: ")


INFLATING = {
    **{name.replace("charts/", "overlays/prod/charts/"): text for name, text in CHART.items() if "web/" in name},
    "overlays/prod/prod.yaml": "replicas: 5\n",
    "overlays/prod/more.yaml": "list: [b]\n",
    "overlays/prod/charts/web/templates/check.yaml": "apiVersion: v1\nkind: Pod\n"
    "metadata: {name: check, annotations: {helm.sh/hook: test}}\n",
    "overlays/prod/charts/web/crds/things.yaml": "apiVersion: apiextensions.k8s.io/v1\n"
    "kind: CustomResourceDefinition\nmetadata: {name: things.example.com}\n",
}


def kustomization(**fields: Any) -> dict[str, str]:
    return {"overlays/prod/kustomization.yaml": json.dumps(fields)}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"valuesFile": "prod.yaml"}, {"data.replicas": "5"}),
        ({"valuesInline": {"replicas": 2}}, {"data.replicas": "2"}),
        ({"valuesInline": {"replicas": 2}, "valuesMerge": "merge"}, {}),
        ({"valuesInline": {"replicas": 2}, "valuesFile": "prod.yaml"}, {"data.replicas": "2"}),
        (
            {"valuesInline": {"list": ["c"]}, "valuesFile": "prod.yaml", "valuesMerge": "replace"},
            {"data.list": "c"},
        ),
        (
            {"valuesFile": "prod.yaml", "additionalValuesFiles": ["more.yaml"]},
            {"data.replicas": "5", "data.list": "b"},
        ),
        ({"namespace": "other"}, {"data.release": "web/other"}),
    ],
)
def test_a_kustomization_inflates_charts(checkout: Any, fields: dict[str, Any], expected: dict[str, str]) -> None:
    chart = {"name": "web", "releaseName": "web"}
    checkout.commit({**INFLATING, **kustomization(namespace="shop", helmCharts=[chart])})
    checkout.write(kustomization(namespace="shop", helmCharts=[{**chart, **fields}]))
    assert {path: after for path, (_, after) in changed(checkout.review()).items()} == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"includeCRDs": True}, {"things.example.com"}),
        ({"skipTests": True}, {"check"}),
        ({"skipHooks": True}, {"check"}),
        ({"releaseName": "shop"}, {"shop-web"}),
        ({"nameTemplate": "{{ `SHOP` | lower }}", "releaseName": ""}, {"shop-web"}),
    ],
)
def test_options_of_kustomize_decide_what_is_inflated(
    checkout: Any, fields: dict[str, Any], expected: set[str]
) -> None:
    chart = {"name": "web", "releaseName": "web"}
    checkout.commit({**INFLATING, **kustomization(helmCharts=[chart])})
    checkout.write(kustomization(helmCharts=[{**chart, **fields}]))
    assert names(checkout.review()) == expected


GENERATOR = {
    "apiVersion": "builtin",
    "kind": "HelmChartInflationGenerator",
    "metadata": {"name": "g"},
    "name": "web",
}


@pytest.mark.parametrize(
    "fields",
    [
        {"helmCharts": [{"name": "web", "releaseName": "web"}], "helmGlobals": {"chartHome": "home"}},
        {"helmChartInflationGenerator": [{"chartName": "web", "releaseName": "web", "chartHome": "home"}]},
        {
            "generators": [
                json.dumps({**GENERATOR, "name": "web", "releaseName": "web", "chartHome": "home"}) + "\n"
            ]
        },
        {"resources": ["../base"]},
        {"components": ["../component"]},
    ],
)
def test_charts_are_inflated_wherever_a_kustomization_names_them(checkout: Any, fields: dict[str, Any]) -> None:
    chart = {name.removeprefix("charts/"): text for name, text in CHART.items() if name.startswith("charts/")}
    patch = '[{"op": "add", "path": "/data/patched", "value": "x"}]'
    below = {"helmCharts": [{"name": "web", "releaseName": "web"}], "helmGlobals": {"chartHome": "../prod/home"}}
    checkout.commit(
        {
            **{f"overlays/prod/home/{name}": text for name, text in chart.items()},
            "overlays/base/kustomization.yaml": json.dumps(below),
            "overlays/component/kustomization.yaml": json.dumps(
                {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", **below}
            ),
            **kustomization(**fields, namePrefix="a-", patches=[{"target": {"kind": "ConfigMap"}, "patch": patch}]),
        }
    )
    checkout.write({"overlays/prod/home/web/values.yaml": "replicas: 9\nversion: 1\nlist: [a]\n"})
    review = checkout.review(environments=["prod"])
    assert changed(review) == {"data.replicas": ("1", "9")}
    ((*_, resource),) = list(review.walk())
    assert resource.identity.name == "a-web-web"
    assert "patched: x" in resource.after_yaml
    assert resource.source is not None
    assert review.uncovered_files == ()
