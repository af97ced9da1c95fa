"""DAGs from git, switched on by one line of an overlay: complete, and without a finding."""

import shutil
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from harness.manifests.builder import build_all
from harness.manifests.environments import roots
from harness.validate.command import validate
from tests.overlays.conftest import Overlay

pytestmark = pytest.mark.tools

ENVIRONMENTS = ("eks", "minikube")
FOLDER = "/opt/airflow/home/git/current/dags"
IMAGE = "registry.k8s.io/git-sync/git-sync"


@pytest.fixture
def tree(tmp_path: Path, repo: Path) -> Path:
    """The manifests with the line in each environment."""
    for folder in ("base", "components", "overlays"):
        shutil.copytree(repo / folder, tmp_path / folder)
    for file in ("pyproject.toml", "harness/manifests/catalogue.yaml"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repo / file, tmp_path / file)
    for environment in ENVIRONMENTS:
        kustomization = tmp_path / "overlays" / environment / "orchestrator" / "kustomization.yaml"
        before = kustomization.read_text(encoding="utf-8")
        assert before.count("  - ../images\n") == 1
        kustomization.write_text(before.replace("  - ../images\n", "  - ../git-sync\n"), encoding="utf-8")
    return tmp_path


def test_the_validation_finds_nothing(tree: Path) -> None:
    app = typer.Typer()
    app.command()(validate)
    done = CliRunner().invoke(app, ["--root", str(tree)])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_process_that_reads_dags_has_them_from_git(tree: Path, environment: str) -> None:
    builds = build_all(roots(tree, environment))
    assert not [problem for build in builds for problem in build.problems]
    rendered = Overlay(environment, [item.value for build in builds for item in build.resources])
    overlay = tree / "overlays" / environment
    entries = yaml.safe_load((overlay / "images/kustomization.yaml").read_text(encoding="utf-8"))["images"]
    [tag] = [entry["newTag"] for entry in entries if entry["name"] == IMAGE]
    source = yaml.safe_load((overlay / "source/source.yaml").read_text(encoding="utf-8"))["data"]

    settings = rendered.one("ConfigMap", "git-sync")["data"]
    assert (settings["GITSYNC_REPO"], settings["GITSYNC_REF"]) == (source["url"], source["revision"])
    assert f"{settings['GITSYNC_ROOT']}/{settings['GITSYNC_LINK']}/dags" == FOLDER
    worker = yaml.safe_load(rendered.text("airflow-pod-template", "pod-template.yaml"))["spec"]
    scheduler = rendered.one("Deployment", "airflow-scheduler")["spec"]["template"]["spec"]
    for pod in (worker, scheduler):
        container = pod["initContainers"][0]
        assert container["image"] == f"{IMAGE}:{tag}"
        # Airflow's containers see what it writes.
        [home] = [
            mount for mount in container["volumeMounts"] if settings["GITSYNC_ROOT"].startswith(mount["mountPath"])
        ]
        for other in pod["containers"]:
            assert home in other["volumeMounts"]
    # The scheduler's goes on; that of a task ends before the task begins.
    assert scheduler["initContainers"][0]["restartPolicy"] == "Always"
    assert "--one-time" in worker["initContainers"][0]["args"]
    for name in ("airflow-environment", "airflow-worker-environment"):
        assert rendered.one("ConfigMap", name)["data"]["AIRFLOW__CORE__DAGS_FOLDER"] == FOLDER
    names = {(item["kind"], item["metadata"]["name"]) for item in rendered.resources}
    assert not names & {("ConfigMap", "platform-source"), ("PodTemplate", "git-sync")}


def test_without_the_line_there_is_nothing_of_it(overlay: Overlay) -> None:
    assert "git-sync" not in {item["metadata"]["name"] for item in overlay.resources}
    scheduler = overlay.one("Deployment", "airflow-scheduler")["spec"]["template"]["spec"]
    assert "git-sync" not in {container["name"] for container in scheduler["initContainers"]}
    assert "initContainers" not in yaml.safe_load(overlay.text("airflow-pod-template", "pod-template.yaml"))["spec"]
