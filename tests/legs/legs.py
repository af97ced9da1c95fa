"""The legs: what each one installs, which Python it needs and which tests it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Leg:
    """One set of versions.

    Attributes:
        name: Of its lock, `requirements/<name>.txt`, and of its environment, `.venv-<name>`.
        title: What it proves.
        tests: Folder of the tests that it runs.
        jars: Groups of `requirements/jars.json`.
        python: The Python that it needs; None for the one of the checkout's environment.
    """

    name: str
    title: str
    tests: str
    jars: Sequence[str]
    python: str | None = None


LEGS: Final = {
    leg.name: leg
    for leg in (
        Leg("spark33", "the Spark jobs on Spark 3.3 with Delta 2.3", "tests/spark", ("delta-spark33",), "3.10"),
        Leg("spark4", "the Spark jobs on Spark 4.2 with Delta 4.4", "tests/spark", ("delta-spark4",)),
        Leg("airflow3", "both DAGs on Airflow 3", "tests/legs/airflow3", ("delta",)),
    )
}
