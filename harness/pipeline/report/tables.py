"""The gold tables and the run's outcome for a terminal, readable at 80 columns."""

from collections.abc import Callable, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.pipeline.lakehouse.model import Count, DailyChange, GoldRows, Summary
from harness.pipeline.report.text import MISSING, cell, number, percent, signed

_ROWS: Final = 8
_TYPES: Final = 16
_STYLES: Final = {"pass": "green", "warn": "yellow", "fail": "bold red"}


def print_summary(summary: Summary, console: Console) -> None:
    """Prints the gold tables, the days, and the quality gate's outcome; 80 columns suffice.

    Names come from the data, so they are printed as text and never as Rich markup.
    """
    sections: dict[str, Callable[[Summary], Table]] = {
        "breweries_by_type": _types,
        "breweries_by_country": _countries,
        "breweries_by_type_and_location": _places,
        "location_coverage": _coverage,
        "daily_changes": _days,
    }
    blocks = [section(summary) for table, section in sections.items() if summary.has(table)]
    for block in [*blocks, *map(_other, summary.other_gold), _records(summary)]:
        console.print(block)
        console.print()
    for name in summary.missing:
        console.print(Text(f"{name}: {MISSING}", style="yellow"))
    if summary.daily_changes:
        console.print(Text(day_line(len(summary.daily_changes), summary.daily_changes[-1])))
    for line in [*_notices(summary), *gate_lines(summary)]:
        console.print(line)


def day_line(day: int, change: DailyChange) -> str:
    return (
        f"day {day} ({change.ingestion_date}): {signed(change.added)} ~{number(change.changed)} "
        f"{signed(-change.removed)}, {number(change.rejected)} rejected, {number(change.duplicates)} duplicates"
    )


def _notices(summary: Summary) -> list[Text]:
    """What the report says at its top, for runs that succeeded."""
    lines = [
        f"{refusal.ingestion_date} is in quarantine (harness quarantine list): {refusal.reason}"
        for refusal in summary.quarantine
    ]
    gone = summary.disappeared
    if gone:
        more = f" and {number(gone.breweries - len(gone.names))} more" if gone.breweries > len(gone.names) else ""
        lines.append(
            f"{number(gone.breweries)} gone on {gone.ingestion_date} ({percent(gone.share)} of the day before): "
            f"{', '.join(gone.names)}{more}"
        )
    return [Text(line, style="yellow") for line in lines]


def gate_lines(summary: Summary) -> list[Text]:
    """The quality gate's decision, then a line for each check that did not pass."""
    gate = summary.gate
    if gate is None:
        return [Text("quality gate: has not run yet", style="yellow")]
    verdict = "passed" if gate.passed else "failed, gold is unchanged"
    head = Text("quality gate: ")
    head.append(verdict, style=_STYLES["pass" if gate.passed else "fail"])
    head.append(f" ({', '.join(f'{gate.count(o)} {o}' for o in _STYLES if gate.count(o) or o == 'pass')})")
    lines = [head]
    for check in gate.checks:
        if not check.passed:
            line = Text("  ")
            line.append(check.outcome, style=_STYLES[check.outcome])
            line.append(
                f" {check.table}: {check.expectation} (observed {check.observed}, expected {check.expected})"
            )
            lines.append(line)
            lines += [Text(f"      {example}", style="dim") for example in check.examples]
    return lines


def _table(title: str, *, shown: int, rows: int) -> Table:
    return Table(
        title=Text(title, style="bold"),
        caption=f"the first {number(shown)} of {number(rows)} rows" if rows > shown else None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        pad_edge=False,
        show_edge=False,
    )


def _names(table: Table, *headers: str) -> None:
    # Bounded, so that at 80 columns a long name is cut and never a figure.
    for header in headers:
        table.add_column(header, max_width=60 // max(len(headers), 2), overflow="ellipsis", no_wrap=True)


def _figures(table: Table, *headers: str) -> None:
    for header in headers:
        table.add_column(header, justify="right", no_wrap=True)


def _name(value: str | None) -> Text:
    return Text(value) if value else Text("unknown", style="dim")


def _counts(title: str, header: str, rows: Sequence[Count], shown: int, total: int) -> Table:
    table = _table(title, shown=min(shown, len(rows)), rows=len(rows))
    _names(table, header)
    _figures(table, "breweries", "share")
    for row in rows[:shown]:
        table.add_row(_name(row.name), number(row.breweries), percent(row.breweries / max(total, 1)))
    table.add_section()
    table.add_row(Text("total", style="bold"), number(sum(row.breweries for row in rows)), "")
    return table


def _types(summary: Summary) -> Table:
    return _counts("gold/breweries_by_type", "type", summary.by_type, _TYPES, summary.current)


def _countries(summary: Summary) -> Table:
    return _counts("gold/breweries_by_country", "country", summary.by_country, _ROWS, summary.current)


def _places(summary: Summary) -> Table:
    table = _table("gold/breweries_by_type_and_location, by city", shown=0, rows=0)
    _names(table, "city", "state or province", "country")
    _figures(table, "breweries")
    for place in summary.cities[:_ROWS]:
        table.add_row(_name(place.city), _name(place.state_province), _name(place.country), number(place.breweries))
    table.caption = f"of {number(summary.city_count)} cities, from {number(summary.location_rows)} rows"
    return table


def _coverage(summary: Summary) -> Table:
    table = _table("gold/location_coverage", shown=min(_ROWS, len(summary.coverage)), rows=len(summary.coverage))
    _names(table, "country")
    _figures(table, "coordinates", "website", "phone", "postal code")
    for row in summary.coverage[:_ROWS]:
        shares = (row.coordinates, row.website, row.phone, row.postal_code)
        table.add_row(_name(row.country), *(percent(share) for share in shares))
    return table


def _days(summary: Summary) -> Table:
    shown = summary.daily_changes[-_ROWS:]
    table = _table("gold/daily_changes", shown=0, rows=0)
    if len(summary.daily_changes) > len(shown):
        table.caption = f"the last {len(shown)} of {number(len(summary.daily_changes))} days"
    _names(table, "day")
    _figures(table, "total", "added", "changed", "removed", "rejected", "duplicates")
    for change in shown:
        table.add_row(
            change.ingestion_date.isoformat(),
            number(change.total),
            signed(change.added),
            number(change.changed),
            signed(-change.removed),
            number(change.rejected),
            number(change.duplicates),
        )
    return table


def _other(gold: GoldRows) -> Table:
    shown = gold.rows[:_ROWS]
    table = _table(gold.table.name, shown=len(shown), rows=gold.row_count)
    for column in gold.table.columns:
        (_figures if column.type in ("bigint", "double") else _names)(table, column.name)
    for row in shown:
        table.add_row(*(Text(cell(column, row[column.name])) for column in gold.table.columns))
    return table


def _records(summary: Summary) -> Table:
    run = summary.latest
    table = _table(f"records of {run.ingestion_date}", shown=0, rows=0)
    _figures(table, "bronze", "= silver", "+ duplicates", "+ rejected", "unaccounted for")
    table.add_row(
        number(run.bronze_records),
        number(run.silver_records),
        number(run.duplicates),
        number(run.rejected),
        Text(number(run.unaccounted), style=_STYLES["fail" if run.unaccounted else "pass"]),
    )
    return table
