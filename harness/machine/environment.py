"""The variables that a Python process needs to start Spark on this machine."""

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
    """Java, the Spark of a Python environment, and the jars; on first use they are fetched.

    Args:
        groups: Groups of jars (`requirements/jars.json`) to put on the driver's class path.
        environ: Where to look for the machine's Java.
        python: The Python of driver and workers.
        home: SPARK_HOME: the folder of its pyspark; this environment's own when None.

    Returns:
        Variables to add to the environment of the process that will start Spark, before it imports pyspark.
    """
    home = home or spark_home()
    class_path = os.pathsep.join(str(jar) for jar in jars(*groups))
    return {
        "JAVA_HOME": str(java_home(environ)),
        # A SPARK_HOME or configuration of the user's would bring another Spark into this one.
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(home / "conf"),
        # Spark otherwise binds to, and looks up, the host's name, which not every machine can resolve.
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": str(python),
        "PYSPARK_DRIVER_PYTHON": str(python),
        "PYSPARK_SUBMIT_ARGS": f"--driver-class-path {shlex.quote(class_path)} pyspark-shell",
    }
