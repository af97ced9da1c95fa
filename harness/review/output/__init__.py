"""The review in each format: pure functions of `harness.review.model.Review`."""

from collections.abc import Callable
from typing import Final

from harness.review.model import Review

FORMATS: Final = ("text", "markdown", "html", "json", "sarif")
"""The names that `render` takes."""

DEFAULT_LIMIT: Final = 65_536
"""Characters that GitHub takes in one comment."""


def render(
    review: Review,
    form: str,
    *,
    width: int = 80,
    colour: bool = False,
    limit: int = DEFAULT_LIMIT,
    link: str = "",
) -> str:
    """The review in one of the formats.

    Raises:
        HarnessError: `limit` is below `markdown.MINIMUM`.
    """
    formats: dict[str, Callable[[], str]] = {
        "text": lambda: _text(review, width, colour),
        "markdown": lambda: _markdown(review, limit, link),
        "html": lambda: _html(review),
        "json": lambda: _json(review),
        "sarif": lambda: _sarif(review),
    }
    return formats[form]()


# Each format is imported when it is asked for: the terminal need not wait for the templates of the HTML.


def _text(review: Review, width: int, colour: bool) -> str:
    from harness.review.output.text import text

    return text(review, width=width, colour=colour)


def _markdown(review: Review, limit: int, link: str) -> str:
    from harness.review.output.markdown import markdown

    return markdown(review, limit=limit, link=link)


def _html(review: Review) -> str:
    from harness.review.output.html import html

    return html(review)


def _json(review: Review) -> str:
    from harness.review.output.json import as_json

    return as_json(review)


def _sarif(review: Review) -> str:
    from harness.review.output.sarif import sarif

    return sarif(review)
