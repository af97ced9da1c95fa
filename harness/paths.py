"""Where things are: the harness's own files, and the checkout that a command acts on."""

from pathlib import Path
from typing import Final

from harness.errors import UsageError

_PACKAGE: Final = Path(__file__).resolve().parent
INSTALLED: Final = (_PACKAGE / "sources").is_dir()
"""Whether the harness is installed from a wheel, apart from its checkout."""

ROOT: Final = _PACKAGE / "sources" if INSTALLED else _PACKAGE.parent
"""The checkout of the harness, with its pipeline, tools, locks and tests; or what a wheel has of it."""

RUN_DIR: Final = (Path().absolute() if INSTALLED else ROOT) / ".run"
"""The embedded platform: lakehouse, Airflow's home, logs, report. `make clean` removes it."""


def require_source_checkout(command: str) -> None:
    """For commands that use files which only a checkout of the project has."""
    if INSTALLED:
        raise UsageError(
            f"harness {command} needs a checkout of the project: clone it, and run 'make setup' there."
        )


def require_own_checkout() -> None:
    """For what proves or times the harness's own code: in another checkout it would not do what its user means."""
    folder = _around(Path().resolve())
    if folder not in (None, ROOT):
        raise UsageError(f"This harness is of {ROOT}, not {folder}: use the .venv/bin/harness there.")


def checkout(folder: Path | None = None) -> Path:
    """The checkout that a command acts on: the nearest folder with overlays/, upward from `folder` or here."""
    start = (folder or Path()).resolve()
    if not start.is_dir():
        raise UsageError(f"{start} is not a folder: name a checkout with -C.")
    if folder := _around(start):
        return folder
    raise UsageError(
        f"{start} is not in a checkout: neither it nor a folder above has overlays/; name a checkout with -C."
    )


def repository(folder: Path | None = None) -> Path:
    """The repository that a command reads: the nearest folder of a git repository or with overlays/, upward."""
    start = (folder or Path()).resolve()
    if not start.is_dir():
        raise UsageError(f"{start} is not a folder: name a checkout with -C.")
    tops = (one for one in (start, *start.parents) if (one / ".git").exists() or (one / "overlays").is_dir())
    return next(tops, start)


def _around(start: Path) -> Path | None:
    return next((folder for folder in (start, *start.parents) if (folder / "overlays").is_dir()), None)
