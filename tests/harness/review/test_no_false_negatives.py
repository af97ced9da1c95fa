"""Changes that look like nothing, and are something."""

import json
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.review.command import diff
from harness.review.model import ChangeKind, Review
from harness.review.review import Permissions

pytestmark = pytest.mark.tools

KUSTOMIZATION = "overlays/one/kustomization.yaml"
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {helm.sh/chart: web-1.0.0}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web, helm.sh/chart: web-1.0.0}
      annotations: {meta.helm.sh/release-name: web}
    spec:
      tolerations: [{key: a, operator: Exists}, {key: b, operator: Exists}]
      volumes: [{name: v, emptyDir: {}}, {name: w, emptyDir: {}}]
      containers:
      - name: web
        image: web:1
        ports: [{name: http, containerPort: 80}, {name: metrics, containerPort: 90}]
        securityContext: {capabilities: {drop: [ALL, NET_RAW]}}
        resources: {limits: {cpu: 1000m}}
      - {name: proxy, image: proxy:1}
"""


def changes(review: Review) -> list[tuple[str, str, list[str]]]:
    return [
        (str(resource.change), resource.identity.name, [field.path for field in resource.fields])
        for *_, resource in review.walk()
    ]


@pytest.fixture
def deployment(checkout: Any) -> Any:
    checkout.commit({KUSTOMIZATION: "resources: [web.yaml]\n", "overlays/one/web.yaml": DEPLOYMENT})
    return checkout


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ("app: web, helm.sh/chart: web-1.0.0", "app: web, helm.sh/chart: web-1.0.1", 'labels["helm.sh/chart"]'),
        ("release-name: web", "release-name: web2", 'annotations["meta.helm.sh/release-name"]'),
        ("labels: {app: web,", "labels: {app: web, heritage: Tiller,", "labels.heritage"),
        (
            "{name: v, emptyDir: {}}, {name: w, emptyDir: {}}",
            "{name: w, emptyDir: {}}, {name: v, emptyDir: {}}",
            "volumes",
        ),
        (
            "[{key: a, operator: Exists}, {key: b, operator: Exists}]",
            "[{key: b, operator: Exists}, {key: a, operator: Exists}]",
            "tolerations",
        ),
        ("[ALL, NET_RAW]", "[NET_RAW, ALL]", "capabilities.drop"),
        (
            "[{name: http, containerPort: 80}, {name: metrics, containerPort: 90}]",
            "[{name: metrics, containerPort: 90}, {name: http, containerPort: 80}]",
            "ports",
        ),
    ],
)
def test_what_restarts_pods_is_shown(deployment: Any, before: str, after: str, path: str) -> None:
    assert before in DEPLOYMENT
    deployment.write({"overlays/one/web.yaml": DEPLOYMENT.replace(before, after)})
    review = deployment.review()
    ((_, _, (shown,)),) = changes(review)
    assert shown.startswith("spec.template.")
    assert shown.endswith(path)
    assert "DF301" in {risk.rule for *_, risk in review.risks}


def test_swapped_containers_are_shown(deployment: Any) -> None:
    web, proxy = DEPLOYMENT.index("      - name: web"), DEPLOYMENT.index("      - {name: proxy")
    deployment.write({"overlays/one/web.yaml": DEPLOYMENT[:web] + DEPLOYMENT[proxy:] + DEPLOYMENT[web:proxy]})
    review = deployment.review()
    assert changes(review) == [("changed", "web", ["spec.template.spec.containers"])]
    assert "DF301" in {risk.rule for *_, risk in review.risks}


@pytest.mark.parametrize(
    ("before", "after"),
    [("labels: {helm.sh/chart: web-1.0.0}}", "labels: {helm.sh/chart: web-2}}"), ("1000m", "1")],
)
def test_what_restarts_none_is_folded(deployment: Any, before: str, after: str) -> None:
    deployment.write({"overlays/one/web.yaml": DEPLOYMENT.replace(before, after)})
    assert changes(deployment.review()) == []


PLAIN = "configMapGenerator: [{name: ca-%s, options: {disableNameSuffixHash: true}}]\n"


def config(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: b}}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"c.yaml": config("ca-2222222222")}, {"c.yaml": config("ca-4444444444")}),
        ({"c.yaml": config("ca-2222222222")}, {"c.yaml": config("ca")}),
        ({"kustomization.yaml": PLAIN % "2222222222"}, {"kustomization.yaml": PLAIN % "4444444444"}),
        (
            {"kustomization.yaml": "configMapGenerator: [{name: ca, literals: [a=b]}]\n"},
            {
                "kustomization.yaml": "configMapGenerator: [{name: ca, literals: [a=b]}]\n"
                "generatorOptions: {disableNameSuffixHash: true}\n"
            },
        ),
        (
            {"kustomization.yaml": "configMapGenerator: [{name: ca, literals: [a=b]}]\n"},
            {"kustomization.yaml": "resources: [c.yaml]\n", "c.yaml": config("ca")},
        ),
    ],
)
def test_only_generated_names_are_folded(checkout: Any, before: dict[str, str], after: dict[str, str]) -> None:
    files = {"kustomization.yaml": "resources: [c.yaml]\n", **before}
    checkout.commit({f"overlays/one/{name}": text for name, text in files.items()})
    checkout.write({f"overlays/one/{name}": text for name, text in after.items()})
    assert len(changes(checkout.review())) > 0


def test_a_generated_name_is_folded(checkout: Any) -> None:
    generator = "configMapGenerator: [{name: c, literals: [a=b]}]\nresources: [web.yaml]\n"
    web = DEPLOYMENT.replace("emptyDir: {}}, {name: w", "configMap: {name: c}}, {name: w")
    checkout.commit({KUSTOMIZATION: generator, "overlays/one/web.yaml": web})
    checkout.write({KUSTOMIZATION: generator.replace("a=b", "a=c")})
    assert changes(checkout.review()) == [("changed", "c", ["data.a"])]


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "Secret", "Service"])
def test_what_one_application_loses_is_removed_whatever_others_have(checkout: Any, kind: str) -> None:
    manifest = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: data}}\n"
    for name in ("api", "web"):
        checkout.write(
            {
                f"apps/{name}/overlays/prod/kustomization.yaml": "resources: [data.yaml]\n",
                f"apps/{name}/overlays/prod/data.yaml": manifest,
            }
        )
    checkout.commit({})
    checkout.write(
        {"apps/web/overlays/prod/kustomization.yaml": "resources: []\n", "apps/web/overlays/prod/data.yaml": None}
    )
    review = checkout.review()
    assert [(change, name) for change, name, _ in changes(review)] == [(ChangeKind.REMOVED, "data")]


APPLICATION = (
    "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\n"
    "spec: {source: {path: apps/web, kustomize: {ignoreMissingComponents: true,"
    " components: [../../components/debug, ../../components/nothing]}}}\n"
)
FLUX = (
    "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: web}\n"
    "spec: {path: ./apps/web, sourceRef: {kind: GitRepository, name: x}, components: [../../components/debug]}\n"
)


@pytest.mark.parametrize("deployer", [APPLICATION, FLUX])
def test_components_of_an_application_are_built(checkout: Any, deployer: str) -> None:
    component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [c.yaml]\n"
    checkout.commit(
        {
            "clusters/prod/kustomization.yaml": "resources: [web.yaml]\n",
            "clusters/prod/web.yaml": deployer,
            "apps/web/kustomization.yaml": "resources: [web.yaml]\n",
            "apps/web/web.yaml": DEPLOYMENT,
            "components/debug/kustomization.yaml": component,
            "components/debug/c.yaml": config("c"),
        }
    )
    checkout.write({"components/debug/c.yaml": config("c").replace("a: b", "a: c")})
    review = checkout.review()
    assert review.problems == ()
    assert changes(review) == [("changed", "c", ["data.a"])]


def test_a_component_that_an_application_misses_is_named(checkout: Any) -> None:
    checkout.commit(
        {
            "clusters/prod/kustomization.yaml": "resources: [web.yaml]\n",
            "clusters/prod/web.yaml": FLUX,
            "apps/web/kustomization.yaml": "resources: []\n",
        }
    )
    (problem,) = checkout.review().problems
    assert "../../components/debug does not exist" in problem.sentence


CHART = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "replicas: 1\n",
    "charts/web/README.md": "web\n",
    "envs/prod/web-values.yaml": "replicas: 1\n",
    "docs/index.md": "x\n",
    "patches/replicas.json": "[]\n",
    "tools/kustomization.txt": "x\n",
    "clusters/prod/kustomization.yaml": "resources: [web.yaml]\n",
    "clusters/prod/web.yaml": APPLICATION.replace("apps/web, kustomize", "charts/web, helm").replace(
        "ignoreMissingComponents", "skipCrds"
    ),
}


@pytest.mark.parametrize(
    "file",
    [
        "envs/prod/web-values.yaml",
        "patches/replicas.json",
        "tools/kustomization.txt",
    ],
)
def test_a_file_that_nothing_is_made_of_is_in_headline_and_exit_code(checkout: Any, file: str) -> None:
    checkout.commit(CHART)
    checkout.write({file: "replicas: 0\n"})
    headline = checkout.review(permissions=Permissions(accepted=["prod/web"])).headline
    assert (
        headline == f"Touches nothing that is compared (prod); 1 changed file is used by no environment ({file})."
    )
    with pytest.raises(HarnessError, match=f"{file}.*--accept") as caught:
        diff("HEAD", root=checkout.root, accept=["prod/web"])
    assert caught.value.exit_code == 5
    diff("HEAD", root=checkout.root, accept=["prod/web", file.rpartition("/")[0] + "/**"])


def test_an_application_that_is_not_followed_is_in_the_headline(checkout: Any) -> None:
    needs = "dependencies: [{name: redis, version: 1.0.0}]\n"
    checkout.commit({**CHART, "charts/web/Chart.yaml": CHART["charts/web/Chart.yaml"] + needs})
    assert checkout.review().headline == (
        "Touches nothing that is compared (prod); 1 Application not followed (prod/web)."
    )


def test_the_branch_accepts_nothing(checkout: Any) -> None:
    checkout.commit(CHART)
    checkout.write(
        {"pyproject.toml": '[tool.harness.diff]\naccept = ["**"]\n', "envs/prod/web-values.yaml": "x: 0\n"}
    )
    review = checkout.review(permissions=Permissions(accepted=["prod/web"]))
    assert review.uncovered_files == ("envs/prod/web-values.yaml",)
    assert {risk.rule for *_, risk in review.risks} == {"DF609"}


def test_prose_is_covered(checkout: Any) -> None:
    checkout.commit(CHART)
    checkout.write({"docs/index.md": "y\n"})
    accepted = Permissions(accepted=["prod/web"])
    assert checkout.review(permissions=accepted).headline == "Touches no environment (prod)."


@pytest.mark.parametrize("folder", ["components/web/prod", "tests/web", "examples/a", "base", "vendor/x"])
def test_folders_of_any_name_are_environments(checkout: Any, folder: str) -> None:
    checkout.commit({f"{folder}/kustomization.yaml": "resources: [c.yaml]\n", f"{folder}/c.yaml": config("c")})
    checkout.write({f"{folder}/c.yaml": config("c").replace("a: b", "a: c")})
    assert changes(checkout.review()) == [("changed", "c", ["data.a"])]


def test_a_configured_pattern_may_have_stars_before_its_end(checkout: Any) -> None:
    pattern = '[tool.harness.diff.environments]\nprod = ["components/*/production/**"]\n'
    folder = "components/web/production/eu"
    checkout.commit(
        {
            "pyproject.toml": pattern,
            f"{folder}/kustomization.yaml": "resources: [c.yaml]\n",
            f"{folder}/c.yaml": config("c"),
        }
    )
    checkout.write({f"{folder}/c.yaml": config("c").replace("a: b", "a: c")})
    assert checkout.review().headline == "Touches prod (1 changed)."


@pytest.mark.parametrize(
    "part",
    [
        {"kustomization.yaml": "resources: [c.yaml]\n", "c.yaml": config("c")},
        {"kustomization.yaml": "configMapGenerator: [{name: c, literals: [x=y]}]\n"},
    ],
)
def test_parts_that_do_not_build_together_are_a_problem(checkout: Any, part: dict[str, str]) -> None:
    whole = {"overlays/one/kustomization.yaml": "resources: [a, b]\n"}
    first = {f"overlays/one/a/{name}": text for name, text in part.items()}
    other = {"overlays/one/b/kustomization.yaml": "configMapGenerator: [{name: d, literals: [a=b]}]\n"}
    checkout.commit({**whole, **first, **other})
    assert checkout.review().problems == ()
    checkout.write({f"overlays/one/b/{name}": text for name, text in part.items()})
    assert any("c" in problem.sentence and problem.side == "head" for problem in checkout.review().problems)


def parts(listed: str, **more: str) -> dict[str, str]:
    """A kustomization that only lists folders, and two of these; `more` are other kustomizations beside them."""
    listing = {"overlays/one": f"resources: [{listed}]\n"} | {
        f"overlays/one/{name}": text for name, text in more.items()
    }
    files = {f"{folder}/kustomization.yaml": text for folder, text in listing.items()}
    for name in ("a", "b"):
        files[f"overlays/one/{name}/kustomization.yaml"] = "resources: [c.yaml]\n"
        files[f"overlays/one/{name}/c.yaml"] = config(name)
    return files


def test_a_part_that_is_no_longer_listed_is_shown(checkout: Any) -> None:
    checkout.commit(parts("a, b"))
    checkout.write(parts("a"))
    review = checkout.review()
    assert changes(review) == [("moved", "b", [])]
    assert [resource.moved_from for *_, resource in review.walk()] == ["overlays/one/b of overlays/one"]


def test_parts_that_nothing_lists_any_more_are_shown(checkout: Any) -> None:
    checkout.commit(parts("a, b"))
    checkout.write({"overlays/one/kustomization.yaml": None})
    assert [(change, name) for change, name, _ in changes(checkout.review())] == [("moved", "a"), ("moved", "b")]


def test_a_part_that_is_listed_twice_is_shown(checkout: Any) -> None:
    more = "resources: [../b]\n"
    checkout.commit(parts("a", more=more))
    checkout.write(parts("a, b", more=more))
    assert [(change, name) for change, name, _ in changes(checkout.review())] == [("added", "b")]


def test_a_list_that_becomes_an_overlay_is_compared_as_a_whole(checkout: Any) -> None:
    checkout.commit(parts("a, b"))
    checkout.write(parts("a, b, c.yaml") | {"overlays/one/c.yaml": config("c")})
    assert [(change, name) for change, name, _ in changes(checkout.review())] == [("added", "c")]


def test_a_list_of_a_folder_above_it_cannot_be_built(checkout: Any) -> None:
    checkout.commit(parts("a, b"))
    checkout.write({"overlays/one/a/up/kustomization.yaml": "resources: [..]\n"})
    assert [problem.side for problem in checkout.review().problems] == ["head"]


def deploys(path: str) -> str:
    spec = {"source": {"repoURL": "https://git.example.com/x.git", "path": path}}
    return json.dumps(
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "app"}, "spec": spec}
    )


def test_an_application_in_json_is_followed(checkout: Any) -> None:
    checkout.commit(parts("a, b") | {"argocd/app.yaml": deploys("charts")})
    checkout.write({"argocd/app.yaml": deploys("other")})
    assert ("changed", "app", ["spec.source.path"]) in changes(checkout.review())


def test_what_an_application_deploys_is_no_part_of_it_as_well(checkout: Any) -> None:
    application = {"argocd/app.yaml": deploys("overlays/one")}
    checkout.commit(parts("a, b") | application)
    checkout.write({"overlays/one/b/c.yaml": config("b").replace("a: b", "a: c")})
    assert changes(checkout.review()) == [("changed", "b", ["data.a"])]


def test_a_part_of_an_environment_stays_one_when_another_deploys_it(checkout: Any) -> None:
    lists = {"overlays/two/kustomization.yaml": "resources: [../one/b]\n"}
    checkout.commit(parts("a, b") | lists | {"argocd/app.yaml": deploys("overlays/one/b")})
    checkout.write({"overlays/one/b/c.yaml": config("b").replace("a: b", "a: c")})
    assert checkout.review().headline == "Touches one (1 changed) and two (1 changed), not argocd."


def test_a_folder_with_a_kustomization_and_a_file_beside_it_is_one(checkout: Any) -> None:
    checkout.commit(parts("a, b") | {"overlays/one/a/app.yaml": deploys("charts")})
    checkout.write({"overlays/one/a/c.yaml": config("a").replace("a: b", "a: c")})
    assert changes(checkout.review()) == [("changed", "a", ["data.a"])]
    checkout.write({"overlays/one/a/app.yaml": deploys("other")})
    assert checkout.review().uncovered_files == ("overlays/one/a/app.yaml",)
