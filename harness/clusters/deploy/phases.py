"""The phases of a long command: one line with the time as each one ends."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console


@dataclass
class Phases:
    """Prints phases to a console; `seconds` is how long each one took."""

    console: Console
    clock: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)
    start: float = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.clock()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = self.clock()
        with self.console.status(f"{name} …"):
            yield
        self.seconds[name] = self.clock() - start
        self.tell(name)

    def tell(self, line: str) -> None:
        minutes, seconds = divmod(int(self.clock() - self.start), 60)
        self.console.print(f"{minutes:>3}:{seconds:02}  {line}", highlight=False, markup=False, soft_wrap=True)
