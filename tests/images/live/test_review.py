"""The review as an image: it reviews a repository that is mounted, restricted and without a network."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.clusters.docker.client import docker
from harness.clusters.without_registry.base import ensure_base
from harness.machine.proxy.certificates import ca_bundle
from tests.conftest import ROOT
from tests.harness.test_wheel import GIT, build
from tests.images.live.conftest import RESTRICTED

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: TYPE, ports: [{port: 80}]}\n"


@pytest.fixture(scope="module")
def review_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    context = tmp_path_factory.mktemp("context")
    build(context / "dist", HARNESS_PROGRAMS="yes")
    (context / "requirements").mkdir()
    shutil.copy(ROOT / "requirements/review.txt", context / "requirements")
    secret = ["--secret", f"id=ca-bundle,src={bundle}"] if (bundle := ca_bundle(os.environ)) else []
    ensure_base(pull=True)
    # Not under lakehouse/, which tests/cluster takes for images that run on Kubernetes.
    name = "harness-review:test"
    arguments: list[str | Path] = ["--file", ROOT / "ci/Containerfile", *secret, "--tag", name, context]
    docker("build", "--quiet", *arguments, doing="build the review's image")
    return name


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of a user whom the image does not know, and an uncommitted change in it."""
    folder = tmp_path / "repository"
    (folder / "overlays/one").mkdir(parents=True)
    (folder / "overlays/one/kustomization.yaml").write_text("resources: [service.yaml]\n")
    (folder / "overlays/one/service.yaml").write_text(SERVICE.replace("TYPE", "ClusterIP"))
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "one"]):
        subprocess.run([*GIT, *words], cwd=folder, check=True)
    (folder / "overlays/one/service.yaml").write_text(SERVICE.replace("TYPE", "LoadBalancer"))
    for path in (tmp_path, folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def test_it_reviews_a_mounted_repository(review_image: str, repository: Path) -> None:
    mount = f"{repository}:/repository:ro"
    command = ["docker", "run", "--rm", *RESTRICTED, "--network=none", "-v", mount, review_image]
    done = subprocess.run(
        [*command, "diff", "HEAD", "--fail-on", "high"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 3, done.stderr
    assert "Touches one (1 changed)." in done.stdout
    assert "DF701" in done.stdout
