from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.machine.tools import TOOLS, tool


def test_a_tool_that_is_not_known() -> None:
    with pytest.raises(HarnessError, match=r"^There is no tool 'helm': the harness has .*kustomize"):
        tool("helm")


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_is_pinned(name: str, repo: Path) -> None:
    folder = repo / TOOLS[name].module
    module = (folder / "go.mod").read_text()

    assert TOOLS[name].package in module or (folder / "main.go").exists()
    assert (folder / "go.sum").is_file()
