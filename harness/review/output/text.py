"""The review for a terminal: environment → Application → resource → fields, the risks first."""

from typing import Final

from rich.cells import cell_len, chop_cells

from harness.inert import one_line, split_lines
from harness.manifests.sensitive import REDACTED
from harness.review.model import (
    ApplicationReview,
    ChangeKind,
    DifferenceStatus,
    EnvironmentReview,
    FieldChange,
    FieldKind,
    Level,
    Parity,
    Review,
)
from harness.review.output.groups import (
    Entry,
    compared,
    differences,
    entries,
    everywhere,
    folded,
    headline,
    image_groups,
    is_comparison,
    problem_groups,
    risk_groups,
    shown,
    wave,
    where,
)
from harness.review.output.terminal import Page, Part
from harness.review.output.values import (
    REORDERED,
    SIGNS,
    as_yaml,
    field_lines,
    folded_text,
    plural,
    scalars,
)

_LEVEL_STYLES: Final = {Level.HIGH: "bold red", Level.MEDIUM: "yellow", Level.LOW: "cyan"}
_CHANGE_STYLES: Final = {
    ChangeKind.ADDED: "green",
    ChangeKind.REMOVED: "red",
    ChangeKind.CHANGED: "yellow",
    ChangeKind.MOVED: "magenta",
}
_LINE_STYLES: Final = {"+": "green", "-": "red", "@": "cyan", " ": "dim"}


def text(review: Review, *, width: int = 80, colour: bool = False) -> str:
    page = Page(width, colour=colour)
    _Writer(page, review).write()
    return str(page)


class _Writer:
    """Writes one review, a section at a time."""

    def __init__(self, page: Page, review: Review) -> None:
        self._page = page
        self._review = review
        self._entries: dict[tuple[str, str], list[Entry]] = {}
        for entry in entries(review):
            self._entries.setdefault((entry.environment, entry.application.name), []).append(entry)

    def write(self) -> None:
        review = self._review
        self._line(0, (headline(review), "bold"))
        files = f", {plural(review.files_changed, 'file')}" if review.files_changed else ""
        self._line(0, (f"{' → '.join(compared(review))}{files}", "dim"))
        self._problems()
        self._risks()
        self._images()
        for environment in review.environments:
            if applications := shown(environment):
                self._environment(environment, applications)
        for parity in review.parity:
            self._parity(parity)
        self._notes()
        counts = folded(review)
        if counts:
            self._page.blank()
            self._line(0, (f"Folded: {folded_text(counts)}.", "dim"))

    def _line(self, indent: int, *parts: Part) -> None:
        pairs = [(part, "") if isinstance(part, str) else part for part in parts]
        self._page.line(indent, *((one_line(content), style) for content, style in pairs))

    def _code(self, indent: int, sign: str, content: str) -> None:
        """A line whose whitespace is kept; its continuation has no sign."""
        head = "" if sign == "@" else f"{sign} "
        room = max(self._page.width - indent - len(head), 1)
        for part in chop_cells(content.expandtabs(4), room) or [""]:
            self._page.exact(f"{' ' * indent}{head}{part}", _LINE_STYLES[sign])
            head = " " * len(head)

    def _heading(self, *parts: Part) -> None:
        self._page.blank()
        self._line(0, *parts)

    def _problems(self) -> None:
        if not self._review.problems:
            return
        self._heading(("Not built, so not reviewed", "bold red"))
        for group in problem_groups(self._review):
            location = f" {group.location}" if group.location else ""
            side = f"{group.subject} at {group.problem.side}"
            self._line(2, (side, "bold"), ": ", group.problem.sentence, (location, "dim"))

    def _risks(self) -> None:
        groups = risk_groups(self._review)
        if not groups:
            return
        self._heading(("Risks", "bold"))
        self._page.grid(
            2,
            (
                (
                    (str(group.risk.level), _LEVEL_STYLES[group.risk.level]),
                    (
                        one_line(group.risk.sentence),
                        (f" {one_line(group.risk.rule)}{self._only(group.environments)}", "dim"),
                    ),
                )
                for group in groups
            ),
        )

    def _images(self) -> None:
        groups = image_groups(self._review)
        if not groups:
            return
        self._heading(("Images", "bold"))
        for group in groups:
            note = f" ({group.note})" if group.note else ""
            self._line(2, (group.before or "none", "red"), " → ", (group.after or "none", "green"), note)
            users = ", ".join(str(resource) for resource in group.resources)
            self._line(4, (f"{users}{self._only(group.environments)}", "dim"))

    def _only(self, environments: tuple[str, ...]) -> str:
        """Names the environments, unless they are all the touched ones."""
        return "" if everywhere(self._review, environments) else f" [{one_line(', '.join(environments))}]"

    def _environment(self, environment: EnvironmentReview, applications: list[ApplicationReview]) -> None:
        whole = f" ({environment.change})" if environment.change is not ChangeKind.CHANGED else ""
        self._heading((environment.name, "bold reverse"), whole, f"  {environment.totals}")
        for application in applications:
            facts = [fact for fact in (wave(application), str(application.totals)) if fact]
            if application.change is not ChangeKind.CHANGED:
                facts.insert(0, f"Application {application.change}" if application.argocd else application.change)
            self._line(2, (application.name, "bold"), f"  {', '.join(facts)}")
            same: dict[str, list[str]] = {}
            for entry in self._entries.get((environment.name, application.name), []):
                if entry.same_as:
                    sign = SIGNS[entry.resource.change]
                    same.setdefault(entry.same_as, []).append(f"{sign} {entry.resource.title}")
                else:
                    self._resource(entry)
            for other, titles in same.items():
                self._line(4, (f"as in {other}: ", "dim"), ", ".join(titles))

    def _resource(self, entry: Entry) -> None:
        resource = entry.resource
        source = resource.source
        place = f"{source.file}:{source.line}" if source else ""
        style = _CHANGE_STYLES[resource.change]
        extent = ""
        if resource.change in (ChangeKind.ADDED, ChangeKind.REMOVED):
            extent = f"  {plural(len(split_lines(resource.after_yaml or resource.before_yaml)), 'line')}"
        title = one_line(f"{SIGNS[resource.change]} {resource.title}")
        fits = 4 + cell_len(f"{title}{extent}  {place}") <= self._page.width
        self._line(4, (title, style), (extent, "dim"), (f"  {place}" if fits else "", "dim"))
        if place and not fits:
            self._line(8, (place, "dim"))
        if resource.risks:
            marks = [(f"{risk.level} {risk.rule}", _LEVEL_STYLES[risk.level]) for risk in resource.risks]
            self._line(8, marks[0], *(part for mark in marks[1:] for part in (", ", mark)))
        for change in resource.fields:
            self._field(change)
        if resource.folded:
            self._line(8, (f"folded: {folded_text(resource.folded)}", "dim"))

    def _field(self, change: FieldChange) -> None:
        pair = scalars(change)
        path = one_line(change.path)
        if pair and len(path) + len(pair[0]) + len(pair[1]) + 14 <= self._page.width:
            self._line(8, f"{path}: ", (pair[0], "red"), " → ", (pair[1], "green"))
            return
        word = {FieldKind.ADDED: " added", FieldKind.REMOVED: " removed", FieldKind.REORDERED: f": {REORDERED}"}
        self._line(8, path, (word.get(change.kind, ""), "dim"))
        for line in field_lines(change):
            self._code(10, line.sign, line.text)

    def _parity(self, parity: Parity) -> None:
        if not is_comparison(self._review):
            self._heading(("Parity", "bold"), f"  {parity.sentence}.")
        elif parity.differences:
            self._page.blank()
        for difference in differences(self._review, parity):
            path = f" {difference.path}" if difference.path else ""
            reason = f" ({difference.reason})" if difference.reason else ""
            status = "" if difference.status is DifferenceStatus.SAME else f"{difference.status}: "
            self._line(2, (status, "yellow"), f"{difference.identity}{path}", (reason, "dim"))
            for name, value in ((parity.left, difference.left), (parity.right, difference.right)):
                lines = [REDACTED] if difference.secret else as_yaml(value) if value is not None else ["absent"]
                self._line(4, (f"{name}: ", "dim"), *(lines if len(lines) == 1 else []))
                if len(lines) > 1:
                    for content in lines:
                        self._code(6, " ", content)

    def _notes(self) -> None:
        if not self._review.notes:
            return
        self._heading(("Not covered", "bold"))
        for note in self._review.notes:
            changed = ("changed, review it manually: ", "yellow") if note.changed else ""
            self._line(2, (f"{where(note.environment, note.application)}: ", "dim"), changed, note.sentence)
