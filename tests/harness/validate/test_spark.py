"""Spark's settings: the list is that of the installed Spark, and what is not in it is found."""

import importlib.util
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.validate.spark import FILE, VERSION, problems, unknown

NAME = re.compile(r"spark\.[a-zA-Z][\w-]*(?:\.[\w-]+)*\.?")
TOO_WIDE = re.compile(r"spark\.(?:app\.initial|mesos|rpc\.io|streaming|sql(?!\.catalog)(?:\.\w+)*)\.")
"""Starts that Spark's code puts names together from, though it knows each of them."""
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


def installed(jars: Path) -> list[str]:
    found: set[str] = set()
    for jar in jars.glob("spark-*.jar"):
        with zipfile.ZipFile(jar) as archive:
            for entry in archive.namelist():
                if entry.endswith(".class") and b"spark." in (code := archive.read(entry)):
                    found |= {text for text in constants(code) if NAME.fullmatch(text)}
    return sorted(name for name in found if not TOO_WIDE.fullmatch(name))


def test_the_list_is_that_of_the_pinned_spark(request: pytest.FixtureRequest) -> None:
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        pytest.skip("pyspark is not installed")
    jars = Path(spec.origin).parent / "jars"
    assert list(jars.glob(f"spark-core_*-{VERSION}.*.jar"))
    current = "\n".join(installed(jars)) + "\n"
    if request.config.getoption("--update-goldens"):
        FILE.write_text(current, encoding="utf-8")
    assert FILE.read_text(encoding="utf-8") == current, "--update-goldens updates it"


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
        ({"sparkConf": {"spark.ui.prometheus.enabled": "yes"}}, [("sparkConf", "spark.ui.prometheus.enabled")]),
        ({"sparkConf": {"spark.ui.enabled": "True", "spark.executor.cores": "2"}}, []),
        ({"sparkConf": {"spark.executor.coers": "2"}}, [("sparkConf", "spark.executor.coers")]),
        ({"sparkVersion": "4.0.1", "sparkConf": {"spark.executor.coers": "2"}}, []),
    ],
)
def test_settings_of_an_application(spec: dict[str, Any], paths: list[tuple[str, ...]]) -> None:
    assert [path for path, _ in problems(spec)] == paths
