"""Did the agent begin anew since it was asked last? By its boots, its engine's time and its uptime; pure.

snmpEngineTime counts seconds for 68 years; sysUpTime counts hundredths and begins anew after 497 days, which is no
restart (F92). An instant of beginning is compared, not the uptime itself, so that a poll that came late says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleetmon.drivers.snmp.values import Value

UPTIME, BOOTS, ENGINE_TIME = "1.3.6.1.2.1.1.3.0", "1.3.6.1.6.3.10.2.1.1.0", "1.3.6.1.6.3.10.2.1.3.0"
TURN = 2**32 / 100
"""Seconds in which sysUpTime comes round."""
SLACK = 30.0
"""Seconds by which a beginning may seem to move: answers are late, and clocks of agents drift and are set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clockwork:
    """What an agent told of its own time at one instant (seconds since 1970)."""

    at: float = 0.0
    uptime: int | None = None
    """sysUpTime: hundredths of a second, modulo 2^32."""
    boots: int | None = None
    engine_time: int | None = None

    @classmethod
    def told(cls, values: Mapping[str, Value], at: float) -> Clockwork:
        """By the values of a poll."""
        uptime, boots, engine_time = (_whole(values.get(oid)) for oid in (UPTIME, BOOTS, ENGINE_TIME))
        return cls(at=at, uptime=uptime, boots=boots, engine_time=engine_time)

    def began_anew(self, before: Clockwork, elapsed: float) -> bool:
        """Has the agent started again in these seconds? Boots tell it first; else each clock of it that runs must."""
        if self.boots is not None and before.boots is not None and self.boots != before.boots:
            return True
        verdicts = [
            verdict
            for verdict in (
                _moved(self.engine_time, before.engine_time, 1.0, None, elapsed),
                _moved(self.uptime, before.uptime, 0.01, TURN, elapsed),
            )
            if verdict is not None
        ]
        return bool(verdicts) and all(verdicts)

    def to_json(self) -> list[float | int | None]:
        """As it is remembered."""
        return [self.at, self.uptime, self.boots, self.engine_time]

    @classmethod
    def recalled(cls, told: Any) -> Clockwork:
        """As it was remembered; ValueError or TypeError."""
        at, uptime, boots, engine_time = told
        return cls(at=float(at), uptime=uptime, boots=boots, engine_time=engine_time)


def _whole(value: Value | None) -> int | None:
    return value if isinstance(value, int) else None


def _moved(now: int | None, before: int | None, unit: float, turn: float | None, elapsed: float) -> bool | None:
    """Has the beginning moved? None where the clock is not told, or stands still."""
    if now is None or before is None or (now == before and elapsed > SLACK):
        return None
    shift = elapsed - (now - before) * unit
    if turn is not None:
        shift = (shift + turn / 2) % turn - turn / 2
    return abs(shift) > SLACK + 0.001 * abs(elapsed)
