"""What a validation rule is. Each stands in the module that judges it; `rules.py` collects them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ValidationRule:
    """One rule.

    Attributes:
        id: `LH` and three digits.
        title: What it demands.
        why: One sentence on what goes wrong otherwise.
        is_about_absence: Whether it speaks of what is missing: without meaning while a part of the environment
            cannot be built.
        provided_by: What may provide the missing thing: kinds of resources, or `labels` of pods. While one of these
            is malformed, the rule cannot be judged.
    """

    id: str
    title: str
    why: str
    engine: str = "harness"
    check: str = ""
    is_about_absence: bool = False
    provided_by: frozenset[str] = frozenset()
