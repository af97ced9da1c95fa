"""Prometheus's HTTP API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import requests

from harness.errors import HarnessError

_TIMEOUT: Final = 120
"""Seconds to connect, and to answer."""


@dataclass(frozen=True)
class Target:
    """A target of scrapes, with its labels after relabelling; `health` is `up`, `down` or, at first, `unknown`."""

    job: str
    labels: Mapping[str, str]
    url: str
    health: str
    error: str


class Prometheus:
    """The Prometheus at a base URL, without a final slash."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> list[Mapping[str, Any]]:
        """The series of an expression now; those of a scalar as one without labels."""
        data = self._ask("query", query=expression)
        if data["resultType"] in ("scalar", "string"):
            return [{"metric": {}, "value": data["result"]}]
        return list(data["result"])

    def value(self, expression: str) -> float | None:
        """The value of an expression that has one series; None where it has none."""
        series = self.query(expression)
        if len(series) > 1:
            raise HarnessError(f"{expression} has {len(series)} series where one was expected: aggregate them.")
        return float(series[0]["value"][1]) if series else None

    def tree(self, expression: str) -> Any:
        return self._ask("parse_query", query=expression)

    def targets(self) -> list[Target]:
        return [
            Target(
                job=item["labels"]["job"],
                labels=item["labels"],
                url=item["scrapeUrl"],
                health=item["health"],
                error=item["lastError"],
            )
            for item in self._ask("targets", state="active")["activeTargets"]
        ]

    def rules(self) -> list[Mapping[str, Any]]:
        """Every rule with its `health` and, where it does not work, its `lastError`."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def firing(self) -> Sequence[Mapping[str, str]]:
        """The labels of each alert that fires."""
        return [alert["labels"] for alert in self._ask("alerts")["alerts"] if alert["state"] == "firing"]

    def _ask(self, what: str, **parameters: str) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{what}", params=parameters, timeout=_TIMEOUT)
        try:
            body = answer.json()
        except ValueError:
            body = {}
        if body.get("status") != "success":
            asked = ", ".join(parameters.values())
            why = body.get("error") or f"status {answer.status_code}"
            raise HarnessError(f"Prometheus does not answer {what} {asked} ({why}): correct it, or see its log.")
        return body["data"]
