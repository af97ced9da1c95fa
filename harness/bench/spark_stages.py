"""`python -m harness.bench.spark_stages LAKEHOUSE`: the three Spark jobs in one session, timed; prints JSON."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brewery.contract.layout import Layout
from harness.pipeline.embedded.lakehouse import newest_records
from lakehouse.jobs import bronze_to_silver, quality_gate, silver_to_gold
from lakehouse.session import get_session


def peak_bytes(pid: int | str) -> int:
    """Largest resident size of a process so far, in bytes (VmHWM of proc(5))."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {pid} has no VmHWM")


def main(root: str) -> None:
    """Run the jobs on what bronze holds."""
    stages: list[dict[str, Any]] = []
    jvm: list[int] = []

    def timed(name: str, work: Callable[[], Any]) -> Any:
        started = time.monotonic()
        result = work()
        seconds = time.monotonic() - started
        peak = peak_bytes("self") + sum(peak_bytes(pid) for pid in jvm)
        stages.append({"name": name, "seconds": seconds, "peak_bytes": peak})
        return result

    layout = Layout(root)
    records = newest_records(root)
    spark = timed("session", lambda: get_session(environ={**os.environ, "SPARK_EXPECTED_RECORDS": str(records)}))
    jvm.append(int(spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()))
    rows = timed("silver", lambda: bronze_to_silver.run(spark, layout))
    timed("gold", lambda: silver_to_gold.run(spark, layout))
    timed("gate", lambda: quality_gate.run(spark, layout))
    sys.stdout.write(json.dumps({"records": rows[-1].bronze_records, "stages": stages}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
