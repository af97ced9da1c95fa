"""The images of other projects that can be built here, from Go modules or Debian's packages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

FOLDER: Final = "images/without-registry"
"""The Dockerfiles, from the top of the checkout."""


@dataclass(frozen=True)
class Upstream:
    """How an image of another project is built; `version` prints its program's, unless go.mod names it."""

    folder: str
    version: tuple[str, ...] = ()


# By the end of the repository's name: the same image may come from a mirror.
UPSTREAM: Final[Mapping[str, Upstream]] = {
    "argoproj/argocd": Upstream("argocd"),
    "jetstack/cert-manager-controller": Upstream("cert-manager", ("cert-manager-controller", "--version")),
    "kubeflow/spark-operator/controller": Upstream("spark-operator"),
    "library/postgres": Upstream("postgres", ("postgres", "--version")),
    "library/redis": Upstream("redis", ("redis-server", "--version")),
    "library/traefik": Upstream("traefik"),
    "oauth2-proxy/oauth2-proxy": Upstream("oauth2-proxy"),
    "prom/alertmanager": Upstream("alertmanager"),
    "prom/prometheus": Upstream("prometheus", ("prometheus", "--version")),
    "prometheuscommunity/postgres-exporter": Upstream("postgres-exporter"),
    "prom/statsd-exporter": Upstream("statsd-exporter"),
    "kube-state-metrics/kube-state-metrics": Upstream("kube-state-metrics"),
}
