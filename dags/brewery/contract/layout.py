"""The paths of the lakehouse, below one root URI (a local path, `s3://…` or `s3a://…`).

>>> Layout("/data/lakehouse").silver_breweries
'/data/lakehouse/silver/breweries'
"""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

MANIFEST_NAME: Final = "_manifest.json"
DATE_PREFIX: Final = "ingestion_date="
RUN_PREFIX: Final = "run_id="

_RUN_ID = re.compile(r"^[0-9A-Za-z][0-9A-Za-z._-]{0,127}$")


@dataclass(frozen=True)
class Layout:
    """Paths of the lakehouse.

    Attributes:
        root: Root URI; a trailing slash is ignored.
    """

    root: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.root.rstrip("/"))

    @property
    def bronze(self) -> str:
        """Folder of every bronze run: `bronze/breweries/ingestion_date=YYYY-MM-DD/run_id=<id>/`."""
        return f"{self.root}/bronze/breweries"

    def bronze_date(self, ingestion_date: dt.date) -> str:
        """Folder of the runs of one date."""
        return f"{self.bronze}/{DATE_PREFIX}{ingestion_date.isoformat()}"

    def bronze_run(self, ingestion_date: dt.date, run_id: str) -> str:
        """Folder of one run.

        Raises:
            ValueError: `run_id` is not a run id.
        """
        if not is_run_id(run_id):
            raise ValueError(f"run id {run_id!r} may hold only letters, digits, '.', '_' and '-'")
        return f"{self.bronze_date(ingestion_date)}/{RUN_PREFIX}{run_id}"

    def manifest(self, ingestion_date: dt.date, run_id: str) -> str:
        """The file that commits a run."""
        return f"{self.bronze_run(ingestion_date, run_id)}/{MANIFEST_NAME}"

    @property
    def silver_breweries(self) -> str:
        """Delta table: one row for each brewery id."""
        return f"{self.root}/silver/breweries"

    @property
    def silver_rejected(self) -> str:
        """Delta table: every rejected record, with its reasons."""
        return f"{self.root}/silver/breweries_rejected"

    @property
    def silver_runs(self) -> str:
        """Delta table: the ledger, one row for each ingestion date that silver holds."""
        return f"{self.root}/silver/runs"

    def gold(self, table: str) -> str:
        """Delta table of the gold layer; `spark/lakehouse/gold/` has a module for each."""
        return f"{self.root}/gold/{table}"

    def gold_staging(self, table: str) -> str:
        """Parquet folder in which a gold table waits for the quality gate (write, audit, publish)."""
        return f"{self.root}/gold/_staging/{table}"

    @property
    def quality_results(self) -> str:
        """Delta table: the outcome of each expectation at each gate."""
        return f"{self.root}/quality/results"

    @property
    def claims(self) -> str:
        """Folder of the claims, whose newest names the attempt that may write (`contract.claims`)."""
        return f"{self.root}/_claims"

    @property
    def decisions(self) -> str:
        """Folder of the decisions on runs, one JSON file for each (`contract.decisions`)."""
        return f"{self.root}/quality/decisions"

    @property
    def figures(self) -> str:
        """JSON file: the newest run's figures for monitoring (`contract.figures`)."""
        return f"{self.root}/quality/figures.json"

    @property
    def upkeep(self) -> str:
        """JSON file: what the newest run of the maintenance left (`contract.upkeep`)."""
        return f"{self.root}/quality/upkeep.json"


def is_run_id(text: str) -> bool:
    """Whether a text may be a run id: every character of it is safe in every file system (Hadoop refuses `:`)."""
    return bool(_RUN_ID.match(text))


def page_file(page: int) -> str:
    """Name of the bronze file with one page of the API, counted from 1.

    >>> page_file(1)
    'page-00001.jsonl.gz'
    """
    return f"page-{page:05d}.jsonl.gz"
