"""The review as a pull request comment, shortened to fit without omitting the name of a resource.

What a comment always has, as far as the limit allows, in the order in which it is given room:

1. the first line (which environments), the table of environments, where to find what is left out;
2. the name of every resource;
3. what could not be built, risks, images, parity, what is not covered;
4. details, the riskiest resource first: a short piece of each, then the whole of each.

The order on the page is another one: names of resources without details come last.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from harness.errors import UsageError
from harness.inert import split_lines
from harness.review.model import ApplicationReview, ChangeKind, FieldKind, Level, Parity, Review
from harness.review.output.escape import block, cell, code, prose, tag
from harness.review.output.groups import (
    Entry,
    RiskGroup,
    compared,
    differences,
    entries,
    everywhere,
    folded,
    headline,
    image_groups,
    is_comparison,
    levels,
    problem_groups,
    risk_groups,
    wave,
    where,
    worst,
)
from harness.review.output.values import (
    REORDERED,
    SIGNS,
    Line,
    compact,
    field_lines,
    folded_text,
    plural,
)

MARKER: Final = "<!-- harness diff -->"
"""Last line of each comment, by which the next run finds it."""

MINIMUM: Final = 2_000
"""Fewest characters that a comment can be asked to keep to."""

_MARKS: Final = {Level.HIGH: "🔴", Level.MEDIUM: "🟠", Level.LOW: "🔵"}
_SHORT_LINES: Final = 12
_SHORT_WIDTH: Final = 160
_OPEN: Final = 30
"""Environments are unfolded when there are at most this many resources."""
_RISKS_SHOWN: Final = 12
"""Risks that are not folded, beside all that are high."""
_NAMES_SHARE: Final = 66
"""Per cent of the room for names, when they do not all fit."""
_KINDS_COUNTED: Final = 6
_END: Final = "</details>\n\n"
_GROUP_SHOWN: Final = 80
_VALUE_SHOWN: Final = 80
_REF_SHOWN: Final = 60
_LINK_SHOWN: Final = 300


@dataclass(frozen=True)
class _List:
    """A part of the summary that can be cut between two rows.

    Attributes:
        rows: The rows, the most important first.
        more: What stands for that many rows that are left out.
    """

    head: str
    rows: Sequence[str]
    more: Callable[[int], str]
    tail: str = ""

    def fit(self, room: int) -> str:
        """As many rows as fit; empty if there is no room for the first row and a remark on the others."""
        if not self.rows:
            return ""
        whole = "\n".join([self.head, *self.rows, "", self.tail])
        if len(whole) <= room:
            return whole
        used = len(self.head) + len(self.more(len(self.rows))) + len(self.tail) + 3
        kept = 0
        for row in self.rows:
            if used + len(row) + 1 > room:
                break
            used += len(row) + 1
            kept += 1
        if not kept:
            return ""
        return "\n".join([self.head, *self.rows[:kept], self.more(len(self.rows) - kept), "", self.tail])


def markdown(review: Review, *, limit: int = 65_536, link: str = "") -> str:
    """The comment.

    Raises:
        HarnessError: The limit is below `MINIMUM`.
    """
    if limit < MINIMUM:
        raise UsageError(f"A comment of {limit:,} characters is too short: allow at least {MINIMUM:,}.")
    return _Comment(review, limit, link).compose()


class _Comment:
    def __init__(self, review: Review, limit: int, link: str) -> None:
        self._review = review
        self._limit = limit
        self._entries = entries(review)
        self._elsewhere = _elsewhere(review, link)

    def compose(self) -> str:
        """Allots room to each part, in the order of the module's docstring."""
        end = f"{MARKER}\n"
        # What says that names or details are missing is never itself cut, so its room is set aside.
        room = self._limit - len(end) - len(self._cut_sentence(len(self._entries)))
        top = self._top(room)
        room -= len(top)
        listing = _Names(self._entries)
        names, missing = listing.write(range(len(self._entries)), room)
        if missing:
            # Not even the names fit: some of the room is better spent on what is dangerous.
            names, missing = listing.write(range(len(self._entries)), room * _NAMES_SHARE // 100)
        summary = self._summary(room - len(names))
        room -= len(summary)
        details = _Details(self._review, self._entries)
        chosen: dict[int, str] = {}
        while not missing:
            # Each resource with details leaves the list of names, which makes room for more details.
            more = details.choose(room - len(names), chosen)
            if more == chosen:
                break
            chosen = more
            names, _ = listing.write([index for index in range(len(self._entries)) if index not in chosen], room)
        cut = missing or len(chosen) < len(self._entries) or details.shortened(chosen)
        note = self._cut_sentence(missing) if cut else ""
        return top + summary + details.text(chosen) + names + note + end

    def _top(self, room: int) -> str:
        review = self._review
        trees = " → ".join(code(_cut(side, _REF_SHOWN)) for side in compared(review))
        if review.files_changed:
            trees += f", {plural(review.files_changed, 'file')}"
        counts = folded(review)
        away = f" · folded: {prose(folded_text(counts))}" if counts else ""
        if len(away) > room // 10:
            away = f" · folded: {sum(counts.values()):,}"
        touched = [environment for environment in review.environments if environment.touched]
        first = f"### {prose(headline(review))}\n\n"
        if len(first) > room // 4:
            whole = plural(len(review.environments), "environment")
            first = f"### Touches {len(touched):,} of {whole}: {review.totals}.\n\n"
        text = f"{first}{trees}{away}\n\n"
        return text + _table(review).fit(min(room // 2, room - len(text)))

    def _summary(self, room: int) -> str:
        text = ""
        for part in (*self._urgent(), *self._rest()):
            text += part.fit(room - len(text))
        return text

    def _urgent(self) -> list[_List]:
        problems = [
            f"- {code(group.subject)} at {group.problem.side}: {prose(group.problem.sentence)}"
            + (f" ({code(group.location)})" if group.location else "")
            for group in problem_groups(self._review)
        ]
        groups = risk_groups(self._review)
        shown = max(_RISKS_SHOWN, sum(group.risk.level is Level.HIGH for group in groups))
        # One or two more are shorter than a word on them.
        shown = len(groups) if len(groups) <= shown + 2 else shown
        risks = [self._risk(group) for group in groups]
        rest = levels(group.risk for group in groups[shown:])
        counted = ", ".join(f"{_MARKS[level]} {count} {level}" for level, count in rest.items() if count)

        def more(count: int) -> str:
            return f"- and {count:,} more, none of them higher"

        return [
            _List("**Not built, so not reviewed**\n", problems, lambda count: f"- and {count:,} more"),
            _List("**Risks**\n", risks[:shown], more),
            _List(
                f"<details><summary>More risks: {counted}</summary>\n",
                risks[shown:],
                more,
                "</details>\n\n",
            ),
        ]

    def _risk(self, group: RiskGroup) -> str:
        risk = group.risk
        only = "" if everywhere(self._review, group.environments) else f" ({_names(group.environments)})"
        return f"- {_MARKS[risk.level]} {risk.level} {code(risk.rule)} {prose(risk.sentence)}{only}"

    def _rest(self) -> list[_List]:
        images = [
            f"| {cell(group.before) if group.before else 'none'} | {cell(group.after) if group.after else 'none'} "
            f"| {prose(group.note)} | {', '.join(cell(str(resource)) for resource in group.resources[:4])}"
            + (f" and {len(group.resources) - 4} more" if len(group.resources) > 4 else "")
            + f" ({', '.join(cell(name) for name in group.environments)}) |"
            for group in image_groups(self._review)
        ]
        notes = [
            f"- {code(where(note.environment, note.application))}: "
            f"{'**changed, review it manually**: ' if note.changed else ''}{prose(note.sentence)}"
            for note in sorted(self._review.notes, key=lambda note: not note.changed)
        ]
        return [
            _List("**Applications**\n", _applications(self._review), lambda count: f"- and {count:,} more"),
            _List(
                "| Image before | Image after | | Runs in |\n| --- | --- | --- | --- |",
                images,
                lambda count: f"| and {count:,} more | | | |",
            ),
            *(_parity(self._review, parity) for parity in self._review.parity),
            _List("**Not covered**\n", notes, lambda count: f"- and {count:,} more"),
        ]

    def _cut_sentence(self, missing: int) -> str:
        if not missing:
            return f"Some details are omitted to keep to {self._limit:,} characters: {self._elsewhere}.\n\n"
        kinds: dict[str, int] = {}
        for entry in self._entries:
            kinds[entry.resource.identity.kind] = kinds.get(entry.resource.identity.kind, 0) + 1
        ranked = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
        counted = ", ".join(f"{count:,} {code(_cut(kind, 40))}" for kind, count in ranked[:_KINDS_COUNTED])
        others = sum(count for _, count in ranked[_KINDS_COUNTED:])
        counted += f", {others:,} of other kinds" if others else ""
        return (
            f"**{missing:,} of {len(self._entries):,} resources are not named here** because they do not fit. "
            f"All of them by kind: {counted}. For the rest {self._elsewhere}.\n\n"
        )


def _elsewhere(review: Review, link: str) -> str:
    head = "" if not review.head.commit else f" {_cut(review.head.ref, _REF_SHOWN)}"
    command = code(f"harness diff {_cut(review.base.ref, _REF_SHOWN)}{head}")
    # A link that is too long to show whole would lead nowhere.
    whole = f"see [the whole review](<{link}>) or " if link and len(link) <= _LINK_SHOWN else ""
    return f"{whole}run {command}"


def _table(review: Review) -> _List:
    rows = []
    incomplete = {problem.environment for problem in review.problems}
    for environment in review.environments:
        whole = environment.change is not ChangeKind.CHANGED
        unknown = environment.name in incomplete
        if not environment.touched and not whole and not unknown:
            continue
        totals = environment.totals
        counts: list[int] = [totals.added, totals.changed, totals.moved, totals.removed]
        counts += levels(risk for part in environment.applications for risk in part.risks).values()
        name = cell(environment.name) + (f" ({environment.change})" if whole else "")
        name += " (not all of it was built)" if unknown else ""
        rows.append(f"| {name} | {' | '.join(f'{count:,}' if count else '' for count in counts)} |")
    marks = " | ".join(f"{_MARKS[level]} {level}" for level in sorted(Level, reverse=True))
    return _List(
        f"| Environment | Added | Changed | Moved | Removed | {marks} |\n| --- |{' ---: |' * 7}",
        rows,
        lambda count: f"| and {count:,} more | | | | | | | |",
    )


def _applications(review: Review) -> list[str]:
    rows = []
    for environment in review.environments:
        for application in environment.applications:
            moved = application.wave_before != application.wave_after
            if application.change is ChangeKind.CHANGED and not moved:
                continue
            name = code(f"{environment.name}/{application.name}")
            what = "" if application.change is ChangeKind.CHANGED else f" {application.change}"
            rows.append(f"- {name}{what}{f', {wave(application)}' if wave(application) else ''}")
    return rows


def _parity(review: Review, parity: Parity) -> _List:
    rows = []
    for difference in differences(review, parity):
        path = f" {difference.path}" if difference.path else ""
        status = "" if is_comparison(review) else f"{difference.status} "
        row = f"- {status}{code(f'{difference.identity}{path}')}"
        if difference.secret:
            row += ": secrets, not shown"
        elif path:
            left, right = (
                "absent" if value is None else code(_cut(compact(value), _VALUE_SHOWN))
                for value in (difference.left, difference.right)
            )
            row += f": {left} and {right}"
        else:
            row += f": only in {code(parity.left if difference.left is not None else parity.right)}"
        row += f" ({prose(difference.reason)})" if difference.reason else ""
        rows.append(row)
    head = f"**Parity**: {prose(parity.sentence)}."
    if not rows:
        return _List("", [head], lambda count: f"and {count:,} more")
    if is_comparison(review) and len(review.parity) == 1:
        head = ""
    return _List(f"{head}\n", rows, lambda count: f"- and {plural(count, 'difference')} more")


class _Names:
    """The names of the resources without details, grouped to save room."""

    def __init__(self, listed: Sequence[Entry]) -> None:
        keys = []
        environments: dict[tuple[str, str, str, str], dict[str, None]] = {}
        for entry in listed:
            identity = entry.resource.identity
            key = (SIGNS[entry.resource.change], identity.kind, identity.namespace, identity.name)
            environments.setdefault(key, {})[entry.environment] = None
            keys.append(key)
        # The group of a name never depends on what else is listed, so that fewer names are never longer.
        self._groups = [((", ".join(environments[key]), *key[:3]), key[3]) for key in keys]
        # The dangerous first; then by group, so that a list that is cut holds as many names as it can.
        self._order = sorted(
            range(len(listed)), key=lambda index: (-worst(listed[index].resource), self._groups[index])
        )

    def write(self, indices: Iterable[int], room: int) -> tuple[str, int]:
        """The list, and the number of resources that it omits because it is full."""
        wanted = set(indices)
        ordered = [self._groups[index] for index in self._order if index in wanted]
        # The longest start of the list that fits, found by halving: each name more makes it longer.
        fits, too_many = 0, len(ordered) + 1
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            if len(_write_names(ordered[:middle])) <= room:
                fits = middle
            else:
                too_many = middle
        named = set(ordered[:fits])
        return _write_names(ordered[:fits]), sum(item not in named for item in ordered)


def _write_names(ordered: Sequence[tuple[tuple[str, ...], str]]) -> str:
    groups: dict[tuple[str, ...], dict[str, None]] = {}
    for group, name in ordered:
        groups.setdefault(group, {})[name] = None
    if not groups:
        return ""
    rows = []
    for (environments, sign, kind, namespace), names in groups.items():
        place = f" {code(namespace)}" if namespace else ""
        head = f"{code(_cut(environments, _GROUP_SHOWN))} {code(_cut(f'{sign} {kind}', _GROUP_SHOWN))}{place}"
        rows.append(f"- {head}: {code(', '.join(names))}")
    return "\n".join(["**Without details here**\n", *rows, "", ""])


class _Details:
    """The details of as many resources as fit, the riskiest first."""

    def __init__(self, review: Review, listed: Sequence[Entry]) -> None:
        self._review = review
        self._entries = listed
        self._full = [_resource(entry, short=False) for entry in listed]
        # A word on what is cut may be longer than what it stands for.
        self._short = [
            min(_resource(entry, short=True), whole, key=len)
            for entry, whole in zip(listed, self._full, strict=True)
        ]
        # The same in another environment takes one line, and comes right after.
        first: dict[tuple[ChangeKind, str], int] = {}
        for index, entry in enumerate(listed):
            first.setdefault((entry.resource.change, entry.resource.title), index)
        self._order = sorted(
            range(len(listed)),
            key=lambda index: (
                -worst(listed[index].resource),
                first[listed[index].resource.change, listed[index].resource.title],
            ),
        )
        opened = " open" if len(listed) <= _OPEN else ""
        self._heads = {
            environment.name: f"<details{opened}><summary><b>{tag(environment.name)}</b>: {environment.totals}"
            "</summary>\n\n"
            for environment in review.environments
        }
        self._places: dict[tuple[str, str], list[int]] = {}
        for index, entry in enumerate(listed):
            self._places.setdefault((entry.environment, entry.application.name), []).append(index)

    def choose(self, room: int, chosen: dict[int, str]) -> dict[int, str]:
        """The previous choice, by index, and as many more details as fit."""
        details = dict(chosen)
        used = len(self.text(details))
        opened = {place for index in details for place in self._around(index)}
        for pieces in (self._short, self._full):
            for index in self._order:
                old, new = details.get(index, ""), pieces[index]
                if len(old) >= len(new):
                    continue
                around = {place: cost for place, cost in self._around(index).items() if place not in opened}
                cost = len(new) - len(old) + sum(around.values())
                if used + cost <= room:
                    details[index] = new
                    used += cost
                    opened |= set(around)
        return details

    def shortened(self, chosen: dict[int, str]) -> bool:
        """Whether some details are incomplete."""
        return any(piece != self._full[index] for index, piece in chosen.items())

    def text(self, chosen: dict[int, str]) -> str:
        """The chosen details in the review's order."""
        whole = ""
        for environment in self._review.environments:
            inside = ""
            for application in environment.applications:
                indices = [i for i in self._places.get((environment.name, application.name), []) if i in chosen]
                if indices:
                    # What is the same elsewhere is a list, and comes last.
                    indices.sort(key=lambda index: bool(self._entries[index].same_as))
                    inside += _application(application) + "".join(chosen[index] for index in indices) + "\n"
            if inside:
                whole += f"{self._heads[environment.name]}{inside}{_END}"
        return whole

    def _around(self, index: int) -> dict[tuple[str, ...], int]:
        """The markup around a resource's details, and its lengths."""
        entry = self._entries[index]
        return {
            (entry.environment,): len(self._heads[entry.environment]) + len(_END),
            (entry.environment, entry.application.name): len(_application(entry.application)) + 1,
        }


def _application(application: ApplicationReview) -> str:
    facts = [fact for fact in (wave(application), str(application.totals)) if fact]
    if application.change is not ChangeKind.CHANGED:
        facts.insert(0, f"{application.change} as a whole")
    return f"**{code(application.name)}** {', '.join(facts)}\n\n"


def _resource(entry: Entry, *, short: bool) -> str:
    resource = entry.resource
    title = f"{SIGNS[resource.change]} {resource.title}"
    if entry.same_as:
        return f"- {code(title)} as in {code(entry.same_as)}\n"
    marks = "".join(f" {_MARKS[level]} {level}" for level, count in levels(resource.risks).items() if count)
    lines = list(_lines(entry))
    if short:
        left = len(lines) - _SHORT_LINES
        lines = [Line(line.sign, _cut(line.text, _SHORT_WIDTH)) for line in lines[:_SHORT_LINES]]
        lines += [Line("@", f"@@ {plural(left, 'line')} more @@")] if left > 0 else []
    parts = [f"<details><summary>{tag(title)}{marks}</summary>", ""]
    parts += [f"- {_MARKS[risk.level]} {code(risk.rule)} {prose(risk.sentence)}" for risk in resource.risks]
    parts += [""] if resource.risks else []
    parts += [block(lines), ""] if lines else []
    facts = [code(f"{resource.source.file}:{resource.source.line}")] if resource.source else []
    facts += [f"folded: {prose(folded_text(resource.folded))}"] if resource.folded else []
    parts += [", ".join(facts), ""] if facts else []
    return "\n".join([*parts, "</details>", "", ""])


def _lines(entry: Entry) -> Iterable[Line]:
    resource = entry.resource
    if resource.change is ChangeKind.ADDED:
        yield from (Line("+", text) for text in split_lines(resource.after_yaml))
    elif resource.change is ChangeKind.REMOVED:
        yield from (Line("-", text) for text in split_lines(resource.before_yaml))
    for change in resource.fields:
        what = f": {REORDERED}" if change.kind is FieldKind.REORDERED else ""
        yield Line("@", f"@@ {' '.join(split_lines(change.path))}{what} @@")
        yield from field_lines(change)


def _names(names: Iterable[str]) -> str:
    return ", ".join(code(name) for name in names)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
