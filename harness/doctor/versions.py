"""Which pins are behind or out of support, as the registries answer through their ordinary clients."""

import datetime
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from harness.doctor.pins import Kind, Pin
from harness.errors import HarnessError
from harness.machine.gobuild import go, go_environment
from harness.machine.tools import module_folder

MODULES: Final[Mapping[str, str]] = {
    "kindest/node": "k8s.io/kubernetes",
    "ghcr.io/kubeflow/spark-operator/controller": "github.com/kubeflow/spark-operator/v2",
    "prom/alertmanager": "github.com/prometheus/alertmanager",
    "prom/prometheus": "github.com/prometheus/prometheus",
    "prom/statsd-exporter": "github.com/prometheus/statsd_exporter",
    "quay.io/argoproj/argocd": "github.com/argoproj/argo-cd/v3",
    "quay.io/prometheuscommunity/postgres-exporter": "github.com/prometheus-community/postgres_exporter",
    "registry.k8s.io/kube-state-metrics/kube-state-metrics": "k8s.io/kube-state-metrics/v2",
}
"""The Go module that an image is released from, whose versions answer for the image."""

THREE_MINORS: Final = (
    "github.com/argoproj/argo-cd/v3",
    "quay.io/argoproj/argocd",
    "k8s.io/kubernetes",
    "kindest/node",
)
"""Their projects support the three newest minor versions."""

SUPPORT_ENDS: Final[Mapping[tuple[str, str], datetime.date]] = {
    ("apache-airflow", "2"): datetime.date(2026, 4, 22),
    ("postgres", "15"): datetime.date(2027, 11, 11),
    ("prom/prometheus", "v3.5"): datetime.date(2026, 7, 31),
}
"""What a project announced, by name and the start of the version."""

Newest = Callable[[list[str]], dict[str, str]]
"""The newest version of each name that could be asked."""


class State(StrEnum):
    """What an operator has to know of a pin."""

    CURRENT = "current"
    BEHIND = "behind"
    UNSUPPORTED = "out of support"
    UNKNOWN = "not asked"


@dataclass(frozen=True)
class Verdict:
    """A pin, the newest version if one is known, and what follows."""

    pin: Pin
    newest: str
    state: State
    detail: str = ""


def verdicts(pins: Iterable[Pin], ask: Mapping[Kind, Newest], today: datetime.date) -> Iterator[Verdict]:
    """Judges every pin; one registry that does not answer leaves the others' answers."""
    pins = list(pins)
    names = {kind: sorted({_asked(pin) for pin in pins if pin.kind is kind}) for kind in Kind}
    images = [name for name in names[Kind.IMAGE] if name in MODULES.values()]
    names[Kind.GO] = sorted({*names[Kind.GO], *images})
    known = {kind: ask[kind](names[kind]) for kind in ask}
    known[Kind.IMAGE] = known[Kind.GO]
    for pin in pins:
        yield _verdict(pin, known[pin.kind].get(_asked(pin), ""), today)


def _asked(pin: Pin) -> str:
    return MODULES.get(pin.name, pin.name) if pin.kind is Kind.IMAGE else pin.name


def _verdict(pin: Pin, newest: str, today: datetime.date) -> Verdict:
    if newest and pin.name == "prom/prometheus":
        newest = released(newest)
    for (name, start), end in SUPPORT_ENDS.items():
        if pin.name == name and f"{pin.version}.".startswith(f"{start}.") and end < today:
            return Verdict(pin, newest, State.UNSUPPORTED, f"support ended on {end}")
    if not newest:
        return Verdict(pin, "", State.UNKNOWN, "no registry answered for it")
    if re.search(r"\d{14}-[0-9a-f]{12}$", pin.version):
        return Verdict(pin, newest, State.UNKNOWN, "pinned to a commit, which has no order among versions")
    mine, theirs = numbers(pin.version), numbers(newest)
    if pin.name in THREE_MINORS and mine[:1] == theirs[:1] and theirs[1] - mine[1] > 2:
        return Verdict(pin, newest, State.UNSUPPORTED, "only the three newest minor versions are supported")
    if pin.kind is Kind.ACTION:
        mine, theirs = mine[:1], theirs[:1]
    return Verdict(pin, newest, State.BEHIND if mine < theirs else State.CURRENT)


def numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version starts with.

    >>> numbers("v1.34.4"), numbers("15.18-bookworm")
    ((1, 34, 4), (15, 18))
    """
    return tuple(map(int, re.sub(r"[^\d.].*", "", version.removeprefix("v")).strip(".").split(".")))


def released(module_version: str) -> str:
    """Prometheus's version of a release, from that of its Go module.

    >>> released("v0.305.3")
    'v3.5.3'
    """
    _, minor, patch = numbers(module_version)
    return f"v{minor // 100}.{minor % 100}.{patch}"


def stable(versions: Iterable[str]) -> str:
    """The highest version that is no pre-release; empty if there is none."""
    return max((item for item in versions if re.fullmatch(r"v?\d+(\.\d+)*", item)), key=numbers, default="")


def of_go(names: list[str]) -> dict[str, str]:
    """From Go's module proxy."""
    folder = module_folder("kustomize")
    command = [str(go(folder)), "list", "-e", "-m", "-versions", "-json", "-mod=readonly", *names]
    # Outside of any module, so that no go.mod decides what may be asked.
    said = _output(command, {**go_environment(), "GOWORK": "off", "GO111MODULE": "on"}, cwd="/")
    newest = {}
    for text in re.findall(r"^\{$.*?^\}$", said, re.MULTILINE | re.DOTALL):
        module = json.loads(text)
        if version := stable(module.get("Versions", [])):
            newest[module["Path"]] = version
    return newest


def of_python(names: list[str]) -> dict[str, str]:
    """From the index that pip is configured with."""

    def ask(name: str) -> str:
        command = [sys.executable, "-m", "pip", "index", "versions", "--disable-pip-version-check", name]
        match = re.match(r"\S+ \((\S+)\)", _output(command, os.environ))
        return match[1] if match else ""

    return _each(ask, names)


def of_actions(names: list[str]) -> dict[str, str]:
    """From the tags of their repositories."""

    def ask(name: str) -> str:
        command = ["git", "ls-remote", "--tags", "--refs", f"https://github.com/{name}"]
        said = _output(command, {**os.environ, "GIT_TERMINAL_PROMPT": "0"})
        return stable(re.findall(r"refs/tags/(v\S+)", said))

    return _each(ask, names)


ASK: Final[Mapping[Kind, Newest]] = {Kind.GO: of_go, Kind.PYTHON: of_python, Kind.ACTION: of_actions}


def _each(ask: Callable[[str], str], names: list[str]) -> dict[str, str]:
    with ThreadPoolExecutor(4) as threads:
        return {name: answer for name, answer in zip(names, threads.map(ask, names), strict=True) if answer}


def _output(command: list[str], env: Mapping[str, str], cwd: str | None = None) -> str:
    """What a client answers; nothing when it has no answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return ""
    except OSError as error:
        raise HarnessError(f"Could not ask for versions ({command[0]}: {error.strerror}): install it.") from error
    return done.stdout
