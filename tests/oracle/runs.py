"""The oracle for the days: which run of each date silver must hold, in plain Python from docs/data-contract.md.

It shares nothing with the pipeline, and works the whole history out again each time.

>>> history = History()
>>> history.ingest(1, "a", 100)
>>> history.ingest(2, "b", 10)
>>> history.process()
False
>>> history.held
{1: 'a'}
>>> history.ingest(3, "c", 100)
>>> history.process(), history.held
(True, {1: 'a', 3: 'c'})
>>> history.accept(2)
>>> history.process(), history.held
(True, {1: 'a', 2: 'b', 3: 'c'})
"""

from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

Date = TypeVar("Date", bound=Any)


@dataclass
class History:
    """What happened, in the order in which it happened; a date is anything that can be sorted.

    Attributes:
        runs: Date -> its runs, oldest first.
        records: Run -> breweries in its snapshot.
        admitted: Runs that passed the gate.
        refused: Run -> the run that it was compared with.
        accepted: Runs that a person accepted.
        discarded: Runs that a person discarded.
        held: Date -> the run that silver must hold.
    """

    runs: dict[Any, list[str]] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    admitted: set[str] = field(default_factory=set)
    refused: dict[str, str | None] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    discarded: set[str] = field(default_factory=set)
    held: dict[Any, str] = field(default_factory=dict)
    _times: dict[Any, int] = field(default_factory=dict)
    _clock: "count[int]" = field(default_factory=count)

    def ingest(self, date: Any, run: str, records: int) -> None:
        self.runs.setdefault(date, []).append(run)
        self.records[run] = records

    def in_quarantine(self, date: Any) -> str | None:
        newest = [run for run in self.runs[date] if run not in self.discarded][-1:]
        return next((run for run in newest if run in self.refused and not self._in(run)), None)

    def accept(self, date: Any) -> None:
        run = self.in_quarantine(date) or self.runs[date][-1]
        self.discarded.discard(run)
        self.accepted.add(run)

    def discard(self, date: Any) -> None:
        run = self.in_quarantine(date) or self.runs[date][-1]
        self.accepted.discard(run)
        self.discarded.add(run)

    def process(self) -> bool:
        """Bring `held` up to date; whether the job is green."""
        before = self.held
        held: dict[Any, str] = {}
        previous: str | None = None
        for date in sorted(self.runs):
            for run in reversed(self.runs[date]):
                if run not in self.discarded and self._passes(run, previous):
                    held[date] = previous = run
                    break
            if held != {d: run for d, run in before.items() if d <= date} and date in held:
                self._times[date] = next(self._clock)
        if before and not held:
            return False
        self.held = held
        waiting = [refused for date in self.runs if (refused := self.in_quarantine(date))]
        applied = [self._times.get(date, 0) for date in held]
        return not waiting or max(self._times.get(run, 0) for run in waiting) < max(applied, default=-1)

    def _in(self, run: str) -> bool:
        return run in self.accepted or run in self.admitted

    def _passes(self, run: str, previous: str | None) -> bool:
        if self._in(run):
            return True
        if run in self.refused and self.refused[run] == previous:
            return False
        if previous and 5 * self.records[run] < 4 * self.records[previous]:
            self.refused[run] = previous
            self._times.setdefault(run, next(self._clock))
            return False
        self.admitted.add(run)
        return True
