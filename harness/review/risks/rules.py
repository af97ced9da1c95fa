"""Every risk rule: its id, how bad it can get, and what it is about. docs/diff.md has the same table."""

from dataclasses import dataclass
from typing import Final

from harness.review.model import Level


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id: `DF` and three digits; the first is the subject.
        level: How bad it can get.
        title: What it is about.
        why: What happens then, in one sentence.
    """

    id: str
    level: Level
    title: str
    why: str


_LOW, _MEDIUM, _HIGH = Level.LOW, Level.MEDIUM, Level.HIGH

_RULES: Final = (
    # 1: data
    Rule("DF101", _HIGH, "Volume claim removed", "The claim goes, and with reclaim policy Delete the data, too."),
    Rule("DF102", _HIGH, "Volume claim shrinks", "Kubernetes refuses a smaller claim; a new one starts empty."),
    Rule("DF103", _HIGH, "Volume claim changes what cannot change", "It must be made anew, without its data."),
    Rule("DF104", _HIGH, "StatefulSet changes what cannot change", "It must be deleted and made anew to apply."),
    Rule("DF105", _HIGH, "Namespace removed", "Everything in it is deleted, volume claims included."),
    Rule(
        "DF106",
        _HIGH,
        "CustomResourceDefinition removed or narrowed",
        "Resources of that kind are deleted or lost.",
    ),
    Rule(
        "DF107",
        _HIGH,
        "Stateful workload or store removed",
        "What it held is no longer served, and may be deleted.",
    ),
    Rule("DF108", _HIGH, "Bucket or database removed", "Its content may be deleted with it."),
    Rule("DF109", _MEDIUM, "Data is kept for less long", "Volumes are deleted where they were retained."),
    Rule("DF110", _HIGH, "A workload's volume is another one", "It starts with other data, or none."),
    Rule("DF111", _LOW, "Volume claim grows", "It cannot be made smaller again."),
    # 2: access
    Rule("DF201", _MEDIUM, "A role allows more", "Every account bound to it can do more."),
    Rule("DF202", _HIGH, "A role allows everything, secrets or escalation", "It comes near cluster-admin."),
    Rule("DF203", _MEDIUM, "A role is given to more accounts", "They can do what the role allows."),
    Rule("DF204", _HIGH, "cluster-admin, or a role for everybody, is given", "A stolen token owns the cluster."),
    Rule("DF205", _MEDIUM, "A workload runs as another account", "It has that account's rights."),
    Rule("DF206", _MEDIUM, "A service account's token is mounted", "Who gets into the pod gets its rights."),
    Rule("DF207", _HIGH, "NetworkPolicy removed", "Without a policy, all traffic is allowed."),
    Rule("DF208", _MEDIUM, "NetworkPolicy lets more through", "More traffic reaches, or leaves, the pods."),
    Rule("DF209", _HIGH, "Pod Security is loosened", "The namespace takes pods that it refused before."),
    Rule(
        "DF210",
        _HIGH,
        "A container gets more of its node",
        "Privileges, host namespaces or host paths lead out of it.",
    ),
    Rule("DF211", _MEDIUM, "A container is less confined", "A break-in can do more."),
    Rule("DF212", _MEDIUM, "A project of Argo CD allows more", "Applications can deploy more, or from elsewhere."),
    Rule("DF213", _MEDIUM, "An admission check is removed or loosened", "What it refused is accepted."),
    Rule("DF214", _LOW, "Rights are taken away", "What relied on them fails."),
    # 3: running
    Rule("DF301", _LOW, "Pods restart", "The pod template changes, so its pods are replaced."),
    Rule(
        "DF302",
        _HIGH,
        "Selector of a workload changes",
        "It cannot change in place: the workload must be made anew.",
    ),
    Rule("DF303", _MEDIUM, "Service selects other pods", "Traffic goes elsewhere, or nowhere."),
    Rule("DF304", _MEDIUM, "Job changes what cannot change", "The sync fails until the old Job is deleted."),
    Rule("DF305", _MEDIUM, "Probe removed", "A broken pod gets traffic, or is never restarted."),
    Rule("DF306", _MEDIUM, "Disruption budget removed or loosened", "A node's drain can take all pods at once."),
    Rule(
        "DF307",
        _LOW,
        "Configuration changes without a restart",
        "Pods that read it at their start keep the old one.",
    ),
    Rule("DF308", _MEDIUM, "Workload removed", "What it did is no longer done."),
    Rule("DF309", _MEDIUM, "Rollout strategy changes", "Pods may be down while they are replaced."),
    Rule(
        "DF310",
        _MEDIUM,
        "A field that cannot change is changed",
        "The API server refuses it until it is made anew.",
    ),
    Rule(
        "DF311",
        _MEDIUM,
        "Resource takes another name or place",
        "The old one is deleted, the new one starts afresh.",
    ),
    Rule(
        "DF312", _MEDIUM, "CronJob runs at other times", "Its work is done more often, less often, or not at all."
    ),
    # 4: images
    Rule("DF401", _LOW, "Image replaced", "Other code runs."),
    Rule("DF402", _MEDIUM, "Image goes back to an older version", "Data written by the newer one may not be read."),
    Rule("DF403", _MEDIUM, "Image is less pinned", "What runs can change without a change here."),
    Rule("DF404", _MEDIUM, "Image comes from another repository", "Somebody else may publish it."),
    # 5: capacity
    Rule("DF501", _MEDIUM, "Fewer replicas", "There is less capacity, and less left when one fails."),
    Rule("DF502", _HIGH, "No replica left", "Nothing runs."),
    Rule("DF503", _LOW, "More replicas", "It needs room in the cluster and in its quota."),
    Rule("DF504", _MEDIUM, "Fewer resources, or no bound", "Pods may be killed, throttled, or starve others."),
    Rule("DF505", _LOW, "More resources", "Pods may find no node, or exceed the quota."),
    Rule("DF506", _MEDIUM, "Quota or limit range changes", "Pods that fitted may be refused."),
    # 6: delivery
    Rule("DF601", _HIGH, "Application removed", "With prune or its finalizer, all that it deployed is deleted."),
    Rule("DF602", _MEDIUM, "Pruning is turned on", "What is in the cluster and not in git is deleted."),
    Rule("DF603", _LOW, "Automated sync changes", "Changes reach the cluster at other times."),
    Rule("DF604", _MEDIUM, "Sync wave or hook changes", "Things are applied in another order."),
    Rule(
        "DF605", _MEDIUM, "Application follows another source", "All of it may change, beyond what is shown here."
    ),
    Rule("DF606", _HIGH, "Application goes to another destination", "It is deployed anew there."),
    Rule("DF607", _HIGH, "A resource changes its Application", "One prunes what the other one applies."),
    Rule("DF608", _LOW, "Protection against pruning or deletion is removed", "A later removal really deletes it."),
    # 7: exposure, 8: secrets
    Rule("DF701", _HIGH, "Service is exposed", "It can be reached from outside of the cluster."),
    Rule("DF702", _HIGH, "More addresses are let in", "The load balancer takes traffic from elsewhere."),
    Rule("DF703", _MEDIUM, "Ingress or route changes", "Other names or paths lead to the workload."),
    Rule("DF704", _MEDIUM, "Service's ports change", "Clients of the old port find nothing."),
    Rule("DF705", _MEDIUM, "Service removed", "Its name no longer resolves."),
    Rule("DF706", _HIGH, "TLS is removed", "Traffic goes in the clear."),
    Rule("DF801", _MEDIUM, "Secret changes", "What uses the key must know the new value."),
    Rule("DF802", _HIGH, "Secret, or a key of it, removed", "Pods that need it do not start."),
    Rule("DF803", _MEDIUM, "Where a secret comes from changes", "Another value, or none, reaches the cluster."),
)

RULES: Final = {rule.id: rule for rule in _RULES}
"""The rules by id."""
