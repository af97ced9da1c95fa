from pathlib import Path

import pytest

from harness.machine.old_python import find_python
from tests.harness.programs import program
from tests.legs import run


def python(path: Path, version: str, exit_code: int = 0) -> Path:
    return program(path, f"echo {version}\nexit {exit_code}")


def test_the_paths_python_comes_first(tmp_path: Path) -> None:
    fake = python(tmp_path / "bin" / "python3.10", "3.10")
    python(tmp_path / ".pyenv" / "versions" / "3.10.13" / "bin" / "python", "3.10")

    assert find_python({"PATH": str(fake.parent), "HOME": str(tmp_path)}) == fake


def test_pyenvs_stand_in_gives_way_to_the_version_behind_it(tmp_path: Path) -> None:
    python(tmp_path / "shims" / "python3.10", "", exit_code=127)
    installed = python(tmp_path / "root" / "versions" / "3.10.13" / "bin" / "python", "3.10")

    assert find_python({"PATH": str(tmp_path / "shims"), "PYENV_ROOT": str(tmp_path / "root")}) == installed


def test_without_one_it_says_so_and_does_not_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "find_python", lambda _: None)

    assert run.main(["spark33"]) == 0
    assert "DID NOT RUN: the Spark jobs on Spark 3.3" in capsys.readouterr().err
    assert run.main(["spark33", "--check"]) == 1
