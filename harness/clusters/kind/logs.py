"""Collects the state and the logs of a cluster in a folder that a person can read.

`index.md` comes first: what is wrong now, the newest warnings, and what is in which file. Pod logs come from the
nodes, so that they do not depend on the API server.
"""

import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.clusters.docker.client import docker, docker_program
from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.objects import Object, one_line
from harness.clusters.kind.problems import pod_problems
from harness.console import working
from harness.errors import HarnessError
from harness.machine.process import telling_line

INDEX: Final = "index.md"
POD_LOGS: Final = "/var/log/pods"
WARNINGS: Final = 40
SECONDS: Final = 30
# Those of them that the cluster has.
KINDS: Final = (
    *("nodes", "namespaces", "pods", "deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch"),
    *("services", "persistentvolumeclaims", "persistentvolumes", "networkpolicies.networking.k8s.io"),
    *("serviceaccounts", "configmaps"),
)
CUSTOM_KINDS: Final = ("applications.argoproj.io", "sparkapplications.sparkoperator.k8s.io")
# File in the node's folder, content, command on the node.
NODE_FILES: Final = (
    ("kubelet.log", "journal of kubelet", ("journalctl", "--no-pager", "--unit=kubelet")),
    ("containerd.log", "journal of containerd", ("journalctl", "--no-pager", "--unit=containerd")),
    ("images.txt", "images on the node", ("crictl", "images")),
    ("containers.txt", "containers on the node, ended ones too", ("crictl", "ps", "--all")),
    ("disk.txt", "disk space of the node", ("df", "--human-readable")),
    ("memory.txt", "memory of the machine", ("free", "--mebi")),
    (
        "packet-filter.txt",
        "rules of the packet filter: services, network policies",
        ("nft", "list", "ruleset"),
    ),
)


def collect(cluster: Cluster, folder: Path) -> Path:
    """Writes a new or empty folder; the index, which it returns, also lists what could not be collected."""
    if not cluster.exists():
        raise HarnessError(
            f"There is no cluster {cluster.name}: 'harness cluster up --name {cluster.name}' creates it."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise HarnessError(f"{folder} exists already: name another folder, or remove it.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            aside.chmod(0o755)
            with working(f"collecting the logs of {cluster.name}"):
                _Bundle(cluster, aside).write()
            aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise HarnessError(
            f"Could not write {folder} ({error.strerror or error}): make room there, or name another folder."
        ) from error
    return folder / INDEX


class _Bundle:
    """A folder being written; a part that fails does not stop the others."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.files: list[tuple[str, str]] = []
        self.absent: list[tuple[str, str]] = []

    def write(self) -> None:
        for node in self.cluster.containers():
            self._node(node, "node" if node == self.cluster.node else node)
        pods = self._objects("pods.json", "all pods, whole", "pods")
        events = sorted(self._objects("events.json", "all events, whole", "events"), key=_when)
        self._part("events.txt", "all events, oldest first", lambda: "".join(map(_event_line, events)))
        self._part("resources.txt", "what there is, by kind", self._resources)
        self._part("custom-resources.yaml", "Applications and SparkApplications, whole", self._custom)
        problems = pod_problems(pods)
        names = sorted({(problem.namespace, problem.pod) for problem in problems})
        if names:
            self._part("unwell.txt", "descriptions of the pods that are not well", lambda: self._described(names))
        warnings = [_event_line(event) for event in events if event.get("type") == "Warning"]
        template = Environment(
            # The index is Markdown, and what it quotes goes into code.
            loader=PackageLoader("harness.clusters.kind"),
            undefined=StrictUndefined,
            trim_blocks=True,
            autoescape=False,  # noqa: S701 - Markdown, not HTML
        ).get_template("index.md.j2")
        text = template.render(
            cluster=self.cluster,
            written=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
            problems=problems,
            answered=not any(name == "pods.json" for name, _ in self.absent),
            pods=len(pods),
            warnings=warnings[-WARNINGS:],
            more=max(0, len(warnings) - WARNINGS),
            files=self.files,
            absent=self.absent,
        )
        (self.folder / INDEX).write_text(text, encoding="utf-8")

    def _part(self, name: str, what: str, content: Callable[[], str]) -> None:
        try:
            text = content()
        except HarnessError as error:
            self.absent.append((name, str(error)))
            return
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.files.append((name, what))

    def _node(self, node: str, folder: str) -> None:
        inspect = partial(docker, "inspect", node, doing=f"inspect {node}")
        self._part(f"{folder}/container.json", f"the container {node}, as Docker sees it", inspect)
        printed = partial(docker, "logs", node, doing=f"read the output of {node}")
        self._part(f"{folder}/container.log", "what it printed at its start", printed)
        for name, what, command in NODE_FILES:
            run = partial(docker, "exec", node, *command, doing=f"run {command[0]} on {node}")
            self._part(f"{folder}/{name}", what, run)
        self._pod_logs(node)

    def _pod_logs(self, node: str) -> None:
        """`pods/<namespace>/<pod>/<container>.<start>.log`: start 0 is the first, then one for each restart."""
        command = [str(docker_program()), "cp", f"{node}:{POD_LOGS}", "-"]
        logs = f"pods/ of {node}"
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=4 * SECONDS)
        except subprocess.TimeoutExpired:
            self.absent.append((logs, "the node took too long"))
            return
        if done.returncode != 0:
            self.absent.append((logs, telling_line(done.stderr.decode(errors="replace"))))
            return
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            for member in archive:
                target = pod_log(member.name)
                source = archive.extractfile(member) if member.isfile() and target else None
                if source and target:
                    path = self.folder / target
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("wb") as file:
                        shutil.copyfileobj(source, file)
        listed = ("pods/", "logs: `<namespace>/<pod>/<container>.<start>.log`, the newest two starts")
        self.files += [listed] if listed not in self.files else []

    def _objects(self, name: str, what: str, kind: str) -> list[Object]:
        items: list[Object] = []

        def get() -> str:
            text = self._kubectl("get", kind, "--all-namespaces", "--output=json", doing=f"list {kind}")
            items.extend(json.loads(text)["items"])
            return text

        self._part(name, what, get)
        return items

    def _resources(self) -> str:
        kinds = self._known(*KINDS, *CUSTOM_KINDS)
        return self._kubectl("get", kinds, "--all-namespaces", "--output=wide", doing="list what there is")

    def _custom(self) -> str:
        kinds = self._known(*CUSTOM_KINDS)
        options = ("--all-namespaces", "--output=yaml")
        return self._kubectl("get", kinds, *options, doing="list custom resources") if kinds else ""

    def _known(self, *kinds: str) -> str:
        known = self._kubectl("api-resources", "--output=name", doing="list the kinds").split()
        return ",".join(kind for kind in kinds if kind in known)

    def _described(self, names: list[tuple[str, str]]) -> str:
        return "\n\n".join(
            self._kubectl("describe", "pod", pod, f"--namespace={namespace}", doing=f"describe {namespace}/{pod}")
            for namespace, pod in names
        )

    def _kubectl(self, *arguments: str, doing: str) -> str:
        # The API server may accept connections without answering.
        bounded = (*arguments, f"--request-timeout={SECONDS}s")
        return self.cluster.kubectl.run(*bounded, doing=doing, timeout=2 * SECONDS)


def pod_log(path: str) -> str | None:
    """Where a log of the node goes in the folder; None for what is not a log.

    >>> pod_log("pods/database_postgres-0_5f1c…/postgres/0.log")
    'pods/database/postgres-0/postgres.0.log'
    """
    parts = PurePosixPath(path).parts
    if len(parts) != 4 or parts[1].count("_") != 2 or ".." in parts or not parts[3].endswith(".log"):
        return None
    namespace, pod, _ = parts[1].split("_")
    return f"pods/{namespace}/{pod}/{parts[2]}.{parts[3]}"


def _when(event: Object) -> str:
    series = event.get("series") or {}
    return str(
        event.get("lastTimestamp")
        or series.get("lastObservedTime")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp", "")
    )


def _event_line(event: Object) -> str:
    about = event.get("involvedObject") or {}
    place = f"{about.get('kind', '')} {about.get('namespace', '-')}/{about.get('name', '')}"
    count = f" (x{event['count']})" if (event.get("count") or 1) > 1 else ""
    message = one_line(event.get("message"))
    return f"{_when(event)} {event.get('type', '')} {event.get('reason', '')} {place}: {message}{count}\n"
