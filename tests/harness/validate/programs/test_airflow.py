"""Airflow's settings: the list is that of the installed Airflow, and what is not in it is found."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.validate.programs.airflow import FILE, problem_of


def installed() -> dict[str, dict[str, str | list[str]]]:
    """The type or the choices of each option that Airflow and its providers declare, with those of old names."""
    from airflow.configuration import conf, retrieve_configuration_description
    from airflow.executors.executor_loader import ExecutorLoader

    known: dict[str, dict[str, str | list[str]]] = {
        section: {option: kind_of(section, option, description) for option, description in body["options"].items()}
        for section, body in retrieve_configuration_description(include_providers=True).items()
    }
    for (section, option), choices in conf.enums_options.items():
        known[section][option] = sorted(choices)
    known["core"]["executor"] = sorted(ExecutorLoader.executors)
    for (section, option), (old_section, old_option, _) in conf.deprecated_options.items():
        if old_section in known:
            known[old_section].setdefault(old_option, known.get(section, {}).get(option, "string"))
    return {section: dict(sorted(options.items())) for section, options in sorted(known.items())}


def kind_of(section: str, option: str, description: dict[str, Any]) -> str:
    """The type of an option: Airflow calls many a string of which the default tells more."""
    kind, default = str(description.get("type") or "string"), str(description.get("default"))
    if kind != "string" or (section, option) == ("webserver", "expose_config"):
        # The latter also takes non-sensitive-only.
        return kind
    if default in ("True", "False"):
        return "boolean"
    return "float" if re.fullmatch(r"\d+(\.\d+)?", default) else kind


def test_the_list_is_that_of_the_pinned_airflow(kept: Callable[[Path, str], None]) -> None:
    current = json.dumps(installed(), indent=0) + "\n"
    kept(FILE, current)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AIRFLOW__CORE__EXECUTER", "LocalExecutor", "use AIRFLOW__CORE__EXECUTOR"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgressql://a:$(PASSWORD)@b/c", "names no database that"),
        ("AIRFLOW__CORE__NO_SUCH_THING_AT_ALL", "", "does not know: remove it"),
        ("AIRFLOW__KUBERNETES_EXECUTER__NAMESPACE", "a", "use AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE"),
        ("AIRFLOW_CORE__EXECUTOR", "a", "use AIRFLOW__CORE__EXECUTOR"),
        ("AIRFLOW__CORE_PARALLELISM", "8", "use AIRFLOW__CORE__PARALLELISM"),
        ("AIRFLOW__CORE__PARALLELISM", "eight", "has to be a number"),
        ("AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACK_DEPTH", "1.5", "has to be a whole number"),
        ("AIRFLOW__CORE__LOAD_EXAMPLES", "no", "has to be true or false"),
        ("AIRFLOW__CORE__LOAD_EXAMPLES", "", "has to be true or false"),
        ("AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME", "1s", "has to be a number"),
        ("AIRFLOW__LOGGING__LOGGING_LEVEL", "VERBOSE", "has to be CRITICAL or DEBUG or ERROR"),
        ("AIRFLOW__SCHEDULER__FILE_PARSING_SORT_MODE", "name", "has to be alphabetical or modified_time"),
        ("AIRFLOW__CORE__EXECUTOR", "KubernetsExecutor", "or KubernetesExecutor or"),
        ("AIRFLOW__CORE__DEFAULT_TIMEZONE", "Europe/Amsterdm", "is no time zone"),
        ("AIRFLOW__METRICS__STATSD_PROT", "9125", "use AIRFLOW__METRICS__STATSD_PORT"),
    ],
)
def test_a_setting_that_airflow_ignores_or_rejects(name: str, value: str, said: str) -> None:
    assert said in problem_of(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRFLOW__CORE__PARALLELISM", " 16 "),
        ("AIRFLOW__CORE__PARALLELISM", "$(SLOTS)"),
        ("AIRFLOW__CORE__LOAD_EXAMPLES", "False"),
        ("AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME", "0.5"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD", "cat /run/secrets/database"),
        ("AIRFLOW__WEBSERVER__EXPOSE_CONFIG", "non-sensitive-only"),
        ("AIRFLOW__CORE__FERNET_KEY", None),
        ("AIRFLOW__LOGGING__CELERY_LOGGING_LEVEL", ""),
        ("AIRFLOW__CORE__EXECUTOR", "my.company.Executor"),
        ("AIRFLOW__CORE__DEFAULT_TIMEZONE", "utc"),
        ("AIRFLOW__CORE__DEFAULT_TIMEZONE", "America/New_York"),
        ("AIRFLOW__CORE__SQL_ALCHEMY_CONN", "an old name"),
        ("AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE", "orchestrator"),
        ("AIRFLOW__CELERY__BROKER_URL", "of a provider that is not installed"),
        ("AIRFLOW_HOME", "/opt/airflow"),
        ("AIRFLOW_CONN_STORE__MAIN", ""),
        ("AIRFLOW_VAR_A__B", ""),
        ("PATH", ""),
    ],
)
def test_a_setting_that_airflow_reads(name: str, value: Any) -> None:
    assert problem_of(name, value) == ""


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AIRFLOW_CONN_STORE", "s3://key:secret@host", ""),
        ("AIRFLOW_CONN_STORE", '{"conn_type": "aws"}', ""),
        ("AIRFLOW_CONN_STORE", "$(STORE)", ""),
        ("AIRFLOW_CONN_STORE", '{"conn_type": "aws"', "which is no JSON"),
        ("AIRFLOW_CONN_STORE", '{"login": "a"}', "which has no conn_type"),
        ("AIRFLOW_CONN_STORE", "host:9000", "which has to be a URI or a JSON object"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg2://a:b@host/a", ""),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgres://a:b@host/a", "no database that SQLAlchemy knows"),
    ],
)
def test_connections(name: str, value: str, said: str) -> None:
    problem = problem_of(name, value)
    assert said in problem
    assert bool(problem) is bool(said)
