"""Rules on what holds data: databases, their versions, members, claims and folders."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.applications import flux
from harness.manifests.build import HELM_VALUES
from harness.manifests.images import reference, version
from harness.manifests.quantity import duration, quantity
from harness.manifests.values import dig, mappings, strings
from harness.review.lists import BUILT_IN
from harness.review.risks.context import Change, Judgement, Specification
from harness.review.risks.data import DF102, DF103, DF107, DF109, DF110, DF111
from harness.review.risks.kinds import SIZES, STORAGE, is_store, is_within_storage, kept_by
from harness.review.risks.leaves import Leaf, leaves_of
from harness.review.risks.rule import high
from harness.review.risks.running import DF501, DF502, DF503

DF112: Final = high("DF112", "Persistence is turned off", "Data is lost whenever the pod is recreated.")
DF113: Final = high(
    "DF113", "Partitions are removed", "A topic must be recreated, without its data, to have fewer of them."
)
DF405: Final = high(
    "DF405", "A store's major version changes", "It may not read the data on its volume, and there is no way back."
)

_STORE_IMAGES: Final = re.compile(
    r"(?:^|[/_-])(?:arangodb|cassandra|clickhouse(?:-server)?|cockroach|consul|couchbase|couchdb|dragonfly|elasticsearch|"
    r"etcd|gitea|harbor-db|influxdb|kafka|keydb|loki|mariadb(?:-galera)?|memgraph|milvus|minio|mongo(?:db)?|mssql|mysql|"
    r"nats|neo4j|nexus3?|opensearch|percona-server|pgvector|postgis|postgres(?:ql)?|prometheus|pulsar|qdrant|questdb|"
    r"rabbitmq|redis|redpanda|rethinkdb|scylla|solr|spilo|surrealdb|timescaledb|typesense|valkey|vault|victoria-metrics|"
    r"weaviate|yugabyte|zookeeper)(?:[_-](?:\d+|server|ha|repmgr|cluster|community(?:-server)?|all|pg\d+|db))*$"
)
"""The last part of an image's name that says that it is a store."""
_OLD_SERIES: Final = {"postgres": 10, "mongo": 5, "mysql": 9, "percona": 9, "mariadb": 11, "timescale": 0}
"""Stores whose versions below this one have a second number that stands for another format of data."""
_POSTGRES: Final = re.compile(r"pg(\d+)")
_COUNTED_ELSEWHERE: Final = (("spec", "replicas"), ("spec", "minReplicas"), ("spec", "maxReplicas"))
_IMAGE_NAMES: Final = ("image", "imageName")
_TAG_NAMES: Final = ("tag", "imageTag")
_CLAIM_TYPES: Final = ("persistent-claim", "pvc")
_VERSION_NAMES: Final = re.compile(r"(?i)(?!api|min|schema|ssl|tls)\w*version")

_POLICY: Final = re.compile(
    r"(?i).*(?:deletion|delete|deleting|reclaim|retention|removal|cleanup|teardown|termination|prune|reconcile|finaliz\w*)-?policy"
    r"|whenDeleted|whenScaled|onDelete|on-delete"
)
_KEEPING: Final = re.compile(
    r"(?i)retain.*|keep.*|orphan.*|abandon.*|snapshot.*|preserve.*|detach.*|delete\w+only|none|do-?not-?delete|never"
)
_DELETING: Final = re.compile(r"(?i)delete(?!Only).*|recycle|wipe.*|remove.*|destroy.*|always")
_DANGERS: Final = re.compile(
    r"(?i)deleteClaim|force_?Destroy|skipFinalSnapshot|delete(?:Volumes?|Pvcs?|Data)?On(?:Termination|Delete|Uninstall)"
    r"|deletePvcs?|deletePersistentVolumeClaims?"
)
"""Switches that delete data when they are on."""
_PROTECTIONS: Final = re.compile(
    r"(?i)(?:enable)?(?:deletion|termination|delete)-?Protect(?:ion|ed)(?:Enabled)?|preventDestroy"
    r"|(?:preserve|keep|retain)\w*On\w+"
)
_CONSENT: Final = ("cleanupPolicy", "confirmation")
"""Where Rook is told, in words, that a removal destroys all data."""
_KEPT_FOR: Final = re.compile(
    r"(?i)(?:[\w.-]*[._-])?(?:retain|\w*retention\w*(?:[._]\w+)*|keep_?(?:last|hourly|daily|weekly|monthly|yearly|within))"
)
"""How long or how many copies of data are kept."""
_NAMED_CLAIMS: Final = re.compile(r"(?i)existing(?:Claim|Volume)\w*|\w*claimName|pvcName|volume(?:Handle|Name)")
"""Fields that name the claim or the volume whose data is used."""
_VAGUE_SIZES: Final = ("size", "capacity")
_PARTITIONS: Final = re.compile(r"(?i)(?:num_?|number_?of_?)?partitions?(?:_?count)?|num\w*shards|shardCount")
_CLASSES: Final = re.compile(r"(?i)storage-?class(?:Name)?")
_COUNTS: Final = re.compile(
    r"(?i)instances|\w*replicas|count|members|nodes|shards|replica(?:s?Per\w+|Count)|servers|numberOfInstances|clusterSize"
)
_PERSISTENT: Final = re.compile(
    r"(?i)persistence|persistent|persistentVolume|persistentVolumeClaim|dataPersistence|storage|pvc"
)
_MEMORY_ONLY: Final = ("ephemeral", "emptyDir")
_FOLDERS: Final = re.compile(
    r"PGDATA|MYSQL_DATADIR|.*_?DATA_?(?:DIR|DIRS|PATH|FOLDER|HOME)|.*_LOG_DIRS?|.*_DB_?PATH|PERSISTENCE_LOCATION|path\.data"
)
"""Variables that say where a store keeps its data."""
_FOLDER_FLAGS: Final = re.compile(
    r"--?(?:datadir|data-dir|data-path|dbpath|db-path|storage\.[\w.]*path|D|dir|log\.dirs?)(?:=.*)?"
)


def check(change: Change) -> Iterator[Judgement]:
    if change.before is None or change.after is None or change.replaced:
        return
    leaves = list(leaves_of(change))
    yield from _retention(change, leaves)
    yield from _persistence(change, leaves)
    if change.resource.group not in BUILT_IN or change.kind == HELM_VALUES:
        yield from _custom(change, leaves)
    templates = mappings(dig(change.old, "spec", "volumeClaimTemplates"))
    claims = {str(dig(item, "metadata", "name")) for item in templates}
    for pod in change.pods:
        yield from _pod(pod, claims)


def _retention(change: Change, leaves: list[Leaf]) -> Iterator[Judgement]:
    kept_for = kept_by(change.old)
    if kept_for and not kept_by(change.new) and (path := change.touches("spec", "managementPolicies")):
        yield DF109, f"{change.name} no longer has {kept_for}", path
    for leaf in leaves:
        before, after = (value if isinstance(value, str) else "" for value in (leaf.before, leaf.after))
        kept = _KEEPING.fullmatch(before) and not _KEEPING.fullmatch(after)
        deletes = _DELETING.fullmatch(after) and not _DELETING.fullmatch(before)
        if _POLICY.fullmatch(leaf.name.rpartition("/")[2]) and (kept or deletes):
            if change.resource.group != flux.GROUP:
                yield (
                    DF109,
                    f"{change.name} has {leaf.path} {after or 'not set'}, was {before or 'not set'}",
                    leaf.path,
                )
        elif _DANGERS.fullmatch(leaf.name) and leaf.after is True:
            yield DF109, f"{change.name} has {leaf.path} true: a removal deletes its data", leaf.path
        elif _PROTECTIONS.fullmatch(leaf.name) and leaf.before is True:
            yield DF109, f"{change.name} is no longer protected by {leaf.path}", leaf.path
        elif leaf.names[-2:] == _CONSENT and after:
            yield DF109, f"{change.name} has {leaf.path}: a removal destroys its data", leaf.path


def _persistence(change: Change, leaves: list[Leaf]) -> Iterator[Judgement]:
    for leaf in leaves:
        above = leaf.names[-2] if len(leaf.names) > 1 else ""
        off = leaf.name == "enabled" and _PERSISTENT.fullmatch(above) and str(leaf.after).lower() == "false"
        volatile = leaf.name == "type" and STORAGE.fullmatch(above) and leaf.after in _MEMORY_ONLY
        if off or volatile:
            yield (
                DF112,
                f"{change.name} no longer keeps its data: {leaf.path} is {str(leaf.after).lower()}",
                leaf.path,
            )


def _custom(change: Change, leaves: list[Leaf]) -> Iterator[Judgement]:
    """Members, claims and versions in resources of operators and in values of charts."""
    for leaf in leaves:
        if _is_shorter(leaf):
            said = f"{change.name} keeps less: {leaf.path} {leaf.before} → {leaf.after}"
            yield DF109, said, leaf.path
        elif leaf.before is not None and _NAMED_CLAIMS.fullmatch(leaf.name):
            now = leaf.after or "nothing"
            yield DF110, f"{change.name} uses {now} instead of {leaf.before} ({leaf.path})", leaf.path
        storage = is_within_storage(leaf.names) or _holds_claims(leaf.names)
        old, new = quantity(leaf.before), quantity(leaf.after)
        exact = leaf.name not in _VAGUE_SIZES
        if SIZES.fullmatch(leaf.name) and (storage or exact):
            if old is not None and new is not None and (exact or isinstance(leaf.before, str)):
                rule, word = (DF102, "shrinks") if new < old else (DF111, "grows")
                yield rule, f"A volume of {change.name} {word} from {leaf.before} to {leaf.after}", leaf.path
            elif old is not None and leaf.after is None and exact:
                yield DF110, f"{change.name} no longer has {leaf.path} ({leaf.before})", leaf.path
        elif _PARTITIONS.fullmatch(leaf.name) and old is not None and new is not None and new < old:
            yield DF113, f"{change.name}: {leaf.path} {leaf.before} → {leaf.after}", leaf.path
        elif _CLASSES.fullmatch(leaf.name):
            yield DF103, f"{change.name} changes {leaf.path}, which is immutable for its volumes", leaf.path
        elif _counts(change, leaf):
            yield from _count(change, leaf)
        elif store := _versioned_store(change, leaf):
            series = [_series(value, store) for value in (leaf.before, leaf.after)]
            if leaf.before and leaf.after and series[0] != series[1]:
                yield DF405, f"{change.name}: {leaf.path} {leaf.before} → {leaf.after}", leaf.path
    for field, path in zip(change.fields.changes, change.fields.paths, strict=True):
        names = [step for step in path if isinstance(step, str)]
        if field.after is None and field.before is not None and not field.secret:
            whole = isinstance(field.before, dict | list)
            volume = _holds_claims(tuple(names)) or (
                is_store(change.kind, change.resource.group) and STORAGE.fullmatch(str(path[-1]))
            )
            if whole and volume:
                yield DF110, f"{change.name} no longer has {field.path}", field.path
            elif isinstance(field.before, dict) and not isinstance(path[-1], str) and _claims_in(field.before):
                yield (
                    DF107,
                    f"{change.name} no longer has {field.path}, whose volume claims are orphaned or deleted",
                    field.path,
                )


def _holds_claims(names: tuple[str, ...]) -> bool:
    return any(
        re.fullmatch(r"(?i)\w*volumeClaim\w*|pvcs?|pvcTemplate|persistentVolumeClaim\w*", name) for name in names
    )


def _is_shorter(leaf: Leaf) -> bool:
    """Whether data is kept for less time, or in fewer copies; a negative number is no limit."""
    old, new = duration(leaf.before), duration(leaf.after)
    if old is None or new is None or not _KEPT_FOR.fullmatch(leaf.name):
        return False
    return new >= 0 and (old < 0 or new < old)


def _versioned_store(change: Change, leaf: Leaf) -> str:
    """The store whose version a field is; empty if it is none's."""
    if is_store(change.kind, change.resource.group) and (
        leaf.name in _IMAGE_NAMES or _VERSION_NAMES.fullmatch(leaf.name)
    ):
        return change.kind.lower()
    if leaf.name in _IMAGE_NAMES:
        named = [reference(str(leaf.before)).repository]
    elif leaf.name in _TAG_NAMES:
        named = [*leaf.names[:-1], change.resource.identity.name]
    else:
        return ""
    return next((name.lower() for name in named if _STORE_IMAGES.search(name.lower())), "")


def _claims_in(value: dict[str, Any]) -> bool:
    if value.get("type") in _CLAIM_TYPES:
        return True
    return any(_holds_claims((str(name),)) or re.fullmatch(r"(?i)storage|persistence", str(name)) for name in value)


def _counts(change: Change, leaf: Leaf) -> bool:
    named = _COUNTS.fullmatch(leaf.name) and leaf.names not in _COUNTED_ELSEWHERE
    return bool(named) or (leaf.name == "size" and is_store(change.kind, change.resource.group))


def _count(change: Change, leaf: Leaf) -> Iterator[Judgement]:
    old, new = leaf.before, leaf.after
    if not (isinstance(old, int) and isinstance(new, int)) or isinstance(old, bool) or isinstance(new, bool):
        return
    said = f"{change.name}: {leaf.path} {old} → {new}"
    if new == 0:
        yield DF502, f"{said}: nothing runs", leaf.path
    elif new < old:
        yield DF501, said, leaf.path
    else:
        yield DF503, said, leaf.path


def _pod(pod: Specification, claims: set[str]) -> Iterator[Judgement]:
    """What a store in a pod finds no more, or cannot read."""
    volumes = mappings(pod.before.get("volumes"))
    kept = {
        str(item.get("name"))
        for item in volumes
        if {"persistentVolumeClaim", "hostPath", "ephemeral"} & item.keys()
    }
    persistent = kept | claims
    if not persistent:
        return
    for container in pod.containers():
        if container.before:
            yield from _image(container)
            yield from _mounts(container, persistent)
            yield from _folders(container)


def _image(container: Specification) -> Iterator[Judgement]:
    before, after = (str(spec.get("image") or "") for spec in (container.before, container.after))
    name = reference(before).repository.lower()
    if before == after or not _STORE_IMAGES.search(name):
        return
    if _series(before, name) != _series(after, name):
        said = f"{container.name}: {before} → {after}, over the data of the other version"
        yield DF405, said, container.path("image")


def _series(value: Any, name: str) -> tuple[int, ...]:
    """The numbers of a version that stand for a format of data."""
    text = str(value or "")
    image = reference(text)
    tag = image.tag if image.tag or "/" in text or "@" in text else text
    embedded = _POSTGRES.search(tag)
    if embedded:
        return (int(embedded[1]),)
    numbers = version(tag) or ()
    last = next((limit for store, limit in _OLD_SERIES.items() if store in name), 0)
    return numbers[: 2 if numbers and numbers[0] < last else 1]


def _mounts(container: Specification, persistent: set[str]) -> Iterator[Judgement]:
    old, new = (_mounted(spec) for spec in (container.before, container.after))
    for name in sorted(persistent & old.keys()):
        if old[name] != new.get(name):
            where = ", ".join(sorted(filter(None, new.get(name, {""})))) or "nowhere"
            said = f"{container.name} mounts {name} at {where} instead of {', '.join(sorted(old[name]))}"
            yield DF110, f"{said}: it finds other data or none there", container.path("volumeMounts")


def _mounted(spec: dict[str, Any]) -> dict[str, set[str]]:
    places: dict[str, set[str]] = {}
    for mount in mappings(spec.get("volumeMounts")):
        part = mount.get("subPath") or mount.get("subPathExpr")
        place = f"{mount.get('mountPath')}{f' ({part} of it)' if part else ''}"
        places.setdefault(str(mount.get("name")), set()).add(place)
    return places


def _folders(container: Specification) -> Iterator[Judgement]:
    old, new = (_data_folders(spec) for spec in (container.before, container.after))
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            said = f"{container.name} keeps its data elsewhere: {name} {old.get(name, 'not set')}"
            yield (
                DF110,
                f"{said} → {new.get(name, 'not set')}",
                container.path("env" if name in _variables(container) else "args"),
            )


def _variables(container: Specification) -> set[str]:
    return {
        str(item.get("name")) for spec in (container.before, container.after) for item in mappings(spec.get("env"))
    }


def _data_folders(spec: dict[str, Any]) -> dict[str, str]:
    folders = {
        str(item["name"]): str(item.get("value", "a reference"))
        for item in mappings(spec.get("env"))
        if _FOLDERS.fullmatch(str(item.get("name")))
    }
    arguments = strings(spec.get("command")) + strings(spec.get("args"))
    for index, argument in enumerate(arguments):
        if _FOLDER_FLAGS.fullmatch(argument):
            flag, equals, value = argument.partition("=")
            folders[flag] = value if equals else next(iter(arguments[index + 1 :]), "")
    return folders
