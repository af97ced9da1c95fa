"""What is wrong with an input, and where: the currency between building and validating."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a kustomization from being built.

    Attributes:
        rule: Id of the rule that it breaks (harness/validate/rules.py says what it means).
        message: One sentence.
        file: The file to look into.
        line: 1-based, where known.
    """

    rule: str
    message: str
    file: Path
    line: int | None = None
