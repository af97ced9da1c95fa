"""The event logs of Spark applications and the history server that reads them."""

import re
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.tools

STORE = "spark.hadoop.fs.s3a."


def application(overlay: Any) -> dict[str, str]:
    """Settings of an application."""
    conf = yaml.safe_load(overlay.text("spark-application", "spark-application.yaml"))["spec"]["sparkConf"]
    return dict(conf)


def container(overlay: Any) -> dict[str, Any]:
    deployment = overlay.one("Deployment", "spark-history", "monitoring")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(container)


def options(overlay: Any) -> list[str]:
    """The server's options of Java, with the variables filled in as Kubernetes does."""
    values = overlay.one("ConfigMap", "spark-history-store", "monitoring")["data"]
    (text,) = [item["value"] for item in container(overlay)["env"] if item["name"] == "SPARK_HISTORY_OPTS"]
    return re.sub(r"\$\((\w+)\)", lambda match: values[match[1]], text).split()


def server(overlay: Any) -> dict[str, str]:
    """Settings of Spark among them."""
    given = [option.removeprefix("-D") for option in options(overlay) if option.startswith("-Dspark.")]
    return {name: value for name, _, value in (setting.partition("=") for setting in given)}


def test_the_server_reads_what_the_applications_write(overlay: Any) -> None:
    writes, reads = application(overlay), server(overlay)
    assert writes["spark.eventLog.enabled"] == "true"
    assert writes["spark.eventLog.dir"] == reads.pop("spark.history.fs.logDirectory")
    assert {f"{STORE}endpoint", f"{STORE}aws.credentials.provider"} <= reads.keys()
    assert reads == {key: writes[key] for key in reads}


def test_the_folder_of_the_logs_exists_before_the_first_application(overlay: Any) -> None:
    folder = application(overlay)["spark.eventLog.dir"].removeprefix("s3a://")
    script = overlay.one("ConfigMap", "minio-bootstrap", "deepstorage")["data"]["bootstrap.sh"]
    assert f"mc pipe store/{folder}/.keep" in script


def test_old_logs_are_deleted_by_the_server(overlay: Any) -> None:
    properties = overlay.one("ConfigMap", "spark-history", "monitoring")["data"]["spark.properties"]
    assert "spark.history.fs.cleaner.enabled=true" in properties.splitlines()


def test_the_server_is_small(overlay: Any) -> None:
    assert container(overlay)["resources"]["limits"]["memory"] == "512Mi"
    assert "-Xmx192m" in options(overlay)
