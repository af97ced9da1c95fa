"""The comment: whole ones as they were reviewed, and what holds for any of them."""

import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from markdown_it import MarkdownIt

from harness.errors import HarnessError
from harness.review.model import Review
from harness.review.output.escape import prose
from harness.review.output.markdown import MARKER, MINIMUM, markdown

Reviews = Callable[..., Review]


@pytest.mark.parametrize("name", ["upgrade", "loss", "moved", "broken", "environments", "nothing", "hostile"])
def test_whole_comments(name: str, review: Reviews, golden: Callable[[str, str], None]) -> None:
    golden(f"{name}.md", markdown(review(name)))


def test_a_comment_that_is_cut(review: Reviews, golden: Callable[[str, str], None]) -> None:
    few = review("big", applications=2, resources=12, lines=20)
    golden("cut.md", markdown(few, limit=5_000, link="https://ci.example/review.html"))


def test_a_comment_that_not_even_the_names_fit(review: Reviews, golden: Callable[[str, str], None]) -> None:
    golden("names.md", markdown(review("big"), limit=4_000))


@settings(max_examples=100)
@given(data=st.data())
def test_any_review_keeps_to_any_limit_and_names_everything(
    data: st.DataObject, reviews: SearchStrategy[Review]
) -> None:
    review = data.draw(reviews)
    limit = data.draw(
        st.sampled_from([MINIMUM, MINIMUM + 1, 3_000, 8_000, 20_000, 65_536]) | st.integers(MINIMUM, 65_536)
    )
    comment = markdown(review, limit=limit)
    assert len(comment) <= limit
    assert comment.endswith(f"{MARKER}\n")
    comment.encode("utf-8")
    names = [(environment.name, resource.identity.name) for environment, _, resource in review.walk()]
    missing = {name for _, name in names if name not in comment}
    stated = re.search(r"\*\*([\d,]+) of ([\d,]+) resources are not named here\*\*", comment)
    if stated is None:
        assert not missing
        return
    not_named, of = (int(number.replace(",", "")) for number in stated.groups())
    assert of == len(names)
    assert not_named == sum(name in missing for _, name in names)
    # Only where the names alone, each in a row of its own, come near to what the summary leaves them.
    assert sum(len(name) + 230 for name in {name for _, name in names}) > (limit - MINIMUM) * 0.2


@settings(max_examples=30)
@given(data=st.data())
def test_what_fits_is_not_cut(data: st.DataObject, reviews: SearchStrategy[Review]) -> None:
    whole = markdown(data.draw(reviews), limit=50_000_000)
    assert "left out" not in whole
    assert "Without details here" not in whole
    assert "not named here" not in whole


def test_details_go_to_the_riskiest_first(review: Reviews) -> None:
    many = review("big")
    comment = markdown(many, limit=30_000)
    with_details = set(re.findall(r"<summary><code>. \w+ team-\d/(service-\d+)", comment))
    high = {place[2].identity.name for place in many.walk() if any(risk.level == 3 for risk in place[2].risks)}
    assert len(high) == 16
    assert high <= with_details
    assert len(with_details) < 200


def test_the_summary_is_whole_when_details_are_cut(review: Reviews) -> None:
    whole, cut = (markdown(review("big"), limit=limit) for limit in (10_000_000, 65_536))
    summary = whole.partition("<details><summary><b>")[0]
    assert len(summary) > 3_000
    assert cut.startswith(summary)


def test_as_much_as_fits_is_shown(review: Reviews) -> None:
    assert len(markdown(review("big"), limit=65_536)) > 62_000


def test_the_link_is_named_where_something_is_left_out(review: Reviews) -> None:
    link = "https://ci.example/42"
    assert f"[the whole review](<{link}>)" in markdown(review("big"), link=link)
    assert link not in markdown(review("upgrade"), link=link)


def test_the_same_change_is_shown_once(review: Reviews) -> None:
    comment = markdown(review("upgrade"))
    assert comment.count("+airflow:2.11.2") == 1
    assert "- `~ Deployment orchestrator/scheduler` as in `eks`" in comment


def test_a_limit_below_the_minimum_is_refused(review: Reviews) -> None:
    with pytest.raises(HarnessError, match=r"allow at least 2,000"):
        markdown(review("nothing"), limit=MINIMUM - 1)


def test_nothing_leaves_its_place(review: Reviews) -> None:
    """Outside code, no character of others is markup, and nobody is called."""
    comment = markdown(review("hostile"))
    fenced = re.sub(r"^(`{3,})diff\n.*?^\1$", "", comment, flags=re.MULTILINE | re.DOTALL)
    assert "+~~~" not in fenced, "the fence is longer than any run of backticks in it"
    outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)|<code>.*?</code>", "", fenced)
    outside = outside.replace("&#8203;", "\u200b")
    assert not re.search(r"@\w|#\d|<script|<img|<i>|alert\(1\)</script", outside)
    assert set(re.findall(r"<(\w+)", outside)) == {"details", "summary", "b"}
    assert outside.count("<details") == outside.count("</details>")
    assert not re.search(r"^/", comment, re.MULTILINE), "no quick action of GitLab"
    assert outside.count("<!--") == 1
    assert "\x1b" not in comment
    assert "\u202e" not in comment


class Reader(HTMLParser):
    """What a reader gets of a comment: text outside of code, tags, and the rows of tables."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.text = ""
        self.code = ""
        self.comments: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        assert {name for name, _ in attrs} <= {"open", "class", "style"}
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, "what is opened inside is closed inside"

    def handle_data(self, data: str) -> None:
        if {"code", "pre"} & set(self._open):
            self.code += data
        else:
            self.text += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


MARKUP = {"h3", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "details", "summary", "b", "strong"}


@pytest.mark.parametrize("limit", [2_500, 65_536])
def test_a_renderer_sees_only_our_markup(sample: Review, limit: int) -> None:
    comment = markdown(sample, limit=limit)
    reader = Reader(MarkdownIt("commonmark", {"html": True}).enable("table").render(comment))
    assert set(reader.tags) <= MARKUP | {"code", "pre"}
    assert reader.comments == [MARKER[4:-3]]
    assert not re.search(r"[@#]\w|://", reader.text)
    assert reader.tags["h3"] == 1
    for environment, _, resource in sample.walk():
        assert environment.name in reader.code
        if limit > 60_000:
            assert resource.identity.name in reader.code


def test_tables_keep_their_columns(review: Reviews) -> None:
    for line in markdown(review("hostile")).splitlines():
        if line.startswith("| "):
            columns = len(re.findall(r"(?<!\\)\|", line)) - 1
            assert columns in (4, 8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ask @org/team", "ask @&#8203;org/team"),
        ("a@b.example", "a@&#8203;b.example"),
        ("org/repo#12", "org/repo\\#&#8203;12"),
        ("GH-12", "GH-&#8203;12"),
        ("https://a.example", "https:&#8203;//a.example"),
        (":tada: 1:2", ":&#8203;tada: 1:2"),
        ("&#64;x &lt;", "&amp;\\#&#8203;64;x &amp;&#8203;lt;"),
    ],
)
def test_nobody_is_called_and_nothing_linked(text: str, expected: str) -> None:
    assert prose(text) == expected
