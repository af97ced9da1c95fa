"""Parity: what one environment has and another lacks, and where they differ without need.

What may differ (the design's list: load balancer, StorageClass, registry and images, repository and path, sizes) is
below; anything else that differs needs an exemption, whose reason is then the documentation of the difference.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from harness.render.positions import Step, YamlError, load
from harness.validate.finding import Defect
from harness.validate.model import Environment, Resource
from harness.validate.source import HASH

_MAY_DIFFER: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:.*/)?image",
        r"(?:.*/)?imagePullPolicy",
        r"(?:.*/)?imagePullSecrets(?:/.*)?",
        r"(?:.*/)?storageClassName",
        r"(?:.*/)?resources/(?:requests|limits)/.*",
        r"(?:.*/)?(?:hard|default|defaultRequest|max)/[^/]*(?:cpu|memory|storage|pods)[^/]*",
        r"(?:.*/)?replicas",
        r"(?:.*/)?(?:minAvailable|maxUnavailable)",
        r"(?:.*/)?sizeLimit",
        # Services of type LoadBalancer, and what a cloud's controller wants to know about them
        r"spec/(?:type|loadBalancerClass|loadBalancerSourceRanges|externalTrafficPolicy)(?:/.*)?",
        r"metadata/annotations/service\.beta\.kubernetes\.io.*",
        # where Argo CD pulls from
        r"spec/sources?/(?:.*/)?(?:repoURL|path|targetRevision)",
        r"spec/sourceRepos(?:/.*)?",
        # sizes of Spark's drivers and executors
        r"(?:.*/)?(?:driver|executor)/(?:cores|coreLimit|coreRequest|memory|memoryOverhead|instances)",
        r"(?:.*/)?dynamicAllocation/(?:initial|min|max)Executors",
        r"(?:.*/)?sparkConf/spark\.(?:executor|driver|dynamicAllocation|sql\.shuffle)\..*",
    )
)
_SHOWN: Final = 60


def check(environments: Sequence[Environment]) -> Iterator[tuple[str, Defect]]:
    """Compares environments; yields (environment that is at fault, defect)."""
    if len(environments) < 2:
        return
    tables = [{_identity(resource): resource for resource in environment.resources} for environment in environments]
    for identity in sorted({identity for table in tables for identity in table}):
        there = [
            (environment, table.get(identity)) for environment, table in zip(environments, tables, strict=True)
        ]
        having = [(environment.name, resource) for environment, resource in there if resource is not None]
        lacking = [environment.name for environment, resource in there if resource is None]
        name, resource = having[0]
        if lacking:
            has = " and ".join(name for name, _ in having)
            yield name, Defect("LH601", f"{has} has {resource}, {' and '.join(lacking)} has not.", resource)
        for other, candidate in having[1:]:
            for path, left, right in differences(resource.value, candidate.value):
                message = (
                    f"{candidate} differs in {'/'.join(map(str, path))}: {name} has {left}, {other} has {right}."
                )
                yield other, Defect("LH602", message, candidate, path)


def _identity(resource: Resource) -> tuple[str, str, str, str]:
    return resource.group, resource.kind, resource.namespace, HASH.sub("", resource.name)


def differences(left: Any, right: Any) -> Iterator[tuple[tuple[Step, ...], str, str]]:
    """The fields in which two resources differ and need not, as (path, one value, the other), shortened."""
    lefts, rights = dict(_flat(left, ())), dict(_flat(right, ()))
    for path in sorted(lefts.keys() | rights.keys(), key=str):
        one, other = lefts.get(path, "nothing"), rights.get(path, "nothing")
        if one != other and not any(pattern.fullmatch("/".join(map(str, path))) for pattern in _MAY_DIFFER):
            yield path, _short(one), _short(other)


def _flat(value: Any, path: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            name = item.get("name") if isinstance(item, dict) else None
            yield from _flat(item, (*path, str(name) if name else index))
    elif (
        isinstance(value, str)
        and "\n" in value
        and path[:1] == ("data",)
        and str(path[-1]).endswith((".yaml", ".yml"))
    ):
        # A manifest in a ConfigMap may differ where a manifest may.
        try:
            yield from _flat(load(value), path)
        except YamlError:
            yield path, value
    else:
        yield path, HASH.sub("", str(value))


def _short(value: str) -> str:
    line = " ".join(value.split())
    return repr(line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…") if line != "nothing" else line
