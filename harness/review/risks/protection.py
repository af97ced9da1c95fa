"""Rules on what protects data: backups, snapshots, replicas elsewhere and versions of objects."""

import re
from collections.abc import Iterator
from typing import Final

from harness.manifests.images import images_in, reference
from harness.manifests.pods import TEMPLATES
from harness.review.lists import BUILT_IN
from harness.review.pair import ReviewedResource
from harness.review.risks.context import Change, Judgement
from harness.review.risks.kinds import is_store
from harness.review.risks.leaves import Leaf, leaves_of
from harness.review.risks.rule import high, medium

DF114: Final = high(
    "DF114", "What protects data is switched off or removed", "Nothing makes copies of the data any more."
)
DF315: Final = medium("DF315", "A backup's schedule changes", "Copies of the data are made less often or never.")

_PROTECTING: Final = re.compile(
    r"(?i)\w*(?:backup|snapshot|archiv|replicat|restic|velero|versioning|point_?in_?time|pitr|barman|pgbackrest"
    r"|binlog|binary_?log)\w*"
)
"""Names of fields, kinds and groups that are about copies of data."""
_KINDS: Final = re.compile(
    r"(?i)RecurringJob|\w*(?:backup|snapshot|versioning)\w*|ReplicationSource|VolumeReplication\w*"
)
_GROUPS: Final = re.compile(
    r"(?:.*\.)?(?:velero|k8up|kio\.kasten|snapscheduler|volsync|stash|kubestash|trilio\w*)\..+"
)
_SCHEDULE_KINDS: Final = re.compile(r"(?i)\w*(?:schedule|policy|plan|configuration|job|source|location)\w*")
_RESTORES: Final = re.compile(r"(?i)\w*(?:restore|class)")
_WORKLOADS: Final = re.compile(
    r"(?i)(?:.*[^a-z])?(?:backups?|snapshots?|\w*dumps?|restic|velero|borg\w*|kopia|pgbackrest|wal-?g|barman|k8up|duplicity)"
    r"(?:[^a-z].*)?"
)
"""Names of workloads and their images."""
_OFF: Final = re.compile(r"(?i)suspend(?:ed)?|paused?|disabled?|skip")
_ON: Final = re.compile(r"(?i)enabled?|active")
_STATES_OFF: Final = re.compile(r"(?i)suspended|disabled|off|paused|none")
_SCHEDULES: Final = re.compile(r"(?i)\w*(?:schedules?|cron|cronExpression|frequency|interval)")


def protects(resource: ReviewedResource) -> bool:
    """Whether a resource makes copies of data, by its kind, its group or its name."""
    kind, group = resource.kind, resource.group
    if kind in TEMPLATES:
        images = (reference(image).repository.rpartition("/")[2] for image in images_in(resource.value))
        return any(map(_WORKLOADS.fullmatch, (resource.identity.name, *images)))
    if group in BUILT_IN or is_store(kind, group) or _RESTORES.fullmatch(kind):
        return False
    return bool(_KINDS.fullmatch(kind) or (_GROUPS.fullmatch(group) and _SCHEDULE_KINDS.fullmatch(kind)))


def check(change: Change) -> Iterator[Judgement]:
    gone = change.gone
    if gone is not None and protects(gone):
        yield DF114, f"{gone.identity} is deleted, and makes no more copies of data", ""
    if change.before is None or change.after is None or change.replaced:
        return
    whole = protects(change.resource)
    for leaf in leaves_of(change):
        if not (whole or any(map(_PROTECTING.fullmatch, leaf.names))):
            continue
        if _is_switched_off(leaf):
            yield DF114, f"{change.name} has {leaf.path} {_text(leaf.after)}, was {_text(leaf.before)}", leaf.path
        elif (
            change.kind not in TEMPLATES
            and _SCHEDULES.fullmatch(leaf.name)
            and None not in (leaf.before, leaf.after)
        ):
            yield DF315, f"{change.name}: {leaf.path} {leaf.before} → {leaf.after}", leaf.path
    for field, path in zip(change.fields.changes, change.fields.paths, strict=True):
        names = [step for step in path if isinstance(step, str)]
        if field.after is not None or field.before in (None, False) or field.secret or not names:
            continue
        section = isinstance(field.before, dict | list) and any(map(_PROTECTING.fullmatch, names))
        if section or (whole and _SCHEDULES.fullmatch(names[-1])):
            yield DF114, f"{change.name} no longer has {field.path}", field.path


def _is_switched_off(leaf: Leaf) -> bool:
    before, after = str(leaf.before).lower(), str(leaf.after).lower()
    if _OFF.fullmatch(leaf.name):
        return after == "true"
    if leaf.name.lower() in ("status", "mode", "state"):
        return bool(_STATES_OFF.fullmatch(after)) and leaf.before is not None
    switch = _ON.fullmatch(leaf.name) or _PROTECTING.fullmatch(leaf.name)
    return bool(switch) and after == "false" and before != "false"


def _text(value: object) -> str:
    return "not set" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
