"""Waiting, against a program that answers like kubectl from a file, and a clock that only sleeping moves."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.clusters.deploy.wait import Wait, until_available, until_established, until_ready
from harness.clusters.kind.kubectl import Kubectl
from harness.errors import HarnessError
from harness.manifests.resource import Resource
from tests.harness.programs import program

Object = dict[str, Any]

PROGRAM = """#!{python}
import json, sys
state = json.load(open({state!r}))
if "logs" in sys.argv:
    print(state["log"])
elif "delete" in sys.argv:
    open({state!r} + ".deleted", "a").write(" ".join(sys.argv[5:]) + "\\n")
else:
    kinds = sys.argv[sys.argv.index("get") + 1].split(",")
    names = {{"applications.argoproj.io": "Application", "pods": "Pod", "jobs.batch": "Job", "events": "Event",
              "deployments.apps": "Deployment", "statefulsets.apps": "StatefulSet",
              "customresourcedefinitions.apiextensions.k8s.io": "CustomResourceDefinition"}}
    items = [item for item in state["items"] if item["kind"] in [names[kind] for kind in kinds]]
    print(json.dumps({{"items": items}}))
"""


class Fake:
    """A cluster that is what a test says."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "state.json"
        kubectl = program(folder / "kubectl", PROGRAM.format(python=sys.executable, state=str(self.file)))
        self.cluster = Kubectl(folder / "kubeconfig", "some-context", kubectl)
        self.now = 0.0
        self.then: list[tuple[float, Callable[[], None]]] = []
        self.has()

    def has(self, *items: Object, log: str = "") -> None:
        self.file.write_text(json.dumps({"items": items, "log": log}))

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for when, change in list(self.then):
            if self.now >= when:
                self.then.remove((when, change))
                change()

    def clock(self) -> float:
        return self.now


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


def application(name: str, number: int, revision: str = "new", *, ready: bool = True) -> Object:
    status: Object = {
        "sync": {"status": "Synced" if ready else "OutOfSync", "revision": revision},
        "health": {"status": "Healthy" if ready else "Progressing"},
    }
    return {
        "kind": "Application",
        "metadata": {"name": name, "annotations": {"argocd.argoproj.io/sync-wave": str(number)}},
        "spec": {"destination": {"namespace": name}},
        "status": status,
    }


def pod(namespace: str, reason: str, **more: Any) -> Object:
    container = {"name": "main", "image": "lakehouse/x:1", "state": {"waiting": {"reason": reason}}, **more}
    metadata = {"namespace": namespace, "name": "pod-0"}
    return {"kind": "Pod", "metadata": metadata, "status": {"containerStatuses": [container]}}


def wait(fake: Fake, *names: str, seconds: float = 600) -> list[str]:
    told: list[str] = []
    until_ready(fake.cluster, names, "new", Wait(seconds, fake.clock, fake.sleep), tell=told.append)
    return told


def test_it_waits_until_all_are_ready_at_the_new_commit_and_tells_each_once(fake: Fake) -> None:
    fake.has(application("database", 2), application("misc", 1, "old"), application("platform", 0, ready=False))
    everything = (application("misc", 1), application("database", 2), application("platform", 0))
    fake.then = [(10, lambda: fake.has(*everything))]
    assert wait(fake, "platform", "misc", "database") == ["wave 2  database", "wave 1  misc"]
    assert fake.now >= 10


def test_it_ends_early_where_an_image_cannot_be_had(fake: Fake) -> None:
    fake.has(application("database", 2, ready=False), pod("database", "ImagePullBackOff"))
    with pytest.raises(
        HarnessError, match=r"^database \(wave 2\): pod database/pod-0 cannot get the image"
    ) as error:
        wait(fake, "database")
    assert "\n" not in str(error.value)
    assert 20 <= fake.now < 30


def test_it_says_what_a_process_that_crashes_said_last(fake: Fake) -> None:
    crashing = pod("database", "CrashLoopBackOff", restartCount=5)
    log = "starting\nFATAL: error: no such role\nbye"
    fake.has(application("database", 2, ready=False), crashing, log=log)
    with pytest.raises(HarnessError, match='its log says "FATAL: error: no such role"'):
        wait(fake, "database")
    assert 20 <= fake.now < 30


def test_it_replaces_a_pod_that_its_stateful_set_waits_for_in_vain(fake: Fake) -> None:
    old = pod("database", "")
    old["metadata"] |= {
        "labels": {"controller-revision-hash": "old"},
        "ownerReferences": [{"kind": "StatefulSet", "name": "postgres"}],
    }
    newest = {
        "kind": "StatefulSet",
        "metadata": {"namespace": "database", "name": "postgres"},
        "status": {"updateRevision": "new"},
    }
    fake.has(application("database", 2, ready=False), old, newest)
    fake.then = [(2, lambda: fake.has(application("database", 2)))]
    told = wait(fake, "database")
    assert told[0] == "replaced  database/pod-0, which was not ready and not of the newest template"
    deleted = Path(f"{fake.file}.deleted").read_text()
    assert deleted == "delete pod pod-0 --wait=false --ignore-not-found --namespace=database\n"


def test_it_names_who_is_late(fake: Fake) -> None:
    fake.has(application("database", 2, ready=False), application("misc", 1))
    with pytest.raises(HarnessError, match="After 1 min database not Synced and Healthy"):
        wait(fake, "database", "misc", seconds=60)
    assert 60 < fake.now < 70


def test_a_cluster_that_does_not_answer_is_one_sentence(fake: Fake) -> None:
    fake.cluster.program.write_text("#!/bin/sh\necho 'Unable to connect: refused' >&2\nexit 1\n")
    with pytest.raises(HarnessError, match=r"Could not list .* \(Unable to connect: refused\)"):
        wait(fake, "database")


def deployment(*, available: int, observed: int = 2) -> Object:
    status = {"observedGeneration": observed, "availableReplicas": available, "updatedReplicas": 1, "replicas": 1}
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", "generation": 2},
        "spec": {"replicas": 1},
        "status": status,
    }


RESOURCES = [
    Resource.of({"kind": "Deployment", "metadata": {"name": "web"}}),
    Resource.of({"kind": "Service"}),
]


def available(fake: Fake) -> None:
    until_available(fake.cluster, "the web", "outside", RESOURCES, Wait(60, fake.clock, fake.sleep))


def test_it_waits_for_the_newest_template_of_a_deployment(fake: Fake) -> None:
    fake.has(deployment(available=1, observed=1))
    fake.then = [
        (10, lambda: fake.has(deployment(available=0))),
        (20, lambda: fake.has(deployment(available=1))),
    ]
    available(fake)
    assert fake.now >= 20


def test_what_comes_before_argo_cd_ends_early_too(fake: Fake) -> None:
    fake.has(deployment(available=0), pod("outside", "ErrImageNeverPull"))
    with pytest.raises(HarnessError, match=r"^the web: pod outside/pod-0 cannot get the image lakehouse/x:1"):
        available(fake)


def test_what_comes_before_argo_cd_and_is_late_is_named(fake: Fake) -> None:
    with pytest.raises(HarnessError, match=r"^The web is not up after 1 min \(web\)"):
        available(fake)


def definition(*conditions: Object) -> Object:
    status = {"conditions": list(conditions)} if conditions else {}
    return {"kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"}, "status": status}


def test_it_waits_until_a_definition_is_served(fake: Fake) -> None:
    """A new one has no conditions at all for a moment."""
    fake.has(definition())
    fake.then = [(4, lambda: fake.has(definition({"type": "Established", "status": "True"})))]
    until_established(fake.cluster, ["things.example.com"], Wait(60, fake.clock, fake.sleep))
    assert fake.now >= 4


def test_a_definition_that_is_not_served_is_named(fake: Fake) -> None:
    fake.has(definition({"type": "Established", "status": "False"}))
    with pytest.raises(HarnessError, match=r"does not serve things\.example\.com after 60 s"):
        until_established(fake.cluster, ["things.example.com"], Wait(60, fake.clock, fake.sleep))
