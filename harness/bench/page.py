"""docs/reference/benchmarks.md and its chart, from what was measured."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from harness.bench.model import STAGES, Day, Machine
from harness.bench.review import Figure

COLOURS: Final = {"pipeline": "#0072b2", "by hand": "#e69f00"}
"""Of the palette by Okabe and Ito, which colour-blind people can tell apart."""

_MIB: Final = 1024 * 1024


def markdown(command: str, machine: Machine, results: Mapping[int, Sequence[Day]], date: dt.date) -> str:
    """The section on the pipeline; the results are by number of breweries."""
    lines = [
        _origin(command, machine, date),
        "",
        "![Seconds from bronze to gold by number of breweries, pipeline and by hand](../images/benchmarks.svg)",
        "",
        f"| breweries | day | {' | '.join(STAGES)} | total | records/s | memory | silver written | "
        "by hand | memory | ratio |",
        f"| ---: | --- |{' ---: |' * (len(STAGES) + 7)}",
    ]
    lines += [
        f"| {breweries:,} | {day.label} | {' | '.join(f'{day.stage(name).seconds:.1f}' for name in STAGES)} | "
        f"{day.bronze_to_gold_seconds:.1f} | {day.records / day.bronze_to_gold_seconds:,.0f} | "
        f"{day.peak_bytes / _MIB:,.0f} | {day.written_bytes / _MIB:,.1f} ({day.written_share:.1%}) | "
        f"{day.by_hand_seconds:.1f} | {day.by_hand_peak_bytes / _MIB:,.0f} | "
        f"{day.ratio:.1f} |"
        for breweries, days in results.items()
        for day in days
    ]
    return "\n".join(lines) + "\n"


def review_markdown(machine: Machine, figures: Sequence[Figure], date: dt.date) -> str:
    """The section on the review."""
    lines = [
        _origin("harness bench --only diff", machine, date),
        "",
        "| what | seconds | plain `kustomize build` of both sides | share | bound |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {figure.name} | {figure.seconds:.2f} | {figure.plain:.2f} | {figure.share:.3f} | {figure.bound} |"
        for figure in figures
    ]
    return "\n".join(lines) + "\n"


def _origin(command: str, machine: Machine, date: dt.date) -> str:
    return (
        f"`{command}`, {date.isoformat()}, on {machine.cores} cores ({machine.processor}), "
        f"{machine.memory_bytes / 1024**3:.0f} GiB of memory. One run of each."
    )


def chart(results: Mapping[int, Sequence[Day]]) -> str:
    """Bronze to gold, first load and next day, as SVG."""
    import vl_convert

    rows = [
        {"breweries": f"{breweries:,}", "day": day.label, "how": how, "seconds": seconds}
        for breweries, days in results.items()
        for day in days
        for how, seconds in (("pipeline", day.bronze_to_gold_seconds), ("by hand", day.by_hand_seconds))
    ]
    specification: dict[str, Any] = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": rows},
        "facet": {"column": {"field": "day", "title": None, "sort": ["first load", "next day"]}},
        "spec": {
            "width": 260,
            "height": 220,
            "layer": [
                {"mark": {"type": "bar"}},
                {
                    "mark": {"type": "text", "dy": -6},
                    "encoding": {"text": {"field": "seconds", "format": ".1f"}, "color": {"value": "#333"}},
                },
            ],
            "encoding": {
                "x": {
                    "field": "breweries",
                    "sort": [f"{breweries:,}" for breweries in results],
                    "axis": {"labelAngle": 0},
                },
                "xOffset": {"field": "how", "sort": list(COLOURS)},
                "y": {"field": "seconds", "type": "quantitative", "title": "seconds, bronze to gold"},
                "color": {
                    "field": "how",
                    "title": None,
                    "sort": list(COLOURS),
                    "scale": {"domain": list(COLOURS), "range": list(COLOURS.values())},
                },
            },
        },
        "config": {"background": "white", "font": "sans-serif"},
    }
    return str(vl_convert.vegalite_to_svg(specification))
