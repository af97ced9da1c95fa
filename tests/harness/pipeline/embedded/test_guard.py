"""No process that writes outlives those who wait for it, whichever of them is killed."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.processes import descendants_named, wait_for

WORKER = """
import os, signal, subprocess, sys, time
from harness.pipeline.embedded.guard import fork_guarded

signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
fork_guarded(int(sys.argv[1]), int(sys.argv[2]))
# As Spark starts Java, and Java its own: in another session, ignoring what asks politely.
program = subprocess.Popen(["setsid", "sh", "-c", "trap '' TERM HUP INT; sleep 600 & wait"])
print("works", file=open(int(sys.argv[2]), "w"), flush=True)
{work}
"""


class Tree:
    """A guard and its descendants, in the place of the front."""

    def __init__(self, repo: Path, work: str) -> None:
        lifeline, self.lifeline = os.pipe()
        events, writer = os.pipe()
        self.guard = subprocess.Popen(
            [sys.executable, "-c", WORKER.replace("{work}", work), str(lifeline), str(writer)],
            cwd=repo,
            pass_fds=(lifeline, writer),
        )
        os.close(lifeline)
        os.close(writer)
        self.events = os.fdopen(events)

    def processes(self) -> list[psutil.Process]:
        """The worker, the program that it started, and that one's; all are there once the program sleeps."""
        guard = psutil.Process(self.guard.pid)
        wait_for(lambda: descendants_named(guard, "sleep"), "grandchild")
        return guard.children(recursive=True)


def descendants() -> set[psutil.Process]:
    """All of this process, those of other tests' fixtures as well."""
    return set(psutil.Process().children(recursive=True))


@contextmanager
def tree(repo: Path, work: str = "time.sleep(600)") -> Iterator[Tree]:
    before = descendants()
    made = Tree(repo, work)
    try:
        assert made.events.readline() == "works\n"
        yield made
    finally:
        left = descendants() - before
        for process in left:
            process.kill()
        psutil.wait_procs(left)
        made.guard.wait()
        made.events.close()


def assert_all_end(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert not alive


@pytest.fixture(autouse=True)
def orphans() -> Iterator[None]:
    """What loses its parent here stays a descendant of the test, which then ends it."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    yield
    ctypes.CDLL(None).prctl(36, 0, 0, 0, 0)


def test_everything_ends_when_the_front_is_killed(repo: Path) -> None:
    with tree(repo) as running:
        processes = running.processes()
        os.close(running.lifeline)
        assert running.guard.wait() == 128 + signal.SIGKILL
        assert not any(process.is_running() for process in processes)


def test_everything_ends_when_the_worker_is_killed(repo: Path) -> None:
    with tree(repo) as running:
        processes = running.processes()
        processes[0].kill()
        assert running.guard.wait() == 128 + signal.SIGKILL
        assert not any(process.is_running() for process in processes)
        os.close(running.lifeline)


def test_the_worker_ends_when_the_guard_is_killed(repo: Path) -> None:
    with tree(repo) as running:
        worker = running.processes()[0]
        running.guard.kill()
        assert_all_end([worker])
        os.close(running.lifeline)


def test_a_worker_that_is_stopped_may_unwind(repo: Path) -> None:
    with tree(repo) as running:
        processes = running.processes()
        os.write(running.lifeline, b".")
        assert running.guard.wait() == 7
        assert not any(process.is_running() for process in processes)
        os.close(running.lifeline)


def test_a_front_that_is_killed_while_its_worker_unwinds_ends_it(repo: Path) -> None:
    with tree(repo, "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)") as running:
        processes = running.processes()
        os.write(running.lifeline, b".")
        os.close(running.lifeline)
        assert running.guard.wait() == 128 + signal.SIGKILL
        assert not any(process.is_running() for process in processes)


def test_a_front_that_is_killed_before_the_guard_starts_leaves_no_worker(repo: Path) -> None:
    """Between fork and exec nothing of this code runs yet: what it finds then is a lifeline that has ended."""
    before = descendants()
    made = Tree(repo, "time.sleep(600)")
    os.close(made.lifeline)
    assert made.guard.wait() == 128 + signal.SIGKILL
    assert descendants() <= before
    made.events.close()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_every_process_leaves_the_guard_to_end_them(repo: Path, sign: signal.Signals) -> None:
    with tree(repo) as running:
        processes = running.processes()
        for pid in (running.guard.pid, *(process.pid for process in processes)):
            os.kill(pid, sign)
        os.close(running.lifeline)
        running.guard.wait()
        assert not any(process.is_running() for process in processes)


def test_a_worker_that_ends_by_itself_gives_its_exit_code(repo: Path) -> None:
    with tree(repo, "program.wait(); sys.exit(3)") as running:
        _, *others = running.processes()
        for process in others:
            process.kill()
        assert running.guard.wait() == 3
        os.close(running.lifeline)
