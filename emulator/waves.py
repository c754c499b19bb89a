"""Smooth, endless and repeatable curves: sums of tones, whose integral is known in closed form.

A value at any instant, past or future, is computed and never stored; history and the live value are the same function.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import cos, pi, sin

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Wave:
    """`level` plus tones of (amplitude, angular speed, phase)."""

    level: float
    tones: tuple[tuple[float, float, float], ...]

    def at(self, instant: float) -> float:
        """The value at one instant."""
        value = self.level
        for amplitude, omega, phase in self.tones:
            value += amplitude * sin(omega * instant + phase)
        return value

    def column(self, instants: list[float]) -> list[float]:
        """The values at many instants."""
        values = [self.level] * len(instants)
        for amplitude, omega, phase in self.tones:
            values = [v + amplitude * sin(omega * t + phase) for v, t in zip(values, instants, strict=True)]
        return values

    def area(self, since: float, until: float) -> float:
        """The integral between two instants."""
        total = self.level * (until - since)
        for amplitude, omega, phase in self.tones:
            total += amplitude / omega * (cos(omega * since + phase) - cos(omega * until + phase))
        return total


def load_wave(chance: random.Random, level: float, swing: float) -> Wave:
    """Work of a machine between 0 and 1: a busy afternoon, a quiet night, and bustle on top; never clipped."""
    afternoon = pi / 2 - 2 * pi * (14.5 + chance.uniform(-1.0, 1.0)) / 24
    bustle = min(level - swing, 1 - level - swing) * 0.8
    return Wave(
        level,
        (
            (swing, 2 * pi / DAY, afternoon),
            (bustle * 0.40, *_tone(chance, 2.9 * 3600)),
            (bustle * 0.35, *_tone(chance, 41 * 60)),
            (bustle * 0.25, *_tone(chance, 6.3 * 60)),
        ),
    )


def room_wave(chance: random.Random, level: float) -> Wave:
    """Air in front of a rack, in Cel: cooling breathes with the day and with its own control loop."""
    return Wave(level, ((0.7, 2 * pi / DAY, chance.uniform(-0.4, 0.4) - 2.0), (0.35, *_tone(chance, 3.3 * 3600)),
                        (0.15, *_tone(chance, 19 * 60))))  # fmt: skip


def wiggle(chance: random.Random) -> Wave:
    """Restlessness between -1 and 1, for what has no better reason to move."""
    return Wave(0.0, ((0.6, *_tone(chance, 23 * 60)), (0.4, *_tone(chance, 97))))


def _tone(chance: random.Random, period: float) -> tuple[float, float]:
    """Angular speed near a period in seconds, and a random phase."""
    return 2 * pi / (period * chance.uniform(0.85, 1.15)), chance.uniform(0, 2 * pi)
