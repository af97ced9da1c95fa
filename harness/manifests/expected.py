"""Expected differences: what differs between environments by nature, each with its reason."""

import re
from typing import Final

MISSING: Final = "LH601"
"""The rule that a resource is in every environment: what exemptions of missing resources name."""
DIFFERENT: Final = "LH602"
"""The rule that environments do not differ otherwise: what exemptions of fields name."""

_SIZES: Final = "Environments have their own sizes."
_LOAD_BALANCERS: Final = "Each cluster has its own load balancers."
_EXPECTED: Final = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"(?:.*/)?image(?:PullPolicy|PullSecrets(?:/.*)?)?", "Each environment has its own registry and tags."),
        (r"(?:.*/)?storageClassName", "Each cluster has its own storage classes."),
        (r"(?:.*/)?resources/(?:requests|limits)(?:/.*)?", _SIZES),
        (r"(?:.*/)?(?:hard|default|defaultRequest|max|min)/[^/]*(?:cpu|memory|storage|pods)[^/]*", _SIZES),
        (r"(?:.*/)?(?:replicas|minReplicas|maxReplicas|minAvailable|maxUnavailable|sizeLimit)", _SIZES),
        (r"(?:.*/)?(?:driver|executor)/(?:cores|coreLimit|coreRequest|memory|memoryOverhead|instances)", _SIZES),
        (r"(?:.*/)?dynamicAllocation/(?:initial|min|max)Executors", _SIZES),
        (r"(?:.*/)?spark\.(?:executor|driver|dynamicAllocation|sql\.shuffle)\..*", _SIZES),
        (
            r"spec/(?:type|loadBalancerClass|loadBalancerSourceRanges|externalTrafficPolicy)(?:/.*)?",
            _LOAD_BALANCERS,
        ),
        (r"metadata/annotations/service\.beta\.kubernetes\.io.*", _LOAD_BALANCERS),
        (
            r"spec/(?:template/spec/)?sources?/(?:.*/)?(?:repoURL|path|targetRevision)",
            "Each environment has its own folder.",
        ),
        (r"spec/(?:path|destination/(?:server|name))", "Each environment has its own folder and cluster."),
        (r"spec/sourceRepos(?:/.*)?", "Each environment has its own repository."),
    )
)


def reason_for(path: str) -> str:
    """Why a field may differ between environments; empty when it may not.

    >>> reason_for("spec/template/spec/containers/web/image")
    'Each environment has its own registry and tags.'

    Args:
        path: The field, with slashes; items of named lists by their name.
    """
    return next((reason for pattern, reason in _EXPECTED if pattern.fullmatch(path)), "")
