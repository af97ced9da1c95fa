"""The jobs from a command line: exit codes and sentences."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from lakehouse.errors import LakehouseError, explained
from lakehouse.jobs.command import main
from lakehouse.storage import Files, spark_layout


@pytest.mark.spark
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
    # Before it there may be log lines: Airflow, once imported, sends them to the standard output.
    assert capsys.readouterr().out.endswith("nothing new\n")
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
def test_a_failure_is_one_sentence(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert main(["--lakehouse", str(tmp_path), *arguments]) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


def test_a_lakehouse_has_to_be_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAKEHOUSE_URI", raising=False)
    assert main(["silver_to_gold"]) == 1
    assert capsys.readouterr().err == "error: Name the lakehouse with --lakehouse or LAKEHOUSE_URI.\n"


@pytest.mark.spark
def test_a_lakehouse_that_cannot_be_written(
    spark: SparkSession, tmp_path: Path, bronze: Any, layout: Layout, brewery: Callable[..., dict[str, Any]]
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LakehouseError, match="Could not write"):
        Files(spark, str(tmp_path)).write_text(str(tmp_path / "file" / "x"), "text")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "An error occurred while calling o1.save.\n: org.apache.spark.SparkException: Job aborted.\n"
            "\tat a.b(C.scala:1)\nCaused by: java.io.IOException: No space left on device\n",
            "Could not write it: the disk is full; free some space and run the job again.",
        ),
        (
            "An error occurred while calling o1.save.\n: java.io.FileNotFoundException: /x (Permission denied)\n",
            "Could not write it: the lakehouse is not writable; give this user the right to write to it, "
            "then run the job again.",
        ),
        (
            "An error occurred while calling o1.save.\n: a.b.Outer: x\nCaused by: a.b.SomeException: odd.\n",
            "Could not write it: SomeException: odd.",
        ),
    ],
)
def test_what_java_throws_becomes_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(LakehouseError) as caught, explained("write it"):
        raise Py4JError(text)
    assert str(caught.value) == sentence


def test_airflows_name_for_s3_becomes_hadoops() -> None:
    assert spark_layout(Layout("s3://lakehouse/x")).root == "s3a://lakehouse/x"
    assert spark_layout(Layout("/data/lake")).root == "/data/lake"
