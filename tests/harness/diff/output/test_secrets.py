"""No format tells a secret's value, even where the review by mistake has it."""

import pytest

from harness.diff.model import Review
from harness.diff.output import FORMATS, render


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_tells_a_secret(form: str, canary: tuple[str, Review]) -> None:
    value, review = canary
    assert value in repr(review)
    text = render(review, form)
    assert "Secret a/b" in text
    assert value not in text
