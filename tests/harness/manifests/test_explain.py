"""What kustomize rejects is one sentence, with a file and a line."""

import secrets
from pathlib import Path

import pytest

from harness.manifests.build import Root
from harness.manifests.builder import Builder
from harness.manifests.inputs import Kustomizations
from harness.manifests.problem import Problem
from harness.manifests.tree import working_copy

pytestmark = pytest.mark.tools

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80}]}\n"
BASE = {"base/kustomization.yaml": "resources: [service.yaml]\n", "base/service.yaml": SERVICE}


def problem(folder: Path, kustomization: str, files: dict[str, str]) -> Problem:
    """Why `top` cannot be built."""
    written = {**BASE, "top/service.yaml": SERVICE, "top/kustomization.yaml": kustomization, **files}
    for name, content in written.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    tree = working_copy(folder)
    with Builder(hosts=["localhost"]) as builder:
        (build,) = builder.build([Root("top", tree, Kustomizations(tree).inputs("top"))])
    return build.problems[0]


@pytest.mark.parametrize(
    ("kustomization", "files", "expected"),
    [
        (
            "resources: [service.yaml]\nconfigMapGenerator:\n- {name: a, envs: [a.env]}\nreplacements:\n"
            "- source: {kind: ConfigMap, name: a, fieldPath: data.PORT}\n"
            "  targets: [{select: {kind: Service}, fieldPaths: [spec.ports.0.port]}]\n",
            {"top/a.env": "OTHER=1\nPROT=80\n"},
            "top/a.env:2: A replacement takes data.PORT from ConfigMap a, which does not have it.",
        ),
        (
            "resources: [service.yaml]\nreplacements:\n- source: {kind: Service, name: s}\n  targets:\n"
            "  - select: {kind: Service}\n    fieldPaths:\n    - spec.tpye\n",
            {},
            "top/kustomization.yaml:7: A replacement sets spec.tpye, which its target does not have.",
        ),
        (
            "namePrefix: x\nresource: [x]\n",
            {},
            "top/kustomization.yaml:2: top/kustomization.yaml has the unknown field 'resource'.",
        ),
        (
            "resources:\n  - ../base\n",
            {"base/kustomization.yaml": "resources: [service.yaml]\npatches:\n  - paths: x\n"},
            "base/kustomization.yaml:3: base/kustomization.yaml has the unknown field 'paths'.",
        ),
        (
            "resources: [service.yaml]\ncomponents:\n- ../part\n",
            {"part/kustomization.yaml": "kind: Component\nimages:\n- name: a\n  newTag: 12.2\n"},
            "part/kustomization.yaml:4: part/kustomization.yaml has the wrong type in 'images.0.newTag': "
            "number instead of string.",
        ),
        (
            "resources: [service.yaml]\npatches:\n- target: {kind: Service}\n  patch: |-\n"
            "    - op: add\n      path: /metadata/labels\n      value: {}\n"
            "    - op: replace\n      path: /spec/ports/1/port\n      value: 1\n",
            {},
            "top/kustomization.yaml:9: The JSON patch cannot replace /spec/ports/1/port, "
            "which its target does not have.",
        ),
        (
            "resources: [service.yaml]\npatches:\n- target: {kind: Service}\n  path: patch.yaml\n",
            {"top/patch.yaml": "- {op: add, path: /spec/a/b, value: 1}\n"},
            "top/patch.yaml:1: The JSON patch cannot add /spec/a/b, which its target does not have.",
        ),
        (
            "resources: [service.yaml]\npatches:\n- target: {kind: Service}\n  patch: |-\n"
            "    - path: /spec/type\n      op: update\n      value: a\n",
            {},
            "top/kustomization.yaml:6: The JSON patch has the operation update, which does not exist.",
        ),
        (
            "resources:\n- ../base\n- ../part\n",
            {"part/kustomization.yaml": "kind: Component\nnamePrefix: a-\n"},
            "top/kustomization.yaml:3: part is a component: name it in 'components'.",
        ),
        (
            "resources: [service.yaml]\ncomponents:\n- ../base\n",
            {},
            "top/kustomization.yaml:3: base is named as a component, but it is a Kustomization.",
        ),
        (
            "resources: [service.yaml]\nreplicas:\n- {name: s, count: 2}\n",
            {},
            "top/kustomization.yaml:3: 'replicas' names s, which is no Deployment, StatefulSet or ReplicaSet here.",
        ),
        (
            "resources:\n- service.yaml\n- ./service.yaml\n",
            {},
            "top/kustomization.yaml:3: Service s is defined twice.",
        ),
        (
            "resources: [service.yaml]\nnamePrefix: [a]\n",
            {},
            "top/kustomization.yaml:2: top/kustomization.yaml has the wrong type in 'namePrefix': "
            "array instead of string.",
        ),
        (
            "resources: [../base]\n",
            {"base/service.yaml": "kind: Service\n  metadata: x\n"},
            "base/service.yaml:2: base/service.yaml is not valid YAML: "
            "mapping values are not allowed in this context.",
        ),
        (
            "resources: [../base]\n",
            {"base/service.yaml": "apiVersion: v1\nmetadata: {name: a}\n"},
            "base/service.yaml:1: base/service.yaml has a resource without a kind.",
        ),
        (
            "resources: [service.yaml]\n",
            {"top/service.yaml": "name: only\n"},
            "top/service.yaml:1: top/service.yaml has a resource without metadata.",
        ),
        (
            "resources: [secret.yaml]\n",
            {"top/secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {namespace: x}\n"},
            "top/secret.yaml:1: top/secret.yaml has a resource without metadata.name: Secret.",
        ),
        (
            "resources: [service.yaml, ../base]\n",
            {},
            "base/kustomization.yaml:1: Service s is defined twice.",
        ),
        (
            "resources: [service.yaml, service2.yaml]\n",
            {"top/service2.yaml": SERVICE},
            "top/service2.yaml:1: Service s is defined twice.",
        ),
        (
            "resources: [../base]\n",
            {"base/service.yaml": f"{SERVICE.replace('s}', 'other}')}---\n{SERVICE}spec: {{}}\n"},
            "base/service.yaml:10: base/service.yaml has the key 'spec' twice in one mapping, in lines 9 and 10.",
        ),
        (
            "resources: [service.yaml]\ncomponents: [../part]\n",
            {
                "top/service.yaml": f"{SERVICE}spec: {{}}\n",
                "part/kustomization.yaml": "kind: Component\npatches: [{target: {kind: Service}, path: p.yaml}]\n",
                "part/p.yaml": "- {op: remove, path: /spec/ports}\n",
            },
            "top/service.yaml:5: top/service.yaml has the key 'spec' twice in one mapping, in lines 4 and 5.",
        ),
        (
            "resources: [service.yaml]\npatches: [{path: p.yaml}]\n",
            {"top/p.yaml": SERVICE.replace("name: s", "name: absent")},
            "top/p.yaml:3: No resource matches the patch for Service absent.",
        ),
        (
            "resources: [service.yaml]\npatches: [{path: p.yaml, target: {kind: Service}}]\n",
            {"top/p.yaml": "- op: remove\n  path: /spec/none\n"},
            "top/p.yaml:2: The JSON patch cannot remove /spec/none: "
            "Unable to remove nonexistent key: none: missing value.",
        ),
        (
            "resources: [service.yaml]\npatches:\n  - patch: hunter2secret\n    target: {kind: Service}\n",
            {},
            "top/kustomization.yaml:3: top/kustomization.yaml has a patch that is neither a strategic merge patch "
            "nor a JSON patch.",
        ),
        (
            "resources: [service.yaml]\nreplacements:\n  - source: {kind: Service, name: gone, fieldPath: a}\n"
            "    targets: [{select: {kind: Service}, fieldPaths: [spec.x]}]\n",
            {},
            "top/kustomization.yaml:3: A replacement takes its value from Service gone, which does not exist.",
        ),
        (
            "configMapGenerator: [{name: a, behavior: merge, literals: [a=b]}]\n",
            {},
            "top/kustomization.yaml:1: A generator cannot merge with ConfigMap a, which does not exist.",
        ),
        (
            "configMapGenerator: [{name: a, files: [../base/service.yaml]}]\n",
            {},
            "top/kustomization.yaml:1: base/service.yaml is outside top, and kustomize reads no such file: "
            "move it there, or make it a base.",
        ),
        (
            "components: [../base]\n",
            {},
            "top/kustomization.yaml:1: base is named as a component, but it is a Kustomization.",
        ),
        (
            "resources: [service.yaml]\nhelmCharts: [{name: x}]\n",
            {},
            "top/kustomization.yaml:1: top/kustomization.yaml inflates the Helm chart x, which is not rendered: "
            "it is not in top/charts/x.",
        ),
        (
            "resources: [service.yaml]\nvars: [{name: A, objref: {kind: Service, name: gone, apiVersion: v1}}]\n",
            {},
            "top/kustomization.yaml:1: kustomize cannot build top: var '{A Service.v1.[noGrp] {metadata.name}}' "
            "cannot be mapped to a field in the set of known resources.",
        ),
    ],
)
def test_what_kustomize_rejects(tmp_path: Path, kustomization: str, files: dict[str, str], expected: str) -> None:
    rejected = problem(tmp_path, kustomization, files)
    assert f"{rejected.location}: {rejected.message}" == expected


@pytest.mark.parametrize(
    ("kustomization", "line", "said"),
    [
        (
            "configMapGenerator:\n- {name: a, literals: [a=b]}\n- name: b\n  literals: [%s]\n",
            3,
            "a literal that is not KEY=VALUE",
        ),
        ("secretGenerator:\n- name: b\n  literals:\n  - a=b\n  - =%s\n", 2, "a literal that is not KEY=VALUE"),
        (
            "secretGenerator:\n- {name: b, files: [service.yaml, =service.yaml]}\n",
            2,
            "an entry of 'files' that is neither FILE nor KEY=FILE",
        ),
        (
            "patches:\n- {path: service.yaml}\n- patch: '{a: %s}'\n  path: service.yaml\n",
            3,
            "a patch with 'patch' and 'path': it may have one of them",
        ),
        (
            "patches:\n- {path: service.yaml}\n- {options: {allowNameChange: true}, target: {name: %s}}\n",
            3,
            "a patch without 'patch' and 'path'",
        ),
        ("patches:\n- patch: |\n    - {op: add, path: /data/%s, value: %s}\n", 3, "a JSON patch without a target"),
    ],
)
def test_no_message_quotes_what_may_be_a_value(tmp_path: Path, kustomization: str, line: int, said: str) -> None:
    value = secrets.token_hex()
    rejected = problem(tmp_path, kustomization.replace("%s", value), {})
    assert rejected.message == f"top/kustomization.yaml has {said}."
    assert str(rejected.location) == f"top/kustomization.yaml:{line}"


@pytest.mark.parametrize(
    "generator",
    ["secretGenerator:\n- {name: b, files: [a=%s]}\n", "configMapGenerator:\n- {name: b, files: [a=b=%s]}\n"]
    + [f"{kind}:\n- {{name: b, envs: [a=%s]}}\n" for kind in ("configMapGenerator", "secretGenerator")]
    + ["secretGenerator:\n- {name: b, files: [../../%s]}\n", "secretGenerator:\n- {name: b, files: [/%s]}\n"],
)
def test_a_value_in_the_place_of_a_file_is_not_shown(tmp_path: Path, generator: str) -> None:
    value = secrets.token_hex()
    rejected = problem(tmp_path, generator.replace("%s", value), {})
    assert str(rejected.location) == "top/kustomization.yaml:2"
    assert value not in rejected.message
    assert rejected.message.startswith(f"A file of this {generator.partition(':')[0]} ")


def test_an_env_file_that_is_not_utf_8_is_named_without_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "top").mkdir()
    (tmp_path / "top/a.env").write_bytes(b"\xff=hunter2")
    rejected = problem(tmp_path, "secretGenerator: [{name: x, envs: [a.env]}]\n", {})
    assert str(rejected.location) == "top/a.env:1"
    assert rejected.message == "top/a.env is not UTF-8 at byte 0."


@pytest.mark.parametrize("secret", ["hunter2", "path", "git", "program"])
def test_a_remote_base_without_git_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    url = "https://localhost/example//base?ref=v1.0.0"
    kustomization = f"secretGenerator: [{{name: x, literals: [a={secret}]}}]\nresources:\n- {url}\n"
    monkeypatch.setenv("PATH", str(tmp_path))
    rejected = problem(tmp_path, kustomization, {})
    assert f"{rejected.location}: {rejected.message}" == (
        f"top/kustomization.yaml:3: {url} cannot be fetched, because git is not on the PATH: "
        "install git, then run it again."
    )
