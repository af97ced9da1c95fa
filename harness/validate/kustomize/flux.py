"""Variables that Flux substitutes when it deploys a resource, where nothing here says what they stand for."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from harness.manifests.applications.flux import GROUP
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource, Environment

_VARIABLE: Final = re.compile(rb"\$\{[A-Za-z_]\w*(?::?[-=][^}]*)?\}")


def unsubstituted(environments: Iterable[Environment], violations: Iterable[Violation]) -> list[BuiltResource]:
    """The resources whose violations may be about a variable; none where Flux deploys nothing."""
    if not any(resource.group == GROUP for environment in environments for resource in environment.resources):
        return []
    refused = {violation.resource.key: violation.resource for violation in violations}
    return [resource for resource in refused.values() if _VARIABLE.search(resource.as_json)]


def not_judged(resources: Sequence[BuiltResource]) -> str:
    more = f" and {len(resources) - 1} more" if len(resources) > 1 else ""
    return f"The fields of {resources[0]}{more} were not judged, because they hold variables that Flux substitutes."
