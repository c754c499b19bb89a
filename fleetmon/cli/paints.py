"""What colours a rack: one quantity at a time, never a mix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from fleetmon.cli.marks import heat, power
from fleetmon.cli.words import duration, instant, number, stated, watts

Device = dict[str, Any]
COLDEST, HOTTEST = 18.0, 32.0
"""Ends of the inlet scale in Cel: the lower end of ASHRAE's recommended range, the upper end of class A1."""


class Paint(StrEnum):
    """The quantity that colours the picture."""

    HEALTH = "health"
    POWER = "power"
    INLET = "inlet"
    WATTS = "watts"
    AGE = "age"


@dataclass(frozen=True, slots=True)
class Coat:
    """What a paint says of one device: a share of the scale (None: nothing known), words and a style."""

    share: float | None
    words: str
    style: str


def coats(paint: Paint, devices: Sequence[Device], now: datetime | None) -> Callable[[Device], Coat]:
    """How the paint colours each of these devices."""
    match paint:
        case Paint.INLET:
            return _inlet
        case Paint.WATTS:
            most = max((number(device.get("watts")) or 0.0 for device in devices if _draws(device)), default=0.0)
            return lambda device: _watts(device, most)
        case Paint.AGE:
            return lambda device: _age(device, now)
        case Paint.POWER:
            return _power
    return lambda _: Coat(None, "", "")


def _draws(device: Device) -> bool:
    """What a PDU or a UPS passes on is drawn by others, and would dwarf them all."""
    return device.get("kind") not in ("pdu", "ups")


def _inlet(device: Device) -> Coat:
    value = number(device.get("inlet"))
    share = None if value is None else (value - COLDEST) / (HOTTEST - COLDEST)
    return _hot(share, stated(device.get("inlet"), ".1f", "°C"))


def _watts(device: Device, most: float) -> Coat:
    value = number(device.get("watts"))
    return _hot(None if value is None or not most else value / most, watts(value))


def _age(device: Device, now: datetime | None) -> Coat:
    seen = instant(device.get("seen_at"))
    if seen is None or now is None:
        return _hot(None, "never")
    seconds = (now - seen).total_seconds()
    return _hot(seconds / (3 * float(device.get("interval") or 60)), duration(seconds))


def _power(device: Device) -> Coat:
    mark = power(device)
    share = {"On": 1.0, "Off": 0.0, "Starting": 0.5, "Stopping": 0.5}.get(mark.word)
    return Coat(share, mark.word, "" if share else "dim")


def _hot(share: float | None, words: str) -> Coat:
    return Coat(None, words, "dim") if share is None else Coat(min(1.0, max(0.0, share)), words, heat(share))
