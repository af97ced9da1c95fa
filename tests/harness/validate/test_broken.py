"""Each defect of `broken/` is rejected with its rule, and with no other; each rule has a defect."""

import json
import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.manifests.tree import MAX_BYTES
from harness.validate.check import Report, validate
from harness.validate.output import tally
from harness.validate.rules import RULES

pytestmark = pytest.mark.tools

HERE = Path(__file__).parent
BROKEN = sorted(path.name for path in (HERE / "broken").iterdir())
WHOLE = ("LH109", "LH110", "LH601", "LH602", "LH603", "LH741", "LH901", "LH902")
"""Rules that are judged only when all environments are looked at."""


def huge_file(root: Path) -> None:
    file = root / "overlays/north/app/extra.yaml"
    file.write_text(file.read_text() + "  more: " + "x" * MAX_BYTES)


def credential(root: Path) -> None:
    token = "ghp_" + "".join(
        secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789") for _ in range(36)
    )
    (root / "base/app/settings.yaml").write_text(f"token: {token}\n")


MADE: dict[str, Callable[[Path], None]] = {"LH106-huge-file": huge_file, "LH505-credential": credential}
"""Defects that do not belong in a repository."""


def rules_of(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


def test_the_sound_checkout_has_no_findings(sound: Path) -> None:
    report = validate(sound)
    assert report.findings == []
    assert report.resources == {"north": 19, "south": 19}


@pytest.mark.parametrize("name", BROKEN)
def test_a_defect_is_rejected_with_its_rule(sound: Path, name: str) -> None:
    shutil.copytree(HERE / "broken" / name, sound, dirs_exist_ok=True)
    rule = name[:5]
    report = validate(sound, () if rule in WHOLE else ("north",))
    assert rules_of(report) == {rule}
    for finding in report.findings:
        assert finding.file is not None
        assert finding.line is not None
        assert 1 <= finding.line <= len(finding.file.read_bytes().splitlines())
        assert finding.message.endswith(".")


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_defect_made_here_is_rejected_with_its_rule(sound: Path, name: str) -> None:
    MADE[name](sound)
    report = validate(sound, ("north",))
    assert rules_of(report) == {name[:5]}


@pytest.mark.parametrize("name", ["settings.yaml", "another.txt", "caf\u00e9.txt", "\udcff.txt", "two\nlines.txt"])
def test_a_credential_is_found_in_each_of_several_files_of_a_name(sound: Path, name: str) -> None:
    credential(sound)
    text = (sound / "base/app/settings.yaml").read_text()
    for folder in ("notes", "notes/more"):
        (sound / folder).mkdir()
        (sound / folder / name).write_text(text)
    found = [finding.file for finding in validate(sound, ("north",)).findings if finding.rule == "LH505"]
    assert set(found) == {sound / "base/app/settings.yaml", sound / "notes" / name, sound / "notes/more" / name}


def test_every_rule_has_a_defect() -> None:
    assert {name[:5] for name in (*BROKEN, *MADE)} == set(RULES)


def declare(root: Path, reference: str) -> None:
    settings = root / "pyproject.toml"
    settings.write_text(re.sub('(?<=reference-environment = ")[^"]*', reference, settings.read_text()))


def test_environments_are_compared_with_the_reference_environment(sound: Path) -> None:
    extra = sound / "overlays/south/app/extra.yaml"
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: app}\n"
    extra.write_text(f"{extra.read_text()}---\n{config}")
    (finding,) = validate(sound).findings
    assert (finding.environments, finding.message) == (
        ("south",),
        "south has ConfigMap app/x, north does not.",
    )
    patch = sound / "overlays/south/app/patch.yaml"
    patch.write_text(patch.read_text().replace("metadata:", "metadata:\n  labels: {a: b}", 1))
    for reference, other in (("north", "south"), ("south", "north")):
        declare(sound, reference)
        drift = [item for item in validate(sound).findings if item.rule == "LH602"]
        assert {(item.environments, f"{reference} has" in item.message) for item in drift} == {((other,), True)}


@pytest.mark.parametrize(("declared", "said"), [("", "not declared"), ("east", "names east, which does not exist")])
def test_a_missing_reference_environment_is_a_finding(sound: Path, declared: str, said: str) -> None:
    declare(sound, declared)
    (finding,) = validate(sound).findings
    assert (finding.rule, said in finding.message) == ("LH603", True)
    assert validate(sound, ("north",)).findings == []


def test_the_rest_is_reported_when_one_part_cannot_be_built(sound: Path) -> None:
    (sound / "overlays/north/app/extra.yaml").write_text("a: [\n")
    policy = sound / "base/misc/namespaces.yaml"
    policy.write_text(policy.read_text().replace("enforce: restricted", "enforce: baseline", 1))
    report = validate(sound, ("north",))
    assert [finding.rule for finding in report.findings] == ["LH508", "LH104"]
    assert report.incomplete == ["north"]


def test_a_finding_of_both_environments_is_one(sound: Path) -> None:
    web = sound / "base/app/web.yaml"
    web.write_text(web.read_text().replace("serviceAccountName: web", "serviceAccountName: absent"))
    (finding,) = validate(sound).findings
    assert finding.environments == ("north", "south")
    assert finding.file == web
    assert finding.line == 1 + web.read_text().splitlines().index("      serviceAccountName: absent")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.template.spec.containers", "text"),
        ("spec.template.spec.volumes", 5),
        ("spec.template.spec.containers.0.env", {}),
        ("spec.template.spec.containers.0.command", 7),
        ("spec.template.metadata.labels", []),
        ("spec.selector", None),
        ("metadata.annotations", ["a"]),
        ("spec.template", None),
    ],
)
def test_a_malformed_resource_is_a_finding_and_no_traceback(sound: Path, path: str, value: object) -> None:
    patch = [{"op": "add", "path": "/" + path.replace(".", "/"), "value": value}]
    kustomization = {
        "resources": ["../../../base/app", "extra.yaml"],
        "components": ["../images"],
        "patches": [{"target": {"kind": "Deployment", "name": "web"}, "patch": json.dumps(patch)}],
    }
    (sound / "overlays/north/app/kustomization.yaml").write_text(json.dumps(kustomization))
    report = validate(sound, ("north",))
    assert rules_of(report) & {"LH101", "LH201", "LH203"}


def test_a_malformed_resource_hides_no_other_mistake(sound: Path) -> None:
    patch = sound / "overlays/north/app/patch.yaml"
    patch.write_text(patch.read_text().replace("replicas: 1", 'replicas: "one"'))
    access = sound / "base/app/access.yaml"
    access.write_text(access.read_text() + BUDGET)
    web = sound / "base/app/web.yaml"
    web.write_text(web.read_text().replace("claimName: web", "claimName: absent"))
    report = validate(sound, ("north",))
    assert rules_of(report) == {"LH201", "LH305", "LH309"}
    assert not report.is_partial


REACH = "LH711, LH712, LH713, LH714, LH715"
BUDGET = """---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: none}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: absent}}
"""


@pytest.mark.parametrize(
    ("mistake", "not_judged"),
    [
        ("spec: {template: {spec: {securityContext: {runAsUser: me}}}}", "LH307"),
        ("spec: {template: {spec: {serviceAccountNam: absent}}}", "LH307"),
        ("spec: {template: {spec: {containers: [{name: web, volumeMount: []}]}}}", "LH307"),
        ("spec: {template: {metadata: {labels: {more: 5}}}}", f"LH307, LH309, LH526, LH527, LH705, {REACH}"),
    ],
)
def test_what_a_malformed_resource_hides_is_said_and_exempts_no_less(
    sound: Path, mistake: str, not_judged: str
) -> None:
    patch = sound / "overlays/north/app/patch.yaml"
    patch.write_text(patch.read_text().replace("spec:\n  replicas: 1", mistake))
    access = sound / "base/app/access.yaml"
    access.write_text(access.read_text().replace("app: web", "app: absent") + BUDGET.replace("absent", "gone"))
    (sound / "overlays/north/exemptions.yaml").write_text(
        "- {rule: LH511, name: web, reason: It must.}\n- {rule: LH511, name: other, reason: It must.}\n"
    )
    report = validate(sound)
    messages = {finding.rule: finding.message for finding in report.findings}
    assert messages.keys() - {"LH309", "LH602"} == {"LH201", "LH901"}
    assert [finding.line for finding in report.findings if finding.rule == "LH901"] == [2]
    assert report.not_judged == [
        f"Deployment app/web is malformed, so the rest of it, and {not_judged} in north was not judged."
    ]
    assert "part not judged" in tally(report)


def test_a_part_that_cannot_be_built_is_one_finding(sound: Path) -> None:
    patch = sound / "overlays/south/app/patch.yaml"
    patch.write_text(patch.read_text().replace("name: web", "name: wbe"))
    (finding,) = validate(sound).findings
    assert (finding.rule, finding.environments) == ("LH101", ("south",))


def test_an_environment_without_resources_of_its_own_is_one_finding(sound: Path) -> None:
    (sound / "overlays/west").mkdir()
    (finding,) = validate(sound).findings
    assert (finding.rule, finding.environments) == ("LH103", ("west",))
    (sound / "overlays/west/kustomization.yaml").write_text("resources: [one.yaml]\n")
    (sound / "overlays/west/one.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\n")
    lacking = [finding for finding in validate(sound).findings if finding.message.startswith("west has none")]
    assert {finding.message.partition(":")[0] for finding in lacking} == {
        f"west has none of the resources of {root}" for root in ("app", "cicd", "cicd/applications", "misc")
    }


def test_a_root_that_an_environment_lacks_is_one_finding_where_the_environment_lists_its_roots(sound: Path) -> None:
    shutil.rmtree(sound / "overlays/south/misc")
    whole = sound / "overlays/south/kustomization.yaml"
    whole.write_text(whole.read_text().replace("misc, ", ""))
    (finding,) = [finding for finding in validate(sound).findings if finding.rule == "LH601"]
    assert (finding.environments, finding.file) == (("south",), whole)
    assert finding.message == "south has none of the resources of misc: others have 2, such as Namespace app."
