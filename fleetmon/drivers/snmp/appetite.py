"""How much an agent is asked for at once, and what teaches us; pure."""

from __future__ import annotations

from dataclasses import dataclass

REGAINED = 50
"""Answers that went well, after which twice as much is tried again where only silence had taught us to ask for less."""


@dataclass(slots=True)
class Appetite:
    """`size` at once, never above `most`. What the agent itself called too big lowers `most` for good."""

    most: int
    size: int = 0
    well: int = 0

    def __post_init__(self) -> None:
        self.size = self.size if 0 < self.size <= self.most else self.most

    def too_big(self, asked: int) -> None:
        """The agent said so, or its answer was longer than can be taken."""
        self.most = self.size = min(self.size, max(1, asked // 2))
        self.well = 0

    def too_slow(self, asked: int) -> None:
        """It was silent when asked for so much, and answers when asked for less."""
        self.size = min(self.size, max(1, asked // 2))
        self.well = 0

    def went_well(self, asked: int) -> None:
        """It answered so much at once."""
        if self.size == self.most or asked < self.size:
            return
        self.well += 1
        if self.well >= REGAINED:
            self.size, self.well = min(self.most, self.size * 2), 0
