"""How the DAGs run here: embedded in one process, or on Kubernetes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

SparkMode = Literal["local", "kubernetes"]


@dataclass(frozen=True)
class OrchestrationSettings:
    """Deployment settings of the DAGs, from environment variables.

    Attributes:
        spark_mode: `kubernetes`: SparkApplications through the operator; `local`: Spark within the task's process.
        spark_namespace: Namespace of the SparkApplications.
        spark_template_dir: Folder that holds `spark-application.yaml` where a task runs.
        lakehouse_connection: Airflow connection for an `s3://` lakehouse; empty: the AWS_ variables.
        retries: Retries of each task.
        retry_delay: Seconds before the first retry; doubles from there.
    """

    spark_mode: SparkMode
    spark_namespace: str
    spark_template_dir: str
    lakehouse_connection: str
    retries: int
    retry_delay: int

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "OrchestrationSettings":
        """Read the settings.

        Raises:
            ValueError: A variable has a value that cannot be used; the message names it.
        """
        mode = env.get("BREWERY_SPARK_MODE", "local")
        if mode not in ("local", "kubernetes"):
            raise ValueError(f"BREWERY_SPARK_MODE is {mode!r}; set it to 'local' or 'kubernetes'")
        numbers = {"BREWERY_TASK_RETRIES": env.get("BREWERY_TASK_RETRIES", "3")}
        numbers["BREWERY_RETRY_DELAY"] = env.get("BREWERY_RETRY_DELAY", "30")
        for variable, number in numbers.items():
            if not number.isdecimal():
                raise ValueError(f"{variable} is {number!r}; set it to a whole number")
        return cls(
            spark_mode=cast("SparkMode", mode),
            spark_namespace=env.get("BREWERY_SPARK_NAMESPACE", "processing"),
            spark_template_dir=env.get("BREWERY_SPARK_TEMPLATE_DIR", "/opt/airflow/spark"),
            lakehouse_connection=env.get("BREWERY_LAKEHOUSE_CONNECTION", "minio"),
            retries=int(numbers["BREWERY_TASK_RETRIES"]),
            retry_delay=int(numbers["BREWERY_RETRY_DELAY"]),
        )
