"""Session settings: from the environment, and what they do to the files that a job writes."""

import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from lakehouse.jobs import bronze_to_silver
from lakehouse.session import interpreted, session_config


def test_defaults_keep_to_one_small_machine() -> None:
    config = session_config({})
    assert config["spark.master"] == "local[*]"
    assert config["spark.driver.memory"] == "2g"
    assert config["spark.sql.session.timeZone"] == "UTC"
    # Their defaults (200, 50) cost tens of seconds on tables of a few rows.
    assert int(config["spark.sql.shuffle.partitions"]) <= 8
    assert config["spark.databricks.delta.snapshotPartitions"] == "1"
    assert not [key for key in config if "s3a" in key]


def test_the_environment_decides() -> None:
    config = session_config(
        {
            "SPARK_MASTER": "local[1]",
            "SPARK_DRIVER_MEMORY": "3g",
            "SPARK_JARS": "/a.jar,/b.jar",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9000",
            "AWS_ACCESS_KEY_ID": "someone",
        }
    )
    assert (config["spark.master"], config["spark.driver.memory"]) == ("local[1]", "3g")
    assert config["spark.jars"] == "/a.jar,/b.jar"
    assert config["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:9000"
    assert config["spark.hadoop.fs.s3a.path.style.access"] == "true"
    assert config["spark.hadoop.fs.s3a.connection.ssl.enabled"] == "false"
    assert "Environment" in config["spark.hadoop.fs.s3a.aws.credentials.provider"]


@pytest.mark.parametrize(("records", "quick"), [("", False), ("4000", True), ("149999", True), ("150000", False)])
def test_few_records_are_not_worth_the_optimising_compiler(records: str, quick: bool) -> None:
    options = session_config({"SPARK_EXPECTED_RECORDS": records})["spark.driver.extraJavaOptions"]
    assert ("-XX:TieredStopAtLevel=1" in options.split()) is quick
    assert "-XX:-DontCompileHugeMethods" in options.split()


@pytest.mark.parametrize(("records", "generated"), [("", True), ("29999", False), ("30000", True)])
def test_few_records_are_not_worth_generating_code(records: str, generated: bool) -> None:
    config = session_config({"SPARK_EXPECTED_RECORDS": records})
    assert config.get("spark.sql.codegen.wholeStage", "true") == str(generated).lower()


def test_further_options_of_java_are_added() -> None:
    config = session_config({"SPARK_JAVA_OPTIONS": "-XX:SharedArchiveFile=/a.jsa"})
    options = config["spark.driver.extraJavaOptions"].split()
    assert {"-XX:SharedArchiveFile=/a.jsa", "-XX:+UseParallelGC"} <= set(options)


@pytest.mark.spark
def test_java_compiles_for_many_records_what_rows_go_through(spark: SparkSession) -> None:
    properties: Any = spark._jvm
    java = Path(properties.java.lang.System.getProperty("java.home")) / "bin" / "java"
    options = shlex.split(session_config({"SPARK_EXPECTED_RECORDS": "1000000"})["spark.driver.extraJavaOptions"])
    shown = subprocess.run(
        [java, *options, "-XX:+CompilerDirectivesPrint", "-version"], capture_output=True, text=True, check=True
    ).stdout
    # Java shows first which directive it looks at first.
    rows, others = [block for block in shown.split("Directive:") if "c2 directives" in block][:2]
    assert "org/apache/spark/unsafe/*.*" in rows
    assert "Exclude:false" in rows.split("c2 directives")[1]
    assert "Exclude:true" in others.split("c2 directives")[1]


@pytest.mark.spark
def test_only_columns_whose_values_repeat_have_a_dictionary(
    spark: SparkSession, layout: Layout, bronze: Any, brewery: Callable[..., dict[str, Any]]
) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="the Spark 3.3 leg has no pyarrow; the main leg runs this")
    bronze.write("2026-03-01", [[brewery("a"), brewery("b")]])
    bronze_to_silver.run(spark, layout)
    (file,) = Path(layout.silver_breweries).glob("*.parquet")
    group = pq.ParquetFile(file).metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    with_dictionary = {column.path_in_schema for column in columns if column.has_dictionary_page}
    assert {"country", "city", "brewery_type", "run_id", "source_file"} <= with_dictionary
    assert not with_dictionary & {"id", "name", "address_1", "phone", "website_url", "latitude", "record_hash"}


@pytest.fixture
def generating(spark: SparkSession) -> Iterator[None]:
    """The settings of a session that generates code, in place of those of these tests."""
    wanted = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}
    before = {key: str(spark.conf.get(key)) for key in wanted}
    for key, value in wanted.items():
        spark.conf.set(key, value)
    yield
    for key, value in before.items():
        spark.conf.set(key, value)


@pytest.mark.spark
@pytest.mark.usefixtures("generating")
def test_queries_are_interpreted_within_the_block_only(spark: SparkSession) -> None:
    def generated() -> bool:
        plan: Any = spark.range(3).where("id > 1")
        return "*(1)" in plan._jdf.queryExecution().executedPlan().toString()

    def fails() -> None:
        with interpreted(spark):
            assert not generated()
            raise RuntimeError("a query failed")

    assert generated()
    with pytest.raises(RuntimeError, match="a query failed"):
        fails()
    assert generated()
