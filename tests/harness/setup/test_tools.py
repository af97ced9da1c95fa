from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.setup import tools
from harness.setup.tools import TOOLS, GoTool, go, needed_version, parse_go_version, tool, tool_folder


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that pins one program, `hello`; nothing to download."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(tools, "ROOT", tmp_path)
    monkeypatch.setattr(tools, "TOOLS", {"hello": GoTool("example.org/hello")})
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.org/hello\n\ngo 1.24.0\n")
    (folder / "go.sum").write_text("")
    return folder


def fake_go(folder: Path, version: str) -> Path:
    """A `go` that tells its version and builds by writing the name of its output into it."""
    program = folder / "go"
    folder.mkdir(exist_ok=True)
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = version ]; then echo "go version go{version} linux/amd64"; exit; fi\n'
        'while [ "$1" != -o ]; do shift; done\necho "$GOTOOLCHAIN" > "$2"\n'
    )
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27 darwin/arm64", (1, 27)),
        ("go version devel +a1b2 linux/amd64", None),
        ("", None),
    ],
)
def test_parse_go_version(output: str, expected: tuple[int, ...] | None) -> None:
    assert parse_go_version(output) == expected


def test_a_new_enough_go_of_the_machine_is_used(
    module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = fake_go(tmp_path / "bin", "1.24.0")
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    assert go(module) == program
    # No toolchain is downloaded behind the user's back.
    assert tool("hello").read_text() == "local\n"


@pytest.mark.parametrize("version", [None, "1.23.9", "1.9.7"])
def test_no_go_or_an_older_one_gives_way_to_the_packaged(
    version: str | None, module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(fake_go(tmp_path / "bin", version).parent) if version else str(tmp_path))
    monkeypatch.setattr(tools, "package_folder", lambda lock: tmp_path / lock.stem)

    assert go(module) == tmp_path / "go" / "go" / "bin" / "go"


def test_a_changed_pin_is_another_build(module: Path) -> None:
    before = tool_folder("hello")

    (module / "go.mod").write_text("module example.org/hello\n\ngo 1.24.1\n")

    assert tool_folder("hello") != before
    assert needed_version(module) == (1, 24, 1)


def test_a_build_that_fails_is_one_sentence(module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake_go(tmp_path / "bin", "1.26.0")
    program.write_text(
        program.read_text().replace("while", "echo 'verifying x: checksum mismatch' >&2; exit 1\nwhile")
    )
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    with pytest.raises(HarnessError, match=r"^Could not build hello from tools/go\.mod \(.*checksum mismatch\)"):
        tool("hello")

    assert not tool_folder("hello").exists()


def test_a_tool_that_is_not_known() -> None:
    with pytest.raises(HarnessError, match=r"^There is no tool 'helm': the harness knows .*kustomize"):
        tool("helm")


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_is_pinned(name: str, repo: Path) -> None:
    folder = repo / TOOLS[name].module
    module = (folder / "go.mod").read_text()

    assert TOOLS[name].package in module or (folder / "main.go").exists()
    assert (folder / "go.sum").is_file()
