"""How values are said in a terminal: text made harmless, ages, watts, degrees."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_NEAR = {
    "°": "", "·": "-", "–": "-", "…": ".", "→": ">", "×": "x", "─": "-", "’": "'", "≤": "<=", "■": "#", "▪": "#",
    "●": "o", "▲": "^", "◆": "!", "◌": "?", "▮": "|", "▯": "_", "▄": "/", "┆": ":", "╱": "/",
}  # fmt: skip
_ASCII = str.maketrans(_NEAR)
_NO_READING = {"NeverRead": "unread", "Absent": "absent", "Off": "Off", "Timeout": "timeout", "Faulty": "faulty"}
_STEPS = (("d", 86400), ("h", 3600), ("m", 60))


def plain(value: object) -> str:
    """The value as one line that can do nothing to a terminal; control and bidi characters are spelled out (F100)."""
    return _UNSAFE.sub(_spelled, str(value))


def _spelled(found: re.Match[str]) -> str:
    if found[0] in "\n\t":
        return " "
    code = ord(found[0])
    return "" if found[0] == "\r" else f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def in_ascii(text: str) -> str:
    """The text for a terminal that knows ASCII alone; what has no near letter becomes `?`."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()


def instant(text: str | None) -> datetime | None:
    """An instant of the API; None where there is none, or none that can be read."""
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def duration(seconds: float) -> str:
    """`6 s`, `12 m`, `3 h`, `2 d`: the largest unit that fits, as short as an age can be said."""
    for unit, size in _STEPS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def age(text: str | None, now: datetime) -> str:
    """How long ago an instant was; `never` where there is none."""
    then = instant(text)
    return "never" if then is None else duration((now - then) / timedelta(seconds=1))


def watts(value: float | None) -> str:
    """`412 W` or `7.12 kW`; an en dash where nothing is known."""
    if value is None:
        return "–"
    return f"{value:.0f} W" if abs(value) < 1000 else f"{value / 1000:.2f} kW"


def stated(value: dict[str, Any] | None, form: str, unit: str) -> str:
    """A stated value of the API: the number with its unit, or the reason there is none."""
    if not value or value.get("value") is None:
        reason = (value or {}).get("reason")
        return _NO_READING.get(str(reason)) or (plain(reason) if reason else "–")
    return f"{value['value']:{form}} {unit}".rstrip()


def number(value: dict[str, Any] | None) -> float | None:
    """The number of a stated value, where there is one."""
    found = (value or {}).get("value")
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


WHOLES = ("Chassis", "ComputerSystem", "Manager", "Device")
"""Components whose name mostly says no more than their kind."""


def component(named: Mapping[str, str], several: Container[str] = ()) -> str:
    """A component as a person would name it, where there are `several` of some kinds."""
    kind, name = named.get("kind", ""), named.get("name", "")
    if kind in WHOLES and kind not in several:
        return plain(kind)
    says_kind = kind.lower() in name.lower().replace(" ", "").replace("_", "")
    return plain(name if says_kind else f"{kind} {name}".strip())


def several(named: Iterable[Mapping[str, str]]) -> frozenset[str]:
    """The kinds of which more than one is named."""
    names: dict[str, set[str]] = {}
    for one in named:
        names.setdefault(one.get("kind", ""), set()).add(one.get("name", ""))
    return frozenset(kind for kind, found in names.items() if len(found) > 1)


def made(manufacturer: str, model: str) -> str:
    """Who made it and what it is; a model that names its maker itself says it once."""
    return " ".join(part for part in ("" if model.startswith(manufacturer) else manufacturer, model) if part)


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts `Outlet 2` before `Outlet 10`."""
    return tuple(
        (int(part[:18]), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", text) if part
    )


def count(number_of: int, noun: str) -> str:
    """`1 device`, `25 devices`."""
    return f"{number_of:,} {noun}" if number_of == 1 else f"{number_of:,} {noun}s"


def size(count: int) -> str:
    """Bytes as people say them."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def room_left(storage: Mapping[str, Any]) -> str:
    """What the disk of the databases has left, as `/storage` tells it."""
    disk = storage.get("disk")
    return f"{size(disk['free'])} of {size(disk['total'])} free" if disk else "the disk cannot be measured"


def days_left(storage: Mapping[str, Any]) -> str:
    """When the disk will be full, as `/storage` tells it."""
    ahead = storage["forecast"]
    if ahead["days"] is None:
        return str(ahead["reason"])
    return f"full in {ahead['days']:,.0f} days at {size(ahead['per_day'])} a day"
