"""What a long command is doing, with times: one line for each phase as it ends.

>>> with phases("secrets"):
...     make_secrets()
  0:04  secrets
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console


@dataclass
class Phases:
    """Phases that were gone through.

    Attributes:
        console: Where they are told.
        clock: Seconds.
        seconds: How long each one took, in their order.
    """

    console: Console
    clock: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)
    start: float = field(init=False)

    def __post_init__(self) -> None:
        """The clock runs from here."""
        self.start = self.clock()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """A phase: told at its beginning where somebody watches, and at its end."""
        start = self.clock()
        with self.console.status(f"{name} …"):
            yield
        self.seconds[name] = self.clock() - start
        self.tell(name)

    def tell(self, line: str) -> None:
        """Prints a line with the time since the beginning."""
        minutes, seconds = divmod(int(self.clock() - self.start), 60)
        self.console.print(f"{minutes:>3}:{seconds:02}  {line}", highlight=False, markup=False, soft_wrap=True)
