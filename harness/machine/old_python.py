"""The Python 3.10 on which Spark 3.3 runs: pyspark 3.3 supports no newer one."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.machine.process import run

VERSION: Final = "3.10"


def find_python(environ: Mapping[str, str]) -> Path | None:
    """A Python 3.10 that starts: from the PATH, else one that pyenv has installed, else None."""
    return next((path for path in _candidates(environ) if _runs(path)), None)


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if program := shutil.which(f"python{VERSION}", path=environ.get("PATH", "")):
        yield Path(program)
    pyenv = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME", "~")).expanduser() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{VERSION}*/bin/python"), reverse=True)


def _runs(python: Path) -> bool:
    # pyenv puts a stand-in on the PATH for versions that are installed but not switched on.
    try:
        code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
        printed = run([python, "-c", code], doing="start it", hint="install it again", env=os.environ)
        return printed.strip() == VERSION
    except HarnessError:
        return False
