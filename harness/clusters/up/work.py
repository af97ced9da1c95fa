"""Brings the platform up and opens its pages."""

import errno
import socket
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Final

from harness.clusters.deploy.phases import Phases
from harness.clusters.kind.cluster import Cluster
from harness.clusters.kind.entrance import Doors, open_doors, open_ports
from harness.clusters.kind.forward import LOOPBACK, forward_command
from harness.clusters.kind.kubectl import Kubectl
from harness.clusters.kind.objects import name, namespace
from harness.clusters.up.pages import PAGES, Page
from harness.clusters.up.steps import Run, bring_up, is_there
from harness.errors import HarnessError, interrupted

TRY: Final = """\
What to try:
  1. Airflow: switch both DAGs on. The first takes a snapshot of the Brewery API at once; when it is validated, it
     starts the second, which builds silver and gold. Both are green after some minutes.
  2. JupyterLab: open examples/01-gold-with-duckdb.ipynb and choose Run, Run All Cells.
  3. After a change of a manifest, a DAG or a job: the same command again. The end: harness cluster down"""


def open_platform(
    phases: Phases, run: Run, environment: str, cluster: Cluster, ports: Mapping[str, int]
) -> list[Page]:
    """Brings the platform up and opens the pages of all Services that it has; returns these pages."""
    is_there(cluster)
    check_free(ports, open_ports(cluster.folder))
    try:
        bring_up(phases, run, environment, cluster)
        pages = _present(cluster.kubectl)
        open_doors(cluster.folder, doors(cluster.kubectl, pages, ports))
    except KeyboardInterrupt as request:
        left = "what is done is kept: run it again to go on, or 'harness cluster down' to remove it"
        raise interrupted(request, left) from None
    return pages


def check_free(ports: Mapping[str, int], ours: Iterable[int]) -> None:
    """Finds out early which port another program has."""
    for page, port in ports.items():
        if port in ours:
            continue
        with closing(socket.socket()) as probe:
            # A port whose last connections have just ended is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    why, step = "is in use by another program", "end that, or choose"
                else:
                    why, step = f"cannot be used ({error.strerror})", "choose"
                raise HarnessError(
                    f"Port {port} on {LOOPBACK}, meant for {page}, {why}: {step} another with --port {page}=PORT."
                ) from None


def doors(kubectl: Kubectl, pages: Iterable[Page], ports: Mapping[str, int]) -> Doors:
    return {
        (local := ports[page.option]): forward_command(
            kubectl.command, page.namespace, page.service, page.port, local
        )
        for page in pages
    }


def _present(kubectl: Kubectl) -> list[Page]:
    services = {(namespace(item), name(item)) for item in kubectl.get("services")}
    return [page for page in PAGES if (page.namespace, page.service) in services]


def listing(pages: Iterable[Page], ports: Mapping[str, int], cluster: Cluster) -> str:
    """Where the pages are, how to log in, and what to try; without any password."""
    lines = ["The platform is up. Its pages, for this machine only:", ""]
    for page in pages:
        note = f" ({page.note})" if page.note else ""
        lines.append(f"  {page.name:<13} {page.scheme}://{LOOPBACK}:{ports[page.option]}{note}")
        lines.append(f"  {'':<13} {page.login(cluster.context)}")
    lines += ["", "The commands need this once:", f"  export KUBECONFIG={cluster.kubeconfig}", "", TRY]
    return "\n".join(lines)
