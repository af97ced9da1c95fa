"""`harness diff init` writes what discovery does, and hides nothing that a review would show."""

import tomllib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import UsageError
from harness.manifests.patterns import covers
from harness.review.init.configuration import accepted_patterns
from tests.harness.review.conftest import Checkout

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
FILES = {
    "base/kustomization.yaml": "resources: [service.yaml]\nconfigMapGenerator: [{name: web, files: [start.sh]}]\n",
    "base/service.yaml": SERVICE,
    "base/start.sh": "exit\n",
    "overlays/production/kustomization.yaml": "resources: [../../base]\n",
    "overlays/a b/kustomization.yaml": "resources: [../../base]\n",
    "overlays/a b/left-out.yaml": SERVICE,
    "docs/guide.txt": "Read.\n",
    "README.md": "Read.\n",
    "scripts/deploy.sh": "exit\n",
    "base/helper.py": "1\n",
    ".github/workflows/ci.yml": "on: push\n",
    "Makefile": "all:\n",
}


def init(checkout: Checkout, *words: str) -> Any:
    return CliRunner().invoke(app, ["diff", "init", "-C", str(checkout.root), *words])


def written(checkout: Checkout) -> dict[str, Any]:
    content = tomllib.loads((checkout.root / "pyproject.toml").read_text())
    section: dict[str, Any] = content["tool"]["harness"]["diff"]
    return section


def test_it_writes_the_environments_and_what_need_not_be_covered(checkout: Checkout) -> None:
    checkout.commit(FILES)
    result = init(checkout)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        f"{checkout.root / 'pyproject.toml'} now has [tool.harness.diff] for 2 environments: "
        "look through it, and commit it.\n"
    )
    assert written(checkout) == {
        "accept": ["*.py", ".github/**", "Makefile", "docs/**", "scripts/**"],
        "environments": {"a b": ["overlays/a b"], "production": ["overlays/production"]},
    }
    assert "#   overlays/a b/left-out.yaml\n" in (checkout.root / "pyproject.toml").read_text()


def test_a_review_with_it_covers_the_same(checkout: Checkout) -> None:
    checkout.commit(FILES)
    init(checkout)
    start = checkout.commit({})
    checkout.write({name: f"{text}# changed\n" for name, text in FILES.items()})
    review = checkout.review(start)
    assert [environment.name for environment in review.environments] == ["a b", "production"]
    assert review.uncovered_files == ("overlays/a b/left-out.yaml",)
    assert [environment.touched for environment in review.environments] == [True, True]


def test_it_adds_to_what_is_there(checkout: Checkout) -> None:
    before = '[project]\nname = "x"\n\n[tool.harness]\nreference-environment = "production"'
    checkout.commit({**FILES, "pyproject.toml": before})
    assert init(checkout).exit_code == 0
    assert (checkout.root / "pyproject.toml").read_text().startswith(before)
    assert written(checkout)["environments"]["production"] == ["overlays/production"]


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("[tool.harness.diff]\nexclude = []\n", "already has [tool.harness.diff]: edit it"),
        ("[[tool.harness.diff.parity]]\npath = 'a'\nreason = 'b'\n", "already has [tool.harness.diff]: edit it"),
        ("tool = {harness = {}}\n", "cannot be extended"),
    ],
)
def test_it_overwrites_nothing(checkout: Checkout, before: str, why: str) -> None:
    checkout.commit({**FILES, "pyproject.toml": before})
    result = init(checkout)
    assert isinstance(result.exception, UsageError)
    assert why in str(result.exception)
    assert (checkout.root / "pyproject.toml").read_text() == before


def test_it_prints_instead(checkout: Checkout) -> None:
    checkout.commit(FILES)
    result = init(checkout, "--print")
    assert tomllib.loads(result.stdout)["tool"]["harness"]["diff"]["accept"]
    assert not (checkout.root / "pyproject.toml").exists()


def test_environments_that_a_table_would_change_are_a_comment(checkout: Checkout) -> None:
    """An Application in a folder that names no environment belongs to that of what it deploys."""
    application = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\nspec:\n"
        "  source: {repoURL: https://example.com/r.git, path: overlays/production}\n"
        "  destination: {namespace: web}\n"
    )
    checkout.commit({**FILES, "argocd/web.yaml": application})
    init(checkout)
    assert "environments" not in written(checkout)
    assert '# production = ["overlays/production"]\n' in (checkout.root / "pyproject.toml").read_text()


def test_names_of_files_cannot_leave_their_comment(checkout: Checkout) -> None:
    checkout.commit({**FILES, "overlays/x\naccept = ['**']\n.yaml": SERVICE, 'odd "name".py2': "1\n"})
    init(checkout)
    assert written(checkout)["accept"] == ["*.py", "*.py2", ".github/**", "Makefile", "docs/**", "scripts/**"]


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts))]


PATHS = st.lists(st.text("ab.[*-", min_size=1, max_size=4), min_size=1, max_size=4).map("/".join)


@example({"local.env"}, {".env"})
@example({"a/local.env"}, {"a/.env", "b.env"})
@given(st.sets(PATHS), st.sets(PATHS))
def test_the_patterns_cover_the_files_and_no_others(files: set[str], others: set[str]) -> None:
    folders = {folder for path in files | others for folder in _folders(path)}
    normal = {path for path in files | others if not {".", ".."} & set(path.split("/"))} - folders
    files, others = (files - others) & normal, others & normal
    patterns = accepted_patterns(files, others)
    assert [path for path in files if not covers(path, patterns)] == []
    assert [path for path in others if covers(path, patterns)] == []
