import io

import pytest
from rich.console import Console

from harness import console
from harness.console import exit_code_of, print_error, working
from harness.errors import HarnessError, HungUp, Terminated, UsageError
from harness.exits import ExitCode


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
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
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


@pytest.mark.parametrize("is_terminal", [False, True])
def test_where_nothing_can_be_redrawn_long_work_is_announced_by_a_line(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    monkeypatch.setattr(console, "err", Console(force_terminal=is_terminal, _environ={"TERM": "dumb"}))

    with working("compiling kustomize", usually="1 to 3 minutes") as say:
        say("compiling kustomize: runtime")
    with working("removing images"):
        pass

    assert capsys.readouterr().err == "compiling kustomize (usually 1 to 3 minutes) …\n"


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (HarnessError("It failed."), ExitCode.FAILED, "error: It failed.\n"),
        (UsageError("There is none."), ExitCode.USAGE, "error: There is none.\n"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "error: Interrupted.\n"),
        (Terminated(), ExitCode.TERMINATED, "error: Terminated.\n"),
        (HungUp(), ExitCode.HUNG_UP, "error: Hung up.\n"),
        (BrokenPipeError(), ExitCode.CLOSED_PIPE, ""),
        (
            OSError(28, "No space left on device", "/x"),
            ExitCode.FAILED,
            "error: /x: No space left on device; free ",
        ),
    ],
)
def test_what_ends_a_program_has_an_exit_code(
    error: BaseException, code: ExitCode, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        raise error

    assert exit_code_of(work) == code
    assert capsys.readouterr().err.startswith(says)


def test_an_error_of_the_program_itself_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_code_of(lambda: 1 // 0)
