"""The jobs from a command line: exit codes and sentences."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyspark
import pytest
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from lakehouse.errors import LakehouseError, TransientError, explained
from lakehouse.jobs import command
from lakehouse.jobs.command import main
from lakehouse.storage import Files, spark_layout

REFUSED = 65
"""EX_DATAERR: Airflow does not try the job again."""


@pytest.fixture
def own_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of the jobs' own: Airflow, once imported by another test, logs to the standard output."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])


@pytest.mark.spark
@pytest.mark.days
@pytest.mark.usefixtures("own_logging")
def test_the_pipeline_from_the_command_line(
    spark: SparkSession,
    layout: Layout,
    bronze: Any,
    brewery: Callable[..., dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    bronze.write("2026-03-01", [[brewery("a")]])
    root = ["--lakehouse", layout.root]
    assert main([*root, "bronze_to_silver"]) == 0
    assert "silver_records=1" in capsys.readouterr().out
    assert main([*root, "bronze_to_silver"]) == 0
    assert capsys.readouterr().out == "nothing new\n"
    assert main([*root, "silver_to_gold"]) == 0
    assert main([*root, "quality_gate", "--max-age-hours", "1"]) == 0
    assert "passed: gold/daily_changes a_row_for_each_date is 1 (expected = 1)" in capsys.readouterr().out
    assert main([*root, "maintenance", "history", "--table", "gold/breweries_by_type"]) == 0
    assert capsys.readouterr().out.startswith("gold/breweries_by_type: version 0, ")


@pytest.mark.spark
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["silver_to_gold"], "run bronze_to_silver first"),
        (["maintenance", "polish"], "There is no action polish"),
        (["maintenance", "restore"], "Name the table to restore with --table"),
    ],
)
def test_a_refusal_is_one_sentence_and_an_exit_code_of_its_own(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert main(["--lakehouse", str(tmp_path), *arguments]) == REFUSED
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


def test_a_lakehouse_has_to_be_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAKEHOUSE_URI", raising=False)
    assert main(["silver_to_gold"]) == REFUSED
    assert capsys.readouterr().err == "error: Name the lakehouse with --lakehouse or LAKEHOUSE_URI.\n"


@pytest.mark.parametrize(("error", "code"), [(LakehouseError, REFUSED), (TransientError, 1)])
def test_kubernetes_is_left_the_sentence_and_whether_to_try_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: type[LakehouseError], code: int
) -> None:
    def run(_options: object) -> None:
        raise error("The gate failed (≤ 5): stay.")

    left = tmp_path / "termination-log"
    left.write_text("what is there when a container starts")
    monkeypatch.setattr(command, "_run", run)
    monkeypatch.setenv("TERMINATION_LOG", str(left))
    assert main(["silver_to_gold"]) == code
    assert left.read_text(encoding="utf-8") == "The gate failed (≤ 5): stay."


def test_a_sentence_that_cannot_be_left_changes_no_exit_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LAKEHOUSE_URI", raising=False)
    monkeypatch.setenv("TERMINATION_LOG", str(tmp_path))
    assert main(["silver_to_gold"]) == REFUSED
    assert "Name the lakehouse" in capsys.readouterr().err


@pytest.mark.spark
def test_spark_submit_ends_as_the_job_does(spark_variables: None, repo: Path, tmp_path: Path) -> None:
    """As in the driver's pod: Spark's own program runs the job's file in a process below it."""
    left = tmp_path / "termination-log"
    folders = os.pathsep.join([str(repo / "spark"), str(repo / "dags")])
    environ = os.environ | {"PYTHONPATH": folders, "TERMINATION_LOG": str(left), "PYSPARK_PYTHON": sys.executable}
    environ.pop("LAKEHOUSE_URI", None)
    home = Path(pyspark.__file__).parent
    job = repo / "spark" / "lakehouse" / "jobs" / "__main__.py"
    outcome = subprocess.run(
        [home / "bin" / "spark-submit", "--deploy-mode", "client", job, "silver_to_gold"],
        env=environ | {"SPARK_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == REFUSED, outcome.stdout + outcome.stderr
    assert left.read_text() == "Name the lakehouse with --lakehouse or LAKEHOUSE_URI."


@pytest.mark.spark
def test_a_lakehouse_that_cannot_be_written(
    spark: SparkSession, tmp_path: Path, bronze: Any, layout: Layout, brewery: Callable[..., dict[str, Any]]
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TransientError, match="Could not write"):
        Files(spark, str(tmp_path)).write_text(str(tmp_path / "file" / "x"), "text")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "An error occurred while calling o1.save.\n: org.apache.spark.SparkException: Job aborted.\n"
            "\tat a.b(C.scala:1)\nCaused by: java.io.IOException: No space left on device\n",
            "Could not write it: the disk is full; free some space, then run it again.",
        ),
        (
            "An error occurred while calling o1.save.\n: java.io.FileNotFoundException: /x (Permission denied)\n",
            "Could not write it: this user lacks the permission; grant it, or choose another lakehouse "
            "(--lakehouse, LAKEHOUSE_URI).",
        ),
        (
            "An error occurred while calling o1.save.\n: a.b.Outer: x\nCaused by: a.b.SomeException: odd.\n",
            "Could not write it: SomeException: odd.",
        ),
    ],
)
def test_what_java_throws_becomes_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(TransientError) as caught, explained("write it"):
        raise Py4JError(text)
    assert str(caught.value) == sentence


def test_airflows_name_for_s3_becomes_hadoops() -> None:
    assert spark_layout(Layout("s3://lakehouse/x")).root == "s3a://lakehouse/x"
    assert spark_layout(Layout("/data/lake")).root == "/data/lake"
