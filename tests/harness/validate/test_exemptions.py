"""Exemptions: what they cover, for which environment, and that they may not outlive their reason."""

from pathlib import Path

import pytest

from harness.validate.check import validate

pytestmark = pytest.mark.tools


def allow_root(root: Path, environment: str = "north") -> None:
    (root / f"overlays/{environment}/app/patch.yaml").write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: app\n"
        "spec:\n  template:\n    spec:\n      securityContext: {runAsNonRoot: false}\n"
    )


def exempt(target: Path, **fields: str) -> None:
    lines = [f"{key}: {value}" for key, value in fields.items()]
    target.write_text("- " + "\n  ".join(lines) + "\n")


def rules(root: Path, *environments: str) -> list[str]:
    return [finding.rule for finding in validate(root, environments).findings]


def test_an_exemption_covers_the_named_resource(sound: Path) -> None:
    allow_root(sound)
    assert rules(sound, "north") == ["LH511"]
    exempt(sound / "base/app/exemptions.yaml", rule="LH511", kind="Deployment", name="w*", reason="It must.")
    report = validate(sound, ("north",))
    assert report.findings == []
    assert report.exempted == 1


@pytest.mark.parametrize(
    "other", [{"name": "x*"}, {"name": "web", "namespace": "cicd"}, {"name": "web", "contains": "zz"}]
)
def test_an_exemption_covers_nothing_else(sound: Path, other: dict[str, str]) -> None:
    allow_root(sound)
    exempt(sound / "base/app/exemptions.yaml", rule="LH511", reason="It must.", **other)
    assert rules(sound, "north") == ["LH511"]


def test_an_environments_exemption_is_for_it_alone(sound: Path) -> None:
    allow_root(sound, "north")
    allow_root(sound, "south")
    exempt(sound / "overlays/north/exemptions.yaml", rule="LH511", name="web", reason="It must.")
    (finding,) = validate(sound).findings
    assert (finding.rule, finding.environments) == ("LH511", ("south",))


def test_an_unused_exemption_is_left_alone_when_its_environment_is_not_looked_at(sound: Path) -> None:
    exempt(sound / "overlays/south/exemptions.yaml", rule="LH511", name="web", reason="It must.")
    assert rules(sound, "north") == []
    assert rules(sound) == ["LH901"]


def test_a_components_exemption_counts_where_the_component_is_used(sound: Path) -> None:
    component = sound / "components/debug"
    component.mkdir(parents=True)
    (component / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
        "patches:\n- target: {kind: Deployment, name: web}\n  patch: |-\n"
        "    - {op: replace, path: /spec/template/spec/securityContext/runAsNonRoot, value: false}\n"
    )
    exempt(component / "exemptions.yaml", rule="LH511", name="web", reason="It must.")
    assert rules(sound) == []
    kustomization = sound / "overlays/north/app/kustomization.yaml"
    text = kustomization.read_text()
    assert "[../images]" in text
    kustomization.write_text(text.replace("[../images]", "[../images, ../../../components/debug]"))
    report = validate(sound, ("north",))
    assert (report.findings, report.exempted) == ([], 1)
    exempt(component / "exemptions.yaml", rule="LH310", name="web", reason="It must.")
    assert {"LH511", "LH901"} <= {*rules(sound)}


def test_an_exemption_for_a_file(sound: Path) -> None:
    (sound / "base/app/forgotten.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: forgotten}\n")
    assert rules(sound) == ["LH109"]
    exempt(sound / "base/app/exemptions.yaml", rule="LH109", file="base/app/forgotten.yaml", reason="For later.")
    assert rules(sound) == []


@pytest.mark.parametrize(
    "content", ["- rule: [", "- text", "5", "- {rule: LH511, name: web, reason: x, colour: red}"]
)
def test_a_file_that_holds_no_exemptions_is_a_finding(sound: Path, content: str) -> None:
    (sound / "base/app/exemptions.yaml").write_text(content)
    assert rules(sound, "north") == ["LH902"]
