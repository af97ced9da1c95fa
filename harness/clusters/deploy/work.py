"""Brings an environment up on a cluster: what Argo CD needs, Argo CD, and then only waiting."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from harness.clusters.deploy.checkout import MANIFESTS, export, served_commit
from harness.clusters.deploy.git import Scratch
from harness.clusters.deploy.phases import Phases
from harness.clusters.deploy.served import NAMESPACE, Served
from harness.clusters.deploy.wait import (
    ARGOCD,
    ROOT_APPLICATION,
    Wait,
    follow,
    start_crashed_again,
    until_available,
    until_established,
    until_ready,
)
from harness.clusters.deploy.waves import Step, history
from harness.clusters.deploy.without_aws import bring_what_aws_brings, is_on_aws, needs_aws
from harness.clusters.images.wanted import collect
from harness.clusters.kind.kubectl import Kubectl
from harness.clusters.secrets.store import Store
from harness.clusters.secrets.work import bring
from harness.clusters.without_registry.replaced import absent
from harness.errors import HarnessError
from harness.manifests.build import Build, Root
from harness.manifests.builder import build_all
from harness.manifests.catalogue import read as read_catalogue
from harness.manifests.environments import TEST_OVERLAYS, root_at, roots
from harness.manifests.resource import Resource
from harness.manifests.write import stream

_UP_SECONDS: Final = 300
"""How long the git server and Argo CD may take."""
_DEFINITIONS: Final = ("applications.argoproj.io", "appprojects.argoproj.io")
_GIT_USER: Final = ("Deployment", "argocd-repo-server")
_STANDS_ON: Final = "minikube"
"""The environment of which the tests' overlay is a variant."""
STAND_IN: Final = "stand-in"
"""In the name of every image that stands in for another."""


@dataclass(frozen=True)
class Deployed:
    """The outcome of a deployment; `left_out` are Applications whose images only a registry has."""

    environment: str
    commit: str
    seconds: dict[str, float]
    steps: list[Step]
    left_out: list[str]
    stand_ins: list[str]


def deploy(root: Path, environment: str, cluster: Kubectl, phases: Phases, *, within: float) -> Deployed:
    """Deploys the checkout's environment and waits, `within` seconds, until all of it is Synced and Healthy.

    It is idempotent: run it again after a change or an interruption.
    """
    served = Served(cluster)
    with Scratch(root) as git, tempfile.TemporaryDirectory(prefix="harness-deploy-") as folder:
        with phases("manifests"):
            tree = Path(folder)
            nodes = cluster.get("nodes")
            plain = _built(roots(root, environment))
            aws = needs_aws(plain)
            elsewhere = aws and not is_on_aws(nodes)
            images = collect(item for build in plain for item in build.resources)
            missing = absent((image.name for image in images), nodes)
            commit = served_commit(git, root, environment, without_aws=elsewhere, absent=missing)
            export(git, commit, tree)
            builds = {build.root.name: build for build in _built(roots(tree, environment))}
            outside = builds.get(NAMESPACE) or _built([root_at(tree, f"{MANIFESTS}/git-server", NAMESPACE)])[0]
        with phases("namespaces and access"):
            if elsewhere:
                bring_what_aws_brings(cluster, tree, environment)
            cluster.apply(stream([builds["misc"]]), doing="create namespaces and access")
        if elsewhere or not aws:
            with phases("secrets"):
                store, catalogue = Store(cluster.context, cluster.kubeconfig), read_catalogue().without_components()
                for secret in catalogue.secrets:
                    bring(store, catalogue, secret)
        with phases("git server"):
            cluster.apply(_with_git(outside, builds[ARGOCD]), doing="start the git server")
            until_available(cluster, "the git server", NAMESPACE, outside.resources, Wait(_UP_SECONDS))
            served.serve_upstream(base for build in builds.values() for base in build.root.inputs.remote_bases)
            served.serve(git, commit)
        with phases("Argo CD"):
            cluster.apply(stream([builds["cicd/definitions"]]), doing="create Argo CD's definitions")
            until_established(cluster, _DEFINITIONS)
            argocd = builds[ARGOCD].resources
            cluster.apply(_texts(argocd, lambda item: item.kind != "Application"), doing="install Argo CD")
            start_crashed_again(cluster, [ARGOCD])
            until_available(cluster, "Argo CD", ARGOCD, argocd, Wait(_UP_SECONDS))
        with phases("platform"):
            cluster.apply(
                _texts(argocd, lambda item: item.kind == "Application"), doing="create the root Application"
            )
            follow(cluster, commit)
            start_crashed_again(
                cluster, (item.name for item in builds["misc"].resources if item.kind == "Namespace")
            )
            children = [item.name for item in builds["cicd/applications"].resources if item.kind == "Application"]
            names = [ROOT_APPLICATION, *children]
            state = until_ready(cluster, names, commit, Wait(within), tell=phases.tell)
    events = cluster.get("events", ARGOCD, "--field-selector=involvedObject.kind=Application")
    steps = history(state.applications, events, root=ROOT_APPLICATION)
    images = collect(item for build in builds.values() for item in build.resources)
    stand_ins = [image.name for image in images if STAND_IN in image.name]
    left_out = _left_out(root, environment, plain, children)
    return Deployed(environment, commit, phases.seconds, steps, left_out, stand_ins)


def _built(parts: Sequence[Root]) -> list[Build]:
    builds = build_all(parts)
    for problem in (problem for build in builds for problem in build.problems):
        raise HarnessError(f"{problem.location}: {problem.message} 'harness validate' lists all problems.")
    return builds


def _with_git(outside: Build, argocd: Build) -> str:
    """The manifests with Argo CD's own image for the git server, which then needs none of its own."""
    image = next(
        item.value["spec"]["template"]["spec"]["containers"][0]["image"]
        for item in argocd.resources
        if (item.kind, item.name) == _GIT_USER
    )
    documents: list[dict[str, Any]] = [item.value for item in outside.resources]
    for document in documents:
        if document["kind"] == "Deployment" and document["metadata"]["name"] == "git-server":
            document["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return yaml.safe_dump_all(documents, sort_keys=False)


def _texts(resources: Iterable[Resource], wanted: Callable[[Resource], bool]) -> str:
    return "".join(f"---\n{resource.text}" for resource in resources if wanted(resource))


def _left_out(root: Path, environment: str, plain: Sequence[Build], children: Sequence[str]) -> list[str]:
    if environment in TEST_OVERLAYS:
        plain = _built([part for part in roots(root, _STANDS_ON) if part.name == "cicd/applications"])
    there = {item.name for build in plain for item in build.resources if item.kind == "Application"}
    return sorted(there - {*children, ROOT_APPLICATION})
