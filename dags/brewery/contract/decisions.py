"""Decisions on runs: what the snapshot gate or a person decided, one small file for each; pure, for any storage.

Files are only ever added, so that they are the audit trail: who decided what, when and why.
"""

import datetime as dt
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

from brewery.contract.errors import PipelineError

Verdict = Literal["passed", "refused", "accepted", "discarded"]

FORMAT: Final = "brewery-decision"
SNAPSHOT_GATE: Final = "snapshot gate"
"""Who decides `passed` and `refused`."""

Run = tuple[dt.date, str]
"""Ingestion date and run id."""


class DecisionError(PipelineError):
    """A file that is not a decision of this pipeline, or a decision that cannot be made."""


@dataclass(frozen=True)
class Decision:
    """One decision.

    Attributes:
        verdict: The snapshot gate's (passed, refused) or a person's (accepted, discarded). A pass is recorded only
            after a refusal, and before silver is restored to a version without the run: the gate must not judge it
            a second time.
        runs: What it is about.
        at: Aware time.
        by: Who decided.
        reason: Why, as a sentence.
        before: For a refusal, the run that the snapshot was compared with; None if there was none.
    """

    verdict: Verdict
    runs: Sequence[Run]
    at: dt.datetime
    by: str
    reason: str
    before: str | None = None

    def file_name(self) -> str:
        """A name for its file: unique, and in order of time."""
        return f"{self.at.astimezone(dt.timezone.utc):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}.json"

    def to_json(self) -> str:
        runs = [{"ingestion_date": date.isoformat(), "run_id": run_id} for date, run_id in self.runs]
        values = {"format": FORMAT, **vars(self), "runs": runs, "at": self.at.isoformat()}
        return json.dumps(values, indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, content: str | bytes, path: str) -> "Decision":
        """Read a decision.

        Args:
            content: Of the file.
            path: Of the file, for the error.

        Raises:
            DecisionError: It is something else. Ignoring it could let a refused run into silver.
        """
        try:
            return cls._from_raw(json.loads(content))
        except (ValueError, KeyError, TypeError) as error:
            raise DecisionError(
                f"{path} is not a decision on a run ({error!r}): restore the file, or move it out of the lakehouse "
                "and decide again."
            ) from error

    @classmethod
    def _from_raw(cls, raw: Mapping[str, Any]) -> "Decision":
        if raw["format"] != FORMAT or raw["verdict"] not in get_args(Verdict):
            raise ValueError("another format or verdict")
        at = dt.datetime.fromisoformat(raw["at"])
        if at.tzinfo is None:
            raise ValueError("no time zone")
        runs = tuple((dt.date.fromisoformat(run["ingestion_date"]), str(run["run_id"])) for run in raw["runs"])
        return cls(raw["verdict"], runs, at, str(raw["by"]), str(raw["reason"]), raw["before"])


Standing = Mapping[Run, Decision]
"""For each run with a decision, the one that holds."""


def standing(decisions: Iterable[Decision]) -> dict[Run, Decision]:
    """The decision that holds for each run: a person's last one, else that the run passed, else its last refusal.

    A refusal that was repeated keeps the time of the first.
    """
    holding: dict[Run, Decision] = {}
    for decision in sorted(decisions, key=lambda d: d.at):
        for run in decision.runs:
            earlier = holding.get(run)
            if earlier is None or _RANK[decision.verdict] >= _RANK[earlier.verdict]:
                first = earlier if earlier and earlier.verdict == decision.verdict == "refused" else decision
                holding[run] = replace(decision, at=first.at)
    return holding


_RANK: Final[Mapping[Verdict, int]] = {"refused": 0, "passed": 1, "accepted": 2, "discarded": 2}
