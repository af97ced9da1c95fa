from collections.abc import Callable, Iterable
from itertools import groupby

from harness.exits import ExitCode
from harness.manifests import catalogue
from harness.pipeline.mock_api.faults import KINDS, SCOPE, Kind, Option
from harness.review.risks.rules import RULES as RISK_RULES
from harness.validate.groups import GROUPS, group_of
from harness.validate.rule import ValidationRule
from harness.validate.rules import RULES as VALIDATION_RULES
from lakehouse.gold import GOLD

Generated = Callable[[str, str, str], None]

VALIDATION_GROUPS = {
    "1": "Building",
    "2": "Schemas",
    "3": "References",
    "4": "Sync waves",
    "5": "Policy",
    "6": "Parity",
    "7": "Resources together",
    "9": "Exemptions",
}
RISK_GROUPS = {
    "1": "Data",
    "2": "Access",
    "3": "Workloads",
    "4": "Images",
    "5": "Capacity",
    "6": "Delivery",
    "7": "Network",
    "8": "Secrets",
}


def grouped(items: Iterable[tuple[str, str]], titles: dict[str, str]) -> str:
    """The (id, line) pairs as lists, a heading above those whose ids have the same first digit."""
    sections = [
        f"### {titles[digit]}\n\n" + "\n".join(line for _, line in group)
        for digit, group in groupby(items, key=lambda item: item[0][2])
    ]
    return "\n" + "\n\n".join(sections) + "\n"


def table(*rows: Iterable[str]) -> str:
    """A Markdown table; the first row is its head."""
    head, *body = [list(row) for row in rows]
    return "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |") for row in (head, ["---"] * len(head), *body))


def test_validation_rules(generated: Generated) -> None:
    def line(rule: ValidationRule) -> str:
        group = group_of(rule)
        about = "; ".join([rule.engine] * (rule.engine != "harness") + ([f"`{group.name}`"] if group else []))
        return f"- **{rule.id}** {rule.title}{f' ({about})' if about else ''}. *{rule.why}*"

    rules = [(rule.id, line(rule)) for rule in VALIDATION_RULES.values()]
    generated("reference/validation-rules.md", "rules", grouped(rules, VALIDATION_GROUPS))


def test_groups_of_validation_rules(generated: Generated) -> None:
    rows = [(f"`{group.name}`", group.why) for group in GROUPS]
    generated("validate.md", "groups", table(("group", "what is true of a repository that asks for it"), *rows))


def test_risk_rules(generated: Generated) -> None:
    rules = [
        (rule.id, f"- **{rule.id}** ({rule.level}) {rule.title}. *{rule.why}*") for rule in RISK_RULES.values()
    ]
    generated("reference/risk-rules.md", "risks", grouped(rules, RISK_GROUPS))


def test_faults_of_the_mock_api(generated: Generated) -> None:
    def line(name: str, kind: Kind) -> str:
        scope = {"path": kind.path} if kind.path != "list" else {}
        scope |= {"times": str(kind.times)} if kind.times else {}
        options = [f"`{key}={option.default}` {_meaning(option)}" for key, option in kind.options.items()]
        options += [f"`{key}={value}`" for key, value in scope.items()]
        return f"- `{name}` ({kind.level}) {kind.meaning}{': ' if options else ''}{'; '.join(options)}"

    generated("reference/faults.md", "faults", "\n".join(line(name, kind) for name, kind in KINDS.items()))


def test_scope_of_faults(generated: Generated) -> None:
    lines = [f"- `{name}`: {_meaning(option)}" for name, option in SCOPE.items()]
    generated("reference/faults.md", "scope", "\n".join(lines))


def _meaning(option: Option) -> str:
    return option.meaning + (f" ({', '.join(option.allowed)})" if option.allowed else "")


def test_secrets(generated: Generated) -> None:
    rows = [
        (
            f"`{secret.place}`",
            ", ".join(f"`{key}`" for key in secret.keys),
            secret.purpose,
            ", ".join(f"`{mirror}`" for mirror in secret.mirrors),
        )
        for secret in catalogue.read().without_components().secrets
    ]
    generated("secrets.md", "secrets", table(("Secret", "keys", "for", "copy"), *rows))


def gold_tables() -> str:
    """The list of the gold tables in the data contract."""
    rows = [
        (f"`{name}`", gold.comment, ", ".join(f"`{column}`" for column in gold.column_names))
        for name, gold in GOLD.items()
    ]
    return table(("table", "contents", "columns"), *rows)


def test_gold_tables(generated: Generated) -> None:
    generated("data-contract.md", "gold", gold_tables())


def test_exit_codes(generated: Generated) -> None:
    rows = [(str(code.value), code.meaning) for code in ExitCode]
    generated("reference/exit-codes.md", "exit-codes", table(("code", "meaning"), *rows))
