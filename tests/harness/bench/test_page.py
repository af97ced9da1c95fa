import datetime as dt

import pytest

from harness.bench.command import with_section
from harness.bench.model import STAGES, Day, Machine, Stage
from harness.bench.page import chart, markdown, review_markdown
from harness.bench.review import Figure
from harness.errors import HarnessError

_STAGES = tuple(Stage(name, 2.0, 300 * 1024**2) for name in STAGES)
DAY = Day("first load", 1000, _STAGES, 1.6, 100 * 1024**2, written_bytes=3 * 2**19, table_bytes=2**25)


def test_the_total_leaves_the_start_of_spark_out() -> None:
    assert DAY.bronze_to_gold_seconds == 6.0


def test_the_ratio_leaves_the_gate_out() -> None:
    assert DAY.ratio == 2.5


def test_the_table_has_each_stage_and_the_comparison() -> None:
    text = markdown("make bench", Machine(2, 8 * 1024**3, "A processor"), {1000: [DAY]}, dt.date(2025, 1, 31))
    assert "`make bench`, 2025-01-31, on 2 cores (A processor), 8 GiB" in text
    assert (
        "| 1,000 | first load | 2.0 | 2.0 | 2.0 | 2.0 | 2.0 | 6.0 | 167 | 300 | 1.5 (4.7%) | 1.6 | 100 | 2.5 |"
        in text
    )


def test_the_table_of_the_review_has_the_share_of_plain_builds_and_its_bound() -> None:
    figures = [Figure("500 Applications, cold", 2.0, 10.0, 0.25)]
    text = review_markdown(Machine(2, 8 * 1024**3, "A processor"), figures, dt.date(2025, 1, 31))
    assert "| 500 Applications, cold | 2.00 | 10.00 | 0.200 | 0.25 |" in text


def test_the_chart_is_svg_with_both_sides() -> None:
    svg = chart({1000: [DAY]})
    assert svg.startswith("<svg")
    assert "by hand" in svg
    assert "6.0" in svg


def test_a_section_replaces_only_itself() -> None:
    page = "a\n<!-- pipeline -->\nold\n<!-- /pipeline -->\nb\n"
    assert with_section(page, "pipeline", "new\n") == "a\n<!-- pipeline -->\nnew\n<!-- /pipeline -->\nb\n"
    with pytest.raises(HarnessError, match="diff"):
        with_section(page, "diff", "new")
