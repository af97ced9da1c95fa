"""What a pod starts is in the image that the repository builds."""

from pathlib import Path

import pytest

from harness.paths import ROOT
from harness.validate.programs.image_files import check, copied
from tests.harness.validate.made import made

DOCKERFILE = """
FROM debian AS packages
COPY other /opt/other
FROM debian
COPY --from=packages /opt/packages /opt/packages
COPY images/tool/start.sh /opt/start.sh
COPY jobs \\
     /opt/work/jobs
"""


def messages(root: Path, text: str) -> list[str]:
    environment = made(text)
    environment.root = root
    return [f"{violation.message} {violation.path[-2:]}" for violation in check(environment)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("jobs/load.py", "jobs/more/save.py", "images/tool/start.sh", "other/a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "images/tool/Dockerfile").write_text(DOCKERFILE)
    return tmp_path


def test_what_the_last_stage_copies(root: Path) -> None:
    assert copied(root, "tool") == {"/opt/start.sh", "/opt/work/jobs/load.py", "/opt/work/jobs/more/save.py"}
    assert copied(root, "postgres") == frozenset()


POD = """
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: b}
spec:
  containers:
    - name: c
      image: registry.example/own/%s:1.0
      command: [python, %s]
      volumeMounts: [{name: scripts, mountPath: /opt/work/jobs/mounted}]
"""


@pytest.mark.parametrize(
    ("image", "path", "said"),
    [
        ("tool", "/opt/work/jobs/load.py", ""),
        ("tool", "/opt/work/jobs/laod.py", "does not have: use /opt/work/jobs/load.py"),
        ("tool", "/opt/work/job/load.py", "does not have: use /opt/work/jobs/load.py"),
        ("tool", "/opt/work/jobs/entirely/different.py", "it has /opt/work/jobs, without entirely/different.py"),
        ("tool", "/opt/work/jobs/mounted/any.py", ""),
        ("tool", "/usr/lib/python3/any.py", ""),
        ("tool", "/opt/work/jobs", ""),
        ("postgres", "/opt/work/jobs/laod.py", ""),
    ],
)
def test_a_file_of_a_command(root: Path, image: str, path: str, said: str) -> None:
    found = messages(root, POD % (image, path))
    assert [said in message and message.endswith("('command', 1)") for message in found] == ([True] if said else [])


def test_the_file_of_a_spark_application(root: Path) -> None:
    text = """
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: {name: a, namespace: b}
spec:
  image: own/tool
  mainApplicationFile: local:///opt/work/jobs/%s.py
  driver: {memory: 1g, cores: 1}
  executor: {memory: 1g, cores: 1}
"""
    (message,) = messages(root, text % "lod")
    assert message.startswith("SparkApplication b/a starts /opt/work/jobs/lod.py, which images/tool does not have")
    assert message.endswith("('spec', 'mainApplicationFile')")
    assert messages(root, text % "load") == []


def test_the_platforms_own_images_have_what_they_copy() -> None:
    assert "/opt/lakehouse/lakehouse/jobs/__main__.py" in copied(ROOT, "spark")
