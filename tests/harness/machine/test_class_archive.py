"""The archive of Java's classes: who writes it, who uses it, and when there is none."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from harness.machine.class_archive import class_archive
from harness.machine.environment import spark_environment
from harness.paths import ROOT

HEADER = (0xF00BABA8).to_bytes(4, "little")


@pytest.fixture
def spark(tmp_path: Path) -> dict[str, str]:
    """What `class_archive` reads of a Java 17 and a Spark with one jar, in a folder whose name has a space."""
    java, home = tmp_path / "my java", tmp_path / "spark"
    (java / "lib" / "server").mkdir(parents=True)
    (java / "lib" / "server" / "classes.jsa").touch()
    (java / "release").write_text('IMPLEMENTOR="Debian"\nJAVA_VERSION="17.0.15"\n')
    (home / "jars").mkdir(parents=True)
    (home / "jars" / "core.jar").write_text("1")
    return {"JAVA_HOME": str(java), "SPARK_HOME": str(home), "PYSPARK_SUBMIT_ARGS": "pyspark-shell"}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HARNESS_CACHE_DIR": str(tmp_path / "my cache")}


def file_of(options: str) -> tuple[str, Path]:
    option, file = shlex.split(options)[0].split("=")
    return option, Path(file)


def write_archive(spark: dict[str, str], environ: dict[str, str], content: bytes = HEADER + b"classes") -> None:
    with class_archive(spark, environ) as options:
        option, file = file_of(options)
        assert option == "-XX:ArchiveClassesAtExit"
        file.write_bytes(content)


def test_the_first_process_writes_what_the_next_ones_use(spark: dict[str, str], environ: dict[str, str]) -> None:
    write_archive(spark, environ)

    with class_archive(spark, environ) as options:
        option, file = file_of(options)

    assert option == "-XX:SharedArchiveFile"
    assert file.read_bytes() == HEADER + b"classes"


@pytest.mark.parametrize("content", [b"", b"\0" * 100], ids=["empty", "without its header"])
def test_an_archive_that_java_did_not_finish_is_not_kept(
    spark: dict[str, str], environ: dict[str, str], content: bytes
) -> None:
    write_archive(spark, environ, content)

    write_archive(spark, environ)


def test_what_a_killed_process_left_is_replaced(spark: dict[str, str], environ: dict[str, str]) -> None:
    with class_archive(spark, environ) as options:
        _, file = file_of(options)
    file.write_bytes(HEADER)
    file.chmod(0o444)

    with class_archive(spark, environ):
        assert not file.exists()


def test_a_run_that_failed_leaves_no_archive(spark: dict[str, str], environ: dict[str, str]) -> None:
    def fail() -> None:
        with class_archive(spark, environ) as options:
            file_of(options)[1].write_bytes(HEADER)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    write_archive(spark, environ)


def test_of_two_processes_one_writes(spark: dict[str, str], environ: dict[str, str]) -> None:
    with class_archive(spark, environ) as first, class_archive(spark, environ) as second:
        assert (file_of(first)[0], second) == ("-XX:ArchiveClassesAtExit", "")


def test_another_jar_needs_another_archive(spark: dict[str, str], environ: dict[str, str]) -> None:
    write_archive(spark, environ)
    (Path(spark["SPARK_HOME"]) / "jars" / "core.jar").write_text("12")

    write_archive(spark, environ)


@pytest.mark.parametrize("variable", ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"])
def test_a_users_options_of_java_are_not_combined_with_an_archive(
    spark: dict[str, str], environ: dict[str, str], variable: str
) -> None:
    with class_archive(spark, {**environ, variable: "-javaagent:a.jar"}) as options:
        assert options == ""


@pytest.mark.parametrize("release", ['JAVA_VERSION="11.0.2"', 'JAVA_VERSION="1.8.0"', ""])
def test_another_java_has_none(spark: dict[str, str], environ: dict[str, str], release: str) -> None:
    (Path(spark["JAVA_HOME"]) / "release").write_text(release)

    with class_archive(spark, environ) as options:
        assert options == ""


def test_a_java_without_an_archive_of_its_own_classes_has_none(
    spark: dict[str, str], environ: dict[str, str]
) -> None:
    (Path(spark["JAVA_HOME"]) / "lib" / "server" / "classes.jsa").unlink()

    with class_archive(spark, environ) as options:
        assert options == ""


@pytest.mark.spark
def test_java_maps_the_classes_of_spark_from_it(tmp_path: Path) -> None:
    spark = spark_environment()
    with class_archive(spark, {}) as options:
        if not options:
            pytest.skip("this Java cannot archive classes: set JAVA_HOME to a Java 17 with lib/server/classes.jsa")
    environ = {"HARNESS_CACHE_DIR": str(tmp_path)}
    logged = tmp_path / "classes.log"
    program = "from lakehouse.session import get_session; get_session().range(3).collect()"

    def run(more: str) -> None:
        with class_archive(spark, environ) as options:
            variables = {**os.environ, **spark, "SPARK_JAVA_OPTIONS": f"{options} {more}"}
            variables["PYTHONPATH"] = os.pathsep.join((str(ROOT / "dags"), str(ROOT / "spark")))
            # Its output is Java's too, and ends when Java has ended.
            done = subprocess.run(
                [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=False
            )
        assert done.returncode == 0, done.stderr[-2000:]

    run("")
    run(f"-Xlog:class+load:file={logged}")

    loaded = [line for line in logged.read_text().splitlines() if "org.apache.spark.sql.SparkSession " in line]
    assert loaded, "Spark did not start"
    assert all("source: shared objects file (top)" in line for line in loaded)
