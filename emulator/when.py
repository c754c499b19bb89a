"""When a fault fires: conditions on how often it was met, on chance and on time, the same for every kind of wire."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any


def _positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


COUNTED: dict[str, Callable[[Any], bool]] = {
    "nth": _positive,
    "first": _positive,
    "every": _positive,
    "prob": lambda value: _amount(value) and value <= 1,
}
TIMED: dict[str, Callable[[Any], bool]] = {"after_s": _amount, "until_s": _amount}
WHEN: dict[str, Callable[[Any], bool]] = {
    **COUNTED,
    **TIMED,
    "state": lambda value: value in ("On", "Off", "PoweringOn", "PoweringOff"),
}
"""What each condition may be: at the n-th time it is met, the first n, every n-th, by chance; from or until so many
seconds after it was set; in a power state."""


def its_turn(when: Mapping[str, Any], met: int, chance: random.Random) -> bool:
    """Whether it fires, being met for the `met`-th time."""
    if "nth" in when and met != when["nth"]:
        return False
    if "first" in when and met > when["first"]:
        return False
    if "every" in when and met % when["every"]:
        return False
    return "prob" not in when or chance.random() < float(when["prob"])


def in_time(when: Mapping[str, Any], age: float) -> bool:
    """Whether its time has come and not passed, so many seconds after it was set."""
    return bool(when.get("after_s", 0.0) <= age < when.get("until_s", float("inf")))
