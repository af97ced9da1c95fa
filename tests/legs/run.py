"""`python -m tests.legs.run LEG… [pytest options]`: tests on the versions of each leg.

With `--check` only the exit code tells whether this machine has the Python that the legs need.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.console import err, exit_code_of
from harness.machine.cache import content_key, locked
from harness.machine.environment import spark_environment
from harness.machine.old_python import VERSION, find_python
from harness.machine.packages import NETWORK_HINT, REQUIREMENTS, uv
from harness.machine.process import run
from harness.machine.proxy.certificates import with_certificates
from harness.paths import ROOT
from tests.legs.legs import LEGS, Leg

NO_TESTS: Final = 5
"""Pytest's exit code where the options select none."""


def main(arguments: Sequence[str] = tuple(sys.argv[1:])) -> int:
    """Runs the legs one after the other; pytest's exit code of the first that fails."""
    legs = [LEGS[name] for name in arguments if name in LEGS]
    options = [word for word in arguments if word not in LEGS]
    if "--check" in options:
        return 0 if all(_python(leg) for leg in legs) else 1
    codes = [_run(leg, options) for leg in legs]
    return next((code for code in codes if code not in (0, NO_TESTS)), 0)


def _python(leg: Leg) -> Path | None:
    return find_python(os.environ) if leg.python == VERSION else Path(sys.executable)


def _run(leg: Leg, options: Sequence[str]) -> int:
    python = _python(leg)
    if python is None:
        err.print(
            f"DID NOT RUN: {leg.title}, which needs a Python {leg.python}. Install one as python{leg.python} on "
            f"the PATH, or with 'pyenv install {leg.python}', and run it again.",
            style="yellow",
            soft_wrap=True,
        )
        return 0
    err.print(f"{leg.title} …", highlight=False)
    folder = ensure_environment(leg, python)
    program = folder / "bin" / "python"
    home = next((folder / "lib").glob("python3*/site-packages/pyspark"))
    environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    tests = [] if any(not word.startswith("-") and Path(word).exists() for word in options) else [leg.tests]
    return subprocess.run(
        [program, "-m", "pytest", "-p", "no:cacheprovider", *tests, *options],
        cwd=ROOT,
        env={**environ, **spark_environment(leg.jars, python=program, home=home)},
        check=False,
    ).returncode


def ensure_environment(leg: Leg, python: Path) -> Path:
    """Makes `.venv-<leg>` hold exactly what its lock names; costs a hash when it does."""
    folder = ROOT / f".venv-{leg.name}"
    lock = REQUIREMENTS / f"{leg.name}.txt"
    stamp = folder / "setup-key"
    key = content_key(lock, str(ROOT))
    if stamp.is_file() and stamp.read_text() == key and (folder / "bin" / "python").exists():
        return folder
    environ = with_certificates(os.environ)
    with locked(ROOT / ".cache" / f"venv-{leg.name}.lock"):
        run(
            [uv(), "venv", "--quiet", "--clear", "--no-config", "--python", python, folder],
            doing=f"make {folder.name}",
            hint=f"check that {python} works",
            env=environ,
        )
        command: list[str | Path] = [uv(), "pip", "sync", "--quiet", "--python", folder / "bin" / "python"]
        run(
            [*command, "--require-hashes", lock],
            doing=f"install the Python packages of requirements/{lock.name}",
            hint=NETWORK_HINT,
            env=environ,
        )
        stamp.write_text(key)
    return folder


if __name__ == "__main__":
    sys.exit(exit_code_of(main))
