"""How well the text of a page stands out, as WCAG 2.2 defines it."""

import re

from playwright.sync_api import Page

ENOUGH = 4.5
"""What 1.4.3 asks of text."""


def texts_by_contrast(page: Page, skipped: str) -> list[tuple[float, str]]:
    """Each visible element that has text of its own, with its contrast; every fold of the page is opened first."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    pairs = page.evaluate(
        """(skipped) => [...document.querySelectorAll("body *")]
            .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
            .filter((one) => one.getClientRects().length && one.checkVisibility() && !one.closest(skipped))
            .map((one) => {
                let back = one;
                const clear = () => getComputedStyle(back).backgroundColor === "rgba(0, 0, 0, 0)";
                while (clear()) back = back.parentElement;
                return [one.outerHTML.slice(0, 80), getComputedStyle(one).color,
                    getComputedStyle(back).backgroundColor];
            })""",
        skipped,
    )
    return [(contrast(text, back), element) for element, text, back in pairs]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
