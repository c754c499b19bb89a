"""No serious finding of axe-core, and a status language that survives grey and colour blindness."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Desk

SERIOUS = ("serious", "critical")
VIEWS = (
    "/racks",
    "/racks/R04?unit=db-b02",
    "/racks/R04?unit=api-39&paint=inlet",
    "/racks/R04?paint=watts",
    "/racks/R99",
)
STATES = ("ok", "warn", "crit", "unkn", "stale", "maint")

# The matrices of Machado, Oliveira and Fernandes (2009) at full severity, on linear RGB.
MACHADO = {
    "as it is": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "grey": ((0.2126, 0.7152, 0.0722),) * 3,
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
Colour = tuple[float, float, float]

LOOK = """
element => {
  const ground = (node) => {
    const colour = getComputedStyle(node).backgroundColor;
    return colour === 'rgba(0, 0, 0, 0)' ? ground(node.parentElement) : colour;
  };
  const mark = element.querySelector('.mark');
  const drawn = [...mark.querySelectorAll('path, circle, rect')].map((shape) => {
    const style = getComputedStyle(shape);
    return { shape: shape.getAttribute('d') ?? shape.tagName, fill: style.fill, stroke: style.stroke };
  });
  const word = element.querySelector('.code');
  const ink = getComputedStyle(word).color;
  return { id: mark.dataset.shape, drawn, word: word.innerText, ink, ground: ground(element) };
}
"""


def linear(colour: str) -> Colour | None:
    """`rgb(...)` as linear light; None where nothing is painted."""
    if colour == "none" or colour.startswith("rgba(0, 0, 0, 0"):
        return None
    red, green, blue = (int(part) / 255 for part in re.findall(r"\d+", colour)[:3])
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue))  # type: ignore[return-value]


def seen(colour: Colour, matrix: tuple[tuple[float, ...], ...]) -> Colour:
    mixed = (sum(weight * part for weight, part in zip(row, colour, strict=True)) for row in matrix)
    return tuple(min(1.0, max(0.0, part)) for part in mixed)  # type: ignore[return-value]


def contrast(one: Colour, other: Colour) -> float:
    """WCAG contrast of two colours in linear light."""
    light = sorted(0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


def test_the_formula_gives_what_wcag_gives() -> None:
    white, amber = linear("rgb(255, 255, 255)"), linear("rgb(230, 159, 0)")
    assert white is not None
    assert amber is not None
    assert contrast(white, linear("rgb(0, 0, 0)") or white) == pytest.approx(21)
    assert contrast(white, amber) == pytest.approx(2.25, abs=0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_health_is_told_by_shape_and_word_and_stays_visible_without_colour(desk: Desk, dark: bool) -> None:
    page = desk.open("/racks/R04", dark=dark)
    page.keyboard.press("?")
    words = page.get_by_role("dialog").locator(".word")
    expect(words).to_have_count(7)
    looks = {look["id"]: look for look in (word.evaluate(LOOK) for word in words.all())}
    assert set(looks) == {*STATES, "risk"}
    for one, other in combinations(looks.values(), 2):
        assert [part["shape"] for part in one["drawn"]] != [part["shape"] for part in other["drawn"]]
        assert one["word"] != other["word"]
    for name, matrix in MACHADO.items():
        for look in looks.values():
            ground = seen(linear(look["ground"]) or (1, 1, 1), matrix)
            painted = [linear(part[side]) for part in look["drawn"] for side in ("fill", "stroke")]
            best = max(contrast(seen(colour, matrix), ground) for colour in painted if colour is not None)
            assert best >= 3, f"the mark {look['id']} has {best:.2f}:1 in {name}"
            ink = linear(look["ink"])
            assert ink is not None
            assert contrast(seen(ink, matrix), ground) >= 4.5, f"the word {look['word']} in {name}"


def findings(page: Page) -> list[str]:
    told = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:140]}" for one in told if one["impact"] in SERIOUS]


@pytest.mark.parametrize("view", VIEWS)
def test_axe_has_no_serious_finding_in_either_theme(desk: Desk, view: str) -> None:
    desk.expected = ("404",)
    page = desk.open(view, bypass_csp=True)
    there = page.locator("main svg").first if view != "/racks/R99" else page.get_by_text("There is no rack")
    expect(there).to_be_visible()
    if "unit=" in view:
        expect(page.get_by_role("img", name=re.compile("Inlet temperature"))).to_be_visible()
    assert findings(page) == []
    page.emulate_media(color_scheme="dark")
    assert findings(page) == []


@pytest.mark.parametrize("key", ["?", "/"])
def test_axe_has_no_serious_finding_in_a_dialog(desk: Desk, key: str) -> None:
    page = desk.open("/racks/R04", bypass_csp=True)
    expect(page.get_by_role("grid").first).to_be_visible()
    page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_be_visible()
    assert findings(page) == []


def test_axe_has_no_serious_finding_on_a_phone(desk: Desk) -> None:
    page = desk.open("/racks/R04", width=390, height=844, phone=True, bypass_csp=True)
    expect(page.get_by_role("link", name=re.compile("store-12"))).to_be_visible()
    assert findings(page) == []
