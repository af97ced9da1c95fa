"""What ends when a run is stopped or killed in the middle, and what the lakehouse keeps."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios

import psutil
import pytest

from harness.pipeline.mock_api.server import MockApi
from tests.harness.pipeline.embedded.conftest import Cli
from tests.harness.pipeline.embedded.idle import JAVA
from tests.harness.pipeline.embedded.stopping import LATER, PATIENT, assert_ended, running, stop
from tests.processes import descendants_named, wait_for

NOBODY = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("sign", "code", "word"),
    [
        (signal.SIGINT, 130, "Interrupted"),
        (signal.SIGTERM, 143, "Terminated"),
        (signal.SIGHUP, 129, "Hung up"),
    ],
)
def test_a_signal_stops_the_whole_run(idle: Cli, sign: signal.Signals, code: int, word: str) -> None:
    with idle.start("--api", NOBODY) as front:
        processes = running(front.pid, JAVA)
        stderr = stop(front, sign)
        assert not any(process.is_running() for process in processes)
    assert front.returncode == code
    assert stderr.count("error: ") == 1
    assert f"error: {word}: the lakehouse keeps what was committed" in stderr
    assert "Traceback" not in stderr
    assert_ended(processes, idle.lakehouse)


def kill(front: "subprocess.Popen[str]", processes: list[psutil.Process], victim: str) -> str:
    """Kills some of a run's processes; what the front said then."""
    guard, worker, *_ = processes
    pids = {"front": front.pid, "guard": guard.pid, "worker": worker.pid}
    for name in victim.split(" and "):
        os.kill(pids[name], signal.SIGKILL)
    return front.communicate()[1]


@pytest.mark.parametrize("victim", ["front", "guard", "worker", "front and guard"])
def test_nothing_outlives_what_is_killed(idle: Cli, victim: str) -> None:
    with idle.start("--api", NOBODY) as front:
        processes = running(front.pid, JAVA)
        stderr = kill(front, processes, victim)
    assert_ended(processes, idle.lakehouse)
    if "front" not in victim:
        assert front.returncode == 1
        assert "was killed (SIGKILL)" in stderr


def test_a_closed_terminal_stops_the_whole_run(idle: Cli) -> None:
    terminal, other_end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, *idle.program, "run", "--lakehouse", str(idle.lakehouse), "--api", NOBODY],
        cwd=idle.repo,
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as front:
        os.close(other_end)
        try:
            processes = running(front.pid, JAVA)
            os.close(terminal)
            assert front.wait() == 129
        finally:
            front.kill()
    assert_ended(processes, idle.lakehouse)


@pytest.mark.embedded
@pytest.mark.spark
@pytest.mark.airflow
def test_java_itself_notices_when_nobody_is_left_to_end_it(cli: Cli) -> None:
    with (
        MockApi(breweries=50, faults=[LATER]) as api,
        cli.start("--api", f"{api.url}/v1", "--date", "2025-01-01", **PATIENT) as front,
    ):
        processes = running(front.pid, api=api)
        kill(front, processes, "front and guard")
    assert_ended(processes, cli.lakehouse)


@pytest.mark.embedded
@pytest.mark.spark
@pytest.mark.airflow
def test_an_outage_is_survived_and_a_killed_java_process_is_named_and_not_what_it_was_reading(cli: Cli) -> None:
    with MockApi(breweries=50) as taken:
        port = taken.port
    once = {"BREWERY_ATTEMPTS": "1", "BREWERY_RETRY_DELAY": "1", "COLUMNS": "80"}
    with cli.start("--api", f"http://127.0.0.1:{port}/v1", "--date", "2025-01-02", **once) as front:
        assert front.stderr is not None
        line = next(line for line in front.stderr if "starts again" in line)
        assert f"127.0.0.1:{port}" in line
        with MockApi(breweries=50, port=port):
            runs = "ingestion_date=2025-01-02/*/_manifest.json"
            wait_for(lambda: list(cli.lakehouse.rglob(runs)), "committed bronze run")
            (spark,) = descendants_named(psutil.Process(front.pid), "java")
            spark.kill()
            stderr = front.stderr.read()
            assert front.wait() == 1
    (error,) = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert "Java process was killed (SIGKILL), as the kernel does when memory runs out" in error
    assert "Could not" not in error
    assert all(str(port) in line for line in stderr.splitlines() if "starts again" in line)
    assert "Traceback" not in stderr
