"""The status language in a terminal: every mark is shape, word and colour, and survives without any one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rich.text import Text

from fleetmon.cli.words import age, instant, plain


@dataclass(frozen=True, slots=True)
class Mark:
    """One state: its glyph, the glyph of a terminal that knows ASCII alone, its word and its style."""

    glyph: str
    ascii: str
    word: str
    style: str


HEALTH = {
    "OK": Mark("●", "o", "OK", "#6f9387"),
    "Warning": Mark("▲", "^", "WARN", "#e69f00"),
    "Critical": Mark("◆", "!", "CRIT", "bold #e8651a"),
    "Unknown": Mark("◌", "?", "UNKN", "#8a95a1"),
}
POWER = {
    "On": Mark("▮", "|", "On", ""),
    "Off": Mark("▯", "_", "Off", "dim"),
    "PoweringOn": Mark("▄", "/", "Starting", ""),
    "PoweringOff": Mark("▄", "\\", "Stopping", ""),
    "Unknown": Mark("┆", ":", "Unknown", "dim"),
}
HATCH = ("╱", "/")
STALE = "STALE"

_CIVIDIS = ("#3a4a72", "#565c73", "#6f6f74", "#878479", "#a19a75", "#bdb16b", "#dcca5a", "#fbe34a")


def health(word: str | None) -> Mark:
    """The mark of a health; of Unknown for a word nobody knows."""
    return HEALTH.get(word or "", HEALTH["Unknown"])


def power(device: Mapping[str, Any]) -> Mark:
    """The mark of a device's power state; behind a hatch when the device answers and no longer tells it."""
    state = device.get("power") or {}
    mark = POWER.get(state.get("value") or "", POWER["Unknown"])
    if state.get("stale") and not device.get("stale"):
        return replace(mark, glyph=HATCH[0], ascii=HATCH[1], word=f"{mark.word}?", style="dim")
    return mark


def health_text(device: dict[str, Any], *, ascii_only: bool = False, colour: bool = True) -> Text:
    """`◆ CRIT`, or the last known shape behind a hatch when it is stale: `◆╱STALE`."""
    mark = health(device.get("health"))
    glyph = mark.ascii if ascii_only else mark.glyph
    style = mark.style if colour else ""
    if device.get("stale"):
        return Text.assemble((glyph, style), (HATCH[ascii_only] + STALE, "dim"))
    return Text(f"{glyph} {mark.word}", style=style)


def power_text(device: dict[str, Any], *, ascii_only: bool = False) -> Text:
    """`▮ On`: solid is on, hollow is off, half is on its way; `╱ On?` was last known so, and is stale."""
    mark = power(device)
    style = "dim" if device.get("stale") else mark.style
    return Text(f"{mark.ascii if ascii_only else mark.glyph} {mark.word}", style=style)


def heat(fraction: float) -> str:
    """A colour of the cividis scale, 0 cold to 1 hot."""
    place = min(1.0, max(0.0, fraction)) * (len(_CIVIDIS) - 1)
    return _CIVIDIS[round(place)]


def seen(device: dict[str, Any], now: str | None) -> str:
    """How long ago the device last answered, by the service's own clock."""
    at = instant(now)
    return "–" if at is None else age(device.get("seen_at"), at)


def reason(device: dict[str, Any]) -> str:
    """Why the device is not simply well, in one line; empty when there is nothing to say."""
    if device.get("reachability") not in ("reachable", "never_asked", None):
        return plain(device.get("reachability_reason") or str(device["reachability"]).replace("_", " "))
    return plain(device.get("health_reason") or "")
