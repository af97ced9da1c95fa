"""The builder's process: its code is in order, it ends with whoever started it, and it leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.machine.gobuild import go, go_environment
from harness.machine.tools import module_folder, tool
from harness.manifests.build_process import CRASHED, BuildProcess, Request
from tests.processes import wait_for

pytestmark = pytest.mark.tools

MODULE = module_folder("builder")
SMALL = Request("app", {"app/kustomization.yaml": b"configMapGenerator: [{name: c, literals: [a=b]}]\n"})
LARGE = Request(
    "app",
    {
        "app/kustomization.yaml": b"resources: [all.yaml]\nnamePrefix: x-\n",
        "app/all.yaml": b"---\n".join(
            b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\ndata: {a: b}\n" % number
            for number in range(20_000)
        ),
    },
)
"""Takes minutes: kustomize compares each resource with each other one."""


def running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ticks(pid: int) -> int:
    """How long a process has computed, in hundredths of a second."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])


def test_its_code_is_formatted_and_tested() -> None:
    program = go(MODULE)
    formatter = program.with_name("gofmt")
    unformatted = subprocess.run([formatter, "-l", "."], cwd=MODULE, capture_output=True, text=True, check=True)
    assert unformatted.stdout == ""
    done = subprocess.run(
        # As the program itself is built, so that its dependencies are not compiled again.
        [program, "test", "-vet=all", "-trimpath", "-mod=readonly", "."],
        cwd=MODULE,
        env=go_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("last_words", "cause"),
    [
        ("fatal error: runtime: out of memory", "memory"),
        ("fatal error: runtime: cannot allocate memory", "memory"),
        ("fatal error: runtime: cannot map pages in arena address space", "memory"),
        ("runtime: may need to increase max user processes\nfatal error: newosproc", "memory"),
        ("SIGSEGV: segmentation violation\nPC=0x437c1d m=2 sigcode=1 addr=0x0", "memory"),
        ("runtime: goroutine stack exceeds limit\nfatal error: stack overflow", "without an end"),
        ("panic: runtime error\n[signal SIGSEGV: segmentation violation code=0x1]", CRASHED),
        ("panic: fatal mistake: out of memory", CRASHED),
    ],
)
def test_what_go_says_last_is_the_cause(tmp_path: Path, last_words: str, cause: str) -> None:
    program = tmp_path / "builder"
    program.write_text(f"#!/bin/sh\nread line\ncat >&2 <<'WORDS'\n{last_words}\nWORDS\nexit 2\n")
    program.chmod(0o755)
    (answer,) = BuildProcess(program).build([SMALL])
    assert cause in answer.header["error"]


def test_it_ends_when_it_is_closed_though_it_builds() -> None:
    process = BuildProcess(tool("builder"))
    started = process._started()
    assert started.stdin is not None
    started.stdin.write(LARGE.encoded())
    started.stdin.flush()
    process.close()
    assert started.returncode is not None


def computes(process: BuildProcess, before: int) -> int:
    """The pid of another process than the one before, when it has computed for a while."""

    def new() -> int | None:
        started = process._process
        computing = started and started.pid != before and running(started.pid) and ticks(started.pid) >= 20
        return started.pid if started and computing else None

    return wait_for(new, "new process that has computed for 0.2 s")


def test_it_is_started_again_after_a_crash() -> None:
    process = BuildProcess(tool("builder"))
    try:
        with ThreadPoolExecutor(1) as thread:
            answers = thread.submit(process.build, [LARGE, SMALL])
            os.kill(computes(process, before=0), signal.SIGKILL)
            crashed, second = answers.result()
    finally:
        process.close()
    assert crashed.header["error"] == CRASHED
    assert second.header.get("error") is None
    assert b'"a":"b"' in second.payload


def test_a_root_is_built_though_the_process_of_earlier_roots_is_ending() -> None:
    process = BuildProcess(tool("builder"))
    try:
        (first,) = process.build([SMALL])
        started = process._started()
        with ThreadPoolExecutor(1) as thread:
            answers = thread.submit(process.build, [LARGE, SMALL])
            time_before = ticks(started.pid)
            while ticks(started.pid) < time_before + 20:
                time.sleep(0.02)
            started.kill()
            os.kill(computes(process, before=started.pid), signal.SIGKILL)
            crashed, second = answers.result()
    finally:
        process.close()
    assert first.payload == second.payload != b""
    assert crashed.header["error"] == CRASHED


def test_a_root_over_its_limit_does_not_keep_the_next_one_from_being_built() -> None:
    process = BuildProcess(tool("builder"), limits=["-cpu", "0.5"])
    try:
        (over,) = process.build([LARGE])
        (next_one,) = process.build([SMALL])
    finally:
        process.close()
    assert over.header["error"].startswith("limit: ")
    assert b'"a":"b"' in next_one.payload


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_the_process_that_started_it(sent: signal.Signals) -> None:
    script = (
        "from harness.machine.tools import tool\n"
        "from harness.manifests.build_process import BuildProcess\n"
        "from tests.harness.manifests.test_build_process import LARGE\n"
        "process = BuildProcess(tool('builder'))\n"
        "print(process._started().pid, flush=True)\n"
        "process.build([LARGE])\n"
    )
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as parent:
        assert parent.stdout is not None
        builder = int(parent.stdout.readline())
        assert running(builder)
        parent.send_signal(sent)
        parent.wait()
    wait_for(lambda: not running(builder), "end of the builder")
