from pathlib import Path

import pytest

from harness.clusters.e2e.results import first_failure

pytest_plugins = ["pytester"]

SUITE = """
import pytest
from tests.live.wait import HopelessError

@pytest.fixture
def days():
    raise HopelessError("Task ingest of r1 failed: the API answered 503.")

def test_well(): pass
def test_gold(days): pass
def test_silver(): assert 1 == 2, "one is not two"
@pytest.mark.skip(reason="no")
def test_more(): pass
"""


def test_the_first_failure_is_told_in_its_own_words(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_suite=SUITE)
    pytester.runpytest("--junitxml=report.xml", "-p", "no:cacheprovider", "-p", "no:xdist")
    assert first_failure(pytester.path / "report.xml") == (
        "test_suite.py::test_gold (1 more failed after it): Task ingest of r1 failed: the API answered 503."
    )


def test_an_assertion_is_told_as_pytest_has_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_suite="def test_a(): assert [1] == [2]")
    pytester.runpytest("--junitxml=report.xml", "-p", "no:cacheprovider", "-p", "no:xdist")
    assert first_failure(pytester.path / "report.xml") == "test_suite.py::test_a: assert [1] == [2]"


def test_a_run_without_a_failure_has_no_first_one(tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    file.write_text('<testsuites><testsuite><testcase classname="a" name="b"/></testsuite></testsuites>')
    assert first_failure(file) is None
