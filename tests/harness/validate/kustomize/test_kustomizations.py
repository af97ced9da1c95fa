"""Parts of kustomizations without effect are found; those with an effect are not, however it comes about."""

from pathlib import Path

import pytest

from harness.manifests.applications.application import Application
from harness.manifests.build import Build, Root
from harness.manifests.builder import build_all
from harness.manifests.environments import roots
from harness.manifests.inputs import Inputs, RemoteReference
from harness.manifests.tree import working_copy
from harness.validate.check import validate
from harness.validate.kustomize import kustomizations
from harness.validate.model import environment
from harness.validate.output import place

pytestmark = pytest.mark.tools

FILE = "overlays/north/app/kustomization.yaml"
START = "resources: [../../../base/app, extra.yaml]\ncomponents: [../images]\npatches:\n- path: patch.yaml\n"
ADD = "  patch: '[{op: add, path: /metadata/annotations, value: {a: b}}]'\n".replace("[{", "- {").replace("}]", "}")


def findings(root: Path, more: str, files: dict[str, str] | None = None) -> list[str]:
    (root / FILE).write_text(START + more)
    for name, content in (files or {}).items():
        (root / FILE).with_name(name).write_text(content)
    north = environment("north", root, [Application("", "", False, builds=build_all(roots(root, "north")))])
    assert not [problem for build in north.builds for problem in build.problems]
    both = [*kustomizations.findings([north], complete=False), *kustomizations.reach(north)]
    return [f"{place(finding, root)}: {finding.message}" for finding in both]


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("{kind: Deployment, name: wbe}", "Deployment wbe"),
        ("{kind: Deploymnet}", "Deploymnet"),
        ("{name: we}", "we"),
        ("{kind: Deployment, group: extensions}", "Deployment with group extensions"),
        ("{kind: ConfigMap, name: extra, namespace: cicd}", "ConfigMap extra with namespace cicd"),
        ("{labelSelector: 'app=web'}", "a resource with labelSelector app=web"),
        ("{labelSelector: 'app in (a, b),!c'}", "a resource with labelSelector app in (a, b),!c"),
        ("{kind: Role, annotationSelector: owner}", "Role with annotationSelector owner"),
    ],
)
def test_a_patch_whose_target_is_missing_is_a_finding(sound: Path, target: str, named: str) -> None:
    assert findings(sound, f"- target: {target}\n{ADD}") == [
        f"{FILE}:5: No resource matches the patch for {named}, so it changes nothing."
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "replacements:\n- source: {kind: Service, name: web}\n  targets:\n"
            "  - {select: {kind: ConfigMap, name: extra}, fieldPaths: [data.nothing]}\n"
            "  - {select: {kind: ConfigMap, name: none}, fieldPaths: [data.nothing]}\n",
            f"{FILE}:9: No resource matches the replacement for ConfigMap none, so it changes nothing.",
        ),
        (
            "replacements:\n- source: {kind: Service, name: web}\n  targets:\n"
            "  - {select: {kind: Role}, reject: [{name: w.*}], fieldPaths: [a]}\n",
            f"{FILE}:8: No resource matches the replacement for Role, so it changes nothing.",
        ),
        (
            "replacements: [{path: r.yaml}]\n",
            "overlays/north/app/r.yaml:3: No resource matches the replacement for Secret, so it changes nothing.",
        ),
        (
            "images: [{name: example/wbe, newTag: '1.0'}]\n",
            f"{FILE}:5: 'images' changes example/wbe, which nothing runs, so it changes nothing.",
        ),
        (
            "generatorOptions: {disableNameSuffixHash: true}\n",
            f"{FILE}:5: 'generatorOptions' is for the generators of its own kustomization, which has none, "
            "so it changes nothing.",
        ),
    ],
)
def test_another_part_without_effect_is_a_finding(sound: Path, more: str, said: str) -> None:
    replacement = (
        "- source: {kind: Service, name: web}\n  targets:\n  - fieldPaths: [a]\n    select: {kind: Secret}\n"
    )
    assert findings(sound, more, {"r.yaml": replacement}) == [said]


@pytest.mark.parametrize(
    "more",
    [
        f"- target: {{kind: ConfigMap, name: rules}}\n{ADD}",
        f"- target: {{kind: Deploy.*, name: w.b}}\n{ADD}",
        f"- target: {{kind: Role, namespace: app}}\n{ADD}",
        f"- target: {{labelSelector: '!app', kind: Role}}\n{ADD}",
        "- target: {kind: ConfigMap, name: extra}\n"
        "  patch: '{$patch: delete, kind: ConfigMap, metadata: {name: x}}'\n",
        f"- target: {{kind: ConfigMap, name: extra}}\n{ADD}nameSuffix: -x\n",
        "images: [{name: example/web, newTag: '1.0'}]\n",
    ],
)
def test_a_part_with_an_effect_is_no_finding(sound: Path, more: str) -> None:
    assert findings(sound, more) == []


def test_a_shared_part_is_only_judged_with_all_that_share_it(sound: Path) -> None:
    base = sound / "base/app/kustomization.yaml"
    target = "patches:\n- target: {kind: ConfigMap, name: none}\n"
    base.write_text(base.read_text() + target + ADD)
    assert [finding.rule for finding in validate(sound).findings] == ["LH110"]
    assert validate(sound, ("north",)).findings == []


def test_a_namespace_of_another_part_is_only_lost_where_the_resource_is(sound: Path) -> None:
    config = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a, namespace: %s}\n"
    extra = {"extra.yaml": config % "cicd"}
    assert findings(sound, "namespace: app\n", extra) == [
        f"{FILE}:5: 'namespace' moves ConfigMap app/a, whose manifest says cicd, which is in use as well."
    ]
    assert findings(sound, "namespace: app\n", {"extra.yaml": config % "placeholder"}) == []
    assert findings(sound, "", extra) == []


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("commonLabels: {a: b}\n", 5),
        ("labels:\n- pairs: {c: d}\n- {pairs: {a: b}, includeSelectors: true}\n", 7),
        ("labels: [{pairs: {a: b}}]\n", 0),
        ("labels: [{pairs: {a: b}, includeTemplates: true}]\n", 0),
        ("commonAnnotations: {a: b}\n", 0),
    ],
)
def test_labels_must_not_get_into_the_selectors_of_a_base(sound: Path, more: str, line: int) -> None:
    expected = [
        f"{FILE}:{line}: '{more.partition(':')[0]}' adds a to the selector of Deployment app/web, "
        "which is immutable: use 'labels' without includeSelectors."
    ]
    assert findings(sound, more) == (expected if line else [])


@pytest.mark.parametrize(
    ("known", "selector", "selects"),
    [
        ([("apps/v1", "Deployment", "web")], {"kind": "Deployment", "name": "web-?.*"}, True),
        ([("apps/v1", "Deployment", "web")], {"kind": "Deployment", "name": "wbe"}, False),
        ([("apps/v1", "Deployment", "web")], {"group": "batch", "name": "web"}, False),
        ([("apps/v1", "Deployment", "web")], {"labelSelector": "app=anything"}, True),
        (None, {"kind": "Deployment", "name": "wbe"}, True),
    ],
)
def test_a_patch_that_removes_a_resource_of_a_remote_base(
    sound: Path,
    monkeypatch: pytest.MonkeyPatch,
    known: list[tuple[str, str, str]] | None,
    selector: dict[str, str],
    selects: bool,
) -> None:
    monkeypatch.setattr(kustomizations, "identities", lambda base, whole=False: known)  # noqa: ARG005 - the names are the caller's
    url = "https://github.com/example/thing//config?ref=v2.1.0"
    inputs = Inputs("app", "app/kustomization.yaml", remotes=[RemoteReference(url, "", ("resources", 0))])
    scope = kustomizations.Scope(Build(Root("app", working_copy(sound), inputs), ""))
    # What a base that is not at hand runs is not known, so that nothing is said about images either.
    assert scope.is_known is (known is not None)
    assert scope.selects(selector) is selects
