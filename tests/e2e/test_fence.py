"""One writer: whatever is cleared, deleted or paused, one attempt at a time commits, and leaves nothing behind."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from harness.clusters.kind.kubectl import Kubectl
from tests.live.airflow import Run, Task, succeeded
from tests.live.platform import Platform
from tests.live.proof import TRANSFORMATION, Proof, Taken
from tests.live.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

ATTEMPTS: Final = 4
"""Of a task: the first and the three retries of production."""
SECONDS: Final = 900
LAUNCHED: Final = "--selector=sparkoperator.k8s.io/launched-by-spark-operator=true"


@pytest.fixture
def again(platform: Platform, proof: Proof, days: tuple[Taken, Taken]) -> Callable[[], Run]:
    """Starts a run that has no new day to apply; its other jobs do all their work."""
    return lambda: platform.airflow.trigger(TRANSFORMATION, {})


def pods(cluster: Kubectl, job: str = "") -> list[dict[str, Any]]:
    """The pods of Spark that have not ended, or only the drivers of a job."""
    found = [pod for pod in cluster.get("pods", "processing", LAUNCHED) if pod["status"]["phase"] == "Running"]
    prefix = job.replace("_", "-")
    return [pod for pod in found if not job or pod["metadata"]["name"].startswith(prefix)]


def left(cluster: Kubectl) -> list[str]:
    """What Airflow and the operator have made in `processing`."""
    kinds = (
        ("pods", LAUNCHED),
        ("sparkapplications",),
        ("configmaps", "--selector=lakehouse/attempt"),
        ("services",),
    )
    return [
        item["metadata"]["name"] for kind, *options in kinds for item in cluster.get(kind, "processing", *options)
    ]


def working(cluster: Kubectl, job: str) -> str:
    """The driver of a job, once it has an executor."""

    def driver() -> str | None:
        drivers = pods(cluster, job)
        return drivers[0]["metadata"]["name"] if drivers and len(pods(cluster)) > 1 else None

    return until(driver, what=f"{job} has an executor", seconds=SECONDS)


def ended(platform: Platform, run: Run) -> dict[str, Task]:
    """The tasks of a run once it has succeeded, by id."""
    until(
        lambda: succeeded(platform.airflow, run, attempts=ATTEMPTS), what=f"{run.run_id} succeeds", seconds=SECONDS
    )
    return {task.task_id: task for task in platform.airflow.tasks(run)}


def task_of(platform: Platform, run: Run, task_id: str) -> Task:
    return next(task for task in platform.airflow.tasks(run) if task.task_id == task_id)


def commits(platform: Platform) -> set[str]:
    """Every commit of every table."""
    return {key for key in platform.keys("lakehouse") if "/_delta_log/" in key}


def emptied(cluster: Kubectl) -> None:
    """Waits for Kubernetes to remove what has lost its owner."""
    until(
        lambda: not left(cluster) or None,
        what="processing is empty",
        seconds=60,
        state=lambda: ", ".join(left(cluster)),
    )


def test_nothing_is_left_of_attempts_that_have_ended(cluster: Kubectl, days: tuple[Taken, Taken]) -> None:
    emptied(cluster)


def test_a_cleared_task_runs_again(platform: Platform, days: tuple[Taken, Taken]) -> None:
    run = days[-1].transformation
    # A cluster that was kept has cleared it before.
    attempt = task_of(platform, run, "silver_to_gold").attempt + 1

    def ran() -> Task | None:
        ended = succeeded(platform.airflow, run, attempts=attempt)
        task = task_of(platform, run, "silver_to_gold")
        return task if ended and (task.state, task.attempt) == ("success", attempt) else None

    with platform.watching() as watched:
        platform.airflow.clear(run, "silver_to_gold")
        task = until(ran, what="silver_to_gold has run again", seconds=SECONDS)
    (name,) = [
        name for name, item in watched.applications.items() if item["spec"]["arguments"] == ["silver_to_gold"]
    ]
    assert ("processing", f"{name}-driver") in watched.pods
    assert "staged from" in until(
        lambda: platform.airflow.log(run, task) or None, what="the log is in the store", seconds=60
    )


def test_airflows_commands_load_the_dag_without_an_error(platform: Platform) -> None:
    printed = platform.cluster.execute(
        "orchestrator",
        "deployment/airflow-scheduler",
        ["sh", "-c", f"airflow tasks clear {TRANSFORMATION} --start-date 2001-01-01 --end-date 2001-01-02 -y 2>&1"],
        doing="clear no task",
    )
    assert "Traceback" not in printed
    assert " ERROR " not in printed


@pytest.mark.full
def test_pods_go_with_their_application(platform: Platform, again: Callable[[], Run]) -> None:
    run = again()
    driver = working(platform.cluster, "silver_to_gold")
    application = driver.removesuffix("-driver")
    before = {pod["metadata"]["uid"] for pod in pods(platform.cluster)}
    platform.cluster.run(
        "delete", "sparkapplication", application, "--namespace=processing", doing=f"delete {application}"
    )
    until(
        lambda: not before & {pod["metadata"]["uid"] for pod in pods(platform.cluster)} or None,
        what="driver and executors are gone",
        seconds=120,
    )
    assert ended(platform, run)["silver_to_gold"].attempt == 2


@pytest.mark.full
@pytest.mark.parametrize("force", [False, True], ids=["asked to end", "lost"])
def test_a_worker_pod_that_is_deleted_leaves_no_second_writer(
    platform: Platform, again: Callable[[], Run], force: bool
) -> None:
    run = again()
    working(platform.cluster, "silver_to_gold")
    options = ["--grace-period=0", "--force"] if force else []
    platform.cluster.run(
        "delete",
        "pod",
        "--namespace=orchestrator",
        "--selector=task_id=silver_to_gold",
        "--wait=false",
        *options,
        doing="delete the pod that waits for Spark",
    )

    def alone() -> Run | None:
        drivers = [
            pod["metadata"]["name"] for pod in pods(platform.cluster) if pod["metadata"]["name"].endswith("-driver")
        ]
        assert len(drivers) < 2, drivers
        return succeeded(platform.airflow, run, attempts=ATTEMPTS)

    until(alone, what=f"{run.run_id} succeeds", seconds=SECONDS)
    assert ended(platform, run)["silver_to_gold"].attempt == 2
    emptied(platform.cluster)


@pytest.mark.full
def test_a_job_that_was_paused_while_another_took_over_commits_nothing(
    platform: Platform, again: Callable[[], Run]
) -> None:
    run = again()
    driver = working(platform.cluster, "quality_gate")

    def signal(name: str) -> None:
        words = ["bash", "-c", f"kill -{name} -1"]
        platform.cluster.execute("processing", f"pod/{driver}", words, doing=f"send {name} to {driver}")

    signal("STOP")
    before = commits(platform)
    (claim,) = platform.keys("lakehouse", "_claims/")
    number = int(claim.removeprefix("_claims/").removesuffix(".json")) + 1
    platform.store.put_object(Bucket="lakehouse", Key=f"_claims/{number:012d}.json", Body=b"{}")
    signal("CONT")

    def refused() -> bool | None:
        task = {task.task_id: task for task in platform.airflow.tasks(run)}["quality_gate"]
        return task.state == "up_for_retry" or None

    until(refused, what="the job gives up", seconds=SECONDS)
    assert commits(platform) == before
    task = ended(platform, run)["quality_gate"]
    assert task.attempt == 2
    assert "another attempt has taken over this lakehouse" in platform.airflow.log(run, task, attempt=1)
    assert commits(platform) > before
