"""The Spark session of the jobs: every setting in one place, with its reason.

On Kubernetes spark-submit sets master, jars and credentials, which take precedence over the settings here.
"""

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pyspark import SparkConf
from pyspark.sql import SparkSession

_DELTA: Final = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}

_SEMANTICS: Final = {
    # Dates and timestamps mean the same on every machine.
    "spark.sql.session.timeZone": "UTC",
    # Two simultaneous tries of a task would be two writers, which Delta does not allow on an object store.
    "spark.speculation": "false",
    # A day that changes no row is a commit all the same: its metadata says what silver holds.
    "spark.databricks.delta.skipRecordingEmptyCommits": "false",
}

_SPEED: Final = {
    # Tens of thousands of wide rows make one task worth starting; adaptive execution joins smaller ones.
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.adaptive.enabled": "true",
    # Two cores gain nothing from many small tasks: join shuffle partitions up to the advisory size.
    "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "32m",
    # A Delta log of this size is read by one task; the default of 50 starts 50.
    "spark.databricks.delta.snapshotPartitions": "1",
    # Bronze is thousands of small files: at the default cost of 4 MB each they become hundreds of tasks.
    "spark.sql.files.openCostInBytes": "65536",
    "spark.sql.files.maxPartitionBytes": "32m",
    # How many tasks list folders (of bronze, and in VACUUM): the default of 10,000 is for whole data centres.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
    # The snapshot is cached once and read twice: compressing it costs more than the memory that it saves.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
    # The source of MERGE is cached and deterministic already; materialising it again copies a million rows.
    "spark.databricks.delta.merge.materializeSource": "none",
    # From Delta 4 on, a source that is cached while MERGE runs is an error, unless it was cached by Delta itself.
    "spark.databricks.delta.merge.failSourceCachedAfterMaterialization": "false",
    # A full outer hash join instead of sorting both sides, of which the planner alone is never sure that it fits:
    # adaptive execution sees that no partition is larger than this (25 MB at a million breweries).
    "spark.sql.join.preferSortMergeJoin": "false",
    "spark.sql.adaptive.maxShuffledHashJoinLocalMapThreshold": "32m",
    # All files of a table in each commit's checksum are a query more in each commit, for a check that nobody reads.
    "spark.databricks.delta.allFilesInCrc.enabled": "false",
    # Kryo is smaller and faster than Java's own serialisation.
    "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
}

_PARQUET: Final = {
    # Columns with hardly any repeated values: Parquet would build a dictionary, find it too large and write the
    # plain values after all. The files are as large without it, and the tasks of a MERGE that write them took 8.2
    # instead of 11.9 CPU seconds (together with the hash join).
    f"spark.hadoop.parquet.enable.dictionary#{column}": "false"
    for column in (
        "id",
        "name",
        "address_1",
        "phone",
        "website_url",
        "longitude",
        "latitude",
        "record_hash",
        "raw_hash",
    )
}

_LOCAL: Final = {
    "spark.master": "local[*]",
    "spark.driver.memory": "2g",
    # Nobody uses it, and starting it costs a second.
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}

_INTERPRETED: Final = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
_WORTH_GENERATING: Final = 30_000
"""Records of a day: below it, generating code takes longer than it saves (1 to 3 CPU seconds at 10,000; at 200,000
it saves 7)."""

_JAVA_OPTIONS: Final = "spark.driver.extraJavaOptions"
_JAVA: Final = "-XX:+UseParallelGC -XX:-UsePerfData -Dlog4j2.disableJmx=true -XX:-DontCompileHugeMethods"
"""The parallel collector has the best throughput on two cores. Java interprets methods of more than 8,000 bytes of
code for ever, and what Spark generates for a row of twenty columns is longer: compiled, a million records parse in
6.9 s instead of 11.3 s."""
_FEW: Final = 150_000
_FEW_RECORDS: Final = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
"""The quick compiler alone, without profiles for the optimising one: a day of 10,000 records takes 26 instead of 44
CPU seconds. At 200,000 they are even (67 and 63), and a million parse in 17.8 instead of 6.9 s. The
cache of compiled code is as large as with both: the default of 48 MB is full after some days in one process, and is
swept from then on."""
_DIRECTIVES: Final = Path(__file__).with_name("compiler.json")
_MANY_RECORDS: Final = (
    "-XX:Tier4InvocationThreshold=50000 -XX:Tier4MinInvocationThreshold=6000"
    " -XX:Tier4CompileThreshold=150000 -XX:Tier4BackEdgeThreshold=400000"
    " -XX:+UnlockDiagnosticVMOptions -XX:CompileCommand=quiet"
    f" {shlex.quote(f'-XX:CompilerDirectivesFile={_DIRECTIVES}')}"
)
"""The optimising compiler takes only what rows go through (`compiler.json`), after ten times as many calls and
loops as by default. Planner, SQL parser and the compiler of generated code stay with the quick one: where 1 % of a
million breweries changed, bronze to silver took 44 instead of 62 CPU seconds."""


@contextmanager
def interpreted(spark: SparkSession) -> Iterator[None]:
    """Queries within the block, in every thread of the session, run without code being generated for them.

    For tables of some thousand rows: each piece of code is compiled twice, by Spark and by Java, in a process that
    ends before that pays. For breweries themselves see `_WORTH_GENERATING`.
    """
    before = {key: str(spark.conf.get(key)) for key in _INTERPRETED}
    for key, value in _INTERPRETED.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, value in before.items():
            spark.conf.set(key, value)


def session_config(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Settings of a session; those of spark-submit take precedence.

    Args:
        environ: `SPARK_MASTER`, `SPARK_DRIVER_MEMORY` (for example `2g`), `SPARK_JARS` (comma-separated),
            `SPARK_JAVA_OPTIONS` (further ones), `SPARK_EXPECTED_RECORDS` (of a day, roughly), and for an object
            store `AWS_ENDPOINT_URL_S3` (or `AWS_ENDPOINT_URL`), `AWS_REGION`, `AWS_ACCESS_KEY_ID` and
            `AWS_SECRET_ACCESS_KEY`, as the AWS tools name them.

    Returns:
        Spark property -> value.
    """
    config = {**_DELTA, **_SEMANTICS, **_SPEED, **_PARQUET, **_LOCAL, **_object_store(environ)}
    records = int(environ.get("SPARK_EXPECTED_RECORDS") or _FEW)
    if records < _WORTH_GENERATING:
        config.update(_INTERPRETED)
    options = (_JAVA, _FEW_RECORDS if records < _FEW else _MANY_RECORDS, environ.get("SPARK_JAVA_OPTIONS", ""))
    config[_JAVA_OPTIONS] = " ".join(filter(None, options))
    for name, key in (
        ("SPARK_MASTER", "spark.master"),
        ("SPARK_DRIVER_MEMORY", "spark.driver.memory"),
        ("SPARK_JARS", "spark.jars"),
    ):
        if environ.get(name):
            config[key] = environ[name]
    return config


def _object_store(environ: Mapping[str, str]) -> dict[str, str]:
    endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return {}
    config = {
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.endpoint.region": environ.get("AWS_REGION", "us-east-1"),
        # MinIO and other servers do not resolve buckets by host name.
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": str(endpoint.startswith("https")).lower(),
    }
    if environ.get("AWS_ACCESS_KEY_ID"):
        config["spark.hadoop.fs.s3a.aws.credentials.provider"] = (
            "com.amazonaws.auth.EnvironmentVariableCredentialsProvider"
        )
    return config


def get_session(app_name: str = "lakehouse", environ: Mapping[str, str] = os.environ) -> SparkSession:
    """The session of this process, started on first use.

    Args:
        app_name: Name of the application.
        environ: See `session_config`.
    """
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    config = session_config(environ)
    if "PYSPARK_GATEWAY_PORT" in environ:
        # Under spark-submit the JVM already runs, with the settings of its command line.
        submitted = SparkConf()
        config = {
            key: value
            for key, value in config.items()
            if key not in (*_LOCAL, _JAVA_OPTIONS) and not submitted.contains(key)
        }
    builder = SparkSession.builder.appName(app_name)
    for key, value in config.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session
