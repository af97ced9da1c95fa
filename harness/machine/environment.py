"""The variables with which a Python process starts Spark on this machine."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.machine.jars import jars, spark_home
from harness.machine.java import java_home


def spark_environment(
    groups: Sequence[str] = ("delta",),
    environ: Mapping[str, str] = os.environ,
    *,
    python: Path = Path(sys.executable),
    home: Path | None = None,
) -> dict[str, str]:
    """Variables to set before pyspark is imported; Java and the jars are fetched on first use."""
    home = home or spark_home()
    class_path = os.pathsep.join(str(jar) for jar in jars(*groups))
    return {
        "JAVA_HOME": str(java_home(environ)),
        # Not the user's own Spark or its configuration.
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(home / "conf"),
        # Spark would look up the host name, which not every machine can resolve.
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": str(python),
        "PYSPARK_DRIVER_PYTHON": str(python),
        "PYSPARK_SUBMIT_ARGS": f"--driver-class-path {shlex.quote(class_path)} pyspark-shell",
    }
