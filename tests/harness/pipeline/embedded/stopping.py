"""Stops a run that is in the middle of its work, and sees that nothing of it is left."""

import re
import signal
import subprocess
from pathlib import Path

import psutil

from harness.pipeline.embedded.lock import exclusive
from harness.pipeline.mock_api.server import MockApi
from tests.processes import descendants_named, wait_for

PATIENT = {"BREWERY_RETRY_AFTER_MAX": "3600", "BREWERY_PAGE_DEADLINE": "3600"}
"""The ingestion waits for as long as the API says."""
LATER = "rate-limit:retry_after=1800"
"""The fault with which the API lets a run wait in its ingestion, while Java is there and may write."""


def running(pid: int, java: str = "java", api: MockApi | None = None) -> list[psutil.Process]:
    """Guard, worker, Java process."""
    front = psutil.Process(pid)

    def waits() -> bool:
        assert front.status() != psutil.STATUS_ZOMBIE, "the run ended"
        return bool(descendants_named(front, java)) and (api is None or "429" in api.stats()["by_status"])

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


def stop(front: "subprocess.Popen[str]", sign: signal.Signals) -> str:
    """Signals a run as an impatient user does, or a terminal that closes while a service manager stops the run."""
    front.send_signal(sign)
    wait_for(lambda: ignored(front.pid) >= {1, 2, 15}, "sign that the first signal is handled")
    for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        front.send_signal(again)
    return front.communicate()[1]
