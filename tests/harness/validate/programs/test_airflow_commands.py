"""Airflow's commands: the list is that of the installed Airflow, and what is not in it is found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.validate.programs.airflow_commands import FILE, check, problems
from tests.harness.validate.made import made


def installed() -> dict[str, Any]:
    """The commands that Airflow, its executor for Kubernetes and its logins declare."""
    from airflow.cli.cli_config import GroupCommand, core_commands
    from airflow.providers.cncf.kubernetes.executors.kubernetes_executor import KubernetesExecutor
    from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager

    def tree(command: Any) -> Any:
        if isinstance(command, GroupCommand):
            return {one.name: tree(one) for one in sorted(command.subcommands, key=lambda one: one.name)}
        options = []
        for argument in command.args:
            choices = "|".join(sorted(map(str, argument.kwargs.get("choices") or ())))
            long = [flag for flag in argument.flags if flag.startswith("--")]
            options += [f"{flag}={choices}" if choices else flag for flag in long]
        return sorted({*options})

    every = [*core_commands, *KubernetesExecutor.get_cli_commands(), *FabAuthManager.get_cli_commands()]
    return {command.name: tree(command) for command in sorted(every, key=lambda command: command.name)}


def test_the_list_is_that_of_the_pinned_airflow(kept: Callable[[Path, str], None]) -> None:
    current = json.dumps(installed(), indent=0) + "\n"
    kept(FILE, current)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("schedulr", "'airflow schedulr', which Airflow does not know: use scheduler"),
        ("db migarte", "which Airflow does not know: use migrate"),
        ("db", "'airflow db', which needs one of"),
        ("jobs check --job-tpye=TriggererJob", "which has no --job-tpye: use --job-type"),
        ("webserver --prot 8080", "which has no --prot: use --port"),
        ("api-server", "which Airflow does not know"),
        ("jobs check --job-type=TrigererJob", "where --job-type may be BackfillJob or "),
        ("jobs check --job-type TrigererJob", "where --job-type may be BackfillJob or "),
    ],
)
def test_a_command_that_airflow_refuses(words: str, said: str) -> None:
    ((_, found),) = problems(words.split())
    assert said in found


@pytest.mark.parametrize(
    "words",
    [
        "scheduler",
        "db migrate --to-version 2.11.2",
        "jobs check --job-type=TriggererJob --local",
        "jobs check --job-typ TriggererJob",
        "celery worker --queues a",
        "kubernetes cleanup-pods",
        "users create --role Admin -u admin",
        "$(COMMAND)",
        "db --help",
    ],
)
def test_a_command_that_airflow_takes(words: str) -> None:
    assert list(problems(words.split())) == []


def pod(container: str, image: str = "lakehouse/airflow:0.1.0") -> list[tuple[str, tuple[Any, ...]]]:
    text = f"""
apiVersion: v1
kind: Pod
metadata: {{name: a, namespace: b}}
spec: {{containers: [{{name: c, image: "{image}", {container}}}]}}
"""
    return [(violation.message, violation.path) for violation in check(made(text))]


AT = ("spec", "containers", "c")


@pytest.mark.parametrize(
    ("container", "path"),
    [
        ("command: [airflow, schedulr]", (*AT, "command", 1)),
        ("command: [/home/airflow/.local/bin/airflow], args: [schedulr]", (*AT, "args", 0)),
        ("args: [schedulr]", (*AT, "args", 0)),
        ('command: [bash, -c, "airflow db migrate && exec airflow schedulr"]', (*AT, "command", 2)),
        (
            "livenessProbe: {exec: {command: [airflow, job, check]}}",
            (*AT, "livenessProbe", "exec", "command", 1),
        ),
    ],
)
def test_where_commands_are(container: str, path: tuple[Any, ...]) -> None:
    assert [found for _, found in pod(container)] == [path]
    assert pod(container, "apache/airflow:3.0.1") == []


@pytest.mark.parametrize(
    "container",
    [
        "args: [scheduler]",
        "args: [bash, run.sh]",
        "command: [python, /opt/airflow/run.py]",
        'command: [sh, -c, "psql airflow other"]',
        'command: [sh, -c, "echo airflow is up"]',
    ],
)
def test_what_is_no_wrong_command(container: str) -> None:
    assert pod(container) == []


TEMPLATE = """
apiVersion: v1
kind: Pod
metadata: {name: scheduler, namespace: b}
spec:
  containers:
    - name: c
      image: lakehouse/airflow:0.1.0
      command: [airflow, scheduler]
      env: [{name: AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE, value: /templates/task.yaml}]
      volumeMounts: [{name: templates, mountPath: /templates}]
  volumes: [{name: templates, configMap: {name: templates}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: templates, namespace: b}
data:
  %s: |
    apiVersion: v1
    kind: Pod
    metadata: {name: task}
    spec: {%scontainers: [%s]}
"""


@pytest.mark.parametrize(
    ("key", "policy", "containers", "said"),
    [
        ("task.yaml", "restartPolicy: Never, ", "{name: base}, {name: sidecar}", ""),
        ("other.yaml", "", "{name: sidecar}, {name: base}", ""),
        ("task.yaml", "", "{name: base}", "has the restartPolicy Always: set it to Never."),
        ("task.yaml", "restartPolicy: OnFailure, ", "{name: base}", "has the restartPolicy OnFailure: set it to"),
        ("task.yaml", "restartPolicy: Never, ", "{name: sidecar}, {name: base}", "sidecar: put base first."),
    ],
)
def test_the_template_of_tasks(key: str, policy: str, containers: str, said: str) -> None:
    found = [violation.message for violation in check(made(TEMPLATE % (key, policy, containers)))]
    assert [said in message for message in found] == ([True] if said else [])
