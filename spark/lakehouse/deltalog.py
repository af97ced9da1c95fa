"""The commits of a Delta table, read from its log as the protocol specifies it.

`DESCRIBE HISTORY` returns the same, but costs a Spark job and seconds in a new JVM, for what one small file holds
(https://github.com/delta-io/delta/blob/master/PROTOCOL.md, "Delta Log Entries", "Commit Provenance Information").
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lakehouse.storage import Files

_COMMIT = re.compile(r"^(\d{20})\.json$")


@dataclass(frozen=True)
class Commit:
    """One commit.

    Attributes:
        version: Version that the commit made.
        operation: `MERGE`, `WRITE`, `RESTORE`, `OPTIMIZE`, ...
        restored_version: For a RESTORE to a version, that version.
        user_metadata: The commit's `userMetadata`.
        rows: Rows that a MERGE inserted and updated, or another write wrote.
    """

    version: int
    operation: str
    restored_version: int | None = None
    user_metadata: str | None = None
    rows: int = 0


def exists(files: Files, path: str) -> bool:
    return files.exists(f"{path}/_delta_log")


def commits(files: Files, path: str) -> Iterator[Commit]:
    """Commits, newest first, as far back as the log reaches; each is read when it is needed.

    Raises:
        LakehouseError: The log cannot be read.
    """
    names = files.names(f"{path}/_delta_log") if exists(files, path) else []
    for name in sorted((name for name in names if _COMMIT.match(name)), reverse=True):
        yield parse(int(name.removesuffix(".json")), files.read_text(f"{path}/_delta_log/{name}"))


def parse(version: int, text: str) -> Commit:
    """One commit file: each line is an action of the log; only `commitInfo` matters here."""
    for line in text.splitlines():
        if '"commitInfo"' in line:
            info = json.loads(line).get("commitInfo")
            if info:
                restored = str((info.get("operationParameters") or {}).get("version"))
                operation = str(info.get("operation", ""))
                return Commit(
                    version,
                    operation,
                    int(restored) if operation == "RESTORE" and restored.isdecimal() else None,
                    info.get("userMetadata"),
                    _rows(operation, info.get("operationMetrics") or {}),
                )
    return Commit(version, "")


def _rows(operation: str, metrics: Mapping[str, str]) -> int:
    merged = ("numTargetRowsInserted", "numTargetRowsUpdated")
    return sum(int(metrics.get(name, 0)) for name in (merged if operation == "MERGE" else ("numOutputRows",)))
