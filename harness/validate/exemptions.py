"""The exemptions of a checkout, and those that are obsolete."""

import posixpath
from collections.abc import Container
from pathlib import Path
from typing import Final

from harness.manifests.built_tree import BuiltTree
from harness.manifests.environments import OVERLAYS
from harness.manifests.exemptions import FILE, Exemption, Refused
from harness.manifests.exemptions import read as read_file
from harness.manifests.tree import UnreadableError, with_folders
from harness.validate.finding import Finding
from harness.validate.rule import ValidationRule

LH901: Final = ValidationRule("LH901", "Every exemption is used", "An obsolete exemption hides the next finding.")
LH902: Final = ValidationRule(
    "LH902", "An exemption names a rule and gives a reason", "Without a reason, nobody can review it."
)

FOLDERS: Final = ("base", "components", OVERLAYS)
_OPTIONAL: Final = "components"
"""Of which an environment takes what it needs: the exemptions of the others would be obsolete."""


def read(built: BuiltTree, root: Path, rules: Container[str]) -> tuple[list[Exemption], list[Finding]]:
    """The valid exemptions of a checkout, and findings on the invalid ones."""
    exemptions: list[Exemption] = []
    findings: list[Finding] = []
    tree, beside = built.tree, with_folders(built.read_files())
    for path in sorted(path for path in tree.paths() if posixpath.basename(path) == FILE):
        top = path.partition("/")[0]
        if (top not in FOLDERS or top == _OPTIONAL) and (posixpath.dirname(path) or ".") not in beside:
            continue
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
