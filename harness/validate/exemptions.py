"""The exemptions of a checkout, and those that are obsolete."""

from collections.abc import Container
from pathlib import Path
from typing import Final

from harness.manifests.environments import OVERLAYS
from harness.manifests.exemptions import FILE, Exemption, Refused
from harness.manifests.exemptions import read as read_file
from harness.manifests.tree import UnreadableError, working_copy
from harness.validate.finding import Finding
from harness.validate.rule import ValidationRule

LH901: Final = ValidationRule("LH901", "Every exemption is used", "An obsolete exemption hides the next finding.")
LH902: Final = ValidationRule(
    "LH902", "An exemption names a rule and gives a reason", "Without a reason, nobody can review it."
)

FOLDERS: Final = ("base", "components", OVERLAYS)


def read(root: Path, rules: Container[str]) -> tuple[list[Exemption], list[Finding]]:
    """The valid exemptions of a checkout, and findings on the invalid ones."""
    exemptions: list[Exemption] = []
    findings: list[Finding] = []
    tree = working_copy(root)
    for path in (path for folder in FOLDERS for path in sorted(tree.paths(folder)) if path.endswith(f"/{FILE}")):
        file = root / path
        try:
            text = tree.text(tree.resolve(path))
        except (UnreadableError, KeyError) as error:
            said = f"{path} is not a file" if isinstance(error, KeyError) else str(error)
            findings.append(Finding(LH902.id, f"{said}.", file=file, line=1))
            continue
        for item in read_file(path, text, rules):
            if isinstance(item, Refused):
                findings.append(Finding(LH902.id, item.sentence, file=file, line=item.line))
            else:
                exemptions.append(item)
    return exemptions, findings


def unused(exemptions: list[Exemption], root: Path) -> list[Finding]:
    """The exemptions that cover nothing."""
    return [
        Finding(
            LH901.id,
            f"This exemption of {', '.join(sorted(exemption.rules))} is unused: remove it.",
            (exemption.environment,) if exemption.environment else (),
            file=root / exemption.file,
            line=exemption.line,
        )
        for exemption in exemptions
        if not exemption.used
    ]
