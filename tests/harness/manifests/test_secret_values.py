"""Messages of kustomize name no secret value, and keep their own words whatever the values are."""

import base64
from pathlib import Path

import pytest

from harness.manifests.secret_values import redact
from tests.harness.manifests.test_explain import problem

pytestmark = pytest.mark.tools

CANARY = "hunter2canary"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {a: VALUE}\n"
TAKEN = (
    "replacements:\n- source: {kind: Secret, name: x, fieldPath: FIELD, options: {delimiter: ':', index: 9}}\n"
    "  targets: [{select: {kind: Service}, fieldPaths: [metadata.name]}]\n"
)
IN_SECRET = f"resources: [service.yaml, secret.yaml]\n{TAKEN.replace('FIELD', 'stringData.a')}"
GENERATED = f"resources: [service.yaml]\nSOURCE\n{TAKEN.replace('FIELD', 'data.a')}"


def message(folder: Path, kustomization: str, files: dict[str, str], value: str) -> str:
    written = {f"top/{name}": content.replace("VALUE", value) for name, content in files.items()}
    return problem(folder, kustomization.replace("VALUE", value), written).message


@pytest.mark.parametrize(
    ("kustomization", "files"),
    [
        pytest.param(IN_SECRET, {"secret.yaml": SECRET}, id="stringData"),
        pytest.param(IN_SECRET, {"secret.yaml": f"{SECRET}  # x\n---\n{SECRET}"}, id="defined twice"),
        pytest.param(
            GENERATED.replace("SOURCE", "secretGenerator: [{name: x, literals: [a=VALUE]}]"), {}, id="literal"
        ),
        pytest.param(
            GENERATED.replace("SOURCE", "secretGenerator: [{name: x, literals: ['a=\"VALUE\"']}]"), {}, id="quoted"
        ),
        pytest.param(
            GENERATED.replace("SOURCE", "secretGenerator: [{name: x, envs: [a.env]}]"),
            {"a.env": "a=VALUE\n"},
            id="envs",
        ),
        pytest.param(
            GENERATED.replace("SOURCE", "secretGenerator: [{name: x, env: a.env}]"),
            {"a.env": "a=VALUE\n"},
            id="env",
        ),
        pytest.param(
            GENERATED.replace("SOURCE", "secretGenerator: [{name: x, files: [a=a.txt]}]"),
            {"a.txt": "VALUE"},
            id="file",
        ),
        pytest.param(
            GENERATED.replace("SOURCE", "generators: [g.yaml]"),
            {"g.yaml": "apiVersion: builtin\nkind: SecretGenerator\nmetadata: {name: x}\nliterals: [a=VALUE]\n"},
            id="generator in a file",
        ),
        pytest.param("secretGenerator: [{name: x, literals: [VALUE]}]\n", {}, id="literal without a key"),
        pytest.param(
            "resources: [service.yaml, job.yaml]\n"
            + TAKEN.replace("Secret", "Job").replace("FIELD", "spec.template.spec.containers.0.env.0.value"),
            {
                "job.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\nspec: {template: {spec:"
                " {containers: [{name: c, env: [{name: API_TOKEN, value: VALUE}]}]}}}\n"
            },
            id="variable",
        ),
        pytest.param(
            "generators:\n- |-\n  apiVersion: builtin\n  kind: SecretGenerator\n  metadata: {name: x}\n"
            "  literals: [=VALUE]\n",
            {},
            id="inline generator",
        ),
        pytest.param(
            "resources: [secret.yaml]\npatches:\n- target: {kind: Sec.*, name: x}\n  path: p.yaml\n"
            "  patch: |-\n    - {op: add, path: /stringData/b, value: VALUE}\n",
            {"secret.yaml": SECRET.replace("VALUE", "other"), "p.yaml": "a: b\n"},
            id="JSON patch whose target is a Secret",
        ),
        pytest.param(
            "resources: [secret.yaml]\npatches:\n- patch: |-\n    - {op: add, path: /data, value: {b: VALUE}}\n",
            {"secret.yaml": SECRET.replace("VALUE", "other")},
            id="JSON patch without a target",
        ),
        pytest.param(
            "resources: [secret.yaml]\npatches:\n- target: {name: x}\n  path: p.yaml\n"
            "  patch: |-\n    kind: Any\n    metadata: {name: x}\n    stringData: {b: VALUE}\n",
            {"secret.yaml": SECRET.replace("VALUE", "other"), "p.yaml": "a: b\n"},
            id="merge patch whose target may be a Secret",
        ),
        pytest.param(
            "resources: [secret.yaml]\npatches:\n- patch: |-\n"
            "    apiVersion: v1\n    kind: Secret\n    metadata: {name: x}\n    stringData: {a: {b: VALUE}}\n",
            {"secret.yaml": SECRET.replace("VALUE", "other")},
            id="merge patch that is a Secret",
        ),
        pytest.param(
            "resources: [secret.yaml]\npatchesJson6902:\n- target: {version: v1, kind: Secret, name: x}\n"
            "  path: p.yaml\n  patch: VALUE\n",
            {
                "secret.yaml": SECRET.replace("VALUE", "other"),
                "p.yaml": "- {op: add, path: /data/b, value: VALUE}\n",
            },
            id="patchesJson6902",
        ),
        pytest.param(
            "resources: [secret.yaml]\ncommonAnnotations: {a: b}\n",
            {"secret.yaml": SECRET.replace("{name: x}", "{name: x, annotations: VALUE}")},
            id="metadata of the wrong type",
        ),
        pytest.param(
            "resources: [list.yaml]\ncommonAnnotations: {a: b}\n",
            {
                "list.yaml": "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n"
                "  metadata: {name: x, annotations: [VALUE]}\n  data: {a: VALUE}\n"
            },
            id="item of a list",
        ),
        pytest.param(
            "resources: [config.yaml]\nlabels: [{pairs: {a: b}, fields: [{path: data/a/b, create: true}]}]\n"
            + TAKEN.replace("kind: Secret", "kind: ConfigMap").replace("FIELD", "data.a"),
            {
                "config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: |\n"
                "    kind: Secret\n    stringData: {a: VALUE}\n"
            },
            id="manifest in a ConfigMap",
        ),
    ],
)
@pytest.mark.parametrize("value", [CANARY, "swordfish"])
def test_no_message_has_a_secret_value(
    tmp_path: Path, kustomization: str, files: dict[str, str], value: str
) -> None:
    said = message(tmp_path, kustomization, files, value)
    assert value not in said
    assert base64.b64encode(value.encode()).decode() not in said


@pytest.mark.parametrize("word", ["value", "bounds", "path", "missing", "object", "kustomize", "resource"])
@pytest.mark.parametrize(
    ("kustomization", "patch", "expected"),
    [
        (IN_SECRET, "", "kustomize cannot build top: options.index 9 is out of bounds for value <redacted>."),
        (
            "resources: [service.yaml, secret.yaml]\npatches:\n- target: {kind: Service}\n  path: p.yaml\n",
            "- {op: remove, path: /spec/none}\n",
            "The JSON patch cannot remove /spec/none: Unable to remove nonexistent key: none: missing value.",
        ),
        (
            "resources: [service.yaml, secret.yaml]\npatches:\n- target: {kind: Service}\n  path: p.yaml\n",
            "- {op: add, path: /spec/a/b, value: 1}\n",
            "The JSON patch cannot add /spec/a/b, which its target does not have.",
        ),
    ],
)
def test_the_words_of_a_message_stay_when_a_secret_is_one_of_them(
    tmp_path: Path, kustomization: str, patch: str, expected: str, word: str
) -> None:
    assert message(tmp_path, kustomization, {"secret.yaml": SECRET, "p.yaml": patch}, word) == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "config.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: bounds, b: nonexistent}\n",
        ),
        ("secret.yaml", SECRET.replace("name: x", "name: bounds, labels: {a: value}").replace("VALUE", "other")),
        ("list.yaml", "apiVersion: v1\nkind: List\nitems: []\nvalue: bounds\n"),
    ],
)
def test_what_is_no_secret_is_shown(tmp_path: Path, name: str, content: str) -> None:
    kustomization = (
        f"resources: [service.yaml, {name}]\nconfigMapGenerator: [{{name: b, literals: [a=bounds:web]}}]\n"
        + TAKEN.replace("kind: Secret, name: x", "kind: ConfigMap, name: b").replace("FIELD", "data.a")
    )
    assert (
        problem(tmp_path, kustomization, {f"top/{name}": content}).message
        == "kustomize cannot build top: options.index 9 is out of bounds for value bounds:web."
    )


@pytest.mark.parametrize(
    ("secret", "said", "shown"),
    [
        ("hunter2", "decoding hunter2.", "decoding <redacted>."),
        ("hunter2", r'patch: "a:\nhunter2\n"', r'patch: "a:\n<redacted>\n"'),
        (
            "web",
            "folder app/web/web.yaml of web-1, webs and 'web'",
            "folder app/web/web.yaml of web-1, webs and '<redacted>'",
        ),
        ("a long\n  value", "contents: a long value", "contents: <redacted>"),
        ("a long value", "cannot unmarshal `a long ...`", "cannot unmarshal `<redacted>`"),
        ('q"uote', r'said "q\"uote"', 'said "<redacted>"'),
        ("aHVudGVyMg==", "decoded hunter2", "decoded <redacted>"),
        ("ab", "ab is too short to tell from the message", "ab is too short to tell from the message"),
    ],
)
def test_the_forms_of_a_secret(secret: str, said: str, shown: str) -> None:
    assert redact(said, {secret}, b"") == shown
