"""The pipeline's settings: the list is that of its code, and what it refuses is found."""

import re

import pytest

from harness.paths import ROOT
from harness.validate.programs.pipeline import NAMES, check, problem_of
from tests.harness.validate.made import made

OF_TESTS = frozenset({"BREWERY_API", "LAKEHOUSE_LEASE"})
"""Words in messages and names of objects, which are no variables."""


def test_the_names_are_those_of_the_code() -> None:
    code = "".join(path.read_text() for top in ("dags", "spark") for path in (ROOT / top).rglob("*.py"))
    found = {*re.findall(r"[\"'`]((?:BREWERY|LAKEHOUSE)_[A-Z_]*[A-Z])[\"'`]", code)}
    assert found - OF_TESTS == NAMES


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LAKEHOUSE_MAX_DROP", "20%", "LAKEHOUSE_MAX_DROP is '20%': set it to a share from 0 to 1"),
        ("LAKEHOUSE_MAX_AGE_HOURS", "2d", "set it to a number of hours"),
        ("BREWERY_CONCURRENCY", "200", "BREWERY_CONCURRENCY is '200': set it to a whole number from 1 to 64"),
        ("BREWERY_API_URL", "api.openbrewerydb.org", "set it to an address"),
        ("BREWERY_SPARK_MODE", "kubernets", "set it to 'local' or 'kubernetes'"),
        ("BREWERY_TASK_RETRIES", "three", "set it to a whole number"),
        ("LAKEHOUSE_MAX_DORP", "0.2", "nothing reads LAKEHOUSE_MAX_DORP: use LAKEHOUSE_MAX_DROP"),
        ("LAKEHOUSE_MAX_DROP", "0.2", ""),
        ("LAKEHOUSE_MAX_DROP", "$(DROP)", ""),
        ("LAKEHOUSE_MAX_DROP", "", ""),
        ("LAKEHOUSE_URI", "s3://lakehouse", ""),
        ("BREWERY_SOMETHING_ELSE", "1", ""),
    ],
)
def test_a_setting(name: str, value: str, said: str) -> None:
    found = problem_of(name, value)
    assert said in found
    assert bool(found) is bool(said)


def test_the_variables_of_a_container() -> None:
    environment = made(
        """
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: b}
spec: {containers: [{name: c, image: d, env: [{name: LAKEHOUSE_WARN_GONE, value: few}, {name: GONE, value: few}]}]}
"""
    )
    (violation,) = check(environment)
    assert "LAKEHOUSE_WARN_GONE is 'few': set it to a share from 0 to 1, such as 0.2." in violation.message
    assert violation.path == ("spec", "containers", "c", "env", "LAKEHOUSE_WARN_GONE")
