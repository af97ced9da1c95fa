"""Brings the checkout's virtual environment up to the locks: `python -m harness.machine.venv run|test`.

pip installs one package, uv, from a lock with hashes; uv installs everything else from locks with hashes. A stamp
is written last, so that an interrupted set-up continues, and checking one that is up to date costs a few hashes.

Only the standard library: this is what runs before anything is installed.
"""

import importlib.util
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from harness.console import exit_code_of
from harness.errors import HarnessError, UsageError
from harness.files import write
from harness.machine.cache import content_key, locked
from harness.machine.packages import NETWORK_HINT
from harness.machine.process import run
from harness.machine.proxy.certificates import with_certificates
from harness.paths import ROOT

# A later one includes the earlier ones, in the same versions.
PROFILES: Final = ("run", "test")
HINT: Final = f"{NETWORK_HINT}; then run make again, which continues where this stopped"


def main(arguments: Sequence[str]) -> int:
    """Brings `.venv` up to date for the profile that the arguments name; returns the exit code."""
    if len(arguments) != 1 or arguments[0] not in PROFILES:
        raise UsageError(f"Name what to set up for: {' or '.join(PROFILES)}.")
    ensure(ROOT, arguments[0])
    return 0


def ensure(root: Path, profile: str) -> None:
    """Makes `.venv` hold exactly what the locks of `profile`, or of an installed larger one, name."""
    if is_current(root, profile):
        return
    with locked(root / ".cache" / "venv.lock"):
        if is_current(root, profile):
            return
        stamp = _read_stamp(root)
        installed = stamp.get("profile")
        if installed in PROFILES and PROFILES.index(installed) > PROFILES.index(profile):
            profile = installed
        started = time.monotonic()
        if not _usable(root, stamp):
            _make(root)
        # From here on an interrupted set-up keeps the packages that it has.
        _write_stamp(root, _identity(root))
        _install(root, profile)
        _write_stamp(root, {**_identity(root), "profile": profile, "key": _key(root, profile)})
        _say(f"The Python environment is ready ({time.monotonic() - started:.0f} s).")


def is_current(root: Path, profile: str) -> bool:
    """Whether `.venv` is complete for `profile`, or a larger one, with the current locks."""
    stamp = _read_stamp(root)
    installed = stamp.get("profile")
    return (
        installed in PROFILES
        and PROFILES.index(installed) >= PROFILES.index(profile)
        and stamp.get("key") == _key(root, installed)
        and _usable(root, stamp)
    )


def locks(root: Path, profile: str) -> list[Path]:
    return [root / "requirements" / "bootstrap.txt", root / "requirements" / f"{profile}.txt"]


def _make(root: Path) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise HarnessError(
            f"{sys.executable} has no venv module: install the package python{version}-venv (Debian, Ubuntu), or "
            "name another Python with make PYTHON=/path/to/python3.12."
        )
    _say("Making the Python environment in .venv …")
    # Within a .venv that must be recreated, the Python with which it was created.
    base = getattr(sys, "_base_executable", sys.executable)
    environ = _environment()
    run(
        [base, "-m", "venv", "--clear", root / ".venv"],
        doing="make .venv",
        hint="remove .venv and run make again",
        env=environ,
    )
    command: list[str | Path] = [_python(root), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(
        [*command, "--require-hashes", "-r", root / "requirements" / "bootstrap.txt"],
        doing="install uv",
        hint=HINT,
        env=environ,
    )


def _install(root: Path, profile: str) -> None:
    _say(f"Installing the Python packages of requirements/{profile}.txt …")
    environ = _environment()
    uv = root / ".venv" / "bin" / "uv"
    python: list[str | Path] = ["--quiet", "--python", _python(root)]
    run(
        [uv, "pip", "sync", *python, "--require-hashes", *locks(root, profile)],
        doing=f"install the Python packages of requirements/{profile}.txt",
        hint=HINT,
        env=environ,
    )
    run(
        [uv, "pip", "install", *python, "--offline", "--no-deps", "--no-build-isolation", "--editable", root],
        doing="install the harness into .venv",
        hint="run make again",
        env=environ,
    )


def _usable(root: Path, stamp: dict[str, Any]) -> bool:
    """Whether this Python version created `.venv`, at this path, and its programs exist."""
    return (
        {key: stamp.get(key) for key in _identity(root)} == _identity(root)
        and _python(root).exists()
        and (root / ".venv" / "bin" / "uv").exists()
    )


def _identity(root: Path) -> dict[str, str]:
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}", "path": str(root)}


def _key(root: Path, profile: str) -> str:
    return content_key(*locks(root, profile), root / "pyproject.toml")


def _stamp_file(root: Path) -> Path:
    return root / ".venv" / "setup.json"


def _read_stamp(root: Path) -> dict[str, Any]:
    try:
        stamp = json.loads(_stamp_file(root).read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _write_stamp(root: Path, stamp: dict[str, str]) -> None:
    write(_stamp_file(root), json.dumps(stamp))


def _python(root: Path) -> Path:
    return root / ".venv" / "bin" / "python"


def _environment() -> dict[str, str]:
    # An active environment of the user must not be the one that is changed.
    dropped = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME")
    return {key: value for key, value in with_certificates(os.environ).items() if key not in dropped}


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(exit_code_of(lambda: main(sys.argv[1:])))
