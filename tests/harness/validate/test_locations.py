"""A finding is where its mistake is: in the patch, the entry of a kustomization, the line of a text."""

import json
from pathlib import Path

import pytest

from harness.validate.check import Report, validate
from harness.validate.output import place

pytestmark = pytest.mark.tools

NORTH = "overlays/north/app/kustomization.yaml"
RESOURCES = "resources: [../../../base/app, extra.yaml]\ncomponents: [../images]\n"
WAVE = 'argocd.argoproj.io/sync-wave: "{}"'


def places(report: Report, rule: str) -> list[str]:
    return [place(finding, report.root) for finding in report.findings if finding.rule == rule]


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("more", "files", "rule", "expected"),
    [
        (
            "patches:\n  - target: {kind: Deployment}\n    patch: |\n      - op: replace\n"
            "        path: /spec/replicas\n        value: many\n",
            {},
            "LH201",
            f"{NORTH}:8",
        ),
        (
            "patches:\n  - target: {kind: Deployment}\n    "
            'patch: \'[{"op": "add", "path": "/spec/replicas", "value": "many"}]\'\n',
            {},
            "LH201",
            f"{NORTH}:5",
        ),
        (
            "patches:\n  - target: {kind: Deployment, name: w.b}\n    path: web.json\n",
            {
                "web.json": json.dumps(
                    [{"op": "add", "path": "/spec/template/spec/containers/0/image", "value": "other:1"}], indent=1
                )
            },
            "LH310",
            "overlays/north/app/web.json:5",
        ),
        (
            "patches:\n  - target: {kind: Deployment, name: .*}\n    path: any.yaml\n",
            {"any.yaml": "kind: Deployment\nmetadata: {name: any}\nspec:\n  replicas: x\n"},
            "LH201",
            "overlays/north/app/any.yaml:4",
        ),
        (
            "patches:\n  - patch: |-\n      apiVersion: apps/v1\n      kind: Deployment\n"
            "      metadata: {name: web}\n      spec:\n        template:\n"
            "          spec:\n            serviceAccountName: absent\n",
            {},
            "LH304",
            f"{NORTH}:11",
        ),
        (
            "patches:\n  - target: {kind: Deployment}\n    patch: |\n      - {op: remove, path: "
            "/spec/template/spec/containers/0/resources/limits}\n",
            {},
            "LH521",
            f"{NORTH}:6",
        ),
        (
            "configMapGenerator:\n  - name: a\n    namespace: app\n    literals:\n      - b=c\n"
            "      - rules.json={\n",
            {},
            "LH316",
            f"{NORTH}:8",
        ),
        (
            "configMapGenerator:\n  - {name: a, namespace: app, envs: [a.env]}\n",
            {"a.env": "# Two.\nA=b\nrules.json={\n"},
            "LH316",
            "overlays/north/app/a.env:3",
        ),
    ],
)
def test_what_a_kustomization_sets_is_located_there(
    sound: Path, more: str, files: dict[str, str], rule: str, expected: str
) -> None:
    (sound / NORTH).write_text(RESOURCES + more)
    for name, content in files.items():
        (sound / NORTH).with_name(name).write_text(content)
    assert set(places(validate(sound, ("north",)), rule)) == {expected}


def test_an_image_without_its_tag_is_one_finding_in_the_list_of_images(sound: Path) -> None:
    web = sound / "base/app/web.yaml"
    text = web.read_text()
    other = text.split("---\n")[0].replace("name: web\nspec", "name: other\nspec").replace("app: web", "app: other")
    web.write_text(f"{text}---\n{other}")
    rewrite(sound / "overlays/north/images/kustomization.yaml", '    newTag: "1.0"\n', "")
    report = validate(sound, ("north",))
    for rule in ("LH310", "LH522"):
        assert places(report, rule) == ["overlays/north/images/kustomization.yaml:4"]
    assert all(finding.message.endswith(" (and 1 more).") for finding in report.findings)


def test_an_application_that_is_late_is_the_finding_and_not_what_waits_for_it(sound: Path) -> None:
    rewrite(sound / "base/cicd/applications/misc.yaml", WAVE.format(1), WAVE.format(4))
    (finding,) = validate(sound).findings
    assert place(finding, sound) == "base/cicd/applications/misc.yaml:6"
    assert finding.message == (
        "Application cicd/misc comes too late (wave 4): ServiceAccount app/web (wave 3) needs Namespace app, "
        "among others."
    )


def test_a_resource_that_is_early_is_the_finding(sound: Path) -> None:
    web = sound / "base/app/web.yaml"
    rewrite(web, "  name: web\n", f"  name: web\n  annotations:\n    {WAVE.format(-1)}\n")
    (finding,) = validate(sound).findings
    assert place(finding, sound) == "base/app/web.yaml:6"
    assert finding.message.startswith(
        "Deployment app/web comes too early: Deployment app/web (wave 3, wave -1) needs"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (json.dumps({"panels": [{"targets": [{"expr": "up"}, {"expr": 'absent{a="b"}'}]}]}, indent=1), 9),
        ("groups:\n- rules:\n  - alert: A\n    expr: |\n      up ==\n      absent\n", 5),
    ],
)
def test_a_query_is_located_at_its_line(sound: Path, text: str, line: int) -> None:
    name = "rules.json" if text.startswith("{") else "rules.yaml"
    (sound / NORTH).write_text(
        f"{RESOURCES}configMapGenerator:\n  - {{name: a, namespace: app, files: [{name}]}}\n"
    )
    (sound / NORTH).with_name(name).write_text(text)
    assert places(validate(sound, ("north",)), "LH311") == [f"overlays/north/app/{name}:{line}"]


@pytest.mark.parametrize(
    ("url", "rule", "said"),
    [
        ("http://web.app.svc:81/", "LH307", "ConfigMap app/web-"),
        ("http://absent.app.svc/", "LH306", "names absent.app, a Service that does not exist."),
    ],
)
def test_a_service_in_a_mounted_text_is_located_at_its_line(sound: Path, url: str, rule: str, said: str) -> None:
    (sound / "base/app/settings.yaml").write_text(f"answer: 42\nother: web\nurl: {url}\n")
    (finding,) = validate(sound).findings
    assert (finding.rule, place(finding, sound)) == (rule, "base/app/settings.yaml:3")
    assert said in finding.message


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("requests: {cpu: 10m, memory: 16Mi", "requests: {cpu: 200m, memory: 16Mi", "            requests:"),
        ("memory: 32Mi", "memory: 32MiB", "            limits:"),
    ],
)
def test_an_amount_that_the_api_server_refuses_is_one_finding_at_its_field(
    sound: Path, old: str, new: str, line: str
) -> None:
    web = sound / "base/app/web.yaml"
    rewrite(web, old, new)
    (finding,) = validate(sound).findings
    assert web.read_text().splitlines()[(finding.line or 0) - 1].startswith(line)


def test_of_two_resources_of_one_name_the_one_in_its_namespace_is_located(sound: Path) -> None:
    extra = sound / "overlays/north/app/extra.yaml"
    more = "---\napiVersion: v1\nkind: Service\nmetadata: {{name: more, namespace: {}}}\nspec:\n  ports: {}\n"
    text = more.format("app", "[{port: x}]") + more.format("misc", "[{port: 80}]")
    extra.write_text(extra.read_text() + text)
    assert places(validate(sound, ("north",)), "LH201") == ["overlays/north/app/extra.yaml:13"]


def test_a_wave_that_cannot_be_read_is_one_finding(sound: Path) -> None:
    rewrite(sound / "base/cicd/applications/misc.yaml", WAVE.format(1), WAVE.format("first"))
    report = validate(sound)
    assert [place(finding, sound) for finding in report.findings] == ["base/cicd/applications/misc.yaml:6"]
    assert report.not_judged == [
        f"The wave of Application cicd/misc cannot be read, so LH401 and LH402 in {name} were not judged."
        for name in ("north", "south")
    ]


def test_a_policy_for_pods_of_which_only_the_labels_can_be_read_is_no_finding(sound: Path) -> None:
    extra = sound / "overlays/north/app/extra.yaml"
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: t, labels: {app: task}}, spec: {restartPolicy: No}}"
    policy = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: task, namespace: app}\n"
        "spec: {podSelector: {matchLabels: {app: task}}, ingress: [{}]}\n"
    )
    extra.write_text(f"{extra.read_text()}  pod.yaml: '{pod}'\n---\n{policy}")
    assert {finding.rule for finding in validate(sound, ("north",)).findings} == {"LH201"}
