"""Code reaches the platform by git alone: a commit with changed code and its image's new tag, and a revert.

A registry would have the image before the commit; here it is copied to the node. Nothing else touches the cluster.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from harness.clusters.images import tags
from harness.clusters.images.release import release
from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.kubectl import Kubectl
from harness.clusters.kind.load import load
from harness.manifests.images import ImageReference
from harness.paths import ROOT
from tests.live.airflow import AwayError
from tests.live.platform import Platform
from tests.live.proof import INGESTION, Proof, Shown, Taken
from tests.live.served import ServedBranch
from tests.live.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.full]

READ: Final = ("base", "components", "dags", "harness", "images", "overlays", "requirements", "spark")
OVERLAY: Final = Path("overlays/minikube") / tags.FILE
"""What the tests' overlay has its images from."""
DAG: Final = f"dags/{INGESTION.replace('-', '_')}.py"
JOB: Final = "spark/lakehouse/jobs/bronze_to_silver.py"
MARK: Final = "release-probe"
SECONDS: Final = 300
"""From a push to new code that runs: the bound of docs/changing-the-pipeline.md."""


class Developer:
    """Changes code in a checkout, and pushes it with the tags of what is built of it."""

    def __init__(self, tree: Path, served: ServedBranch) -> None:
        self.tree = tree
        self.served = served
        self.first = served.head()
        # From here on, tags change with what changes.
        release("minikube", tree, None)

    def push(self, file: str, before: str, after: str) -> dict[str, str]:
        """Replaces a text, builds, and pushes; returns the new images by their names in the bases."""
        code = (self.tree / file).read_text(encoding="utf-8")
        assert code.count(before) == 1
        (self.tree / file).write_text(code.replace(before, after), encoding="utf-8")
        new = {
            image.image: ImageReference(image.repository, image.tag, image.digest)
            for image in release("minikube", self.tree, None).images
            if image.changed
        }
        load(Cluster(), map(str, new.values()))
        overlay = tags.with_images(OVERLAY, self.served.read(OVERLAY.as_posix()), new)
        changes = {file: (self.tree / file).read_bytes(), OVERLAY.as_posix(): overlay.encode()}
        self.served.commit(changes, f"Change {file}")
        return {name: str(image) for name, image in new.items()}


@pytest.fixture(scope="module")
def developer(cluster: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Developer]:
    """Leaves the served branch and the cluster as they were."""
    tree = tmp_path_factory.mktemp("checkout")
    for folder in READ:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    served = ServedBranch(cluster)
    developer = Developer(tree, served)
    yield developer
    served.reset(developer.first)
    until(served.followed, what="every Application follows the first commit again", seconds=SECONDS)


@pytest.fixture
def timed(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Writes into the report when something was seen, in seconds since the first time."""
    moments: list[float] = []

    def note(what: str) -> None:
        moments.append(time.monotonic())
        record_property(what, round(moments[-1] - moments[0]))

    return note


def shown(platform: Platform) -> bool | None:
    """Whether the scheduler has read the changed DAG; None while the webserver is away, which rolls with it."""
    try:
        return MARK in platform.airflow.tags(INGESTION)
    except AwayError:
        return None


def images(cluster: Kubectl, namespace: str, label: str) -> set[str]:
    """The images of the pods with a label that run."""
    pods = cluster.get("pods", namespace, f"--selector={label}", "--field-selector=status.phase=Running")
    return {container["image"] for pod in pods for container in pod["spec"]["containers"]}


def test_a_commit_that_changes_a_dag_runs(
    platform: Platform,
    days: tuple[Taken, Taken],
    developer: Developer,
    timed: Callable[[str], None],
) -> None:
    assert shown(platform) is False
    new = developer.push(DAG, 'tags=["brewery", ', f'tags=["{MARK}", "brewery", ')
    timed("push")
    assert new.keys() == {"lakehouse/airflow"}

    until(lambda: shown(platform) or None, what="the scheduler has the changed DAG", seconds=SECONDS)
    timed("the scheduler has the changed DAG")
    assert new["lakehouse/airflow"] in images(
        platform.cluster, "orchestrator", "app.kubernetes.io/component=scheduler"
    )


def test_a_commit_that_changes_a_spark_job_runs(
    platform: Platform, proof: Proof, developer: Developer, timed: Callable[[str], None]
) -> None:
    line = "log = logging.getLogger(__name__)\n"
    new = developer.push(JOB, line, f'{line}print("{MARK}")\n')
    timed("push")
    assert new.keys() == {"lakehouse/spark", "lakehouse/jupyter"}

    until(developer.served.followed, what="every Application follows the commit", seconds=SECONDS)
    timed("Argo CD has deployed it")
    run = proof.start(Shown(2))

    def driver() -> bool | None:
        return new["lakehouse/spark"] in images(platform.cluster, "processing", "spark-role=driver") or None

    until(driver, what="a driver runs the new image", seconds=SECONDS)
    timed("a driver runs the new image")
    taken = proof.finish(Shown(2), run)
    [task] = [task for task in proof.tasks(taken.transformation) if task.task_id == "bronze_to_silver"]
    assert MARK in platform.airflow.log(taken.transformation, task)


def test_a_revert_is_a_rollback(platform: Platform, developer: Developer, timed: Callable[[str], None]) -> None:
    assert shown(platform)
    developer.served.revert(developer.first)
    timed("push")

    until(lambda: True if shown(platform) is False else None, what="the scheduler has the old DAG", seconds=SECONDS)
    timed("the scheduler has the old DAG")
    until(developer.served.followed, what="every Application follows the revert", seconds=SECONDS)
    timed("Argo CD has deployed it")
    [settings] = platform.cluster.get("configmaps", "orchestrator", "--field-selector=metadata.name=spark-settings")
    before = tags.images(OVERLAY, developer.served.read(OVERLAY.as_posix()))["lakehouse/spark"]
    assert settings["data"]["SPARK_IMAGE"] == str(before)
