"""The figures of a quality gate for monitoring: a small file that the Spark job writes and Airflow reads."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Figures:
    """Figures of the newest run.

    Attributes:
        run_id: The run.
        bronze: Records as received.
        silver: Current breweries in silver.
        gold: Breweries in the gold tables; None if the gate did not publish them.
        rejected: Records of the run that were rejected.
        duplicates: Records of the run whose id occurs again later.
        failed_expectations: Expectations of severity error that did not hold.
        ingested: Unix time at which the snapshot was complete.
        gold_published: Unix time at which gold was published; None if it was not.
        warnings: Expectation of severity warn -> what was observed; 0 where it holds.
        gone: Breweries that the newest snapshot no longer has.
        in_quarantine: Runs that were refused and wait for a decision.
    """

    run_id: str
    bronze: int
    silver: int
    gold: int | None
    rejected: int
    duplicates: int
    failed_expectations: int
    ingested: float
    gold_published: float | None
    warnings: Mapping[str, float]
    gone: int
    in_quarantine: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Figures":
        """Read what `to_json` wrote.

        Raises:
            ValueError: The text is something else.
        """
        try:
            values = json.loads(text)
            return cls(**{field.name: values[field.name] for field in fields(cls)})
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"not the figures of a quality gate ({error!r})") from None
