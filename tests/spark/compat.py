"""`python -m tests.spark.compat [pytest options]`: these tests on Spark 3.3 with Delta 2.3.

With `--check` only the exit code tells whether this machine has the Python 3.10 that this needs, in an environment
of its own, `.venv-spark33`.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.console import err, print_error
from harness.errors import HarnessError
from harness.machine.cache import content_key, locked
from harness.machine.environment import spark_environment
from harness.machine.old_python import VERSION, find_python
from harness.machine.packages import NETWORK_HINT, REQUIREMENTS, uv
from harness.machine.process import run
from harness.machine.proxy.certificates import with_certificates
from harness.paths import ROOT

VENV: Final = ROOT / ".venv-spark33"
LOCK: Final = REQUIREMENTS / "spark33.txt"
NOT_RUN: Final = (
    f"DID NOT RUN: the tests on Spark 3.3, which need a Python {VERSION} (pyspark 3.3 runs on no newer one). "
    f"Install one as python{VERSION} on the PATH, or with 'pyenv install {VERSION}', and run 'make test-compat'."
)


def main(arguments: Sequence[str]) -> int:
    """Runs tests/spark on Spark 3.3; returns pytest's exit code, or 0 when there is no Python 3.10."""
    try:
        python = find_python(os.environ)
        if list(arguments) == ["--check"]:
            return 0 if python else 1
        if python is None:
            err.print(NOT_RUN, style="yellow", soft_wrap=True)
            return 0
        ensure_environment(python)
        program = VENV / "bin" / "python"
        home = next((VENV / "lib").glob("python3*/site-packages/pyspark"))
        spark = spark_environment(("delta-spark33",), python=program, home=home)
    except HarnessError as error:
        print_error(error)
        return error.exit_code
    environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    tests = [] if any(not word.startswith("-") and Path(word).exists() for word in arguments) else ["tests/spark"]
    command: list[str | Path] = [program, "-m", "pytest", "-p", "no:cacheprovider", *tests, *arguments]
    return subprocess.run(command, cwd=ROOT, env={**environ, **spark}, check=False).returncode


def ensure_environment(python: Path) -> None:
    """Makes `.venv-spark33` hold exactly what its lock names; costs a hash when it does."""
    stamp = VENV / "setup-key"
    key = content_key(LOCK, str(ROOT))
    if stamp.is_file() and stamp.read_text() == key and (VENV / "bin" / "python").exists():
        return
    environ = with_certificates(os.environ)
    with locked(ROOT / ".cache" / "venv-spark33.lock"):
        run(
            [uv(), "venv", "--quiet", "--clear", "--no-config", "--python", python, VENV],
            doing=f"make {VENV.name}",
            hint=f"check that {python} works",
            env=environ,
        )
        command: list[str | Path] = [uv(), "pip", "sync", "--quiet", "--python", VENV / "bin" / "python"]
        run(
            [*command, "--require-hashes", LOCK],
            doing=f"install the Python packages of requirements/{LOCK.name}",
            hint=NETWORK_HINT,
            env=environ,
        )
        stamp.write_text(key)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
