"""Time passes over a lakehouse: everything that Delta dates in it becomes older.

Delta judges ages by the times of files and by those in its log, and commands take the latter from the clock of the
system, which no option replaces. So the lakehouse is moved into the past instead of the clock into the future.
"""

import datetime as dt
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

_DATED: Final = {"commitInfo": "timestamp", "add": "modificationTime", "remove": "deletionTimestamp"}
"""Action of the log -> its field with the Unix time in milliseconds."""


def age(spark: SparkSession, root: Path, by: dt.timedelta) -> None:
    """Make the files and the logs of every table below a folder older; the session forgets what it knew of them."""
    earlier = round(by.total_seconds() * 1000)
    for log in root.rglob("_delta_log"):
        for file in log.glob("*.json"):
            if file.stem.isdecimal():
                _rewrite(file, lambda file: _older_commit(file, earlier))
        for file in log.glob("*.checkpoint*.parquet"):
            _rewrite(file, lambda file: _older_checkpoint(file, earlier))
    for path in root.rglob("*"):
        status = path.stat()
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - earlier * 1_000_000))
    jvm: Any = spark.sparkContext._jvm
    jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()


def _rewrite(file: Path, change: Callable[[Path], None]) -> None:
    """Change a file, whose time stays, and drop the checksum that Hadoop keeps beside it."""
    status = file.stat()
    change(file)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    file.with_name(f".{file.name}.crc").unlink(missing_ok=True)


def _older_commit(file: Path, earlier: int) -> None:
    actions = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for action in actions:
        for kind, field in _DATED.items():
            if field in action.get(kind, {}):
                action[kind][field] -= earlier
    file.write_text("".join(f"{json.dumps(action)}\n" for action in actions), encoding="utf-8")


def _older_checkpoint(file: Path, earlier: int) -> None:
    table = pq.read_table(file)
    for kind, field in _DATED.items():
        if kind in table.column_names:
            rows = table[kind].to_pylist()
            for row in rows:
                if row is not None and row[field] is not None:
                    row[field] -= earlier
            position = table.column_names.index(kind)
            table = table.set_column(position, table.field(kind), pa.array(rows, table.field(kind).type))
    pq.write_table(table, file)
