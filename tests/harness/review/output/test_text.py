"""The review as a terminal shows it."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from rich.cells import cell_len

from harness.review.model import BuildProblem, Review, SideName
from harness.review.output.html import html
from harness.review.output.markdown import markdown
from harness.review.output.text import text

Reviews = Callable[..., Review]


@pytest.mark.parametrize("name", ["upgrade", "loss", "moved", "broken", "environments", "nothing", "hostile"])
def test_whole_texts(name: str, review: Reviews, golden: Callable[[str, str], None]) -> None:
    golden(f"{name}.txt", text(review(name)))


@settings(max_examples=15)
@given(data=st.data())
def test_any_review_fits_and_names_everything(data: st.DataObject, reviews: SearchStrategy[Review]) -> None:
    review = data.draw(reviews)
    shown = text(review, width=80)
    assert max(cell_len(line) for line in shown.splitlines()) <= 80
    assert "\x1b" not in shown
    shown.encode("utf-8")
    unwrapped = re.sub(r"\s+", "", shown)
    for _, _, resource in review.walk():
        assert resource.identity.name in unwrapped


def test_colour_only_adds_colour(review: Reviews) -> None:
    plain, coloured = text(review("upgrade")), text(review("upgrade"), colour=True)
    assert "\x1b[31m" in coloured
    uncoloured = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in uncoloured.splitlines()] == plain.splitlines()


def test_the_first_line_says_which_environments(review: Reviews) -> None:
    first = text(review("upgrade")).splitlines()[0]
    assert first == "Touches eks (1 added, 1 changed) and minikube (1 changed), not staging."


def test_risks_come_before_the_rest(review: Reviews) -> None:
    shown = text(review("loss"))
    assert shown.index("minio-data is removed") < shown.index("\neks  ")
    assert shown.index("  high ") < shown.index("  medium ")


@pytest.mark.parametrize("show", [text, markdown, html])
def test_a_cause_of_many_problems_is_said_once(review: Reviews, show: Callable[[Review], str]) -> None:
    """Roots of a host that cannot be resolved, and a file that several roots have in common."""
    unresolved = [
        BuildProblem(
            SideName.HEAD,
            "prod",
            name,
            f"https://git.example.com/{name} cannot be fetched, because the host is off.",
        )
        for name in ("a", "b", "c", "d", "e")
    ]
    shared = [
        BuildProblem(SideName.BOTH, name, "web", "x is no YAML.", "base/x.yaml", 3) for name in ("one", "two")
    ]
    other = BuildProblem(SideName.BOTH, "one", "api", "x is no YAML.", "other/x.yaml", 3)
    shown = show(replace(review("upgrade"), problems=(*unresolved, *shared, other)))
    assert shown.count("the host is off") == 1
    assert shown.count("is no YAML") == 2
    for names in ("prod/a, prod/b, prod/c and 2 more", "one/web, two/web", "one/api"):
        assert names in shown


def test_values_are_not_markup(review: Reviews) -> None:
    assert "containers[name=scheduler]" in text(review("upgrade"))
