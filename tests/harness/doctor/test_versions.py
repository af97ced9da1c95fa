import datetime
import json
import re
from collections.abc import Mapping

import pytest
import typer
import yaml
from typer.testing import CliRunner

from harness.clusters.kind.node import UPSTREAM
from harness.doctor.command import doctor
from harness.doctor.pins import Kind, Pin, pins
from harness.doctor.versions import ASK, MODULES, SUPPORT_ENDS, THREE_MINORS, Newest, State, stable, verdicts
from harness.exits import ExitCode
from harness.paths import ROOT

TODAY = datetime.date(2026, 11, 1)
app = typer.Typer()
app.command()(doctor)


def answering(**answers: Mapping[str, str]) -> dict[Kind, Newest]:
    def of(kind: Kind) -> Newest:
        known = answers.get(kind.name.lower(), {})
        return lambda names: {name: known[name] for name in names if name in known}

    return {kind: of(kind) for kind in ASK}


def state(kind: Kind, name: str, version: str, newest: str = "", asked: str = "") -> State:
    answers = {"go" if kind is Kind.IMAGE else kind.name.lower(): {asked or name: newest} if newest else {}}
    (verdict,) = verdicts([Pin(kind, name, version, ("file",))], answering(**answers), TODAY)
    return verdict.state


@pytest.mark.parametrize(
    ("version", "newest", "expected"),
    [
        ("v1.34.4", "v1.36.3", State.BEHIND),
        ("v1.34.4", "v1.37.2", State.UNSUPPORTED),
        ("v1.37.2", "v1.37.2", State.CURRENT),
        ("v1.9.0", "v1.10.0", State.BEHIND),
        ("v1.34.4", "", State.UNKNOWN),
    ],
)
def test_kubernetes_is_supported_for_three_minor_versions(version: str, newest: str, expected: State) -> None:
    assert state(Kind.GO, "k8s.io/kubernetes", version, newest) is expected


@pytest.mark.parametrize(
    ("kind", "name", "version", "newest", "expected"),
    [
        (Kind.PYTHON, "requests", "2.9.0", "2.10.0", State.BEHIND),
        (Kind.PYTHON, "requests", "2.10.0", "2.9.0", State.CURRENT),
        (Kind.PYTHON, "apache-airflow", "2.11.2", "3.1.0", State.UNSUPPORTED),
        (Kind.PYTHON, "apache-airflow", "3.1.0", "3.1.0", State.CURRENT),
        (Kind.ACTION, "actions/checkout", "v4.2.2", "v4.9.0", State.CURRENT),
        (Kind.ACTION, "actions/checkout", "v4.2.2", "v5.0.0", State.BEHIND),
        (Kind.GO, "github.com/minio/mc", "v0.0.0-20250313080218-cf909e1063a9", "v1.0.0", State.UNKNOWN),
        (Kind.IMAGE, "grafana/grafana", "12.2.0", "", State.UNKNOWN),
    ],
)
def test_a_pin_is_compared_by_its_numbers(
    kind: Kind, name: str, version: str, newest: str, expected: State
) -> None:
    assert state(kind, name, version, newest) is expected


def test_an_image_that_is_released_from_a_go_module_is_compared_with_it() -> None:
    exporter, module = "prom/statsd-exporter", "github.com/prometheus/statsd_exporter"
    assert state(Kind.IMAGE, exporter, "v0.28.0", "v0.31.0", module) is State.BEHIND
    # Prometheus numbers its module apart from its releases.
    assert (
        state(Kind.IMAGE, "prom/prometheus", "v3.99.3", "v0.305.3", "github.com/prometheus/prometheus")
        is State.CURRENT
    )


def test_a_pre_release_is_no_newest_version() -> None:
    assert stable(["v1.9.0", "v1.10.0", "v2.0.0-rc.1", "v1.11.0-alpha"]) == "v1.10.0"
    assert stable([]) == ""


def test_every_image_of_another_project_is_a_pin() -> None:
    images = {(pin.name, pin.version) for pin in pins(ROOT) if pin.kind is Kind.IMAGE}
    overlay = yaml.safe_load((ROOT / "overlays/eks/images/kustomization.yaml").read_text(encoding="utf-8"))
    named = {(image["name"], image["newTag"]) for image in overlay["images"]}
    assert {pin for pin in named if not pin[0].startswith("lakehouse/")} <= images
    assert ("debian", "bookworm-slim") in images
    assert ("kindest/node", UPSTREAM.partition("@")[0].partition(":")[2]) in images


def test_every_action_is_a_pin() -> None:
    used = set()
    for file in (ROOT / "action.yml", *(ROOT / ".github" / "workflows").glob("*.yml")):
        lines = re.findall(r"uses: (?!\./)(\S+)@", file.read_text(encoding="utf-8"))
        used |= {"/".join(line.split("/")[:2]) for line in lines}
    assert used <= {pin.name for pin in pins(ROOT) if pin.kind is Kind.ACTION}


def test_every_go_program_and_every_main_package_is_a_pin() -> None:
    names = {pin.name for pin in pins(ROOT)}
    assert {
        "k8s.io/kubernetes",
        "github.com/argoproj/argo-cd/v3",
        "github.com/containerd/containerd/v2",
        "github.com/minio/minio",
        "sigs.k8s.io/kustomize/kustomize/v5",
        "sigs.k8s.io/kind",
        "apache-airflow",
        "pyspark",
        "jupyterlab",
    } <= names
    assert not any("indirect" in name or name.startswith("lakehouse") for name in names)


def test_what_is_known_of_support_is_about_something_that_is_pinned() -> None:
    names = {pin.name for pin in pins(ROOT)}
    assert {*MODULES, *THREE_MINORS, *(name for name, _ in SUPPORT_ENDS)} <= names


@pytest.mark.parametrize(
    ("newest", "code"), [("2.0.0", ExitCode.ATTENTION), ("1.0.0", ExitCode.OK), ("", ExitCode.NOT_COVERED)]
)
def test_the_exit_code_says_whether_something_is_to_do(
    newest: str, code: ExitCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = Pin(Kind.PYTHON, "requests", "1.0.0", ("requirements/run.txt",))
    monkeypatch.setattr("harness.doctor.command.pins", lambda _: [pin])
    answers = {"requests": newest} if newest else {}
    monkeypatch.setattr("harness.doctor.command.ASK", answering(python=answers))

    done = CliRunner().invoke(app, ["--versions", "--format", "json"])

    assert done.exit_code == code
    assert json.loads(done.stdout)[0]["newest"] == newest
