import pytest

from harness.pipeline.embedded.explain import explain


class OwnError(Exception):
    pass


def raised(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def test_an_own_sentence_wins_over_what_wraps_it() -> None:
    error = raised(RuntimeError("task failed"), OwnError("the API is down; try later"))
    assert explain(error, own=(OwnError,)) == "the API is down; try later"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("py4j: java.io.IOException: No space left on device\n\tat java.base/...", "disk is full"),
        ("Caused by: java.lang.OutOfMemoryError: Java heap space", "SPARK_DRIVER_MEMORY"),
        ("[Errno 13] Permission denied: '/lake/silver'", "--lakehouse"),
        ("[JAVA_GATEWAY_EXITED] Java gateway process exited before sending its port number.", "harness doctor"),
    ],
)
def test_errors_of_the_machine_name_the_next_step(text: str, word: str) -> None:
    assert word in explain(RuntimeError(text))


def test_anything_else_is_its_first_line_and_never_a_trace() -> None:
    assert explain(KeyError("x")) == "KeyError: 'x'"
    assert "\n" not in explain("first\nsecond")
    assert len(explain("y" * 5000)) == 300
    assert explain(None) == "it gave no reason"
