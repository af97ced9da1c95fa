"""The platform in a browser, as one finds it after `harness up`: both DAGs run, and a notebook shows gold.

Each page that is shown is kept in `.run/e2e/`; `--update-goldens` copies it to docs/images/.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest

from harness.clusters.kind.objects import name, namespace
from harness.clusters.up.pages import PAGES, WITHOUT_PAGES
from harness.paths import ROOT, RUN_DIR
from tests.browser import chromium
from tests.live.forward import Forwards
from tests.live.platform import Platform
from tests.live.proof import FIRST, INGESTION, TRANSFORMATION, Proof, Taken
from tests.live.wait import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.browser]

_SECONDS: Final = 900
_PATIENCE: Final = 120_000
"""Milliseconds: the webserver shares two cores with Spark."""

Keep = Callable[["Page", str], None]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(_PATIENCE)
        yield context.new_page()


@pytest.fixture
def keep(request: pytest.FixtureRequest) -> Keep:
    """Keeps what a page shows, under a name."""
    kept = RUN_DIR / "e2e"
    kept.mkdir(parents=True, exist_ok=True)

    def picture(page: "Page", name: str) -> None:
        page.screenshot(path=kept / f"{name}.png")
        if request.config.getoption("--update-goldens"):
            shutil.copy(kept / f"{name}.png", ROOT / "docs" / "images")

    return picture


def log_in(page: "Page", platform: Platform) -> None:
    page.goto(f"{platform.airflow.url}/login/")
    page.fill("#username", "admin")
    page.fill("#password", platform.secret("orchestrator", "airflow-secrets")["admin-password"])
    page.click("input[type=submit]")
    page.get_by_role("heading", name="DAGs").wait_for()


def state_shown(page: "Page", platform: Platform, dag_id: str, run_id: str) -> str:
    """The state of a run as the list of runs shows it."""
    page.goto(f"{platform.airflow.url}/dagrun/list/?_flt_3_dag_id={dag_id}&_flt_3_run_id={quote(run_id)}")
    labels = page.locator("table td span.label, table td .label").all_inner_texts()
    assert len(labels) == 1, labels
    return labels[0].strip()


def newest(platform: Platform, dag_id: str) -> str:
    return platform.airflow.runs(dag_id)[-1].run_id


def ran(page: "Page", platform: Platform, dag_id: str, before: str) -> str:
    """Waits until the page shows a run after `before` as a success."""

    def started() -> str | None:
        name = newest(platform, dag_id)
        return name if name != before else None

    run_id = until(started, what=f"a click starts {dag_id}", seconds=300)

    def succeeded() -> bool | None:
        return state_shown(page, platform, dag_id, run_id) == "success" or None

    until(succeeded, what=f"the page shows {run_id} of {dag_id} as a success", seconds=_SECONDS)
    return run_id


def test_both_dags_run_from_airflows_page(
    platform: Platform, days: tuple[Taken, Taken], page: "Page", keep: Keep
) -> None:
    # A run from the button has no configuration, which the suite takes for the first day.
    platform.api.show(FIRST.day, FIRST.faults)
    known = {dag: newest(platform, dag) for dag in (INGESTION, TRANSFORMATION)}
    log_in(page, platform)
    page.goto(f"{platform.airflow.url}/dags/{INGESTION}/grid")
    page.get_by_label("Trigger DAG").first.click()

    for dag, before in known.items():
        ran(page, platform, dag, before)
    page.goto(f"{platform.airflow.url}/dags/{TRANSFORMATION}/grid")
    page.get_by_text("Total success").wait_for()
    keep(page, "airflow")


def test_a_notebook_shows_gold(
    platform: Platform, proof: Proof, forwards: Forwards, days: tuple[Taken, Taken], page: "Page", keep: Keep
) -> None:
    expected = proof.expected()
    token = platform.secret("jupyter", "jupyter-secrets")["token"]
    lab = f"http://{forwards.address('jupyter', 'jupyterlab', 8888)}"
    page.goto(f"{lab}/lab/tree/examples/01-gold-with-duckdb.ipynb?token={token}")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Run All Cells$")).click()

    def shown() -> dict[str, int] | None:
        texts = page.locator(".jp-OutputArea-output").all_inner_texts()
        rows = re.findall(r"^([a-z]+)\t(\d+)$", "\n".join(texts[:1]), re.MULTILINE)
        return {name: int(count) for name, count in rows} or None

    counted = until(shown, what="the notebook shows the breweries by type", seconds=300)
    by_type = {row["brewery_type"]: row["brewery_count"] for row in expected.gold("breweries_by_type")}
    assert counted.items() <= by_type.items()
    assert len(counted) >= min(5, len(by_type))
    keep(page, "jupyterlab")


def test_every_page_that_is_announced_opens(platform: Platform, forwards: Forwards, page: "Page") -> None:
    services = {(namespace(item), name(item)) for item in platform.cluster.get("services")}
    there = [entry for entry in PAGES if (entry.namespace, entry.service) in services]
    assert {"Airflow", "Argo CD", "JupyterLab", "MinIO"} <= {entry.name for entry in there}
    for entry in there:
        url = f"{entry.scheme}://{forwards.address(entry.namespace, entry.service, entry.port)}/"
        answer = page.request.get(url, ignore_https_errors=True)
        assert answer.ok or WITHOUT_PAGES in entry.note, f"{entry.name}: {answer.status}"
