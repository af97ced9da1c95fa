"""A Dockerfile copies every module that its programs import."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.clusters.images.inputs import allowed


def lay_out(image: Path, repo: Path, target: Path) -> None:
    """Does what the COPY lines of a Dockerfile do, below `target`, with what Docker is sent."""
    text = (image / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    sent = (image / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for line in re.findall(r"^COPY ((?:harness|dags|spark)/.*)$", text, re.MULTILINE):
        *sources, destination = line.split()
        for source in sources:
            assert f"!{source}" in sent, f"{image.name}: Docker is not sent {source}"
            inside = target / destination.strip("/")
            if (repo / source).is_dir():
                shutil.copytree(repo / source, inside, dirs_exist_ok=True)
            else:
                inside.mkdir(parents=True, exist_ok=True)
                shutil.copy(repo / source, inside)


@pytest.mark.parametrize(
    ("image", "path", "program"),
    [
        ("mock-api", "opt/mock-api", ["-m", "harness", "mock-api", "--help"]),
        ("mock-api", "opt/mock-api", ["-c", "import harness.pipeline.mock_api.server"]),
        ("spark", "src", ["-c", "import harness.machine.jars"]),
    ],
)
def test_an_image_has_the_code_that_it_runs(
    image: str, path: str, program: list[str], repo: Path, tmp_path: Path
) -> None:
    lay_out(repo / "images" / image, repo, tmp_path)

    done = subprocess.run(
        [sys.executable, *program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_what_docker_is_sent_is_there(repo: Path) -> None:
    for ignore in repo.glob("images/**/Dockerfile.dockerignore"):
        assert all((repo / name).exists() for name in allowed(ignore)), ignore
