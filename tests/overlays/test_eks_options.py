"""What the EKS overlay offers and leaves out: switched on as docs/eks.md says, it is rendered and valid."""

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from harness.manifests.builder import build_all
from harness.manifests.environments import roots
from harness.paths import ROOT
from harness.validate.command import validate

pytestmark = pytest.mark.tools

Resource = dict[str, Any]


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def rendered(tree: Path) -> list[Resource]:
    builds = build_all(roots(tree, "eks"))
    assert [problem for build in builds for problem in build.problems] == []
    return [item.value for build in builds for item in build.resources]


def assert_valid(tree: Path) -> None:
    command = typer.Typer()
    command.command()(validate)
    done = CliRunner().invoke(command, ["eks", "--root", str(tree)])
    assert done.exit_code == 0, done.output


def claims(resources: list[Resource]) -> list[Resource]:
    templates = [
        item["spec"].get("volumeClaimTemplates", []) for item in resources if item["kind"] == "StatefulSet"
    ]
    made = [claim for item in templates for claim in item]
    return made + [item for item in resources if item["kind"] == "PersistentVolumeClaim"]


def test_every_volume_may_be_of_gp3(tree: Path) -> None:
    eks = tree / "overlays" / "eks"
    edit(eks / "volumes/kustomization.yaml", "value: gp2", "value: gp3")
    edit(eks / "misc/kustomization.yaml", "components:\n", "components:\n  - ../../../components/gp3\n")
    resources = rendered(tree)
    (storage_class,) = [item for item in resources if item["kind"] == "StorageClass"]
    assert (storage_class["metadata"]["name"], storage_class["parameters"]["type"]) == ("gp3", "gp3")
    assert len(claims(resources)) == len(claims(rendered(ROOT))) >= 4
    assert {claim["spec"]["storageClassName"] for claim in claims(resources)} == {"gp3"}
    assert_valid(tree)


def test_gp3_without_its_class_is_found(tree: Path) -> None:
    edit(tree / "overlays/eks/volumes/kustomization.yaml", "value: gp2", "value: gp3")
    command = typer.Typer()
    command.command()(validate)
    done = CliRunner().invoke(command, ["eks", "--root", str(tree)])
    assert done.exit_code != 0
    assert "LH313" in done.output


def test_every_pod_may_pull_with_a_secret(tree: Path) -> None:
    images = tree / "overlays/eks/images/kustomization.yaml"
    edit(images, "configurations:", "components:\n  - ../../../components/pull-secret\nconfigurations:")
    resources = rendered(tree)
    accounts = {
        (item["metadata"]["namespace"], item["metadata"]["name"])
        for item in resources
        if item["kind"] == "ServiceAccount" and item.get("imagePullSecrets") == [{"name": "registry"}]
    }
    pods = [
        (item["metadata"]["namespace"], item["spec"]["template"]["spec"].get("serviceAccountName", "default"))
        for item in resources
        if item["kind"] in ("Deployment", "StatefulSet", "Job")
    ]
    started_later = {("orchestrator", "airflow-worker"), ("processing", "spark"), ("processing", "spark-executor")}
    assert {*pods} | started_later <= accounts
    assert_valid(tree)
