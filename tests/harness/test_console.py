import pytest

from harness.console import print_error
from harness.errors import HarnessError


@pytest.mark.parametrize(
    "message", ["unresolved [io.delta#delta;1: not found]", "no such file [/tmp/x]", "a[bold]b"]
)
def test_an_error_is_printed_as_it_is(message: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_error(HarnessError(message))

    assert capsys.readouterr().err == f"error: {message}\n"
