"""`python -m harness.machine.compat [pytest options]`: the Spark tests on Spark 3.3 with Delta 2.3.

With `--check` it only tells by its exit code whether this machine has the Python 3.10 that the leg needs.

pyspark 3.3 runs on Python 3.10 at the newest, so this leg has an environment of its own, `.venv-spark33`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from harness.console import err, print_error
from harness.errors import HarnessError
from harness.machine.cache import content_key, locked
from harness.machine.environment import spark_environment
from harness.machine.packages import NETWORK_HINT, REQUIREMENTS, ROOT, uv
from harness.machine.process import run
from harness.machine.proxy.certificates import with_certificates

VENV: Final = ROOT / ".venv-spark33"
LOCK: Final = REQUIREMENTS / "spark33.txt"
VERSION: Final = "3.10"
NOT_RUN: Final = (
    f"DID NOT RUN: the leg on Spark 3.3, which needs a Python {VERSION} (pyspark 3.3 runs on no newer one). "
    f"Install one as python{VERSION} on the PATH, or with 'pyenv install {VERSION}', and run 'make test-compat'."
)


def main(arguments: Sequence[str]) -> int:
    """Runs tests/spark in the leg's environment; returns pytest's exit code, or 0 when there is no Python 3.10."""
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


def find_python(environ: Mapping[str, str]) -> Path | None:
    """A Python 3.10 that starts: from the PATH, else one that pyenv has installed, else None."""
    return next((path for path in _candidates(environ) if _runs(path)), None)


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if found := shutil.which(f"python{VERSION}", path=environ.get("PATH", "")):
        yield Path(found)
    pyenv = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME", "~")).expanduser() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{VERSION}*/bin/python"), reverse=True)


def _runs(python: Path) -> bool:
    # pyenv puts a stand-in on the PATH for versions that it has but that are not switched on.
    try:
        done = subprocess.run(
            [python, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.strip() == VERSION


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
