"""Every risk rule, by its id."""

from typing import Final

from harness.review.risks import access, data, delivery, protection, running, stores, syncing
from harness.review.risks.rule import RiskRule

_NAMES: Final = {
    name: rule
    for module in (data, access, running, protection, stores, syncing, delivery)
    for name, rule in vars(module).items()
}

RULES: Final = {name: rule for name, rule in sorted(_NAMES.items()) if isinstance(rule, RiskRule)}
