"""What validation reports, and its location."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.manifests.kubernetes_yaml import Step
from harness.validate.rule import ValidationRule

if TYPE_CHECKING:
    from harness.validate.model import BuiltResource


@dataclass(frozen=True)
class Finding:
    """A reported violation.

    Attributes:
        rule: Id of the rule, such as LH301.
        environments: Where it was found; empty for what belongs to no environment.
        file: The source file, absolute, where it is known.
        line: 1-based line of that file, where it is known.
    """

    rule: str
    message: str
    environments: tuple[str, ...] = ()
    resource: str = ""
    file: Path | None = None
    line: int | None = None


@dataclass(frozen=True)
class Violation:
    """A finding without its location, which is only looked up if no exemption covers it.

    Attributes:
        line: 1-based line of the text that the field holds, where it is about one.
    """

    rule: ValidationRule
    message: str
    resource: "BuiltResource"
    path: tuple[Step, ...] = field(default=())
    line: int | None = None
