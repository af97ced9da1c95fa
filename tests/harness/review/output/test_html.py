"""The size of the page, which names what it does not show."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.review.model import BuildProblem, Difference, Level, Note, Parity, Review, Risk, SideName
from harness.review.output.html import html

LARGEST = 500_000
Reviews = Callable[..., Review]


def widened(review: Review, **changes: Any) -> Review:
    """The review with other facts about every resource."""
    environments = tuple(
        replace(
            environment,
            applications=tuple(
                replace(part, resources=tuple(replace(item, **changes) for item in part.resources))
                for part in environment.applications
            ),
        )
        for environment in review.environments
    )
    return replace(review, environments=environments)


def names_in(review: Review) -> set[str]:
    return {resource.identity.name for *_, resource in review.walk()}


def test_a_page_of_5000_resources_is_small_and_names_them(review: Reviews) -> None:
    large = review("big", applications=100, resources=25)
    assert large.totals.resources == 5_000
    page = html(large)
    assert len(page.encode()) < LARGEST
    assert not [name for name in names_in(large) if name not in page]
    shown = page.count("<article")
    told = re.search(r"([\d,]+) resources with ([\d,]+) lines, to keep the page small", page)
    assert told
    assert int(told[1].replace(",", "")) == 5_000 - shown
    assert int(told[2].replace(",", "")) > 10 * (5_000 - shown)


@pytest.mark.parametrize(
    "changes",
    [
        {"risks": tuple(Risk("DF101", Level.HIGH, f"Something {n} is deleted.") for n in range(20))},
        {"after_yaml": "".join(f"line{n}: {'x' * 200}\n" for n in range(3_000)), "before_yaml": "a: b\n"},
        {"after_yaml": f"a: {'x' * 400_000}\n"},
    ],
)
def test_no_review_makes_a_large_page(review: Reviews, changes: dict[str, Any]) -> None:
    assert len(html(widened(review("big", applications=3), **changes)).encode()) < LARGEST


def test_long_lists_are_cut_and_counted(review: Reviews) -> None:
    few = review("upgrade")
    resource = next(few.walk())[2]
    differences = tuple(Difference(resource.identity, f"spec.f{n}", "x" * 5_000, "y" * 5_000) for n in range(500))
    many = replace(
        few,
        problems=tuple(BuildProblem(SideName.HEAD, "eks", f"a{n}", f"{n}" + "p" * 5_000) for n in range(300)),
        notes=tuple(Note("eks", f"b{n}", "n" * 5_000) for n in range(300)),
        parity=tuple(Parity("eks", f"e{n}", differences, 0, 500) for n in range(6)),
    )
    page = html(many)
    assert len(page.encode()) < LARGEST
    assert "200 problems are not shown." in page
    assert "200 notes are not shown." in page


def test_a_small_review_is_shown_whole(review: Reviews) -> None:
    for name in ("upgrade", "loss", "moved"):
        assert "not shown." not in html(review(name))
        assert "to keep the page small" not in html(review(name))


def test_a_long_manifest_is_cut_where_the_page_is_large(review: Reviews) -> None:
    long = widened(review("big", applications=10), after_yaml="".join(f"line{n}: a\n" for n in range(200)))
    assert re.search(r"\d+ lines are not shown\.", html(long))
