"""What ends when a run is stopped or killed in the middle, and what the lakehouse keeps."""

import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.pipeline.embedded.lock import exclusive
from harness.pipeline.mock_api.server import MockApi
from tests.harness.pipeline.embedded.conftest import Cli
from tests.processes import descendants_named, wait_for

pytestmark = [pytest.mark.embedded, pytest.mark.spark, pytest.mark.airflow, pytest.mark.xdist_group("embedded")]

PATIENT = {"BREWERY_RETRY_AFTER_MAX": "3600", "BREWERY_PAGE_DEADLINE": "3600"}


@pytest.fixture
def api() -> Iterator[MockApi]:
    """Lets every run wait in its ingestion, while Spark's Java process is there and may write."""
    with MockApi(breweries=50, faults=["rate-limit:retry_after=1800"]) as server:
        yield server


def running(front: psutil.Process, api: MockApi) -> list[psutil.Process]:
    """Guard, worker, Java process."""

    def waits() -> bool:
        assert front.status() != psutil.STATUS_ZOMBIE, "the run ended"
        return bool(descendants_named(front, "java")) and "429" in api.stats()["by_status"]

    wait_for(waits, "refused request of the ingestion beside a Java process")
    return front.children(recursive=True)


def ignored(pid: int) -> set[int]:
    """The signals that a process ignores."""
    (mask,) = re.findall(r"^SigIgn:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return {number for number in range(1, 65) if int(mask, 16) >> (number - 1) & 1}


def assert_ended(processes: list[psutil.Process], lakehouse: Path) -> None:
    _, alive = psutil.wait_procs(processes, timeout=120)
    assert not alive
    with exclusive(lakehouse):
        assert not list(lakehouse.rglob("_manifest.json"))


@pytest.mark.parametrize(
    ("sign", "code", "word"),
    [
        (signal.SIGINT, 130, "Interrupted"),
        (signal.SIGTERM, 143, "Terminated"),
        (signal.SIGHUP, 129, "Hung up"),
    ],
)
def test_a_signal_stops_the_whole_run(cli: Cli, api: MockApi, sign: signal.Signals, code: int, word: str) -> None:
    with cli.start("--api", f"{api.url}/v1", "--date", "2025-01-01", **PATIENT) as front:
        processes = running(psutil.Process(front.pid), api)
        front.send_signal(sign)
        # An impatient user, or a terminal that closes while a service manager stops the run.
        wait_for(lambda: ignored(front.pid) >= {1, 2, 15}, "sign that the first signal is handled")
        for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            front.send_signal(again)
        _, stderr = front.communicate()
        assert not any(process.is_running() for process in processes)
    assert front.returncode == code
    assert stderr.count("error: ") == 1
    assert f"error: {word}: the lakehouse keeps what was committed" in stderr
    assert "Traceback" not in stderr
    # Not even pages that nothing commits.
    assert not list(cli.lakehouse.rglob("page-*"))
    assert_ended(processes, cli.lakehouse)


@pytest.mark.parametrize("victim", ["front", "guard", "worker", "front and guard"])
def test_nothing_outlives_what_is_killed(cli: Cli, api: MockApi, victim: str) -> None:
    with cli.start("--api", f"{api.url}/v1", "--date", "2025-01-01", **PATIENT) as front:
        guard, worker, *others = running(psutil.Process(front.pid), api)
        pids = {"front": front.pid, "guard": guard.pid, "worker": worker.pid}
        for name in victim.split(" and "):
            os.kill(pids[name], signal.SIGKILL)
        _, stderr = front.communicate()
    assert_ended([guard, worker, *others], cli.lakehouse)
    if "front" not in victim:
        assert front.returncode == 1
        assert "was killed (SIGKILL)" in stderr


def test_a_closed_terminal_stops_the_whole_run(cli: Cli, api: MockApi) -> None:
    terminal, other_end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "harness", "run", "--lakehouse", str(cli.lakehouse), "--api", f"{api.url}/v1"],
        cwd=cli.repo,
        env={**os.environ, **PATIENT},
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as front:
        os.close(other_end)
        try:
            processes = running(psutil.Process(front.pid), api)
            os.close(terminal)
            assert front.wait() == 129
        finally:
            front.kill()
    assert_ended(processes, cli.lakehouse)


def test_a_second_run_is_told_who_writes_by_whatever_path(cli: Cli, api: MockApi, repo: Path) -> None:
    with cli.start("--api", f"{api.url}/v1", "--date", "2025-01-01", **PATIENT) as front:
        running(psutil.Process(front.pid), api)
        link = cli.lakehouse.parent / "link"
        link.symlink_to(cli.lakehouse)
        for path in (str(link), f"{cli.lakehouse}/", os.path.relpath(cli.lakehouse, repo), f"{link}/../link/."):
            sentence = cli.fail(4, "--lakehouse", path, "--api", f"{api.url}/v1")
            assert f"process {front.pid}, since 20" in sentence
            assert f"harness run --lakehouse {cli.lakehouse} --api" in sentence
            assert f"`kill {front.pid}`" in sentence
        link.unlink()
        front.send_signal(signal.SIGTERM)
        assert front.wait() == 143


def test_a_killed_java_process_is_named_and_not_what_it_was_reading(cli: Cli) -> None:
    with MockApi(breweries=50) as api, cli.start("--api", f"{api.url}/v1", "--date", "2025-01-01") as front:
        wait_for(lambda: list(cli.lakehouse.rglob("_manifest.json")), "committed bronze run")
        (spark,) = descendants_named(psutil.Process(front.pid), "java")
        spark.kill()
        _, stderr = front.communicate()
    assert front.returncode == 1
    (error,) = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert "Java process was killed (SIGKILL), as the kernel does when memory runs out" in error
    assert "Could not" not in error
    assert "starts again" not in stderr
    assert "Traceback" not in stderr


def test_an_outage_is_survived_by_another_attempt_at_the_task(cli: Cli) -> None:
    with MockApi(breweries=50) as taken:
        port = taken.port
    once = {"BREWERY_ATTEMPTS": "1", "BREWERY_RETRY_DELAY": "1", "COLUMNS": "80"}
    with cli.start("--api", f"http://127.0.0.1:{port}/v1", "--date", "2025-01-02", **once) as front:
        assert front.stderr is not None
        line = next(line for line in front.stderr if "starts again" in line)
        assert f"127.0.0.1:{port}" in line
        with MockApi(breweries=50, port=port):
            wait_for(lambda: list(cli.lakehouse.rglob("ingestion_date=2025-01-02/*/_manifest.json")), "bronze run")
            front.send_signal(signal.SIGTERM)
            assert front.wait() == 143
