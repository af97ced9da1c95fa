"""The extras of this project, which add the packages of some commands to an installation."""

import re
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final

from harness.errors import HarnessError

PROJECT: Final = "lakehouse-platform"


def require(extra: str, command: str) -> None:
    """Sees to it that the packages of an extra are installed.

    Raises:
        HarnessError: One is not.
    """
    for line in requires(PROJECT) or ():
        package = re.split(r"[^\w.-]", line, maxsplit=1)[0]
        if re.search(rf"""extra == ["']{extra}["']""", line) and not _is_installed(package):
            raise HarnessError(
                f"harness {command} needs the package {package}, which is not installed: "
                f"install the extra {extra!r}, as in pip install '<wheel>[{extra}]'."
            )


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
