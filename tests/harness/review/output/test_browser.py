"""The HTML review as Chromium shows it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page

from harness.review.model import Review
from harness.review.output.groups import headline
from harness.review.output.html import html
from tests.harness.contrast import ENOUGH, luminance, texts_by_contrast

pytestmark = pytest.mark.browser

Reviews = Callable[..., Review]
Opener = Callable[..., tuple[Page, list[str]]]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opener]:
    """Opens a review; gives the page, and everything it complained of or asked the network for."""
    pages = []

    def open_review(
        review: Review, width: int = 1280, scheme: str = "light", anchor: str = ""
    ) -> tuple[Page, list[str]]:
        file = tmp_path / "review.html"
        file.write_text(html(review), encoding="utf-8")
        page = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
        )
        pages.append(page)
        trouble: list[str] = []

        def refuse(dialog: Dialog) -> None:
            trouble.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        page.on("console", lambda message: trouble.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("dialog", refuse)
        page.on("request", lambda request: trouble.append(request.url) if request.url != file.as_uri() else None)
        page.goto(file.as_uri() + anchor)
        return page, [entry for entry in trouble if not entry.startswith("data:")]

    yield open_review
    for page in pages:
        page.close()


def visible_cards(page: Page) -> int:
    return int(
        page.evaluate("[...document.querySelectorAll('article')].filter((one) => one.checkVisibility()).length")
    )


def focused(page: Page) -> str:
    return str(
        page.evaluate("document.activeElement.closest('article')?.querySelector('.title').textContent ?? ''")
    )


@pytest.mark.parametrize("width", [320, 400, 1280])
def test_it_is_whole_without_a_network(opened: Opener, sample: Review, width: int) -> None:
    page, trouble = opened(sample, width)
    assert trouble == []
    assert page.locator("h1").inner_text() == " ".join(headline(sample).split())
    assert page.locator("article").count() == len(list(sample.walk()))
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_hostile_content_stays_text(opened: Opener, review: Reviews) -> None:
    page, trouble = opened(review("hostile"))
    page.keyboard.press("x")
    assert trouble == []
    assert page.locator("script").count() == 1
    assert page.locator("img, main u, main i:not(.dot)").count() == 0
    assert "</details><script>alert(1)</script>" in page.locator("article").inner_text()
    assert "\\u202egnp.exe" in page.locator("article").inner_text()


def test_the_policy_refuses_what_is_not_the_page_s(opened: Opener, review: Reviews) -> None:
    page, _ = opened(review("upgrade"))
    page.evaluate(
        """() => { const more = document.createElement("script");
            more.textContent = "window.ran = true"; document.body.append(more); }"""
    )
    assert page.evaluate("window.ran") is None


def test_both_sides_are_aligned_and_marked(opened: Opener, review: Reviews) -> None:
    page, _ = opened(review("upgrade"))
    table = page.locator("#r1 .sides")
    changed = table.locator("tr.change").first
    assert changed.locator(".left").inner_text() == "        image: airflow:2.10.5"
    assert changed.locator(".right").inner_text() == "        image: airflow:2.11.2"
    assert changed.locator(".left mark").all_inner_texts() == ["10", "5"]
    left, right = (changed.locator(side).bounding_box() for side in (".left", ".right"))
    assert left is not None
    assert right is not None
    assert left["y"] == right["y"]
    assert left["width"] == pytest.approx(right["width"], abs=2)
    assert left["width"] > 250
    assert table.locator("tr.add .left").all_inner_texts() == ["", "", ""]


def test_folded_lines_can_be_read(opened: Opener, review: Reviews) -> None:
    page, _ = opened(review("upgrade"))
    fold = page.locator("#r1 .fold").first
    assert "21 equal lines" in fold.inner_text()
    fold.locator("summary").click()
    assert "kind: Deployment" in fold.inner_text()


def test_a_phone_shows_one_side_after_the_other(opened: Opener, review: Reviews) -> None:
    page, _ = opened(review("upgrade"), 400)
    changed = page.locator("#r1 tr.change").first
    left, right = (changed.locator(side).bounding_box() for side in (".left", ".right"))
    assert left is not None
    assert right is not None
    assert right["y"] >= left["y"] + left["height"]
    assert left["width"] > 300
    assert page.locator("#r1 tr.equal").first.locator(".left").is_hidden()
    assert page.locator("nav a").first.is_hidden()
    page.locator(".treebox > summary").click()
    assert page.locator("nav a").first.is_visible()


@pytest.mark.parametrize(
    ("control", "value", "expected"),
    [
        ("environment", "minikube", 1),
        ("environment", "eks", 2),
        ("kind", "Namespace", 1),
        ("change", "changed", 2),
        ("level", "2", 2),
        ("level", "3", 0),
    ],
)
def test_filters(opened: Opener, review: Reviews, control: str, value: str, expected: int) -> None:
    page, _ = opened(review("upgrade"))
    page.locator(f"select[name={control}]").select_option(value)
    assert visible_cards(page) == expected
    assert page.locator("nav li:visible").count() == expected
    assert page.locator("output").inner_text() == f"{expected} of 3 resources"
    assert page.locator(".nothing").is_visible() == (expected == 0)
    page.keyboard.press("Escape")
    assert visible_cards(page) == 3


def test_filters_hide_what_they_empty(opened: Opener, review: Reviews) -> None:
    page, _ = opened(review("upgrade"))
    page.locator("select[name=environment]").select_option("minikube")
    assert page.locator("section.environment:visible h2").all_inner_texts() == ["minikube 1 changed"]
    assert page.locator("nav .branch:visible > summary").all_inner_texts() == ["minikube 1", "orchestrator 1"]


def test_search_looks_into_manifests(opened: Opener, review: Reviews) -> None:
    page, _ = opened(review("upgrade"))
    page.keyboard.press("/")
    page.keyboard.type("sandbox namespace")
    assert visible_cards(page) == 1
    page.locator("input[type=search]").fill("AIRFLOW:2.10.5")
    assert page.locator("article:visible .title").all_inner_texts() == ["Deployment orchestrator/scheduler"] * 2


def test_keys(opened: Opener, review: Reviews) -> None:
    page, _ = opened(review("big", applications=5))
    for key, expected in (("j", "0000"), ("j", "0001"), ("j", "0002"), ("k", "0001")):
        page.keyboard.press(key)
        assert f"service-{expected}" in focused(page)
    details = page.locator("#r2 > details")
    assert details.get_attribute("open") is None
    page.keyboard.press("Enter")
    assert details.get_attribute("open") is not None
    page.keyboard.press("x")
    assert page.locator("article > details[open]").count() == 200
    page.keyboard.press("x")
    assert page.locator("article > details[open]").count() == 0
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("dialog").is_hidden()


def test_the_tree_leads_to_a_resource(opened: Opener, review: Reviews) -> None:
    page, _ = opened(review("big", applications=5))
    page.locator("nav a").nth(29).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    # The page follows its address in an event of its own, after the key press has returned.
    page.wait_for_function("document.activeElement.closest('article') !== null")
    assert "service-0030" in focused(page)
    card = page.locator("#r31")
    assert card.locator("details").first.get_attribute("open") is not None
    box, bar = card.bounding_box(), page.locator(".filters").bounding_box()
    assert box is not None
    assert bar is not None
    assert bar["height"] - 1 <= box["y"] < 450, "below the filters, which stay in place"


def test_a_link_opens_what_a_filter_hides(opened: Opener, review: Reviews) -> None:
    page, _ = opened(review("big", applications=5), anchor="#r150")
    assert page.locator("#r150 > details").get_attribute("open") is not None
    page.locator("select[name=environment]").select_option("eks")
    assert page.locator("#r150").is_hidden()
    page.evaluate("location.hash = '#r151'")
    page.wait_for_selector("#r151", state="visible")
    assert visible_cards(page) == 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["upgrade", "loss", "broken"])
def test_text_stands_out_from_its_background(opened: Opener, review: Reviews, name: str, scheme: str) -> None:
    page, _ = opened(review(name), scheme=scheme)
    texts = texts_by_contrast(page, ".skip")
    assert len(texts) > 50
    assert [text for text in texts if text[0] < ENOUGH] == []


def test_the_reader_s_theme_is_followed(opened: Opener, review: Reviews) -> None:
    backgrounds = []
    for scheme in ("dark", "light"):
        page, _ = opened(review("upgrade"), scheme=scheme)
        backgrounds.append(luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")))
    assert backgrounds[0] < 0.05 < 0.8 < backgrounds[1]


def test_what_is_printed_is_unfolded(opened: Opener, review: Reviews) -> None:
    page, _ = opened(review("big", applications=2))
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("article > details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("article > details[open]").count() == 0
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    assert page.locator(".filters").is_hidden()
    assert page.pdf(format="A4").startswith(b"%PDF-")


def test_a_big_review_answers_at_once(opened: Opener, review: Reviews) -> None:
    """Most of the resources are neither laid out nor painted, or this would not be so few frames."""
    page, trouble = opened(review("big"))
    assert trouble == []
    shown = page.locator("article").count()
    assert shown > 150
    skipped = page.evaluate(
        "[...document.querySelectorAll('article')].filter((one) => !one.querySelector('summary')"
        ".checkVisibility({ contentVisibilityAuto: true })).length"
    )
    assert skipped > shown - 100
