"""What an expectation is, and how those of one table become one aggregation; imports no Spark."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Severity = Literal["error", "warn"]
Number = int | float


@dataclass(frozen=True)
class Expectation:
    """A bound on one number.

    Attributes:
        table: What it is about, as a path below the lakehouse's root.
        name: Name, unique within the table.
        metric: SQL aggregate over the table; empty where the number is computed elsewhere.
        at_least: Least allowed value, or None.
        at_most: Greatest allowed value, or None.
        severity: Whether it fails the gate.
    """

    table: str
    name: str
    metric: str = ""
    at_least: Number | None = None
    at_most: Number | None = None
    severity: Severity = "error"

    @property
    def expected(self) -> str:
        """The bound as text."""
        if self.at_least is not None and self.at_least == self.at_most:
            return f"= {number(self.at_least)}"
        bounds = [("≥", self.at_least), ("≤", self.at_most)]
        return " and ".join(f"{sign} {number(bound)}" for sign, bound in bounds if bound is not None)

    def judge(self, observed: Number | None) -> "Outcome":
        """Compare a measured value with the bound; no value at all fails."""
        passed = (
            observed is not None
            and not math.isnan(observed)
            and (self.at_least is None or observed >= self.at_least)
            and (self.at_most is None or observed <= self.at_most)
        )
        return Outcome(self, passed, "nothing" if observed is None else number(observed))


class Example(NamedTuple):
    """A row that does not meet an expectation, and its value."""

    id: str
    name: str
    value: str

    def __str__(self) -> str:
        """What there is of it on one line, invisible characters as escapes."""
        text = " · ".join(filter(None, self))
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@dataclass(frozen=True)
class Outcome:
    """One expectation and what was measured."""

    expectation: Expectation
    passed: bool
    observed: str
    examples: tuple[Example, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether it fails the gate."""
        return not self.passed and self.expectation.severity == "error"

    def __str__(self) -> str:
        """One line for a log."""
        word = "passed" if self.passed else "FAILED" if self.failed else "warning"
        e = self.expectation
        named = "; ".join(map(str, self.examples))
        return f"{word}: {e.table} {e.name} is {self.observed} (expected {e.expected}){named and f': {named}'}"


def number(value: Number) -> str:
    """A number as people write it.

    >>> number(1000000), number(0.05), number(3.0)
    ('1000000', '0.05', '3')
    """
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def none_of(table: str, name: str, condition: str, severity: Severity = "error") -> Expectation:
    """No row meets an SQL condition."""
    return Expectation(table, name, f"count_if({condition})", at_least=0, at_most=0, severity=severity)


def equals(table: str, name: str, metric: str, value: Number) -> Expectation:
    """An aggregate has exactly one value."""
    return Expectation(table, name, metric, at_least=value, at_most=value)


def measure(frame: "DataFrame", expectations: Sequence[Expectation]) -> list[Outcome]:
    """Measure all expectations of one table in one pass and judge them.

    Raises:
        ValueError: An expectation has no metric.
    """
    if any(not expectation.metric for expectation in expectations):
        raise ValueError("an expectation without a metric cannot be measured on a table")
    metrics = (f"{expectation.metric} as `{i}`" for i, expectation in enumerate(expectations))
    values = frame.selectExpr(*metrics).collect()[0]
    return [expectation.judge(values[i]) for i, expectation in enumerate(expectations)]


def judge(expectations: Sequence[Expectation], values: Mapping[str, Number]) -> list[Outcome]:
    """Judge expectations whose numbers are already known, by their names."""
    return [expectation.judge(values.get(expectation.name)) for expectation in expectations]
