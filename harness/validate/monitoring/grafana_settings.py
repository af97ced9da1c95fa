"""Grafana's settings in variables: names that it does not know, and values that it cannot read.

`grafana.txt`, beside this file, has variables by the settings of Grafana's `conf/defaults.ini`, with what their
values have to be. It is kept by hand, because Grafana is no library: only what resembles one of them is taken for
misspelt.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from harness.errors import closest
from harness.manifests.values import mappings
from harness.validate.finding import Violation
from harness.validate.model import Environment
from harness.validate.monitoring.provisioning import LH321
from harness.validate.texts.variables import variables_of

FILE: Final = Path(__file__).with_name("grafana.txt")
_OPEN: Final = re.compile(r"GF_(?:FEATURE_TOGGLES|PLUGIN|INSTALL|METRICS_ENVIRONMENT_INFO)_\w+|\w+__FILE")
"""Sections of which anybody defines the keys, and variables that the image reads itself."""
_ALIKE: Final = 0.93
_ALIKE_KEY: Final = 0.82
_VALUES: Final = {
    "switch": (re.compile(r"1|0|t|f|true|false|y|n|yes|no|on|off", re.IGNORECASE), "true or false"),
    "number": (re.compile(r"[-+]?\d+"), "a whole number"),
    "url": (re.compile(r"(?:https?|%\(protocol\)s)://\S+"), "a URL such as https://example.org/"),
    "duration": (re.compile(r"0|(?:\d+(?:\.\d+)?(?:ms|[smhdwMy]))+"), "a duration such as 30s"),
}
_PORT: Final = "GF_SERVER_HTTP_PORT"


def check(environment: Environment) -> Iterator[Violation]:
    """Finds variables that Grafana ignores."""
    for pod in environment.pods:
        for place, container, _ in pod.containers():
            for one in variables_of(environment, pod, place, container):
                if not one.name.startswith("GF_"):
                    continue
                said = problem_of(one.name, one.value) or (
                    _elsewhere(one.value, container) if one.name == _PORT else ""
                )
                if said:
                    yield Violation(LH321, f"{one.resource} sets {one.name}, {said}.", one.resource, one.path)


def _elsewhere(port: str | None, container: dict[str, Any]) -> str:
    """Why nobody finds a port, as the end of a sentence."""
    declared = [str(one.get("containerPort")) for one in mappings(container.get("ports"))]
    if not port or not port.isdigit() or not declared or port in declared:
        return ""
    return f"on which its container has no port: it declares {', '.join(declared)}"


def problem_of(name: str, value: str | None) -> str:
    """What is wrong with a variable, as the end of a sentence; empty for nothing.

    >>> problem_of("GF_USERS_ALLOW_SIGN_UP", "flase"), problem_of("GF_USERS_ALOW_SIGN_UP", "true")
    ('which has to be true or false', 'which Grafana does not know: use GF_USERS_ALLOW_SIGN_UP')
    """
    kind = names().get(name)
    if kind is None:
        close = "" if _OPEN.fullmatch(name) else closest(name, names(), _ALIKE) or _close_key(name)
        return f"which Grafana does not know: use {close}" if close else ""
    if not value or "$" in value:
        return ""
    if "|" in kind:
        choices = kind.split("|")
        return "" if value in choices else f"which has to be {' or '.join(choices)}"
    if kind not in _VALUES:
        return ""
    pattern, wanted = _VALUES[kind]
    return "" if pattern.fullmatch(value.strip()) else f"which has to be {wanted}"


def _close_key(name: str) -> str:
    """The variable of the same section, as its first word says, whose key was probably meant."""
    section = "_".join(name.split("_")[:2]) + "_"
    keys = {known.removeprefix(section): known for known in names() if known.startswith(section)}
    return keys.get(closest(name.removeprefix(section), keys, _ALIKE_KEY), "")


@cache
def names() -> dict[str, str]:
    """What each variable has to be: a kind, or one of some values; empty for anything."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return {name: kind for name, _, kind in (line.partition(" ") for line in lines)}
