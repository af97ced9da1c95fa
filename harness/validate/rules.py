"""Every rule: its id, what it demands, and why."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id: `LH` and three digits.
        title: What it demands.
        why: One sentence on what goes wrong otherwise.
        engine: The program that judges it, when that is not this package.
        check: That program's own name of it.
    """

    id: str
    title: str
    why: str
    engine: str = "harness"
    check: str = ""


_RULES: Final = (
    # Building
    Rule("LH101", "A kustomization builds", "Argo CD builds it the same way, and would stop syncing."),
    Rule("LH102", "Kustomizations do not include each other", "A cycle can never be built."),
    Rule("LH103", "Every file that is named exists", "One missing file stops the whole Application."),
    Rule("LH104", "Every manifest is YAML", "One broken file stops the whole Application."),
    Rule("LH105", "Every manifest is UTF-8", "The API server takes nothing else."),
    Rule("LH106", "No file is too large for a manifest", "etcd refuses objects of more than 1.5 MB."),
    Rule("LH107", "Upstream bases are pinned to a release tag", "A branch changes under a running platform."),
    Rule(
        "LH108",
        "A resource has one owner",
        "Two Applications with one resource undo each other's changes for ever.",
    ),
    Rule("LH109", "Every manifest is used", "A file that nothing includes looks deployed and is not."),
    # Schemas
    Rule("LH201", "A resource matches its schema", "The API server refuses it, or drops the field.", "kubeconform"),
    Rule("LH202", "A resource's kind is known", "Without its CRD it cannot be applied.", "kubeconform"),
    # References
    Rule("LH301", "A ConfigMap that is used exists", "The pod waits for it for ever."),
    Rule("LH302", "A key that is used exists in its ConfigMap or Secret", "The container does not start."),
    Rule("LH303", "A Secret that is used is made by something", "The pod waits for it for ever."),
    Rule("LH304", "A ServiceAccount that is used exists", "No pod is created."),
    Rule("LH305", "A PersistentVolumeClaim that is used exists", "The pod stays pending."),
    Rule("LH306", "A Service that is named exists", "The name does not resolve."),
    Rule("LH307", "A port that is used is offered", "The connection is refused."),
    Rule("LH308", "A Role that is bound exists", "The binding grants nothing, without a word."),
    Rule("LH309", "A selector selects something", "The rule or budget that it belongs to protects nothing."),
    Rule(
        "LH310",
        "An image is in its environment's list of images",
        "What is not there cannot be overridden or preloaded.",
    ),
    Rule("LH311", "A query's metrics are known", "The panel stays empty, and the alert never fires."),
    Rule("LH312", "An Application's path exists", "Argo CD has nothing to sync."),
    Rule("LH313", "A StorageClass exists in its environment", "The claim stays pending."),
    Rule("LH314", "A PriorityClass that is used exists", "No pod is created."),
    Rule("LH315", "A volume that is mounted is declared", "The API server refuses the pod."),
    # Wave order
    Rule(
        "LH401", "Nothing needs a later wave to become healthy", "The sync waits for ever for what it holds back."
    ),
    Rule(
        "LH402",
        "What names a Service of a later wave says why that is no need",
        "Else the next reader has to find out.",
    ),
    Rule("LH403", "Argo CD judges the health of Applications", "Without it, waves across Applications do nothing."),
    Rule("LH404", "Everything is synced by an Application", "What none syncs is deployed by hand, or never."),
    # Policy
    Rule("LH501", "Nothing is bound to cluster-admin", "One hijacked pod would own the cluster."),
    Rule(
        "LH502", "Roles name their groups, resources and verbs", "A wildcard also grants what comes to exist later."
    ),
    Rule("LH503", "No role is bound to a default ServiceAccount", "Every pod that names no account would have it."),
    Rule("LH504", "Secrets hold no values in git", "Whoever can read the repository could log in."),
    Rule("LH505", "No file holds a credential", "Git keeps it for ever.", "gitleaks"),
    Rule("LH506", "Roles do not list or watch Secrets", "Listing returns every value in the namespace."),
    Rule("LH507", "A namespace denies traffic by default", "What no policy selects may talk to everything."),
    Rule("LH508", "A namespace enforces the restricted Pod Security level", "A privileged pod would be admitted."),
    Rule("LH509", "Long-running containers have a probe", "A process that hangs is never started again."),
    Rule(
        "LH511",
        "A pod meets the restricted Pod Security Standard",
        "Admission refuses it, and a container can gain rights.",
        "podsecurity",
        "restricted",
    ),
    Rule("LH521", "Requests and limits are set", "One pod can starve a node.", "kube-score", "container-resources"),
    Rule(
        "LH522",
        "Images have a fixed tag",
        "`latest` is another image tomorrow.",
        "kube-score",
        "container-image-tag",
    ),
    Rule(
        "LH523",
        "Pods behind a Service have safe probes",
        "A hung pod keeps its traffic.",
        "kube-score",
        "pod-probes",
    ),
    Rule(
        "LH524",
        "Root file systems are read-only",
        "An attacker could leave a program behind.",
        "kube-score",
        "container-security-context-readonlyrootfilesystem",
    ),
    Rule(
        "LH525",
        "Environment variables are set once",
        "The last one wins, and the reader believes the first.",
        "kube-score",
        "environment-variable-key-duplication",
    ),
    Rule(
        "LH526",
        "A Service selects pods",
        "Its name resolves, and nothing answers.",
        "kube-score",
        "service-targets-pod",
    ),
    Rule(
        "LH527", "A NetworkPolicy selects pods", "It protects nothing.", "kube-score", "networkpolicy-targets-pod"
    ),
    Rule(
        "LH529",
        "A StatefulSet has its headless Service",
        "Its pods get no names.",
        "kube-score",
        "statefulset-has-servicename",
    ),
    Rule(
        "LH530",
        "More than one replica has a disruption budget",
        "A node's drain stops all of them at once.",
        "kube-score",
        "deployment-has-poddisruptionbudget",
    ),
    Rule(
        "LH531",
        "A StatefulSet of more than one replica has a disruption budget",
        "A node's drain stops all of them at once.",
        "kube-score",
        "statefulset-has-poddisruptionbudget",
    ),
    Rule(
        "LH532",
        "A disruption budget has a limit",
        "Without one it protects nothing.",
        "kube-score",
        "poddisruptionbudget-has-policy",
    ),
    Rule("LH534", "Label values are valid", "The API server refuses the resource.", "kube-score", "label-values"),
    Rule(
        "LH535",
        "A CronJob has a deadline",
        "After a hundred missed starts it never starts again.",
        "kube-score",
        "cronjob-has-deadline",
    ),
    Rule(
        "LH536",
        "A CronJob's pods may restart in a valid way",
        "The API server refuses it.",
        "kube-score",
        "cronjob-restartpolicy",
    ),
    Rule("LH537", "A Service opens no node port", "It bypasses the load balancer.", "kube-score", "service-type"),
    Rule(
        "LH538",
        "A Deployment selects its own pods",
        "The API server refuses it.",
        "kube-score",
        "deployment-pod-selector-labels-match-template-metadata-labels",
    ),
    Rule(
        "LH539",
        "A StatefulSet selects its own pods",
        "The API server refuses it.",
        "kube-score",
        "statefulset-pod-selector-labels-match-template-metadata-labels",
    ),
    Rule(
        "LH540",
        "An autoscaler has a target",
        "It scales nothing.",
        "kube-score",
        "horizontalpodautoscaler-has-target",
    ),
    Rule("LH541", "An Ingress has a Service", "It answers 503.", "kube-score", "ingress-targets-service"),
    # Parity
    Rule("LH601", "A resource is in every environment", "What only one has was tested in one only."),
    Rule("LH602", "Environments differ only in what has to differ", "A drifted setting shows first in production."),
    Rule("LH603", "A reference environment is declared", "Without one, nobody knows which of two is at fault."),
    # Exemptions
    Rule("LH901", "Every exemption is used", "An exemption that outlives its reason hides the next defect."),
    Rule("LH902", "An exemption names a rule and gives a reason", "Without a reason nobody can judge it."),
)

RULES: Final[dict[str, Rule]] = {rule.id: rule for rule in _RULES}
"""The rules by id."""

KUBE_SCORE: Final[dict[str, Rule]] = {rule.check: rule for rule in _RULES if rule.engine == "kube-score"}
"""The rules that kube-score judges, by its names."""
