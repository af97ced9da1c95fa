"""What a run of the maintenance left, for monitoring: a small file that the Spark job writes and Airflow reads."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Upkeep:
    """The effect of one run.

    Attributes:
        files_before: Files of all tables before, those of their logs included.
        files: Files of all tables after it.
        ended: Unix time of the run.
    """

    files_before: int
    files: int
    ended: float

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Upkeep":
        """Read what `to_json` wrote.

        Raises:
            ValueError: The text is something else.
        """
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise ValueError(f"not what the maintenance writes ({error!r})") from None
