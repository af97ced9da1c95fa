"""The review in each format: pure functions of `harness.review.model.Review`."""

from typing import Final

from harness.review.model import Review

FORMATS: Final = ("text", "markdown", "html", "json", "sarif")
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
    # Each format is imported when it is asked for: the terminal need not wait for the templates of the HTML.
    if form == "text":
        from harness.review.output.text import text

        return text(review, width=width, colour=colour)
    if form == "markdown":
        from harness.review.output.markdown import markdown

        return markdown(review, limit=limit, link=link)
    if form == "html":
        from harness.review.output.html import html

        return html(review)
    if form == "json":
        from harness.review.output.json import as_json

        return as_json(review)
    from harness.review.output.sarif import sarif

    return sarif(review)
