import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from harness.machine import environment
from harness.machine.environment import spark_environment


def test_jars_with_spaces_in_their_path_stay_one_class_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / "my cache" / "a.jar", tmp_path / "my cache" / "b.jar"]
    monkeypatch.setattr(environment, "jars", lambda *_: files)
    monkeypatch.setattr(environment, "java_home", lambda _: Path("/jdk"))

    variables = spark_environment()

    assert shlex.split(variables["PYSPARK_SUBMIT_ARGS"]) == [
        "--driver-class-path",
        os.pathsep.join(map(str, files)),
        "pyspark-shell",
    ]
    assert variables["JAVA_HOME"] == "/jdk"


@pytest.mark.spark
def test_a_session_with_these_variables_has_delta_and_binds_to_loopback() -> None:
    program = (
        "from pyspark.sql import SparkSession\n"
        "s = SparkSession.builder.master('local[1]').config('spark.ui.enabled', 'false').getOrCreate()\n"
        "s._jvm.java.lang.Class.forName('io.delta.tables.DeltaTable', False, "
        "s._jvm.Thread.currentThread().getContextClassLoader())\n"
        "print(s.conf.get('spark.driver.host'))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **spark_environment()},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() in ("127.0.0.1", "localhost")
