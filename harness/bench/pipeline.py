"""Runs the pipeline's stages, each in a process of its own, so that one's memory is not another's."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from brewery.contract.layout import Layout
from harness.bench.model import Day, Machine, Stage
from harness.errors import HarnessError
from harness.machine.environment import spark_environment
from harness.paths import ROOT

DATES: Final = ("2025-01-01", "2025-01-02")
LABELS: Final = ("first load", "next day")


def machine() -> Machine:
    """This machine."""
    processor = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown",
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(len(os.sched_getaffinity(0)), memory, processor)


def measure(breweries: int, tell: Callable[[str], None], *, seed: int = 1) -> list[Day]:
    """Two days of one size: a first load and a MERGE.

    Args:
        breweries: How many the API has on the first day.
        tell: Receives a line as each stage ends.
        seed: Of the generated breweries.

    Raises:
        HarnessError: A stage failed; the message has the end of what it printed.
    """
    environment = {
        **os.environ,
        **spark_environment(),
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "dags"), str(ROOT / "spark"))),
    }
    with tempfile.TemporaryDirectory(prefix="lakehouse-bench-") as folder:
        pipeline, by_hand = f"{folder}/pipeline", f"{folder}/by-hand"
        days = []
        for number, (date, label) in enumerate(zip(DATES, LABELS, strict=True)):
            with _api(breweries, number, seed, environment) as url:
                taken = _run(
                    "brewery.ingestion", "--date", date, "--api", url, "--lakehouse", pipeline, env=environment
                )
            stages = [Stage("ingestion", taken["seconds"], taken["peak_memory_bytes"])]
            tell(f"{breweries:>9,} {label}: ingestion {taken['seconds']:.1f} s")
            jobs = _run("harness.bench.spark_stages", pipeline, env=environment)
            stages += [Stage(**stage) for stage in jobs["stages"]]
            bronze_run = next(Path(Layout(pipeline).bronze).glob(f"ingestion_date={date}/run_id=*"))
            hand = _run("harness.bench.by_hand", str(bronze_run), by_hand, date, env=environment)
            day = Day(label, jobs["records"], tuple(stages), hand["seconds"], hand["peak_bytes"])
            tell(
                f"{breweries:>9,} {label}: silver {day.stage('silver').seconds:.1f} s, "
                f"gold {day.stage('gold').seconds:.1f} s, gate {day.stage('gate').seconds:.1f} s; "
                f"by hand {day.by_hand_seconds:.1f} s, {day.ratio:.1f} times"
            )
            days.append(day)
        return days


class _api:  # noqa: N801  (used as a function)
    """The mock API in a process of its own, for as long as the block runs."""

    def __init__(self, breweries: int, day: int, seed: int, environment: Mapping[str, str]) -> None:
        self._command = [sys.executable, "-u", "-m", "harness", "mock-api", "--port", "0"]
        self._command += ["--breweries", str(breweries), "--day", str(day), "--seed", str(seed)]
        self._environment = environment

    def __enter__(self) -> str:
        self._process = subprocess.Popen(
            self._command, env=dict(self._environment), cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None  # noqa: S101  (a pipe was asked for)
        first = self._process.stdout.readline().split()
        url = next((word for word in first if word.startswith("http://")), None)
        if url is None:
            self.__exit__()
            raise HarnessError("The mock API did not start: try 'harness mock-api --port 0'.")
        return url

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()


def _run(module: str, *arguments: str, env: Mapping[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise HarnessError(f"The benchmark's step {module} failed ({last}): run it by hand to see more.")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
