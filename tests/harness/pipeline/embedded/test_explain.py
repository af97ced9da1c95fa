import pytest

from harness.pipeline.embedded.explain import explain, explain_start


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


@pytest.mark.parametrize(
    ("printed", "word"),
    [
        ("OpenJDK 64-Bit Server VM warning: INFO: os::commit_memory failed; error='Not enough space'\n#\n"
         "# There is insufficient memory for the Java Runtime Environment to continue.", "not enough memory"),
        ("Error occurred during initialization of VM\nCould not reserve enough space for 9000000KB object heap",
         "SPARK_DRIVER_MEMORY lower"),
        ("Invalid maximum heap size: -Xmx2x\nError: Could not create the Java Virtual Machine.", "such as 2g"),
        ("Exception in thread \"main\" java.lang.OutOfMemoryError: unable to create native thread: possibly out of"
         " memory or process/resource limits reached", "ulimit -u"),
        ("ERROR SparkContext: java.net.BindException: Cannot assign requested address: Service 'sparkDriver' failed"
         " after 16 retries", "port"),
        ("java.io.IOException: Failed to create a temp directory (under /tmp) after 10 attempts!", "TMPDIR"),
        ("Unrecognized VM option 'UseMagicGC'\nError: Could not create the Java Virtual Machine.", "Virtual M"),
        ("bin/spark-class: line 71: /nowhere/bin/java: No such file or directory", "/nowhere/bin/java"),
    ],
)  # fmt: skip
def test_a_java_that_does_not_start_is_explained_by_what_it_printed(printed: str, word: str) -> None:
    error = RuntimeError("[JAVA_GATEWAY_EXITED] Java gateway process exited before sending its port number.")
    sentence = explain_start(error, f"Some line of Airflow's\n{printed}\n")
    assert word in sentence
    assert "\n" not in sentence
