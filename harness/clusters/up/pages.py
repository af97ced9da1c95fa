"""The platform's pages: which Services have one, and how one logs in."""

from dataclasses import dataclass
from typing import Final

from harness.errors import UsageError, unknown


@dataclass(frozen=True)
class Page:
    """A page of a Service, and the port of this machine that it gets by default.

    Attributes:
        user: Whom to log in as; empty where nobody has to, or where a token is all.
        secret: The Secret of the catalogue with the password, or the token; empty where nobody has to log in.
        shown_by: The command that shows the password of a Secret that is not in the catalogue.
        note: What one has to know to use it.
    """

    name: str
    namespace: str
    service: str
    port: int
    local: int
    scheme: str = "http"
    user: str = ""
    secret: str = ""
    shown_by: str = ""
    note: str = ""

    @property
    def option(self) -> str:
        """Its name on the command line."""
        return self.name.lower().replace(" ", "-")

    def login(self, context: str) -> str:
        """How to log in; never the password itself."""
        command = self.shown_by or f"harness secrets show {self.secret} --context {context} --reveal"
        return f"{self.user or 'token'}: {command}" if self.shown_by or self.secret else "no login"


WITHOUT_PAGES: Final = "only its API where the image was built here"
PAGES: Final = (
    Page("Airflow", "orchestrator", "airflow-webserver", 8080, 8080, user="admin", secret="airflow-secrets"),  # noqa: S106 - a name
    Page(
        "Argo CD",
        "cicd",
        "argocd-server",
        443,
        8443,
        scheme="https",
        user="admin",
        shown_by=(
            "kubectl -n cicd get secret argocd-initial-admin-secret -o jsonpath='{.data.password}' | base64 -d"
        ),
        note=f"the browser warns of its own certificate; {WITHOUT_PAGES}",
    ),
    Page("Grafana", "monitoring", "grafana", 3000, 3000, user="admin", secret="grafana-secrets"),  # noqa: S106 - a name
    Page("Prometheus", "monitoring", "prometheus", 9090, 9090, note=WITHOUT_PAGES),
    Page("Alertmanager", "monitoring", "alertmanager", 9093, 9093),
    Page("Spark", "monitoring", "spark-history", 18080, 18080, note="applications that have ended"),
    Page("JupyterLab", "jupyter", "jupyterlab", 8888, 8888, secret="jupyter-secrets"),  # noqa: S106 - a name
    Page("MinIO", "deepstorage", "minio", 9001, 9001, user="lakehouse-root", secret="minio-secrets"),  # noqa: S106 - a name
)


def chosen_ports(options: list[str]) -> dict[str, int]:
    """Each page's port of this machine by the page's name, `options` (PAGE=PORT) in place of the defaults."""
    ports = {page.option: page.local for page in PAGES}
    for option in options:
        name, _, number = option.partition("=")
        if name not in ports:
            raise unknown("page", name, ports)
        if not (number.isascii() and number.isdigit() and 0 < int(number) < 65536):
            raise UsageError(f"--port {option} has no port: write PAGE=PORT, such as {name}={ports[name] + 1}.")
        ports[name] = int(number)
    for name, port in ports.items():
        if same := [other for other in ports if other != name and ports[other] == port]:
            raise UsageError(
                f"Port {port} is meant for {name} and for {same[0]}: choose another with --port {name}=PORT."
            )
    return ports
