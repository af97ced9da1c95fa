"""A job that another attempt has superseded commits nothing more, wherever in its work that happens."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from lakehouse.errors import TransientError
from lakehouse.jobs import bronze_to_silver, quality_gate, silver_to_gold
from lakehouse.storage import Files

pytestmark = pytest.mark.spark

Make = Callable[..., dict[str, Any]]
JOBS = {"bronze_to_silver": bronze_to_silver, "silver_to_gold": silver_to_gold, "quality_gate": quality_gate}
D1, D2, D3 = "2026-03-01", "2026-03-02", "2026-03-03"


@pytest.fixture
def claim(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Takes a claim, as the Airflow task does; this process's jobs write under claim 7."""
    monkeypatch.setenv("LAKEHOUSE_CLAIM", "7")

    def take(number: int) -> None:
        file = Path(layout.root) / "_claims" / f"{number:012d}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}", encoding="utf-8")

    return take


def written(layout: Layout) -> dict[str, bytes]:
    """What counts: every commit of every table, what is staged, and the figures."""
    root = Path(layout.root)
    files = [
        *root.glob("*/*/_delta_log/*.json"),
        *root.glob("gold/_staging/**/*"),
        root / "quality" / "figures.json",
    ]
    return {str(file.relative_to(root)): file.read_bytes() for file in files if file.is_file()}


@pytest.mark.parametrize(
    ("last", "newest"), [("bronze_to_silver", None), ("bronze_to_silver", 6), *((job, 10) for job in JOBS)]
)
def test_a_job_without_the_newest_claim_writes_nothing(
    spark: SparkSession,
    layout: Layout,
    bronze: Any,
    brewery: Make,
    claim: Callable[[int], None],
    last: str,
    newest: int | None,
) -> None:
    claim(7)
    bronze.write(D1, [[brewery("a")]])
    for name, job in JOBS.items():
        if name == last:
            break
        job.run(spark, layout)
    before = written(layout)
    (Path(layout.root) / "_claims" / f"{7:012d}.json").unlink()
    if newest is not None:
        claim(newest)
    with pytest.raises(TransientError, match=r"^Could not write .*: another attempt has taken over this lakehouse"):
        JOBS[last].run(spark, layout)
    assert written(layout) == before


@pytest.fixture
def checks(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of commits at each look at the claims."""
    seen: list[int] = []
    names = Files.names

    def look(files: Files, path: str) -> list[str]:
        if path == layout.claims:
            seen.append(sum("_delta_log" in name for name in written(layout)))
        return names(files, path)

    monkeypatch.setattr(Files, "names", look)
    return seen


@pytest.mark.days
def test_each_commit_comes_after_a_look_at_the_claims(
    spark: SparkSession,
    layout: Layout,
    bronze: Any,
    brewery: Make,
    claim: Callable[[int], None],
    checks: list[int],
) -> None:
    """A first day, a new column and a rejected record, a backfill that restores silver."""
    claim(7)
    days = {
        D1: [brewery("a"), *(brewery(f"b{n}") for n in range(30))],
        D3: [brewery("a", rating=1), *(brewery(f"b{n}") for n in range(30)), brewery("x", name=None)],
        D2: [brewery("a"), *(brewery(f"b{n}") for n in range(30))],
    }
    for date, records in days.items():
        bronze.write(date, [records])
        bronze_to_silver.run(spark, layout)
    steps = [after - before for before, after in pairwise(checks)]
    assert max(steps) == 1
    silver_to_gold.run(spark, layout)
    quality_gate.run(spark, layout)
    commits = sum("_delta_log" in name for name in written(layout))
    assert commits <= len(checks)
