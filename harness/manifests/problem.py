"""What is wrong with an input, and where: the currency between building, validating and reviewing."""

from dataclasses import dataclass
from typing import Final

NOT_BUILT: Final = ""
"""In place of a rule: nothing is broken, but building it would run or ask what may not be run or asked."""
MISSING_FOLDER: Final = "LH312"
"""The rule that what an Application deploys exists."""


@dataclass(frozen=True)
class Location:
    """A file and a line.

    Attributes:
        line: 1-based, where known.
    """

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Problem:
    """Why a root cannot be built.

    Attributes:
        rule: Id of the rule that it breaks (harness/validate/rules.py says what it means).
    """

    rule: str
    message: str
    location: Location
