"""`[tool.harness]` in a repository's pyproject.toml.

[tool.harness]
reference-environment = "production"        # the environment that the others are compared with
"""

import tomllib
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError

FILE: Final = "pyproject.toml"


def table(text: str, *names: str) -> dict[str, Any]:
    """The table `[tool.harness]`, or one in it; empty where there is none.

    Args:
        text: The file.
        names: The way from `[tool.harness]` to the table.
    """
    try:
        content: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{FILE} is not valid TOML ({error}): correct it.") from None
    way = ("tool", "harness", *names)
    for depth, name in enumerate(way, start=1):
        content = content.get(name, {})
        if not isinstance(content, dict):
            raise UsageError(f"[{'.'.join(way[:depth])}] in {FILE} is not a table: correct it.")
    return content


def reference_environment(text: str) -> str:
    """The declared reference environment; empty where none is declared."""
    return str(table(text).get("reference-environment") or "")


def declared_reference(root: Path) -> str:
    """The reference environment that a checkout declares; empty where it declares none."""
    file = root / FILE
    return reference_environment(file.read_text(encoding="utf-8")) if file.is_file() else ""
