"""The review as one HTML file that needs no network: manifests side by side, a tree, filters."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import count
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.inert import split_lines, visible
from harness.review.model import (
    ApplicationReview,
    ChangeKind,
    EnvironmentReview,
    FieldChange,
    Level,
    ResourceChange,
    Review,
)
from harness.review.output.align import Fold, Row, side_by_side
from harness.review.output.groups import (
    Entry,
    compared,
    entries,
    everywhere,
    folded,
    headline,
    image_groups,
    is_comparison,
    levels,
    problem_groups,
    risk_groups,
    shown,
    wave,
    where,
    worst,
)
from harness.review.output.values import (
    REORDERED,
    SIGNS,
    as_yaml,
    field_lines,
    folded_text,
    plural,
    scalars,
)

_RISKS_SHOWN: Final = 12
"""Risks that are not folded, beside all that are high."""

_LARGEST: Final = 497_000
"""Bytes of a page, which a browser opens at once and a forge shows."""
_NAMES_ROOM: Final = 150_000
_LINK_SIZE: Final = 270
"""Bytes that a card takes in the tree, beside its name."""
_MOST: Final = 100
"""Items of a list that are shown."""
_MOST_LINES: Final = 60
_MOST_NAMED: Final = 8
_MOST_CHARACTERS: Final = 600
_MOST_MISSES: Final = 20
_OPEN: Final = 12
"""Cards are open when there are at most this many."""
_LEVEL_NAMES: Final[Mapping[int, str]] = {0: "none", **{int(level): str(level) for level in Level}}


@dataclass(frozen=True)
class Card:
    """A changed resource on the page.

    Attributes:
        most: Lines and fields that are shown of it; 0 for all.
    """

    id: str
    entry: Entry
    most: int = 0

    @property
    def resource(self) -> ResourceChange:
        return self.entry.resource

    @property
    def level(self) -> int:
        """The highest level of its risks; 0 for none."""
        return worst(self.resource)

    @property
    def whole(self) -> str:
        """The manifest, if only one side has it."""
        if self.resource.change is ChangeKind.ADDED:
            return self.resource.after_yaml
        return self.resource.before_yaml if self.resource.change is ChangeKind.REMOVED else ""

    @cached_property
    def _lines(self) -> list[str]:
        return split_lines(self.whole)

    @cached_property
    def _rows(self) -> list[Row | Fold]:
        """Both sides of its manifest."""
        if self.whole:
            return []
        return side_by_side(split_lines(self.resource.before_yaml), split_lines(self.resource.after_yaml))

    @property
    def lines(self) -> list[str]:
        return [_cut(line) for line in self._lines[: self.most]] if self.most else self._lines

    @property
    def rows(self) -> list[Row | Fold]:
        if not self.most:
            return self._rows
        return [row if isinstance(row, Row) else Fold(row.lines[:1]) for row in self._rows[: self.most]]

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        return self.resource.fields[: self.most or None]

    @property
    def lines_left(self) -> int:
        if not self.most:
            return 0
        folded_lines = sum(len(row.lines) - 1 for row in self._rows[: self.most] if isinstance(row, Fold))
        return folded_lines + max(len(self._lines) + len(self._rows) - self.most, 0)

    @property
    def fields_left(self) -> int:
        return len(self.resource.fields) - len(self.fields)


@dataclass(frozen=True)
class Names:
    """The resources that the page only names.

    Attributes:
        lines: The lines of their manifests.
        rows: What groups them, and their names.
        left: Those that it does not even name.
    """

    count: int
    lines: int
    rows: tuple[tuple[str, str], ...]
    left: int


@dataclass(frozen=True)
class Group:
    id: str
    application: ApplicationReview
    cards: tuple[Card, ...]


def html(review: Review) -> str:
    """The page; everything from the manifests is escaped."""
    environment = Environment(
        loader=PackageLoader("harness.review.output"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters |= {
        "plural": plural,
        "sign": lambda change: SIGNS[change],
        "wave": wave,
        "folded": folded_text,
        "level": lambda level: _LEVEL_NAMES[int(level)],
        "cut": _cut,
        "some": _some,
        "yaml": lambda value: "\n".join(as_yaml(value)),
    }
    environment.globals |= {"scalars": scalars, "field_lines": field_lines, "REORDERED": REORDERED}
    environment.tests["fold"] = lambda row: isinstance(row, Fold)
    style, script = (_source(environment, f"review.{kind}") for kind in ("css", "js"))
    page = environment.get_template("review.html.j2")
    article = environment.get_template("card.html.j2").module.article  # type: ignore[attr-defined]  # a macro
    listed = _listed(review)

    def render(chosen: Mapping[str, str]) -> str:
        sections = _sections(review, {card.id: card for card in listed if card.id in chosen})
        cards = [card for _, groups in sections for group in groups for card in group.cards]
        anchors = {id(card.resource): card.id for card in cards}
        risks = [(group, anchors.get(id(group.resource), "")) for group in risk_groups(review)]
        images, problems = image_groups(review), problem_groups(review)
        high = sum(group.risk.level is Level.HIGH for group, _ in risks)
        return page.render(
            review=review,
            headline=headline(review),
            compared=compared(review),
            comparison=is_comparison(review),
            everywhere=partial(everywhere, review),
            where=where,
            sections=sections,
            cards=cards,
            articles=chosen,
            names=_names([card for card in listed if card.id not in chosen]),
            kinds=sorted({card.resource.identity.kind for card in cards}),
            counted=[
                (part, levels(risk for application in part.applications for risk in application.risks))
                for part in review.environments
            ],
            incomplete={problem.environment for problem in review.problems},
            levels=sorted(Level, reverse=True),
            risks=risks[:_MOST],
            risks_shown=max(_RISKS_SHOWN, high),
            images=images[:_MOST],
            problems=problems[:_MOST],
            notes=sorted(review.notes, key=lambda note: not note.changed)[:_MOST],
            left={
                name: max(len(items) - _MOST, 0)
                for name, items in (
                    ("risks", risks),
                    ("images", images),
                    ("problems", problems),
                    ("notes", review.notes),
                )
            },
            most=_MOST,
            most_differences=_MOST // max(len(review.parity), 1),
            folded_away=folded(review),
            style=Markup(style),  # noqa: S704 - a file of this package
            script=Markup(script),  # noqa: S704 - a file of this package
            style_hash=_hash(style),
            script_hash=_hash(script),
        )

    opened = len(listed) <= _OPEN
    text = render({})
    room = _LARGEST - len(text.encode())
    while room > 0:
        whole, fits = _chosen(listed, room, lambda card: str(article(card, opened)))
        if not fits:
            whole, _ = _chosen(listed, room, lambda card: str(article(replace(card, most=_MOST_LINES), False)))
        text = render({name: Markup(one) for name, one in whole.items()})  # noqa: S704 - the template has escaped it
        excess = len(text.encode()) - _LARGEST
        if excess <= 0:
            break
        room -= max(excess, _LARGEST // 50)
    return text


def _chosen(listed: list[Card], room: int, article: Callable[[Card], str]) -> tuple[dict[str, str], bool]:
    """The articles that fit, of the most dangerous resources first, and whether all do."""
    chosen: dict[str, str] = {}
    misses = 0
    for card in sorted(listed, key=lambda card: (bool(card.entry.same_as), -card.level)):
        text = article(card)
        size = len(text.encode()) + _LINK_SIZE + 2 * len(card.resource.identity.name.encode())
        if size > room:
            misses += 1
            if misses > _MOST_MISSES:
                break
            continue
        room -= size
        chosen[card.id] = text
    return chosen, len(chosen) == len(listed)


def _names(cards: list[Card]) -> Names | None:
    """Names of resources by environment, change, kind and namespace, as many as there is room for."""
    if not cards:
        return None
    groups: dict[str, list[str]] = {}
    room, left = _NAMES_ROOM, 0
    for card in cards:
        identity = card.resource.identity
        place = f" {identity.namespace}" if identity.namespace else ""
        head = f"{card.entry.environment} {SIGNS[card.resource.change]} {identity.kind}{place}"
        room -= len(identity.name.encode()) + 2 + (0 if head in groups else len(head.encode()) + 40)
        if room < 0:
            left += 1
        else:
            groups.setdefault(head, []).append(identity.name)
    lines = sum(len(split_lines(card.resource.after_yaml or card.resource.before_yaml)) for card in cards)
    return Names(len(cards), lines, tuple((head, ", ".join(names)) for head, names in groups.items()), left)


def _listed(review: Review) -> list[Card]:
    return [Card(f"r{number}", entry) for number, entry in enumerate(entries(review), start=1)]


def _sections(review: Review, chosen: Mapping[str, Card]) -> list[tuple[EnvironmentReview, list[Group]]]:
    numbers = count(1)
    sections = []
    for number, environment in enumerate(review.environments, start=1):
        groups = []
        seen = {id(application) for application in shown(environment)}
        for place, application in enumerate(environment.applications, start=1):
            ids = [f"r{next(numbers)}" for _ in application.resources]
            cards = tuple(chosen[name] for name in ids if name in chosen)
            if id(application) in seen and (cards or not application.resources):
                groups.append(Group(f"a{number}-{place}", application, cards))
        sections.append((environment, groups))
    return sections


def _cut(text: str) -> str:
    return (
        text
        if len(text) <= _MOST_CHARACTERS
        else f"{text[:_MOST_CHARACTERS]} … ({len(text) - _MOST_CHARACTERS:,} characters more)"
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return _cut(", ".join(names[:_MOST_NAMED])) + more


def _finalize(value: Any) -> Any:
    """Makes hidden characters visible."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None  # noqa: S101 - as made above
    return environment.loader.get_source(environment, name)[0]


def _hash(text: str) -> str:
    """The hash by which the page's policy allows a style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
