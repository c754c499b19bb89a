"""From a sensor's raw byte to a number (IPMI v2.0 rev 1.1 section 36.3 and 36.5, table 43-1 bytes 21 to 30).

Not pyghmi's: it needs a live session for non-linear sensors, and lets a logarithm of nothing end the whole poll.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

NON_LINEAR = 0x70
"""From here on a sensor's factors hold for one raw value each, and are asked with it."""


class Format(IntEnum):
    """How the raw byte is written."""

    UNSIGNED = 0
    ONES_COMPLEMENT = 1
    TWOS_COMPLEMENT = 2
    NO_NUMBER = 3


_LINEARISATIONS: dict[int, Callable[[float], float]] = {
    0: lambda y: y,
    1: math.log,
    2: math.log10,
    3: math.log2,
    4: math.exp,
    5: lambda y: math.pow(10.0, y),
    6: lambda y: math.pow(2.0, y),
    7: lambda y: 1.0 / y,
    8: lambda y: y * y,
    9: lambda y: y * y * y,
    10: math.sqrt,
    11: math.cbrt,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """y = L[(M x + B 10^K1) 10^K2]."""

    format: Format = Format.UNSIGNED
    m: int = 1
    b: int = 0
    b_exponent: int = 0
    exponent: int = 0
    linearisation: int = 0

    @property
    def asks_factors(self) -> bool:
        """Do the factors depend on the raw value?"""
        return NON_LINEAR <= self.linearisation < 0x80

    @property
    def falls(self) -> bool:
        """Is a higher raw byte a lower value?"""
        return (self.m < 0) is not (self.linearisation == 7)

    def value(self, raw: int) -> float | None:
        """What the raw byte means; None where it means no number, as the logarithm of nothing."""
        found = self._linear(signed(raw, self.format))
        linearise = _LINEARISATIONS.get(0 if self.asks_factors else self.linearisation)
        if linearise is None or self.format is Format.NO_NUMBER:
            return None
        try:
            return _plain(linearise(found))
        except (ValueError, ZeroDivisionError, OverflowError):
            return None

    def span(self, raw: int) -> float | None:
        """How much `raw` steps are worth, as a hysteresis is given; None where steps differ in size."""
        if self.linearisation or self.format is Format.NO_NUMBER:
            return None
        return _plain(abs(scaled(self.m * raw, self.exponent)))

    def _linear(self, x: int) -> float:
        if self.b_exponent < 0:
            return scaled(self.m * x * 10**-self.b_exponent + self.b, self.exponent + self.b_exponent)
        return scaled(self.m * x + self.b * 10**self.b_exponent, self.exponent)

    def with_factors(self, octets: bytes) -> Formula | None:
        """The formula for one raw value, from the answer to Get Sensor Reading Factors; None where it is too short."""
        return replace(factors(octets[1:7], self.format, 0)) if len(octets) >= 7 else None


def factors(octets: bytes, written: Format, linearisation: int) -> Formula:
    """The formula in six bytes: M, its upper bits and tolerance, B, its upper bits and accuracy, more, exponents."""
    m_low, m_high, b_low, b_high, _, exponents = octets
    return Formula(
        format=written,
        m=twos(m_low | (m_high & 0xC0) << 2, 10),
        b=twos(b_low | (b_high & 0xC0) << 2, 10),
        b_exponent=twos(exponents & 0xF, 4),
        exponent=twos(exponents >> 4, 4),
        linearisation=linearisation,
    )


def signed(raw: int, written: Format) -> int:
    """The raw byte as the number it is written as."""
    match written:
        case Format.TWOS_COMPLEMENT:
            return twos(raw, 8)
        case Format.ONES_COMPLEMENT:
            return raw - 0xFF if raw & 0x80 else raw
        case _:
            return raw


def twos(value: int, bits: int) -> int:
    """A two's complement number of so many bits."""
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def scaled(number: int, exponent: int) -> float:
    """`number` times ten to the `exponent`, rounded once only: 1204 hundredths are 12.04."""
    return number / 10**-exponent if exponent < 0 else float(number * 10**exponent)


def _plain(value: Any) -> float:
    """Without the digits no byte can carry."""
    return float(f"{value:.7g}") if value % 1 else float(value)
