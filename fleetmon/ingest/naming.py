"""What names and messages speak of, whatever words a protocol has for it; pure.

Two protocols call one thing by two names: `Drive Bay 3` is `Drive 3`, `Input Voltage` of `PSU 1` is `PSU1 Input Volt`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_TOKEN = re.compile(r"[a-z]+|\d+(?:\.\d+)?")

THINGS = {
    **dict.fromkeys(("drive", "drives", "disk", "hdd", "ssd", "nvme", "bay"), "drive"),
    **dict.fromkeys(("psu", "ps", "supply", "supplies", "powersupply"), "supply"),
    **dict.fromkeys(("fan", "fans", "cooling", "tach"), "fan"),
    **dict.fromkeys(("dimm", "dimms", "memory", "mem", "ecc"), "memory"),
    **dict.fromkeys(("cpu", "cpus", "proc", "processor", "processors"), "processor"),
    **dict.fromkeys(("temperature", "temp", "thermal", "inlet", "exhaust"), "temperature"),
    **dict.fromkeys(("voltage", "volt", "volts", "vcore", "vbat"), "voltage"),
    **dict.fromkeys(("intrusion",), "intrusion"),
    **dict.fromkeys(("watchdog",), "watchdog"),
}
"""What may be spoken of, by the words that say so."""
_PARTS = frozenset({"drive", "supply", "fan", "memory", "processor"})
_MEASURES = frozenset(
    {
        "temperature", "temp", "voltage", "volt", "volts", "current", "curr", "power", "pwr", "watts", "speed", "rpm",
        "tach", "reading", "sensor", "status", "state", "health", "slot",
    }
)  # fmt: skip
"""Words that say what the type of a sensor, or the kind of a component, says, too."""


@lru_cache(maxsize=16_384)
def tokens(text: str) -> tuple[str, ...]:
    """The words and numbers of a text, lower case; `PSU1` is two of them."""
    return tuple(_TOKEN.findall(text.lower()))


def things(words: Iterable[str]) -> set[str]:
    """What they are about, as far as they say."""
    return {THINGS[word] for word in words if word in THINGS}


def numbers(words: Iterable[str]) -> set[str]:
    """The numbers among them; 01 is 1."""
    return {word.lstrip("0") or "0" for word in words if word[0].isdigit()}


@lru_cache(maxsize=16_384)
def essence(name: str) -> str:
    """What a component's name says beyond its kind: `3` of `Drive Bay 3`, `a1` of `DIMM_A1`."""
    said = [word for word in tokens(name) if word not in _MEASURES and THINGS.get(word) not in _PARTS]
    return "".join(word.lstrip("0") or "0" if word.isdigit() else word for word in said if word != "power")


@lru_cache(maxsize=16_384)
def subject(kind: str, component: str, name: str) -> frozenset[str]:
    """What a sensor measures, beyond its type: which part, and what of it. A chassis names no part."""
    said = tokens(name) if kind in ("Chassis", "Device") else (*tokens(f"{kind} {component}"), *tokens(name))
    plain = (THINGS[word] if THINGS.get(word) in _PARTS else word for word in said if word not in _MEASURES)
    return frozenset(plain)
