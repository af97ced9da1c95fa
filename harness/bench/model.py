"""What a benchmark measures."""

from dataclasses import dataclass
from typing import Final

STAGES: Final = ("ingestion", "session", "silver", "gold", "gate")
"""In order; `session` is the start of Spark, once for all jobs of a day."""


@dataclass(frozen=True)
class Stage:
    """One stage of one day; `peak_bytes` is the largest resident size so far, of Python and the JVM together."""

    name: str
    seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Day:
    """One day of one size: the pipeline's stages, and bronze to gold by hand.

    `written_bytes` is what the day added to the folder of `silver/breweries`, `table_bytes` the size of the table's
    files after it.
    """

    label: str
    records: int
    stages: tuple[Stage, ...]
    by_hand_seconds: float
    by_hand_peak_bytes: int
    written_bytes: int
    table_bytes: int

    def stage(self, name: str) -> Stage:
        return next(stage for stage in self.stages if stage.name == name)

    @property
    def bronze_to_gold_seconds(self) -> float:
        """Silver, gold and gate, without the start of Spark."""
        return sum(self.stage(name).seconds for name in ("silver", "gold", "gate"))

    @property
    def peak_bytes(self) -> int:
        return max(stage.peak_bytes for stage in self.stages)

    @property
    def ratio(self) -> float:
        """How many times as long as by hand silver and gold take; by hand there is no gate."""
        return (self.stage("silver").seconds + self.stage("gold").seconds) / self.by_hand_seconds

    @property
    def written_share(self) -> float:
        return self.written_bytes / self.table_bytes


@dataclass(frozen=True)
class Machine:
    """The machine that the figures are of."""

    cores: int
    memory_bytes: int
    processor: str
