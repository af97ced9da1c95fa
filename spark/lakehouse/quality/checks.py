"""The expectations of snapshots and silver. Numbers that differ between runs come in as arguments."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from brewery.contract.fields import REQUIRED_FIELDS, SOURCE_FIELDS
from brewery.contract.ledger import LedgerRow
from brewery.contract.limits import Limits
from brewery.contract.manifest import Manifest
from lakehouse.definitions import SILVER_BREWERIES, SILVER_RUNS
from lakehouse.quality.expectations import Expectation, Outcome, equals, judge, none_of
from lakehouse.snapshot import Snapshot

BRONZE: Final = "bronze/breweries"
_SILVER: Final = SILVER_BREWERIES.name


def snapshot_outcomes(
    manifest: Manifest, snapshot: Snapshot, before: LedgerRow | None, limits: Limits
) -> list[Outcome]:
    """The snapshot, before silver is written.

    Args:
        manifest: Of the run.
        snapshot: Parsed and counted.
        before: The ledger's row of the previous date, if there is one.
        limits: What is allowed.
    """
    unseen = sum(
        name not in manifest.profile.fields for name in SILVER_BREWERIES.column_names if name in SOURCE_FIELDS
    )
    values = {
        "records_as_in_manifest": snapshot.records - manifest.records,
        "records": snapshot.records,
        "rejected_share": snapshot.rejected_count / snapshot.records if snapshot.records else 0.0,
        "drop_against_the_day_before": (
            max(0.0, 1 - (snapshot.accepted_count + snapshot.rejected_count) / before.total)
            if before and before.total
            else 0.0
        ),
        "fields_that_the_source_no_longer_sends": unseen,
    }
    return judge(
        [
            equals(BRONZE, "records_as_in_manifest", "", 0),
            Expectation(BRONZE, "records", at_least=1),
            Expectation(BRONZE, "rejected_share", at_most=limits.rejected_share),
            Expectation(BRONZE, "drop_against_the_day_before", at_most=limits.drop),
            Expectation(BRONZE, "fields_that_the_source_no_longer_sends", at_least=0, at_most=0, severity="warn"),
        ],
        values,
    )


def silver_expectations(newest: LedgerRow) -> list[Expectation]:
    """Silver after its newest run."""
    date = f"date'{newest.ingestion_date.isoformat()}'"
    return [
        equals(_SILVER, "id_unique", "count(*) - count(distinct xxhash64(id))", 0),
        *(none_of(_SILVER, f"{name}_present", f"{name} is null or {name} = ''") for name in REQUIRED_FIELDS),
        none_of(
            _SILVER,
            "coordinates_in_range",
            "not coalesce(longitude between -180 and 180 and latitude between -90 and 90, true)",
        ),
        none_of(_SILVER, "coordinates_both_or_neither", "(longitude is null) <> (latitude is null)"),
        none_of(
            _SILVER,
            "coordinates_status_true",
            "coalesce((coordinates_status = 'valid') <> (latitude is not null), true)"
            " or coordinates_status not in ('valid', 'missing', 'invalid')",
        ),
        none_of(_SILVER, "seen_in_order", f"coalesce(first_seen > coalesce(last_seen, {date}), true)"),
        none_of(_SILVER, "current_seen_in_newest_snapshot", "is_current and last_seen is not null"),
        none_of(
            _SILVER, "gone_not_seen_in_newest_snapshot", f"not is_current and coalesce(last_seen >= {date}, true)"
        ),
        none_of(_SILVER, "type_lower_case", "brewery_type <> lower(brewery_type)"),
        equals(_SILVER, "current_rows_as_in_ledger", "count_if(is_current)", newest.total),
        *(
            equals(
                _SILVER,
                f"{change}_as_in_ledger",
                f"count_if(last_change = '{change}' and last_change_on = {date})",
                getattr(newest, change),
            )
            for change in ("added", "changed", "removed")
        ),
    ]


def reconciliation_outcomes(ledger: Sequence[LedgerRow], manifest: Manifest, rejected: int) -> list[Outcome]:
    """Bronze = silver + duplicates + rejected: the newest run by a new count, the others by the ledger.

    Args:
        ledger: In order of the dates.
        manifest: Of the newest run, read from bronze.
        rejected: Records of the newest run in `silver/breweries_rejected`, counted now.
    """
    newest = ledger[-1]
    values = {
        "bronze_accounted_for": manifest.records - newest.silver_records - newest.duplicates - rejected,
        "all_runs_accounted_for": sum(abs(row.unaccounted) for row in ledger),
    }
    return judge([equals(SILVER_RUNS.name, name, "", 0) for name in values], values)


def freshness_outcomes(
    current_since: dt.datetime, now: dt.datetime, limits: Limits, *, past: bool
) -> list[Outcome]:
    """The newest snapshot is recent, whatever date it stands for.

    Args:
        current_since: When it was complete, or was accepted.
        now: Aware time.
        limits: What is allowed.
        past: Whether only the past has changed since gold was published (a backfill): the age is only reported.
    """
    name = "age_of_newest_snapshot_in_hours"
    hours = (now - current_since).total_seconds() / 3600
    expectation = Expectation(BRONZE, name, at_most=limits.max_age_hours, severity="warn" if past else "error")
    return judge([expectation], {name: round(hours, 2)})


def gone_outcomes(ledger: Sequence[LedgerRow], limits: Limits) -> list[Outcome]:
    """Few breweries are gone since the day before, on any of these days."""
    name = "share_of_breweries_gone"
    return judge(
        [Expectation(_SILVER, name, at_most=limits.warn_gone, severity="warn")],
        {name: max(row.share_gone for row in ledger)},
    )
