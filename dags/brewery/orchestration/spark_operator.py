"""Airflow's operator for SparkApplications, which also tells a job that refused from one that broke."""

from contextlib import suppress
from typing import Any

from airflow.exceptions import AirflowException, AirflowFailException
from airflow.providers.cncf.kubernetes.operators.custom_object_launcher import CustomObjectLauncher
from airflow.providers.cncf.kubernetes.operators.spark_kubernetes import SparkKubernetesOperator
from airflow.providers.cncf.kubernetes.utils.container import get_container_status
from kubernetes.client import ApiException, V1Pod

from brewery.contract import refusal


class SparkJobOperator(SparkKubernetesOperator):
    """Fails a task for good, with the job's own sentence, where the job refused: a second try would refuse as well.

    Whatever else ends a driver (a signal, a lost node, an error of Spark's) keeps the task's retries.
    """

    def get_or_create_spark_crd(self, launcher: CustomObjectLauncher, context: Any) -> V1Pod:
        """Start the job; one that fails before the first look at its driver never gets as far as `cleanup`."""
        try:
            return super().get_or_create_spark_crd(launcher, context)
        except AirflowException as failure:
            with suppress(ApiException):
                self._give_up_if_refused(self.pod_manager.read_pod(launcher.pod_spec), failure)
            raise

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
