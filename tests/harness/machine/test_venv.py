import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.machine import venv
from harness.machine.venv import ensure, is_current
from tests.harness.programs import program


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that holds only locks, of packages that are nowhere."""
    root = tmp_path / "a checkout"
    (root / "requirements").mkdir(parents=True)
    for name in ("bootstrap", "run", "test"):
        (root / "requirements" / f"{name}.txt").write_text(f"nowhere-{name}==1.0 --hash=sha256:{'0' * 64}\n")
    (root / "pyproject.toml").write_text("")
    return root


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for the two steps that download; records what was done."""
    done: list[str] = []

    def make(root: Path) -> None:
        (root / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
        for name in ("python", "uv"):
            (root / ".venv" / "bin" / name).touch()
        done.append("make")

    monkeypatch.setattr(venv, "_make", make)
    monkeypatch.setattr(venv, "_install", lambda _, profile: done.append(profile))
    return done


def test_made_once(checkout: Path, installed: list[str]) -> None:
    assert not is_current(checkout, "run")

    ensure(checkout, "run")
    ensure(checkout, "run")

    assert installed == ["make", "run"]
    assert is_current(checkout, "run")
    assert not is_current(checkout, "test")


def test_the_larger_environment_serves_the_smaller_and_stays(checkout: Path, installed: list[str]) -> None:
    ensure(checkout, "test")
    ensure(checkout, "run")
    (checkout / "requirements" / "test.txt").write_text("changed")
    ensure(checkout, "run")

    assert installed == ["make", "test", "test"]


@pytest.mark.parametrize("changed", ["requirements/run.txt", "requirements/bootstrap.txt", "pyproject.toml"])
def test_a_changed_lock_installs_again_into_the_same_environment(
    changed: str, checkout: Path, installed: list[str]
) -> None:
    ensure(checkout, "run")
    (checkout / changed).write_text("changed")

    assert not is_current(checkout, "run")
    ensure(checkout, "run")

    assert installed == ["make", "run", "run"]


def test_an_interrupted_set_up_is_taken_up_again(
    checkout: Path, installed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(root: Path, profile: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(venv, "_install", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ensure(checkout, "run")
    assert not is_current(checkout, "run")

    ensure(checkout, "run")

    assert installed == ["make", "run"]


@pytest.mark.parametrize("stamp", ["", "[]", '{"python": "3.9"}'])
def test_an_environment_of_unknown_making_is_made_anew(stamp: str, checkout: Path, installed: list[str]) -> None:
    ensure(checkout, "run")
    (checkout / ".venv" / "setup.json").write_text(stamp)

    ensure(checkout, "run")

    assert installed == ["make", "run", "make", "run"]


def test_a_checkout_that_was_moved_is_made_anew(checkout: Path, installed: list[str]) -> None:
    ensure(checkout, "run")
    moved = checkout.rename(checkout.parent / "elsewhere")

    assert not is_current(moved, "run")


def test_without_a_network_one_sentence_and_no_stamp(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)

    with pytest.raises(HarnessError, match=r"^Could not install uv \(ERROR: .*nowhere-bootstrap.*run make again"):
        ensure(checkout, "run")

    assert not (checkout / ".venv" / "setup.json").exists()


def test_the_locks_name_no_host(repo: Path) -> None:
    files = [*(repo / "requirements").glob("*.txt"), repo / "requirements" / "jars.json"]

    assert len(files) > 5
    assert [path.name for path in files if "://" in path.read_text()] == []


def python_that_is(folder: Path, name: str, *, supported: bool) -> Path:
    """A stand-in for a Python: answers the version question by its exit code, and else says what it was asked."""
    return program(folder / name, f'[ "$1" = -c ] && exit {0 if supported else 1}\necho "{name} $*"')


def venv_sh(repo: Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(repo / "harness" / "machine" / "venv.sh"), "run"],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_first_supported_python_of_the_path_is_taken(repo: Path, tmp_path: Path) -> None:
    python_that_is(tmp_path / "bin", "python3", supported=False)
    python_that_is(tmp_path / "bin", "python3.11", supported=True)

    done = venv_sh(repo, tmp_path, PATH=str(tmp_path / "bin"))

    assert (done.returncode, done.stdout) == (0, "python3.11 -m harness.machine.venv run\n")


def test_without_a_supported_python_one_sentence(repo: Path, tmp_path: Path) -> None:
    python_that_is(tmp_path / "bin", "python3", supported=False)

    done = venv_sh(repo, tmp_path, PATH=str(tmp_path / "bin"))

    assert done.returncode == 2
    assert done.stderr.startswith("error: no Python 3.11 or 3.12 on the PATH")
    assert "install python3.12" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_make_refuses_a_python_that_is_named_but_not_supported(repo: Path, tmp_path: Path) -> None:
    program = python_that_is(tmp_path / "bin", "python3.13", supported=False)

    done = subprocess.run(
        ["make", "-C", str(repo), "run", f"PYTHON={program}"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert f"error: PYTHON is '{program}', which is not a Python 3.11 or 3.12" in done.stderr


def test_the_set_up_needs_only_the_standard_library(checkout: Path, installed: list[str], repo: Path) -> None:
    ensure(checkout, "run")
    # -S: no site-packages.
    program = (
        f"import sys; sys.path.insert(0, {str(repo)!r}); from pathlib import Path; "
        f"from harness.machine.venv import is_current; print(is_current(Path({str(checkout)!r}), 'run'))"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )

    assert done.stdout == "True\n"


def test_every_command_of_the_makefile_is_in_its_help(repo: Path) -> None:
    phony = next(line for line in (repo / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))

    listing = subprocess.run(["make", "-C", str(repo)], capture_output=True, text=True, check=True).stdout

    commands = [line.split()[1] for line in listing.splitlines() if line.startswith("  make ")]
    assert sorted(commands) == sorted(phony.split()[1:])
