"""The examples in the functions' documentation hold."""

import doctest

import harness.report.text


def test_examples() -> None:
    result = doctest.testmod(harness.report.text)
    assert result.attempted >= 6
    assert result.failed == 0
