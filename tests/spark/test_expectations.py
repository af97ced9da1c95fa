"""Expectations: bounds, one pass over a table, the sentence of a failure."""

import math

import pytest
from pyspark.sql import SparkSession

from lakehouse.errors import LakehouseError
from lakehouse.quality import results
from lakehouse.quality.expectations import Expectation, Outcome, equals, judge, measure, none_of


@pytest.mark.parametrize(
    ("expectation", "observed", "passed"),
    [
        (Expectation("t", "n", at_most=0.05), 0.05, True),
        (Expectation("t", "n", at_most=0.05), 0.051, False),
        (Expectation("t", "n", at_least=1), 0, False),
        (Expectation("t", "n", at_least=1, at_most=3), 3, True),
        (equals("t", "n", "", 7), 7, True),
        (equals("t", "n", "", 7), 8, False),
        (Expectation("t", "n", at_most=1), None, False),
        (Expectation("t", "n", at_most=1), math.nan, False),
    ],
)
def test_bounds(expectation: Expectation, observed: float | None, passed: bool) -> None:
    assert expectation.judge(observed).passed is passed


def test_words() -> None:
    outcome = Expectation("silver/x", "share", at_least=0, at_most=0.05).judge(0.125)
    assert str(outcome) == "FAILED: silver/x share is 0.125 (expected ≥ 0 and ≤ 0.05)"
    assert str(equals("t", "n", "", 3).judge(3)) == "passed: t n is 3 (expected = 3)"
    assert judge([Expectation("t", "n", at_most=1)], {})[0].observed == "nothing"


def test_only_errors_fail_a_gate() -> None:
    def outcome(name: str, severity: str) -> Outcome:
        return Outcome(Expectation("t", name, at_most=0, severity=severity), False, "1")  # type: ignore[arg-type] # a parameter

    results.require([outcome("w", "warn")], "nothing happens")
    with pytest.raises(
        LakehouseError, match=r"failed \(t e0 is 1, expected ≤ 0; t e1 .*; t e2 .*; and 1 more\): stay"
    ):
        results.require([outcome(f"e{i}", "error") for i in range(4)], "stay")


@pytest.mark.spark
def test_one_pass_measures_them_all(spark: SparkSession) -> None:
    frame = spark.createDataFrame([("a", 1.0), ("b", None), ("b", 3.0)], "k string, v double")
    outcomes = measure(
        frame,
        [
            none_of("t", "v_present", "v is null"),
            equals("t", "unique", "count(*) - count(distinct k)", 0),
            equals("t", "sum", "sum(v)", 4.0),
        ],
    )
    assert [(o.passed, o.observed) for o in outcomes] == [(False, "1"), (False, "1"), (True, "4")]
    with pytest.raises(ValueError, match="without a metric"):
        measure(frame, [Expectation("t", "n")])
