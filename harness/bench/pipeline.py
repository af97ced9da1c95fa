"""Runs the pipeline's stages, each in a process of its own, so that one's memory is not another's."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from deltalake import DeltaTable

from brewery.contract.layout import Layout
from harness.bench.model import Day, Machine, Stage
from harness.errors import HarnessError
from harness.machine.class_archive import class_archive
from harness.machine.environment import spark_environment
from harness.paths import ROOT

DATES: Final = ("2025-01-01", "2025-01-02")
LABELS: Final = ("first load", "next day")


def machine() -> Machine:
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


def measure(breweries: int, tell: Callable[[str], None]) -> list[Day]:
    """Two days of one size, a first load and a MERGE; `tell` receives a line as each stage ends."""
    spark = spark_environment()
    environment = {
        **os.environ,
        **spark,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "dags"), str(ROOT / "spark"))),
    }
    with tempfile.TemporaryDirectory(prefix="lakehouse-bench-") as folder:
        pipeline, by_hand = f"{folder}/pipeline", f"{folder}/by-hand"
        days = []
        for number, (date, label) in enumerate(zip(DATES, LABELS, strict=True)):
            with _api(breweries, number, environment) as url:
                taken = _run(
                    "brewery.ingestion", "--date", date, "--api", url, "--lakehouse", pipeline, env=environment
                )
            stages = [Stage("ingestion", taken["seconds"], taken["peak_memory_bytes"])]
            tell(
                f"{breweries:>9,} {label}: ingestion {taken['seconds']:.1f} s, "
                f"{taken['peak_memory_bytes'] / 1024**2:.0f} MiB"
            )
            silver = Layout(pipeline).silver_breweries
            before = _bytes(silver)
            with class_archive(spark) as options:
                variables = {**environment, "SPARK_JAVA_OPTIONS": options}
                jobs = _run("harness.bench.spark_stages", pipeline, env=variables)
            written = _bytes(silver) - before
            table = sum(pa.table(DeltaTable(silver).get_add_actions(flatten=True))["size_bytes"].to_pylist())
            stages += [Stage(**stage) for stage in jobs["stages"]]
            bronze_run = next(Path(Layout(pipeline).bronze).glob(f"ingestion_date={date}/run_id=*"))
            hand = _run("harness.bench.by_hand", str(bronze_run), by_hand, date, env=environment)
            day = Day(label, jobs["records"], tuple(stages), hand["seconds"], hand["peak_bytes"], written, table)
            tell(
                f"{breweries:>9,} {label}: silver {day.stage('silver').seconds:.1f} s, "
                f"gold {day.stage('gold').seconds:.1f} s, gate {day.stage('gate').seconds:.1f} s; "
                f"by hand {day.by_hand_seconds:.1f} s, {day.ratio:.1f} times; "
                f"{written:,} bytes of silver written, {day.written_share:.1%} of the table"
            )
            days.append(day)
        return days


def _bytes(folder: str) -> int:
    return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())


@contextmanager
def _api(breweries: int, day: int, environment: Mapping[str, str]) -> Iterator[str]:
    """The mock API in a process of its own; yields its URL."""
    command = [sys.executable, "-u", "-m", "harness", "mock-api", "--port", "0"]
    command += ["--breweries", str(breweries), "--day", str(day)]
    process = subprocess.Popen(command, env=dict(environment), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101  (a pipe was asked for)
        first = process.stdout.readline().split()
        url = next((word for word in first if word.startswith("http://")), None)
        if url is None:
            raise HarnessError("The mock API did not start: try 'harness mock-api --port 0'.")
        yield url
    finally:
        process.terminate()
        process.communicate()


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
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result
