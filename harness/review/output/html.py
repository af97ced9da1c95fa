"""The review as one HTML file that needs no network: manifests side by side, a tree, filters."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.inert import split_lines, visible
from harness.review.model import ApplicationReview, ChangeKind, EnvironmentReview, Level, ResourceChange, Review
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

_LEVEL_NAMES: Final[Mapping[int, str]] = {0: "none", **{int(level): str(level) for level in Level}}


@dataclass(frozen=True)
class Card:
    id: str
    entry: Entry

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

    @property
    def lines(self) -> list[str]:
        return split_lines(self.whole)

    @property
    def rows(self) -> list[Row | Fold]:
        """Both sides of its manifest."""
        if self.resource.change in (ChangeKind.ADDED, ChangeKind.REMOVED):
            return []
        return side_by_side(split_lines(self.resource.before_yaml), split_lines(self.resource.after_yaml))


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
        "yaml": lambda value: "\n".join(as_yaml(value)),
    }
    environment.globals |= {"scalars": scalars, "field_lines": field_lines, "REORDERED": REORDERED}
    environment.tests["fold"] = lambda row: isinstance(row, Fold)
    style, script = (_source(environment, f"review.{kind}") for kind in ("css", "js"))
    sections = _sections(review)
    risks = risk_groups(review)
    cards = [card for _, groups in sections for group in groups for card in group.cards]
    return environment.get_template("review.html.j2").render(
        review=review,
        headline=headline(review),
        compared=compared(review),
        comparison=is_comparison(review),
        everywhere=partial(everywhere, review),
        where=where,
        sections=sections,
        cards=cards,
        kinds=sorted({card.resource.identity.kind for card in cards}),
        counted=[
            (part, levels(risk for application in part.applications for risk in application.risks))
            for part in review.environments
        ],
        incomplete={problem.environment for problem in review.problems},
        levels=sorted(Level, reverse=True),
        risks=[(group, _anchor(cards, group.resource)) for group in risks],
        risks_shown=max(_RISKS_SHOWN, sum(group.risk.level is Level.HIGH for group in risks)),
        images=image_groups(review),
        folded_away=folded(review),
        style=Markup(style),  # noqa: S704 - a file of this package
        script=Markup(script),  # noqa: S704 - a file of this package
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _sections(review: Review) -> list[tuple[EnvironmentReview, list[Group]]]:
    listed = iter(enumerate(entries(review), start=1))
    sections = []
    for number, environment in enumerate(review.environments, start=1):
        groups = []
        for place, application in enumerate(environment.applications, start=1):
            cards = tuple(
                Card(f"r{index}", entry) for _, (index, entry) in zip(application.resources, listed, strict=False)
            )
            groups.append(Group(f"a{number}-{place}", application, cards))
        seen = {id(application) for application in shown(environment)}
        sections.append((environment, [group for group in groups if id(group.application) in seen]))
    return sections


def _anchor(cards: list[Card], resource: ResourceChange) -> str:
    return next(card.id for card in cards if card.resource is resource)


def _finalize(value: Any) -> Any:
    """Makes hidden characters visible."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None  # noqa: S101 - as made above
    return environment.loader.get_source(environment, name)[0]


def _hash(text: str) -> str:
    """The hash by which the page's policy allows a style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
