"""Airflow's operator for SparkApplications: one writer at a time, and a job that refused is not tried again."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from airflow.exceptions import AirflowException, AirflowFailException
from airflow.providers.cncf.kubernetes.operators.custom_object_launcher import CustomObjectLauncher
from airflow.providers.cncf.kubernetes.operators.spark_kubernetes import SparkKubernetesOperator
from airflow.providers.cncf.kubernetes.utils.container import get_container_status
from kubernetes.client import ApiException, V1Pod

from brewery.claims import take_claim
from brewery.contract import refusal
from brewery.contract.claims import CLAIM
from brewery.orchestration.attempts import Attempts
from brewery.orchestration.failures import for_airflow
from brewery.orchestration.tasks import open_lakehouse
from brewery.settings import Settings


class SparkJobOperator(SparkKubernetesOperator):
    """Runs a job of `lakehouse.jobs`; every attempt has a SparkApplication of its own and never looks for another.

    It removes what earlier attempts left, waits until none of their pods runs, and takes a claim, which the job
    checks before each commit: whatever runs on where Kubernetes does not see it can commit no more.

    A task whose job refused fails for good, with the job's own sentence: a second try would refuse as well.
    Whatever else ends a driver (a signal, a lost node, an error of Spark's) keeps the task's retries.
    """

    # The file is read when the task runs: where else a DAG is loaded, there is none.
    template_ext = ()  # type: ignore[assignment]  # three endings in the base class

    def __init__(self, *, job: str, options: Sequence[str] = (), gives_way: bool = False, **arguments: Any) -> None:
        """For the arguments see `spark_task`."""
        super().__init__(**arguments)
        self.job = job
        self.options = options
        self.gives_way = gives_way

    def manage_template_specs(self) -> dict[str, Any]:
        """The SparkApplication, with the job as its argument."""
        application = yaml.safe_load(Path(str(self.application_file)).read_text(encoding="utf-8"))
        application["spec"]["arguments"] = [self.job]
        return {"spark": application}

    def find_spark_job(self, context: Any, exclude_checked: bool = True) -> V1Pod | None:  # noqa: ARG002 - inherited
        """This attempt's driver; the inherited method also takes that of an earlier one, with its outcome."""
        try:
            return self.client.read_namespaced_pod(f"{self.name}-driver", self.namespace)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def patch_already_checked(self, pod: V1Pod, *, reraise: bool = True) -> None:
        """Nothing attaches to a driver, so that none needs a mark."""

    def get_or_create_spark_crd(self, launcher: CustomObjectLauncher, context: Any) -> V1Pod:
        """Start the job as the only one that may write, and wait for its driver."""
        attempts = Attempts(self.client, self.custom_obj_api, str(self.namespace))
        if self.gives_way and (others := attempts.others(self.job.replace("_", "-"))):
            raise AirflowException(
                f"{self.job} gives way to the Spark application {self.namespace}/{others[0]}: it is tried again "
                "later."
            )
        attempts.remove()
        ti = context["ti"]
        holder = {"dag": ti.dag_id, "task": ti.task_id, "run": ti.run_id, "try": ti.try_number, "job": self.name}
        with for_airflow():
            claim = take_claim(open_lakehouse(Settings.from_env()), json.dumps(holder))
        launcher.body["spec"]["driver"]["envVars"][CLAIM] = str(claim)
        launcher.body["spec"]["arguments"] += [
            f"--{option.replace('_', '-')}={context['params'][option]}" for option in self.options
        ]
        attempts.start(str(self.name), launcher.body)
        deadline = time.monotonic() + self.startup_timeout_seconds
        while (driver := self.find_spark_job(context)) is None:
            failure = attempts.failure(str(self.name))
            if failure is not None:
                raise AirflowException(f"The Spark operator could not start {self.name}: {failure}")
            if time.monotonic() > deadline:
                raise AirflowException(
                    f"The Spark operator has made no driver for {self.name} within "
                    f"{self.startup_timeout_seconds} s: see its log (deployment/spark-operator in processing)."
                )
            time.sleep(1)
        # The inherited method takes it from there.
        launcher.pod_spec = driver
        return driver

    def cleanup(self, pod: V1Pod, remote_pod: V1Pod | None, *args: Any, **kwargs: Any) -> None:
        """Delete the job that has ended, and fail the task unless it succeeded."""
        try:
            super().cleanup(pod, remote_pod, *args, **kwargs)
        except AirflowException as failure:
            self._give_up_if_refused(remote_pod, failure)
            raise

    def _give_up_if_refused(self, driver: V1Pod | None, failure: AirflowException) -> None:
        """Raise an AirflowFailException where the driver's exit code says so."""
        status = get_container_status(driver, self.base_container_name)
        ended = status.state.terminated if status and status.state else None
        if ended and ended.exit_code == refusal.EXIT_CODE:
            raise AirflowFailException(
                (ended.message or "").strip() or f"The job {self.task_id} refused: its log above says why."
            ) from failure
