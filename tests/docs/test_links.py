import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.docs.markdown import PAGES, anchors, links, snippets

FOLDERS = "base|components|overlays|dags|spark|images|harness|tests|docs|tools|requirements"
PLACEHOLDER = re.compile(r"[<>*…{}$ ]|\bcatalog\b")
"""What no path of this repository contains; `catalog` is the namespace that a page adds as an example."""


def name(page: Path) -> str:
    return page.name


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for link in links(page):
        target, _, anchor = link.partition("#")
        file = page.parent / target if target else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    paths = [
        snippet.text.partition("::")[0]
        for snippet in snippets(page)
        if snippet.inline and re.match(rf"({FOLDERS})/", snippet.text) and not PLACEHOLDER.search(snippet.text)
    ]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_test_that_is_named_exists() -> None:
    tests = [snippet.text.split("::") for page in PAGES for snippet in snippets(page) if ".py::" in snippet.text]
    assert len(tests) > 20
    missing = [name for path, name in tests if f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8")]
    assert missing == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if ".md" in link]
    assert set(PAGES) - reached == set()
