"""Spark's settings: the list is that of the installed Spark, and what is not in it is found."""

import re
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from xml.etree import ElementTree

import pytest

from harness.machine.jars import jars, spark_home
from harness.validate.programs.spark import (
    FILE,
    S3A_FILE,
    VALUES,
    VERSION,
    check,
    names,
    problem_of,
    problems,
    rejected,
    s3a,
    unknown,
)
from tests.harness.validate.made import made

NAME = re.compile(r"spark\.[a-zA-Z][\w-]*(?:\.[\w-]+)*\.?")
OPTION = re.compile(r"fs\.s3a\.[\w.-]+")
TOO_WIDE = re.compile(r"spark\.(?:app\.initial|mesos|rpc\.io|streaming|sql(?!\.catalog)(?:\.\w+)*)\.")
"""Starts that Spark's code puts names together from, though it knows each of them."""
CLASSES = (
    *(f"internal.config.{name}" for name in ("package", "History", "Kryo", "Network", "Python", "Status", "UI")),
    *("deploy.k8s.Config", "sql.internal.SQLConf", "sql.internal.StaticSQLConf"),
)
"""What declares Spark's settings."""
SIZES = {3: 5, 4: 5, 5: 9, 6: 9, 7: 3, 8: 3, 9: 5, 10: 5, 11: 5, 12: 5, 15: 4, 16: 3, 17: 5, 18: 5, 19: 3, 20: 3}
"""The bytes of a constant of a class, by its tag."""


def constants(code: bytes) -> Iterator[str]:
    """The texts in the constant pool of a class."""
    (count,) = struct.unpack(">H", code[8:10])
    at, number = 10, 1
    while number < count:
        tag = code[at]
        if tag == 1:
            (length,) = struct.unpack(">H", code[at + 1 : at + 3])
            yield code[at + 3 : at + 3 + length].decode("utf-8", "replace")
            at += 3 + length
        else:
            at += SIZES[tag]
        # Long numbers count twice.
        number += 2 if tag in (5, 6) else 1


def installed(folder: Path) -> list[str]:
    found: set[str] = set()
    for jar in folder.glob("spark-*.jar"):
        with zipfile.ZipFile(jar) as archive:
            for entry in archive.namelist():
                if entry.endswith(".class") and b"spark." in (code := archive.read(entry)):
                    found |= {text for text in constants(code) if NAME.fullmatch(text)}
    return sorted(name for name in found if not TOO_WIDE.fullmatch(name))


def s3a_options() -> Iterator[str]:
    """The options of Hadoop's S3A file system: those with a default, and those that its classes name."""
    (defaults,) = (spark_home() / "jars").glob("hadoop-client-api-*.jar")
    with zipfile.ZipFile(defaults) as archive:
        properties = ElementTree.fromstring(archive.read("core-default.xml")).iter("property")  # noqa: S314 - a pinned jar's
        kinds = {str(one.findtext("name")): str(one.findtext("value") or "").strip() for one in properties}
    (classes,) = (jar for jar in jars("s3") if "hadoop-aws" in jar.name)
    with zipfile.ZipFile(classes) as archive:
        for entry in archive.namelist():
            if entry.endswith(".class"):
                found = filter(OPTION.fullmatch, constants(archive.read(entry)))
                kinds |= {name: "" for name in found if name not in kinds}
    for name, value in sorted(kinds.items()):
        if OPTION.fullmatch(name):
            amount = "amount" if re.fullmatch(r"\d+[a-zA-Z]*", value) else ""
            yield f"{name} {'boolean' if value in ('true', 'false') else amount}".rstrip()


def test_the_options_of_s3a_are_those_of_the_pinned_hadoop(kept: Callable[[Path, str], None]) -> None:
    current = "\n".join(s3a_options()) + "\n"
    kept(S3A_FILE, current)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("path.style.acces", "true", "use spark.hadoop.fs.s3a.path.style.access"),
        ("conection.maximum", "10", "use spark.hadoop.fs.s3a.connection.maximum"),
        ("path.style.access", "yes", "has to be true or false"),
        ("attempts.maximum", "ten", "has to be a whole number"),
        ("multipart.size", "large", "has to be a whole number"),
        ("bucket.my.bucket.path.style.access", "yes", "has to be true or false"),
    ],
)
def test_an_option_of_s3a_that_hadoop_ignores_or_rejects(option: str, value: str, said: str) -> None:
    assert said in problem_of(f"spark.hadoop.fs.s3a.{option}", value)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("endpoint", "http://minio"),
        ("endpoint.region", "us-east-1"),
        ("retry.interval", "500ms"),
        ("multipart.size", "64M"),
        ("connection.timeout", "5 s"),
        ("bucket.my.bucket.endpoint", "http://minio"),
        ("bucket.my.bucket.of.another.version", "x"),
        ("connection.acquisition.timeout", "60s"),
        ("s3guard.ddb.table.tag.team", "x"),
    ],
)
def test_an_option_of_s3a_that_hadoop_takes(option: str, value: str) -> None:
    assert problem_of(f"spark.hadoop.fs.s3a.{option}", value) == ""


@pytest.fixture(scope="module")
def entries() -> Iterator[Callable[[str], Any]]:
    """Spark's own entries of its configuration, by name."""
    from py4j import protocol
    from pyspark.java_gateway import launch_gateway

    gateway = launch_gateway()  # type: ignore[no-untyped-call]  # PySpark's
    for name in CLASSES:
        gateway.jvm.java.lang.Class.forName(f"org.apache.spark.{name}$")
    # A session of this process, even an earlier one, has errors converted by its own gateway.
    with mock.patch("py4j.java_gateway.get_return_value", protocol.get_return_value):
        yield gateway.jvm.org.apache.spark.internal.config.ConfigEntry.findEntry
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()


def refusal(entry: Any, value: str) -> str:
    """What Spark says of a value; empty where it takes it."""
    from py4j.protocol import Py4JJavaError

    try:
        entry.valueConverter().apply(value)
    except Py4JJavaError as error:
        return str(error.java_exception.getMessage()) or "refused"
    return ""


def kind_of(entry: Any) -> str:
    """What the value of an entry has to be, as spark.txt says it."""
    said = refusal(entry, "many")
    if match := re.search(r"should be one of (.+), but was (?i:many)", said):
        choices = match[1].split(", ")
        lower = next((choice.lower() for choice in choices if choice != choice.lower()), "")
        return f"{'anycase' if lower and not refusal(entry, lower) else 'exact'} {'|'.join(choices)}"
    match = re.search(r"should be (boolean|int|long|double), but was|Failed to parse (byte|time) string", said)
    kind = "" if match is None else match[1] or {"byte": "bytes", "time": "time"}[match[2]]
    if kind in ("int", "long") and refusal(entry, "-1"):
        least = next((number for number in (0, 1) if not refusal(entry, str(number))), None)
        return kind if least is None else f"{kind} {least}"
    return kind


def with_kinds(found: Iterable[str], entries: Callable[[str], Any]) -> Iterator[str]:
    for name in found:
        entry = entries(name)
        yield f"{name} {kind_of(entry)}".rstrip() if entry is not None else name


def test_the_list_is_that_of_the_pinned_spark(
    kept: Callable[[Path, str], None], entries: Callable[[str], Any]
) -> None:
    folder = spark_home() / "jars"
    assert list(folder.glob(f"spark-core_*-{VERSION}.*.jar"))
    current = "\n".join(with_kinds(installed(folder), entries)) + "\n"
    kept(FILE, current)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("spark.sql.shufle.partitions", "use spark.sql.shuffle.partitions"),
        ("spark.executr.memory", "use spark.executor.memory"),
        ("spark.dynamicAllocation.executorIdleTimeOut", "use spark.dynamicAllocation.executorIdleTimeout"),
        ("spark.sql.noSuchThingAtAll", "does not know: remove it"),
        ("sparc.executor.memory", "its names start with spark."),
    ],
)
def test_a_name_that_spark_ignores(name: str, said: str) -> None:
    assert said in unknown(name)


@pytest.mark.parametrize(
    "name",
    [
        "spark.sql.shuffle.partitions",
        "spark.hadoop.fs.s3a.endpoint",
        "spark.sql.catalog.spark_catalog",
        "spark.metrics.conf.*.sink.prometheusServlet.class",
        "spark.kubernetes.driver.label.team",
        "spark.executorEnv.HOME",
        "spark.databricks.delta.schema.autoMerge.enabled",
    ],
)
def test_a_name_that_spark_or_a_library_knows(name: str) -> None:
    assert unknown(name) == ""


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        ({"driver": {"memory": "1gig"}}, [("driver", "memory")]),
        (
            {"executor": {"memory": "1.5g", "memoryOverhead": "some"}},
            [("executor", "memory"), ("executor", "memoryOverhead")],
        ),
        ({"driver": {"memory": "2Gi"}}, [("driver", "memory")]),
        ({"driver": {"memory": "512m", "memoryOverhead": "384mb"}, "executor": {"memory": "4G"}}, []),
        # Java has no such unit, and takes a number without one for bytes.
        ({"driver": {"memory": "512mb"}}, [("driver", "memory")]),
        ({"driver": {"memory": "512"}, "executor": {"memory": "512mb"}}, [("driver", "memory")]),
        (
            {"executor": {"memoryOverheadFactor": "10%"}, "memoryOverheadFactor": "0.2"},
            [("executor", "memoryOverheadFactor")],
        ),
        ({"sparkConf": {"spark.sql.shuffle.partitions": "many"}}, [("sparkConf", "spark.sql.shuffle.partitions")]),
        ({"sparkConf": {"spark.ui.prometheus.enabled": "yes"}}, [("sparkConf", "spark.ui.prometheus.enabled")]),
        ({"sparkConf": {"spark.ui.enabled": "True", "spark.executor.cores": "2"}}, []),
        ({"sparkConf": {"spark.executor.coers": "2"}}, [("sparkConf", "spark.executor.coers")]),
        ({"sparkVersion": "4.0.1", "sparkConf": {"spark.executor.coers": "2"}}, []),
    ],
)
def test_settings_of_an_application(spec: dict[str, Any], paths: list[tuple[str, ...]]) -> None:
    assert [path for path, _ in problems(spec)] == paths


@pytest.mark.parametrize("kind", ["boolean", "int", "long", "double", "bytes", "time"])
@pytest.mark.parametrize(
    "value",
    [
        *("true", "TRUE", "yes", "1", "-1", " 5 ", "1.5", "1e3", ".5", "", "512m", "512mb", "512 mb", "1.5g"),
        *("2Gi", "10s", "10 s", "1h30m", "5min", "-1s", "3d", "1w", "5us", "2tb", "7b", "many", "0x10", "1_000"),
    ],
)
def test_a_value_is_rejected_where_spark_rejects_it(kind: str, value: str, entries: Callable[[str], Any]) -> None:
    name = next(name for name, other in names().items() if other.partition(" ")[0] == kind)
    said = refusal(entries(name), value)
    is_refused = re.search(r"should be (?:boolean|int|long|double)\b|Failed to parse|must be specified", said)
    assert bool(rejected(kind, value)) == bool(is_refused), said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("spark.sql.shuffle.partitions", "many", "has to be a whole number"),
        ("spark.sql.shuffle.partitions", "0", "has to be at least 1"),
        ("spark.task.maxFailures", "four", "has to be a whole number"),
        ("spark.memory.fraction", "60%", "has to be a number"),
        ("spark.executor.memoryOverhead", "1.5g", "has to be a whole number with a unit"),
        ("spark.driver.memory", "1gb", "with the unit k, m, g or t"),
        ("spark.sql.files.maxPartitionBytes", "128MiB", "has to be a whole number with a unit"),
        ("spark.network.timeout", "2 minutes", "has to be a whole number with a unit such as 10s"),
        ("spark.dynamicAllocation.executorIdleTimeout", "1h30m", "with a unit such as 10s"),
        ("spark.sql.adaptive.enabled", "on", "has to be true or false"),
        ("spark.eventLog.rolling.enabled", "1", "has to be true or false"),
        ("spark.sql.storeAssignmentPolicy", "ansi", ""),
        ("spark.sql.storeAssignmentPolicy", "loose", "has to be ANSI or LEGACY or STRICT"),
        ("spark.sql.sources.partitionOverwriteMode", "dynamc", "has to be DYNAMIC or STATIC"),
        ("spark.sql.shuffle.partitions", " 200 ", ""),
        ("spark.executor.memory", "512mb", ""),
        ("spark.hadoop.fs.other.connection.maximum", "many", ""),
    ],
)
def test_a_value(name: str, value: str, said: str) -> None:
    answer = problem_of(name, value)
    assert said in answer
    assert bool(answer) == bool(said)


def test_every_kind_is_known() -> None:
    kinds = {kind.partition(" ")[0] for kind in names().values() if kind}
    assert kinds == {*VALUES, "exact", "anycase"} - {"heap", "factor", "amount"}
    assert set(s3a().values()) == {"", "boolean", "amount"}


def test_settings_in_files_and_arguments() -> None:
    environment = made(
        """
apiVersion: v1
kind: ConfigMap
metadata: {name: spark, namespace: app}
data:
  spark-defaults.conf: |
    # spark.executor.memory many
    spark.executor.cores    2
    spark.executor.memory = 1.5g
    spark.sql.shufle.partitions: 5
  notes.txt: spark.executor.cores many
---
apiVersion: batch/v1
kind: Job
metadata: {name: submit, namespace: app}
spec:
  template:
    spec:
      containers:
        - name: submit
          command: [spark-submit, --conf, spark.executor.cores=two, --conf=spark.ui.enabled=no]
          args: [-c, spark.task.cpus=1, --conf, spark.executor.cores=$(CORES), local:///job.py, spark.task.cpus=x]
"""
    )
    violations = list(check(environment))
    assert [(violation.line, violation.message.partition(", ")[0]) for violation in violations[:2]] == [
        (3, "ConfigMap app/spark sets spark.executor.memory in spark-defaults.conf"),
        (4, "ConfigMap app/spark sets spark.sql.shufle.partitions in spark-defaults.conf"),
    ]
    container = ("spec", "template", "spec", "containers", 0, "command")
    assert [violation.path for violation in violations[2:]] == [(*container, 2), (*container, 3)]


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        ({"driver": {"coreRequest": "quarter"}}, [("driver", "coreRequest")]),
        ({"executor": {"coreLimit": "1 core"}}, [("executor", "coreLimit")]),
        ({"driver": {"coreRequest": "250m", "coreLimit": "1.5"}, "executor": {"coreRequest": 1}}, []),
        ({"driver": {"javaOptions": "-Xmx2g -XX:+UseG1GC"}}, [("driver", "javaOptions")]),
        ({"executor": {"javaOptions": "-Dspark.a=b"}}, [("executor", "javaOptions")]),
        ({"driver": {"javaOptions": "-Dspark.a=b -Xms1g -XX:MaxMetaspaceSize=64m"}}, []),
        (
            {"sparkConf": {"spark.executor.extraJavaOptions": "-Xmx1g"}},
            [("sparkConf", "spark.executor.extraJavaOptions")],
        ),
    ],
)
def test_cores_and_options_of_java(spec: dict[str, Any], paths: list[tuple[str, ...]]) -> None:
    assert [path for path, _ in problems(spec)] == paths


@pytest.mark.parametrize(
    ("spec", "field", "said"),
    [
        ({"type": "Python", "mainApplicationFile": "local:///opt/a.py"}, (), ""),
        ({"type": "Scala", "mainApplicationFile": "s3a://jars/a.jar", "mainClass": "org.example.Main$"}, (), ""),
        ({"type": "Python", "mainApplicationFile": "{{ file }}"}, (), ""),
        (
            {"type": "Python", "mainApplicationFile": "local://opt/a.py"},
            ("mainApplicationFile",),
            "the host opt: write",
        ),
        ({"type": "Python", "mainApplicationFile": "/opt/a.py"}, ("mainApplicationFile",), "write local:// before"),
        ({"type": "Python", "mainApplicationFile": "local:///a.jar"}, ("mainApplicationFile",), "a .py file for"),
        ({"type": "Scala", "mainApplicationFile": "local:///a.py"}, ("mainApplicationFile",), "a .jar file for"),
        ({"mainClass": "org/example/Main"}, ("mainClass",), "has to be a class such as org.example.Main"),
        ({"deps": {"jars": ["local:///a.jar", "/b.jar"]}}, ("deps", "jars", 1), "write local:// before"),
        ({"driver": {"javaOptions": "-XX:+UseG1CG"}}, ("driver", "javaOptions"), "does not know -XX:+UseG1CG"),
    ],
)
def test_files_and_classes(spec: dict[str, Any], field: tuple[Any, ...], said: str) -> None:
    found = list(problems(spec))
    assert [(path, said in text) for path, text in found] == ([(field, True)] if said else [])


def test_a_file_that_spark_uploads() -> None:
    uploading = {"mainApplicationFile": "/a.py", "sparkConf": {"spark.kubernetes.file.upload.path": "s3a://a/b"}}
    assert list(problems(uploading)) == []
