import io

import pytest
from rich.console import Console

from harness import console
from harness.console import print_error, working
from harness.errors import HarnessError


@pytest.mark.parametrize(
    "message", ["unresolved [io.delta#delta;1: not found]", "no such file [/tmp/x]", "a[bold]b"]
)
def test_an_error_is_printed_as_it_is(message: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_error(HarnessError(message))

    assert capsys.readouterr().err == f"error: {message}\n"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a person's terminal is sent."""
    sent = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=sent, force_terminal=True, width=100))
    return sent


def test_a_display_within_another_is_silent_and_leaves_the_outer_one(terminal: io.StringIO) -> None:
    with working("outer") as outer:
        with working("inner") as say:
            say("more")
        outer("changed [1/2]")

    assert "changed [1/2]" in terminal.getvalue()
    assert "inner" not in terminal.getvalue()
    assert "more" not in terminal.getvalue()


def test_a_display_ends_with_an_error(terminal: io.StringIO) -> None:
    with pytest.raises(ValueError, match="x"), working("first"):
        raise ValueError("x")
    with working("second"):
        pass

    assert "second" in terminal.getvalue()
