"""The examples in the functions' documentation hold."""

import doctest

import harness.pipeline.report.text


def test_examples() -> None:
    result = doctest.testmod(harness.pipeline.report.text)
    assert result.attempted >= 6
    assert result.failed == 0
