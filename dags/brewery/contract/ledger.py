"""A row of the ledger `silver/runs`: what one ingestion date brought to silver."""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True)
class LedgerRow:
    """One applied run; its fields are the columns of the table.

    Attributes:
        ingestion_date: The day that the snapshot stands for.
        run_id: The bronze run that was applied.
        bronze_records: Records as received.
        silver_records: Records that became a silver row.
        duplicates: Records whose id occurs again later in the snapshot.
        rejected: Records that lack what silver requires.
        added: Rows new to silver.
        changed: Rows whose values changed.
        removed: Rows that the snapshot no longer has.
        total: Current rows afterwards.
        silver_version: Version of silver/breweries that the run left.
        applied_at: When, UTC.
    """

    ingestion_date: dt.date
    run_id: str
    bronze_records: int
    silver_records: int
    duplicates: int
    rejected: int
    added: int
    changed: int
    removed: int
    total: int
    silver_version: int
    applied_at: dt.datetime

    @property
    def share_gone(self) -> float:
        """Share of the breweries of the day before that the snapshot no longer has, 0 to 1."""
        before = self.total - self.added + self.removed
        return self.removed / before if before else 0.0

    @property
    def unaccounted(self) -> int:
        """Bronze records that are neither in silver nor duplicates nor rejected; 0 unless something is wrong."""
        return self.bronze_records - self.silver_records - self.duplicates - self.rejected
