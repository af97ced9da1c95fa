"""Reviews written by hand: small ones for whole comments, a big one, and one that means harm."""

import secrets
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from harness.manifests.resource import Identity
from harness.review.model import (
    ApplicationReview,
    BuildProblem,
    ChangeKind,
    Difference,
    EnvironmentReview,
    FieldChange,
    FieldKind,
    ImageChange,
    Level,
    Note,
    Parity,
    ResourceChange,
    Review,
    Revision,
    Risk,
    SideName,
    SourceLocation,
)
from harness.review.model import (
    DifferenceStatus as Status,
)

BASE = Revision("main", "0123456789abcdef0123456789abcdef01234567")
HEAD = Revision("faster", "89abcdef0123456789abcdef0123456789abcdef")
WORKING_TREE = Revision("working tree")

SCHEDULER = Identity("apps/v1", "Deployment", "orchestrator", "scheduler")
POSTGRES = Identity("apps/v1", "StatefulSet", "database", "postgres")
CLAIM = Identity("v1", "PersistentVolumeClaim", "deepstorage", "minio-data")
DASHBOARD = Identity("v1", "ConfigMap", "monitoring", "dashboards")

SCHEDULER_YAML = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: scheduler
  namespace: orchestrator
  labels:
    app.kubernetes.io/name: airflow
    app.kubernetes.io/component: scheduler
spec:
  replicas: 1
  selector:
    matchLabels:
      app.kubernetes.io/component: scheduler
  template:
    metadata:
      labels:
        app.kubernetes.io/component: scheduler
    spec:
      serviceAccountName: scheduler
      securityContext:
        runAsNonRoot: true
        runAsUser: 50000
      containers:
      - name: scheduler
        image: airflow:2.10.5
        args:
        - scheduler
        ports:
        - name: health
          containerPort: 8974
        resources:
          requests:
            cpu: 250m
            memory: 1Gi
          limits:
            memory: 2Gi
"""
CLAIM_YAML = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: minio-data
  namespace: deepstorage
spec:
  accessModes:
  - ReadWriteOnce
  resources:
    requests:
      storage: 20Gi
"""
CONTAINER = "spec.template.spec.containers[name=scheduler]"


def scheduler(memory: str = "3Gi") -> ResourceChange:
    """Another image, more memory, and a variable more."""
    after = SCHEDULER_YAML.replace("airflow:2.10.5", "airflow:2.11.2").replace("memory: 2Gi", f"memory: {memory}")
    after = after.replace(
        "        ports:\n", "        env:\n        - name: TZ\n          value: UTC\n        ports:\n"
    )
    return ResourceChange(
        ChangeKind.CHANGED,
        SCHEDULER,
        SCHEDULER,
        fields=(
            FieldChange(f"{CONTAINER}.image", FieldKind.SET, "airflow:2.10.5", "airflow:2.11.2"),
            FieldChange(f"{CONTAINER}.env[name=TZ]", FieldKind.ADDED, None, {"name": "TZ", "value": "UTC"}),
            FieldChange(f"{CONTAINER}.resources.limits.memory", FieldKind.SET, "2Gi", memory),
        ),
        folded={"managed label": 2, "checksum": 1},
        risks=(
            Risk(
                "DF401",
                Level.MEDIUM,
                "Deployment orchestrator/scheduler runs airflow:2.11.2.",
                f"{CONTAINER}.image",
            ),
            Risk("DF301", Level.LOW, "The pods of Deployment orchestrator/scheduler are replaced."),
        ),
        before_yaml=SCHEDULER_YAML,
        after_yaml=after,
        source=SourceLocation("base/orchestrator/scheduler.yaml", 31),
    )


def claim_removed() -> ResourceChange:
    return ResourceChange(
        ChangeKind.REMOVED,
        CLAIM,
        None,
        risks=(
            Risk(
                "DF101",
                Level.HIGH,
                "PersistentVolumeClaim deepstorage/minio-data is removed, and the data on it with it.",
            ),
        ),
        before_yaml=CLAIM_YAML,
        source=SourceLocation("base/deepstorage/claim.yaml", 1, SideName.BASE),
    )


def secret_changed() -> ResourceChange:
    identity = Identity("v1", "Secret", "database", "postgres-secrets")
    yaml = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: postgres-secrets\ndata:\n  password: <redacted>\n"
    return ResourceChange(
        ChangeKind.CHANGED,
        identity,
        identity,
        fields=(
            FieldChange("data.password", FieldKind.SET, secret=True),
            FieldChange("data.replication", FieldKind.ADDED, secret=True),
            FieldChange("data.old", FieldKind.REMOVED, secret=True),
        ),
        risks=(Risk("DF801", Level.MEDIUM, "The keys password, replication and old of Secret change."),),
        before_yaml=yaml,
        after_yaml=yaml.replace("<redacted>", "<redacted, changed>"),
    )


def images() -> tuple[ImageChange, ...]:
    return (ImageChange("airflow:2.10.5", "airflow:2.11.2", (SCHEDULER,), "upgrade"),)


def upgrade() -> Review:
    """One change that two environments share, and a setting that only one has."""
    minikube = ApplicationReview(
        "orchestrator",
        "overlays/minikube/orchestrator",
        ChangeKind.CHANGED,
        (scheduler(),),
        3,
        3,
        {"checksum": 2},
        40,
    )
    eks = ApplicationReview(
        "orchestrator",
        "overlays/eks/orchestrator",
        ChangeKind.CHANGED,
        (scheduler(), namespace_added("sandbox")),
        3,
        3,
        {},
        39,
    )
    return Review(
        BASE,
        HEAD,
        (
            EnvironmentReview("eks", (eks,), images(), unchanged=9),
            EnvironmentReview("minikube", (minikube,), images(), unchanged=9),
            EnvironmentReview("staging", unchanged=9),
        ),
        repository="lakehouse",
        files_changed=2,
    )


def namespace_added(name: str) -> ResourceChange:
    return ResourceChange(
        ChangeKind.ADDED,
        None,
        Identity("v1", "Namespace", "", name),
        after_yaml=f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n",
        source=SourceLocation("overlays/eks/orchestrator/namespace.yaml", 1),
    )


def loss() -> Review:
    """Data would be lost, a secret changes, and an Application goes."""
    storage = ApplicationReview(
        "deepstorage", "overlays/eks/deepstorage", ChangeKind.REMOVED, (claim_removed(),), 6, None
    )
    database = ApplicationReview("database", "overlays/eks/database", ChangeKind.CHANGED, (secret_changed(),), 2, 1)
    return Review(
        BASE, WORKING_TREE, (EnvironmentReview("eks", (storage, database)), EnvironmentReview("minikube"))
    )


def moved() -> Review:
    """Everything that can move: name, API version, Application, order of a list; and a text of several lines."""
    before = Identity("batch/v1beta1", "CronJob", "misc", "vacuum")
    after = Identity("batch/v1", "CronJob", "misc", "vacuum")
    cron = ResourceChange(
        ChangeKind.MOVED,
        before,
        after,
        moved_from="monitoring",
        fields=(
            FieldChange(
                "spec.jobTemplate.spec.template.spec.tolerations",
                FieldKind.REORDERED,
                [{"key": "a"}, {"key": "b"}],
                [{"key": "b"}, {"key": "a"}],
            ),
        ),
        before_yaml="apiVersion: batch/v1beta1\nkind: CronJob\n",
        after_yaml="apiVersion: batch/v1\nkind: CronJob\n",
    )
    script = FieldChange(
        'data["run.sh"]',
        FieldKind.SET,
        "set -e\nexec old\n",
        "set -e\nexec new\n",
        lines=("@@ -1,2 +1,2 @@", " set -e", "-exec old", "+exec new"),
    )
    config = ResourceChange(
        ChangeKind.MOVED,
        DASHBOARD,
        Identity("v1", "ConfigMap", "monitoring", "boards"),
        fields=(script,),
        folded={"generated name": 1},
    )
    replicas = ResourceChange(
        ChangeKind.CHANGED,
        POSTGRES,
        POSTGRES,
        fields=(
            FieldChange("spec.replicas", FieldKind.SET, 3, "3"),
            FieldChange("spec.paused", FieldKind.SET, True, None),
            FieldChange('metadata.annotations["a.example/empty"]', FieldKind.REMOVED, ""),
        ),
    )
    return Review(
        BASE,
        HEAD,
        (
            EnvironmentReview(
                "eks",
                (
                    ApplicationReview("misc", "overlays/eks/misc", ChangeKind.CHANGED, (cron,), 5, 5),
                    ApplicationReview(
                        "boards", "overlays/eks/boards", ChangeKind.ADDED, (config, replicas), None, 7
                    ),
                ),
            ),
        ),
    )


def broken() -> Review:
    """One side does not build, something is not covered, and the environments drift apart."""
    drift = Difference(SCHEDULER, "spec.replicas", 1, 2, status=Status.NEW)
    declared = Difference(POSTGRES, "spec.storageClassName", "standard", "gp2", "every cloud has its own")
    ended = Difference(POSTGRES, "spec.replicas", 2, 1, status=Status.GONE)
    secret = Difference(Identity("v1", "Secret", "a", "b"), "data.key", secret=True, status=Status.CHANGED)
    return Review(
        BASE,
        HEAD,
        (
            EnvironmentReview("eks", unchanged=10),
            EnvironmentReview(
                "minikube",
                (
                    ApplicationReview(
                        "orchestrator", "overlays/minikube/orchestrator", ChangeKind.CHANGED, (scheduler("4Gi"),)
                    ),
                ),
                images(),
            ),
        ),
        problems=(
            BuildProblem(
                SideName.HEAD,
                "eks",
                "monitoring",
                "grafana.yaml does not exist, but it is referenced here.",
                "base/monitoring/kustomization.yaml",
                7,
            ),
        ),
        notes=(
            Note("eks", "ingress", "It is a Helm chart, which is not rendered."),
            Note("eks", "other", "It is in another repository.", changed=True),
        ),
        parity=(Parity("minikube", "eks", (drift, secret, ended, declared), 1, 2),),
    )


def environments() -> Review:
    """No change: two environments beside each other."""
    lone = Difference(CLAIM, "", None, "has it")
    replicas = Difference(SCHEDULER, "spec.replicas", 1, 2, "Sizes differ.")
    secret = Difference(Identity("v1", "Secret", "a", "b"), "data.key", secret=True)
    several = Difference(SCHEDULER, f"{CONTAINER}.args", ["a", "b"], ["a"])
    return Review(
        WORKING_TREE,
        WORKING_TREE,
        (EnvironmentReview("eks"), EnvironmentReview("minikube")),
        parity=(Parity("minikube", "eks", (lone, secret, several, replicas), None, 3),),
    )


def nothing() -> Review:
    """No change that means anything."""
    folded_only = ApplicationReview("a", "a", ChangeKind.CHANGED, (), folded={"generated name": 3}, unchanged=4)
    return Review(BASE, HEAD, (EnvironmentReview("eks", (folded_only,)), EnvironmentReview("minikube")))


def hostile() -> Review:
    """Names, sentences and values that try to leave their place, call people and hide what they are."""
    attack = "```\n</details><script>alert(1)</script><img src=x onerror=alert(2)>\n/close\n@everyone #1 "
    attack += "<!-- harness diff -->"
    identity = Identity("v1", "ConfigMap", "a|b", "`x` | <b>@admin</b>")
    resource = ResourceChange(
        ChangeKind.CHANGED,
        identity,
        identity,
        fields=(
            FieldChange('data["`````"]', FieldKind.SET, attack, attack + "`````\r\n\x1b[2J\u202egnp.exe"),
            FieldChange("data.text", FieldKind.SET, "a", "b", lines=("@@ -1 +1 @@", "````", "-```", "+~~~ @team")),
        ),
        risks=(Risk("DF401", Level.HIGH, f"Runs {attack}", "data"),),
        before_yaml=attack,
        after_yaml=attack + "\n`````\x1b[2J\u202egnp.exe</pre></td>",
        source=SourceLocation("a`b/@owner.yaml", 1),
    )
    name = "eks @ops | <i>"
    application = ApplicationReview("app`<u>", "p", ChangeKind.CHANGED, (resource,))
    image = ImageChange("a|b`c:@d", "<img>", (identity,), "@note")
    return Review(
        Revision("main`@x"),
        Revision("</code><script>alert(3)</script>"),
        (EnvironmentReview(name, (application,), (image,)),),
        problems=(BuildProblem(SideName.HEAD, name, "@app", attack, "f`|ile", 3),),
        notes=(Note(name, "@app", attack, changed=True),),
        parity=(Parity(name, "<b>", (Difference(identity, "`p|", attack, None, status=Status.NEW),), 0, 1),),
        repository="<script>alert(4)</script>",
    )


def big(applications: int = 25, resources: int = 20, lines: int = 40) -> Review:
    """Many resources; each tenth is a risk. The first ones are the same in both environments."""

    def change(number: int, environment: str) -> ResourceChange:
        kind = ("ConfigMap", "Deployment", "Service", "Role")[number % 4]
        identity = Identity("v1", kind, f"team-{number % 7}", f"service-{number:04}")
        body = "".join(f"  key-{line}: value {line} of {number}\n" for line in range(lines))
        head = f"apiVersion: v1\nkind: {kind}\nmetadata:\n  name: service-{number:04}\ndata:\n"
        new = "new" if number % 3 else f"new in {environment}"
        risks = (Risk("DF301", Level(number // 10 % 3 + 1), f"{identity} restarts."),) if number % 10 == 0 else ()
        if number % 5 == 0:
            return ResourceChange(ChangeKind.ADDED, None, identity, risks=risks, after_yaml=head + body)
        after = body.replace(f"value 7 of {number}", new)
        return ResourceChange(
            ChangeKind.CHANGED,
            identity,
            identity,
            fields=(FieldChange("data.key-7", FieldKind.SET, f"value 7 of {number}", new),),
            risks=risks,
            before_yaml=head + body,
            after_yaml=head + after,
        )

    def environment(name: str) -> EnvironmentReview:
        return EnvironmentReview(
            name,
            tuple(
                ApplicationReview(
                    f"app-{number}",
                    f"overlays/{name}/app-{number}",
                    ChangeKind.CHANGED,
                    tuple(change(number * resources + index, name) for index in range(resources)),
                    number % 8,
                    number % 8,
                )
                for number in range(applications)
            ),
        )

    return Review(BASE, HEAD, (environment("eks"), environment("minikube")), repository="many-teams")


SAMPLES: dict[str, Callable[[], Review]] = {
    "upgrade": upgrade,
    "loss": loss,
    "moved": moved,
    "broken": broken,
    "environments": environments,
    "nothing": nothing,
    "hostile": hostile,
    "big": big,
}


@pytest.fixture(params=sorted(SAMPLES))
def sample(request: pytest.FixtureRequest) -> Review:
    """Each of the reviews in turn; of the big one a part."""
    return big(applications=3) if request.param == "big" else SAMPLES[request.param]()


@pytest.fixture
def review() -> Callable[..., Review]:
    """A review by its name."""
    return lambda name, **arguments: SAMPLES[name](**arguments)


@pytest.fixture
def canary() -> tuple[str, Review]:
    """A secret value, made now, and a review whose every secret place holds it although it should not."""
    value = secrets.token_hex(16)
    leaking: dict[str, Any] = {"before": value, "after": {"a": [value]}, "secret": True}
    identity = Identity("v1", "Secret", "a", "b")
    resource = ResourceChange(
        ChangeKind.CHANGED,
        identity,
        identity,
        fields=tuple(FieldChange(f"data.{kind}", kind, **leaking, lines=(f"+{value}",)) for kind in FieldKind),
        before_yaml="data: <redacted>\n",
        after_yaml="data: <redacted, changed>\n",
    )
    application = ApplicationReview("a", "a", ChangeKind.CHANGED, (resource,))
    parity = Parity(
        "eks", "x", (Difference(identity, "data.a", value, value, secret=True, status=Status.NEW),), 0, 1
    )
    return value, Review(BASE, HEAD, (EnvironmentReview("eks", (application,)),), parity=(parity,))


TEXTS = (
    "1",
    "true",
    "nginx:1.2",
    "a b",
    "",
    "x" * 300,
    "`",
    "```",
    "````\n```",
    "|",
    "</details>",
    "<b>",
    "@team",
    "é\r\n",
)
VALUES: tuple[Any, ...] = (*TEXTS, 1, 1.5, True, None, [], {}, ["a", 1], {"a": {"b": ["c"]}}, "\x1b[0m\u202e\udc80")


def random_review(seed: int) -> Review:
    """Any review: from nothing to more than a comment takes; each name occurs nowhere else in the text."""
    random = Random(seed)
    size = random.choice((0, 1, 3, 10, 40))
    counter = iter(range(1_000_000))

    def text() -> str:
        return random.choice(TEXTS) * random.choice((1, 1, 1, 30))

    def identity() -> Identity:
        kind = random.choice(("ConfigMap", "Deployment", "Role", "X" * random.choice((5, 70))))
        return Identity("v1", kind, random.choice(("", "web", "data")), f"name{next(counter):06}x")

    def field() -> FieldChange:
        kind = random.choice(list(FieldKind))
        before, after = random.choice(VALUES), random.choice(VALUES)
        lines = tuple(random.choice("+- @") + text() for _ in range(random.choice((0, 0, 3))))
        return FieldChange(f"spec.{text()}", kind, before, after, random.random() < 0.2, lines)

    def resource() -> ResourceChange:
        change = random.choice(list(ChangeKind))
        one = identity()
        before = None if change is ChangeKind.ADDED else one
        after = None if change is ChangeKind.REMOVED else one
        whole = change in (ChangeKind.ADDED, ChangeKind.REMOVED)
        return ResourceChange(
            change,
            before,
            after,
            () if whole else tuple(field() for _ in range(random.randrange(4))),
            {"managed label": 1} if random.random() < 0.3 else {},
            tuple(
                Risk(text(), random.choice(list(Level)), text(), text()) for _ in range(random.choice((0, 0, 1, 3)))
            ),
            "" if before is None else f"a: {text()}\n" * random.randrange(40),
            "" if after is None else f"a: {text()}\n" * random.randrange(40),
            random.choice((None, SourceLocation("base/a.yaml", 3), SourceLocation("b.yaml", 1, SideName.BASE))),
            random.choice(("", "", "other")),
        )

    shared = [resource() for _ in range(random.randrange(size + 1))]

    def application(number: int) -> ApplicationReview:
        change = random.choice((ChangeKind.CHANGED, ChangeKind.CHANGED, ChangeKind.ADDED, ChangeKind.REMOVED))
        own = [resource() for _ in range(random.randrange(size + 1))]
        waves = (random.choice((None, 1, 2)), random.choice((None, 1, 2)))
        return ApplicationReview(f"app{number}", f"apps/{number}", change, (*shared, *own), *waves, {"checksum": 1})

    def environment(number: int) -> EnvironmentReview:
        return EnvironmentReview(
            f"env{number}-{'é' * random.choice((1, 200))}",
            tuple(application(index) for index in range(random.choice((0, 1, 2)))),
            tuple(ImageChange(text(), text(), (identity(),), text()) for _ in range(random.choice((0, 1, 30)))),
        )

    environments = tuple(environment(number) for number in range(random.choice((1, 2, 3, 20 if size < 10 else 3))))
    some = range(random.choice((0, 0, 1, 20)))
    difference = Difference(identity(), text(), random.choice(VALUES), random.choice(VALUES), text(), Status.NEW)
    return Review(
        Revision(text() or "main", random.choice(("", "0" * 40))),
        Revision(text() or "head"),
        environments,
        tuple(BuildProblem(SideName.HEAD, environments[0].name, text(), text(), text(), 1) for _ in some),
        tuple(Note("env", text(), text(), random.random() < 0.5) for _ in some),
        tuple(Parity("a", "b", (difference,) * 3, None, 3) for _ in some[:2]),
    )


@pytest.fixture(scope="session")
def reviews() -> SearchStrategy[Review]:
    """Any review."""
    return st.integers(0, 2**32).map(random_review)
