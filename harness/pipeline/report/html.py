"""The report: one HTML file that needs no network and no other file."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.pipeline.lakehouse.model import Check, Failure, Refusal, Summary
from harness.pipeline.report import text
from harness.pipeline.report.map import region_map, world_map

_DAYS_SHOWN: Final = 31
_REGION_SHARE: Final = 0.2
"""A country with at least this share of the mapped breweries gets a map of its own: the largest one only."""


def render(summary: Summary) -> str:
    """The report's HTML. Whatever comes from the data is escaped."""
    notices = {
        "failure": summary.failure,
        "quarantine": summary.quarantine,
        "disappeared": summary.disappeared,
    }
    return _environment().get_template("report.html.j2").render(summary=summary, **notices, **_derived(summary))


def render_failure(failure: Failure, quarantine: Sequence[Refusal]) -> str:
    """The report of a failed run in a lakehouse that has no figures yet."""
    template = _environment().get_template("failure.html.j2")
    return template.render(summary=None, failure=failure, quarantine=quarantine, disappeared=None)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("harness.pipeline.report"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    filters = (text.number, text.signed, text.percent, text.duration, text.size, text.moment, text.cell)
    environment.filters |= {"heat": heat_class, **{function.__name__: function for function in filters}}
    environment.globals |= {"width": bar_width, "missing": text.MISSING}
    return environment


def heat_class(share: float) -> str:
    """One of five shades for a share from 0 to 1.

    >>> heat_class(0), heat_class(0.2), heat_class(0.79), heat_class(1)
    ('h1', 'h2', 'h4', 'h5')
    """
    return f"h{min(int(share * 5), 4) + 1}"


def bar_width(value: float, largest: float) -> str:
    """Length of a bar as a CSS percentage.

    >>> bar_width(1, 3), bar_width(0, 0), bar_width(3, 3)
    ('33.33%', '0%', '100%')
    """
    return f"{round(100 * value / largest, 2):g}%" if largest else "0%"


def _derived(summary: Summary) -> dict[str, Any]:
    """What the template shows that the summary does not say by itself."""
    mapped = Counter[str]()
    for cell in summary.cells:
        mapped[cell.country] += cell.breweries
    fullest, most = next(iter(mapped.most_common(1)), ("", 0))
    region_name = fullest if most >= _REGION_SHARE * mapped.total() else ""
    region_cells = [cell for cell in summary.cells if cell.country == region_name]
    later = summary.daily_changes[1:]
    gate = summary.gate
    return {
        "age": max((summary.read_at - summary.gold_published_at).total_seconds(), 0),
        "mapped": summary.current - summary.without_coordinates,
        "world": world_map(summary.cells) if summary.cells else None,
        "fullest": fullest,
        "region": region_map(region_cells) if region_cells else None,
        "region_name": region_name,
        "region_cells": region_cells,
        "gold_total": sum(row.breweries for row in summary.by_type),
        "days": list(reversed(summary.daily_changes[-_DAYS_SHOWN:])),
        "first_day": summary.daily_changes[0] if summary.daily_changes else None,
        "largest_change": max((max(day.added, day.removed) for day in later), default=0),
        "most_rejected": max(summary.rejected_reasons.values(), default=0),
        "checks": _worst_first(gate.checks) if gate else [],
        "longest_stage": max((stage.seconds for stage in summary.stages), default=0),
    }


def _worst_first(checks: Sequence[Check]) -> list[Check]:
    order = {"fail": 0, "warn": 1, "pass": 2}
    return sorted(checks, key=lambda check: order[check.outcome])
