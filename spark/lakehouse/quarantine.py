"""The decisions on runs (see `brewery.contract.decisions`) through Hadoop's file systems."""

from brewery.contract.decisions import Decision
from lakehouse.storage import Lakehouse


def read_decisions(lakehouse: Lakehouse) -> list[Decision]:
    """Every decision, oldest first.

    Raises:
        DecisionError: A file is something else.
        LakehouseError: One could not be read.
    """
    folder = lakehouse.layout.decisions
    if not lakehouse.files.exists(folder):
        return []
    paths = [f"{folder}/{name}" for name in sorted(lakehouse.files.names(folder)) if name.endswith(".json")]
    return [Decision.from_json(lakehouse.files.read_text(path), path) for path in paths]


def record(lakehouse: Lakehouse, decision: Decision) -> None:
    """Add a decision.

    Raises:
        LakehouseError: It could not be written.
    """
    lakehouse.write_text(f"{lakehouse.layout.decisions}/{decision.file_name()}", decision.to_json())
