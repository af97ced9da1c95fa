"""The report as Chromium shows it."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from harness.pipeline.lakehouse.model import MapCell, StageTime
from harness.pipeline.lakehouse.read import summarise
from harness.pipeline.report.html import render
from harness.pipeline.report.map import world_map
from tests.harness.contrast import ENOUGH, contrast, luminance, texts_by_contrast

pytestmark = pytest.mark.browser


@pytest.fixture
def report(lakehouse: Path, tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(render(summarise(lakehouse, [StageTime("bronze_to_silver", 2)])), encoding="utf-8")
    return path


def opened(browser: Browser, report: Path, width: int = 1280, scheme: str = "light") -> tuple[Page, list[str]]:
    """The page, and everything it complained of or asked the network for."""
    page = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
    page.on("request", lambda request: trouble.append(request.url) if request.url != report.as_uri() else None)
    page.goto(report.as_uri())
    return page, trouble


@pytest.mark.parametrize("width", [360, 1280])
def test_it_is_whole_without_a_network(browser: Browser, report: Path, width: int) -> None:
    page, trouble = opened(browser, report, width)
    assert [entry for entry in trouble if not entry.startswith("data:")] == []
    assert page.locator(".map svg").count() == 2
    for index in range(2):
        box = page.locator(".map svg").nth(index).bounding_box()
        assert box is not None
        assert box["width"] > width / 2
        assert box["height"] > 80
    assert page.locator(".map circle").count() >= 5
    bar = page.locator(".fill").first.bounding_box()
    assert bar is not None
    assert bar["width"] > 30
    page.close()


def test_bars_are_as_long_as_their_counts(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report)
    rows = page.locator("#counts .bars").first.locator("tbody .fill")
    lengths = [box["width"] for index in range(3) if (box := rows.nth(index).bounding_box())]
    assert lengths[0] / lengths[1] == pytest.approx(3, rel=0.05)
    assert lengths[1] == lengths[2]
    page.close()


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_it_does_not_scroll_sideways(browser: Browser, report: Path, width: int) -> None:
    page, _ = opened(browser, report, width)
    for index in range(page.locator("details").count()):
        page.locator("details > summary").nth(index).click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()


def test_land_is_where_the_land_is(browser: Browser) -> None:
    """Cities lie on land, mid-ocean does not; the second row is in countries that the outlines lack."""
    land = {"Denver": (-105, 39.7), "Brasília": (-47.9, -15.8), "Alice Springs": (133.9, -23.7)}
    land |= {"Budapest": (19.05, 47.5), "Belgrade": (20.45, 44.8), "Mandalay": (96.1, 21.95)}
    sea = {"Atlantic": (-35, 30), "Pacific": (-150, 5), "Indian Ocean": (80, -25), "Mediterranean": (18, 35)}
    places = land | sea
    picture = world_map([MapCell(x, y, name, 1) for name, (x, y) in places.items()])
    page = browser.new_page()
    page.set_content(f"<!doctype html>{picture}")
    on_land = page.evaluate(
        """() => [...document.querySelectorAll("circle")].filter((dot) => {
            const place = new DOMPoint(dot.cx.baseVal.value, dot.cy.baseVal.value);
            return [...document.querySelectorAll("path:not([class])")].some((path) => path.isPointInFill(place));
        }).map((dot) => dot.getAttribute("aria-label").split(",")[0])"""
    )
    assert set(on_land) == set(land)
    assert page.locator("circle").count() == len(places)
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_background(browser: Browser, report: Path, scheme: str) -> None:
    page, _ = opened(browser, report, scheme=scheme)
    texts = texts_by_contrast(page, ".skip, #tip")
    assert len(texts) > 100
    assert [text for text in texts if text[0] < ENOUGH] == []
    page.close()


def test_the_reader_s_theme_is_followed(browser: Browser, report: Path) -> None:
    backgrounds = {}
    for scheme in ("light", "dark"):
        page, _ = opened(browser, report, scheme=scheme)
        backgrounds[scheme] = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        dot = page.locator(".map circle").first
        land = page.locator(".map path:not(.background)").first
        fills = [one.evaluate("one => getComputedStyle(one).fill") for one in (dot, land)]
        assert contrast(*fills) > 2.5
        page.close()
    assert backgrounds["dark"] < 0.05 < 0.8 < backgrounds["light"]


def test_a_dot_says_what_it_is(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report)
    assert page.locator("#tip").is_hidden()
    page.locator(".map circle").nth(2).hover()
    assert re.fullmatch(r"[\w ]+, near .*: \d+ brewer(y|ies)", page.locator("#tip").inner_text())
    page.mouse.move(5, 5)
    assert page.locator("#tip").is_hidden()
    page.close()


def test_a_keyboard_reaches_everything_that_scrolls(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 360)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the figures"
    scrolling = "[...document.querySelectorAll('*')].filter((e) => e.scrollWidth > e.clientWidth + 1 &&"
    scrolling += " ['auto', 'scroll'].includes(getComputedStyle(e).overflowX))"
    assert page.evaluate(f"{scrolling}.length") > 0
    assert page.evaluate(f"{scrolling}.filter((e) => e.tabIndex < 0 || !e.ariaLabel).length") == 0
    page.close()


def test_it_prints(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report)
    page.emulate_media(media="print")
    assert page.locator("nav").first.is_hidden()
    assert page.pdf(format="A4").startswith(b"%PDF-")
    page.close()
