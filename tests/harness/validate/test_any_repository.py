"""A repository that is laid out in another way, and says nothing about itself, is judged by what holds for all."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from harness.errors import UsageError
from harness.exits import ExitCode
from harness.manifests.settings import FILE
from harness.validate.check import validate
from harness.validate.command import validate as command
from harness.validate.groups import GROUPS, asked, group_of
from harness.validate.output import tally
from harness.validate.rules import RULES

pytestmark = pytest.mark.tools

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n"
WRONG = SERVICE.replace("80", "eighty")
"""Refused by the schema of every Kubernetes version."""
BARE = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: elsewhere
      containers: [{name: web, image: 'web:latest', envFrom: [{secretRef: {name: elsewhere}}]}]
"""
"""Applied by any cluster; against this platform's policy, and with references to what other tools create."""


def kustomization(*resources: str, more: str = "") -> str:
    return f"resources: [{', '.join(resources)}]\n{more}"


def validated(root: Path) -> Result:
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, ["-C", str(root)])


def repository(folder: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def application(path: str, name: str = "web", url: str = "https://git.example.com/own.git") -> str:
    return (
        f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\nspec:\n"
        f"  project: default\n  destination: {{name: in-cluster, namespace: web}}\n"
        f"  source: {{repoURL: '{url}', path: {path}}}\n"
    )


SHAPES = {
    "overlays": (
        {
            "base/kustomization.yaml": kustomization("web.yaml"),
            "base/web.yaml": SERVICE,
            "overlays/blue/kustomization.yaml": kustomization("../../base"),
            "overlays/green/kustomization.yaml": kustomization("../../base", "wrong.yaml"),
            "overlays/green/wrong.yaml": WRONG.replace("web", "wrong"),
        },
        {"blue", "green"},
        [("overlays/green/wrong.yaml", ("green",))],
    ),
    "overlays of applications, with environments of one name": (
        {
            "apps/a/base/kustomization.yaml": kustomization("web.yaml"),
            "apps/a/base/web.yaml": SERVICE,
            "apps/a/overlays/prod/kustomization.yaml": kustomization("../../base"),
            "apps/b/overlays/prod/kustomization.yaml": kustomization("wrong.yaml"),
            "apps/b/overlays/prod/wrong.yaml": WRONG,
            "apps/b/overlays/test/kustomization.yaml": kustomization("wrong.yaml"),
            "apps/b/overlays/test/wrong.yaml": WRONG,
        },
        {"prod", "test"},
        [("apps/b/overlays/prod/wrong.yaml", ("prod",)), ("apps/b/overlays/test/wrong.yaml", ("test",))],
    ),
    "clusters that Argo CD deploys": (
        {
            "clusters/one/web.yaml": application("apps/web"),
            "apps/web/kustomization.yaml": kustomization("wrong.yaml"),
            "apps/web/wrong.yaml": WRONG,
        },
        {"one"},
        [("apps/web/wrong.yaml", ("one",))],
    ),
    "one kustomization at the top": (
        {"kustomization.yaml": kustomization("wrong.yaml"), "wrong.yaml": WRONG},
        {"repository"},
        [("wrong.yaml", ("repository",))],
    ),
    "environments below each other": (
        {
            "overlays/prod/kustomization.yaml": kustomization("eu", "us"),
            "overlays/prod/eu/kustomization.yaml": kustomization("web.yaml"),
            "overlays/prod/eu/web.yaml": SERVICE,
            "overlays/prod/us/overlays/prod/kustomization.yaml": kustomization("wrong.yaml"),
            "overlays/prod/us/overlays/prod/wrong.yaml": WRONG.replace("web", "wrong"),
            "overlays/prod/us/kustomization.yaml": kustomization("overlays/prod"),
        },
        {"prod"},
        [("overlays/prod/us/overlays/prod/wrong.yaml", ("prod",))],
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("git", [False, True])
def test_its_environments_are_found_and_judged(shape: str, tmp_path: Path, *, git: bool) -> None:
    files, environments, places = SHAPES[shape]
    root = repository(tmp_path, files)
    if git:
        subprocess.run(["git", "init", "-q", root], check=True)
        repository(root, {".gitignore": "/ignored/", "ignored/overlays/x/kustomization.yaml": "nonsense: true\n"})
    report = validate(root)
    assert set(report.environments) == environments
    assert [(str(one.file and one.file.relative_to(root)), one.environments) for one in report.findings] == places
    assert {one.rule for one in report.findings} == {"LH201"}
    assert not report.incomplete


def test_what_is_this_platforms_is_not_asked_and_the_tally_says_so(tmp_path: Path) -> None:
    root = repository(tmp_path, {"app/kustomization.yaml": kustomization("web.yaml"), "app/web.yaml": BARE})
    report = validate(root)
    assert report.findings == []
    assert f"{len(report.not_asked)} rules were not asked" in tally(report)
    assert all(group.name in tally(report) for group in GROUPS)
    assert {"LH303", "LH401", "LH511", "LH601", "LH751"} <= set(report.not_asked)


@pytest.mark.parametrize(("chosen", "rules"), [("LH304", {"LH304"}), ("whole", {"LH303", "LH304"})])
def test_settings_ask_for_rules_or_groups(tmp_path: Path, chosen: str, rules: set[str]) -> None:
    files = {
        "app/kustomization.yaml": kustomization("web.yaml"),
        "app/web.yaml": BARE,
        FILE: f'[tool.harness.validate]\nrules = ["{chosen}"]\n',
    }
    assert {finding.rule for finding in validate(repository(tmp_path, files)).findings} == rules


def test_a_group_that_does_not_exist_is_named() -> None:
    with pytest.raises(UsageError, match="did you mean 'policy'"):
        asked(["polcy"])


def test_every_group_is_of_rules_that_exist_and_no_rule_is_in_two() -> None:
    for group in GROUPS:
        assert any(group.has(rule) for rule in RULES)
    assert all(sum(group.has(rule) for group in GROUPS) <= 1 for rule in RULES)
    assert group_of(RULES["LH201"]) is None
    assert asked([]) < asked([group.name for group in GROUPS]) == RULES.keys()


def test_a_broken_root_is_one_finding_and_the_others_are_judged(tmp_path: Path) -> None:
    files = {
        "overlays/a/kustomization.yaml": kustomization("missing.yaml"),
        "overlays/b/kustomization.yaml": kustomization("web.yaml", more="unknownField: 1\n"),
        "overlays/b/web.yaml": SERVICE,
        "overlays/c/kustomization.yaml": kustomization("wrong.yaml"),
        "overlays/c/wrong.yaml": WRONG,
    }
    report = validate(repository(tmp_path, files))
    assert [(finding.rule, finding.line, finding.environments) for finding in report.findings] == [
        ("LH103", 1, ("a",)),
        ("LH101", 2, ("b",)),
        ("LH201", 4, ("c",)),
    ]
    assert report.incomplete == ["a", "b"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "resources: [web.yaml]\n",
            ":2: LH110 overlays/b/kustomization.yaml has the key 'resources' twice",
        ),
        ("namspace: x\n", ":2: LH101 overlays/b/kustomization.yaml has the unknown field 'namspace'"),
        ("namespace: [x]\n", ":2: LH101 overlays/b/kustomization.yaml has the wrong type in 'namespace'"),
    ],
)
def test_a_broken_kustomization_is_one_finding_at_its_line(tmp_path: Path, more: str, said: str) -> None:
    files = {
        "overlays/b/kustomization.yaml": kustomization("web.yaml", more=more),
        "overlays/b/web.yaml": SERVICE,
        "overlays/c/kustomization.yaml": kustomization("wrong.yaml"),
        "overlays/c/wrong.yaml": WRONG,
    }
    first, second, *_ = validated(repository(tmp_path, files)).stdout.splitlines()
    assert first.startswith(f"overlays/b/kustomization.yaml{said}")
    assert second.startswith("overlays/c/wrong.yaml:4: LH201")


FLUX = """apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: app, namespace: flux-system}
spec: {path: app, sourceRef: {kind: GitRepository, name: own}, postBuild: {substitute: {PORT: '80'}}}
"""
VARIABLE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports:\n  - port: ${PORT}\n"
REMOTE = "https://git.example.com/base.git//web?ref=v1"
CHART = "helmCharts: [{name: x, repo: 'https://charts.example.com/'}]\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("overlays/x/kustomization.yaml", kustomization(f"'{REMOTE}'"), "git.example.com is not allowed"),
        ("overlays/x/kustomization.yaml", CHART, "charts.example.com is not allowed"),
        ("overlays/x/kustomization.yaml", "generators: [plugin.yaml]\n", "which is never run"),
        ("overlays/x/other.yaml", application("elsewhere", url=REMOTE), "of another repository"),
    ],
)
def test_what_is_not_built_is_named_and_no_finding(tmp_path: Path, name: str, content: str, said: str) -> None:
    plugin = "apiVersion: viaduct.ai/v1\nkind: ksops\nmetadata: {name: x}\n"
    files = {
        name: content,
        "overlays/x/plugin.yaml": plugin,
        "overlays/y/kustomization.yaml": kustomization("web.yaml"),
        "overlays/y/web.yaml": SERVICE,
    }
    root = repository(tmp_path, files)
    result = validated(root)
    assert result.exit_code == ExitCode.ATTENTION
    assert said in result.stdout
    assert result.stdout.startswith("No findings, part not judged: ")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("hack/templates/web/kustomization.yaml", kustomization("../base"), "a template"),
        ("skeleton/kustomization.yaml", "resources: [{% if x %}a.yaml{% endif %}]\n", "a template"),
        ("new/{{ name }}/kustomization.yaml", kustomization("web.yaml"), "a template"),
        ("plugins/web/kustomization.yaml", kustomization("all.yaml"), "from the chart there"),
    ],
)
def test_what_is_completed_before_it_is_built_is_named_and_no_finding(
    tmp_path: Path, name: str, content: str, why: str
) -> None:
    files = {name: content, "plugins/web/Chart.yaml": "name: web\n"}
    files |= {"overlays/y/kustomization.yaml": kustomization("web.yaml"), "overlays/y/web.yaml": SERVICE}
    report = validate(repository(tmp_path, files))
    (said,) = report.not_built
    assert (report.findings, said.startswith(f"{name}:"), said.endswith(why)) == ([], True, True)


def test_a_template_that_is_deployed_is_none(tmp_path: Path) -> None:
    files = {
        "clusters/one/web.yaml": application("templates/web"),
        "templates/web/kustomization.yaml": kustomization("../base"),
    }
    report = validate(repository(tmp_path, files))
    assert ([finding.rule for finding in report.findings], report.not_built) == (["LH103"], [])


def test_what_a_manifest_that_is_still_empty_lacks_is_not_judged(tmp_path: Path) -> None:
    patch = "patches: [{target: {kind: Deployment}, patch: '- {op: remove, path: /spec}'}]\n"
    files = {
        "clusters/x/kustomization.yaml": kustomization("generated.yaml", "web.yaml", more=patch),
        "clusters/x/generated.yaml": "---\n# Written when the cluster is set up.\n",
        "clusters/x/web.yaml": SERVICE,
    }
    report = validate(repository(tmp_path, files))
    assert report.findings == []
    assert report.not_judged == [
        "clusters/x/generated.yaml is empty, so whether all parts of clusters/x/kustomization.yaml change "
        "something (LH110) was not judged."
    ]
    (tmp_path / "clusters/x/generated.yaml").write_text(SERVICE.replace("web", "other"))
    assert [finding.rule for finding in validate(tmp_path).findings] == ["LH110"]


def test_what_a_kustomization_completes_is_not_missed_where_its_base_is_not_at_hand(tmp_path: Path) -> None:
    binding = (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: web}\n"
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: web}\n"
        "subjects: [{kind: ServiceAccount, name: web}]\n"
    )
    files = {
        "overlays/x/kustomization.yaml": kustomization(f"'{REMOTE}'", "web.yaml", more="namespace: web\n"),
        "overlays/x/web.yaml": binding,
    }
    assert validate(repository(tmp_path, files)).findings == []
    files["overlays/x/kustomization.yaml"] = kustomization("web.yaml")
    (finding,) = validate(repository(tmp_path, files)).findings
    assert "subjects[0].namespace: Required value" in finding.message


COMPONENT = """apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: '${APP}'}
spec: {minReplicas: 3, maxReplicas: 2, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
"""


def test_what_a_variable_names_is_found_in_its_file(tmp_path: Path) -> None:
    substitute = "{path: app, components: [../part], targetNamespace: web, postBuild: {substitute: {APP: shop}}, "
    files = {
        "clusters/x/flux.yaml": FLUX.replace("{path: app, ", substitute).replace(
            "postBuild: {substitute: {PORT: '80'}}", "prune: true"
        ),
        "app/kustomization.yaml": kustomization("web.yaml"),
        "app/web.yaml": SERVICE,
        "part/kustomization.yaml": f"kind: Component\n{kustomization('scale.yaml')}",
        "part/scale.yaml": COMPONENT,
    }
    (finding,) = validate(repository(tmp_path, files)).findings
    assert (finding.file, finding.line) == (tmp_path / "part/scale.yaml", 4)


@pytest.mark.parametrize("kind", ["Validating", "Mutating"])
def test_a_policy_with_parameters_is_accepted(tmp_path: Path, kind: str) -> None:
    policy = (
        f"apiVersion: admissionregistration.k8s.io/v1\nkind: {kind}AdmissionPolicyBinding\nmetadata: {{name: x}}\n"
        "spec: {policyName: x, validationActions: [Deny], "
        "paramRef: {name: x, namespace: x, parameterNotFoundAction: Deny}}\n"
    )
    if kind == "Mutating":
        policy = policy.replace("/v1", "/v1beta1").replace("validationActions: [Deny], ", "")
    files = {"app/kustomization.yaml": kustomization("x.yaml"), "app/x.yaml": policy}
    assert validate(repository(tmp_path, files)).findings == []


def test_a_patch_of_a_base_that_is_not_at_hand_is_no_resource(tmp_path: Path) -> None:
    patch = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: []}}}\n"
    )
    files = {
        "overlays/x/kustomization.yaml": kustomization(f"'{REMOTE}'", more="patches: [{path: patch.yaml}]\n"),
        "overlays/x/patch.yaml": patch,
        "overlays/y/kustomization.yaml": kustomization(
            f"'{REMOTE}'", "wrong.yaml", more="patchesStrategicMerge: [patch.yaml]\n"
        ),
        "overlays/y/patch.yaml": patch,
        "overlays/y/wrong.yaml": WRONG,
    }
    report = validate(repository(tmp_path, files))
    assert [(finding.rule, finding.file) for finding in report.findings] == [
        ("LH201", tmp_path / "overlays/y/wrong.yaml")
    ]


def test_a_folder_that_does_not_exist_is_a_finding(tmp_path: Path) -> None:
    files = {"clusters/x/deployed.yaml": FLUX.replace("path: app", "path: ./absent")}
    (finding,) = validate(repository(tmp_path, files)).findings
    assert (finding.rule, "absent, which does not exist" in finding.message) == ("LH312", True)


def test_what_flux_substitutes_is_judged_where_it_is_known(tmp_path: Path) -> None:
    files = {
        "clusters/x/flux.yaml": FLUX,
        "clusters/x/own.yaml": "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
        "metadata: {name: own, namespace: flux-system}\nspec: {url: 'https://git.example.com/own.git'}\n",
        "app/kustomization.yaml": kustomization("web.yaml"),
        "app/web.yaml": VARIABLE,
    }
    assert validate(repository(tmp_path, files)).findings == []
    files = {"other/kustomization.yaml": kustomization("web.yaml"), "other/web.yaml": VARIABLE}
    report = validate(repository(tmp_path, files))
    assert report.findings == []
    said = "The fields of Service web were not judged, because they hold variables that Flux substitutes."
    assert said in report.not_judged


@pytest.mark.parametrize(
    "manifest",
    [
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: "\\U0001F600"}\n',
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {a: 'ENC[AES256_GCM,x]'}\nsops: {version: '3'}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {c.yml: 'a: !secret b'}\n",
        SERVICE.replace("spec: {", "spec: {type: LoadBalancer, externalTrafficPolicy: Local, "),
        re.sub(r"name: web, image", "name: web, securityContext: {privileged: true}, image", BARE),
    ],
)
def test_what_a_cluster_accepts_is_accepted(tmp_path: Path, manifest: str) -> None:
    files = {"app/kustomization.yaml": kustomization("x.yaml"), "app/x.yaml": manifest}
    assert validate(repository(tmp_path, files)).findings == []


DASHBOARD = """apiVersion: v1
kind: ConfigMap
metadata: {name: x}
data:
  d.json: |
    {"id": 22, "title": "x", "panels": [
    {"id": 1, "type": "some-plugin-panel", "targets": [{"refId": "A", "expr": "up"}]},
    {"id": 2, "type": "dashlist", "datasource": {"type": "prometheus"}, "targets": [{"refId": "A"}]},
    {"id": 3, "type": "timeseries", "targets": [{"refId": "A", "expr": "up"}]}]}
"""


@pytest.mark.parametrize(
    ("old", "new", "line"), [("", "", 0), ("timeseries", "timeserie", 9), ("dashlist", "timeseries", 8)]
)
def test_a_dashboard_for_a_grafana_elsewhere_is_judged_by_itself(
    tmp_path: Path, old: str, new: str, line: int
) -> None:
    files = {"app/kustomization.yaml": kustomization("x.yaml"), "app/x.yaml": DASHBOARD.replace(old, new)}
    report = validate(repository(tmp_path, files))
    assert [(finding.rule, finding.line) for finding in report.findings] == [("LH320", line)] * bool(line)


def test_a_repository_without_environments_says_so(tmp_path: Path) -> None:
    result = validated(repository(tmp_path, {"README.md": "nothing"}))
    assert isinstance(result.exception, UsageError)
    assert "neither a kustomization nor an Application" in str(result.exception)
