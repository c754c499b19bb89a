"""Where a device is that is known by name: its addresses in turn; those of before while the name service is dead."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from fleetmon.clock import Clock
from fleetmon.errors import Unreachable

RESOLVING = 5.0
"""Seconds the name service may take."""
NAMELESS = 60.0
"""Seconds it is left alone after it gave no address: a dead one keeps a thread busy for each question."""


class Whereabouts:
    """The numeric addresses of one host."""

    def __init__(self, host: str, port: int, *, clock: Clock, device: str) -> None:
        self._host, self._port, self._clock, self._device = host, port, clock, device
        self._left: list[str] = []
        """Those not found silent since the name was looked up."""
        self._named = [host] if is_numeric(host) else []
        """All that the name service told last."""
        self._wrong, self._not_before = "", float("-inf")

    async def address(self) -> str:
        """The numeric address to ask; raises Unreachable when there is none."""
        if not self._left:
            if not is_numeric(self._host):
                await self._look_up()
            self._left = list(self._named)
        if not self._left:
            raise Unreachable(self._wrong, device=self._device)
        return self._left[0]

    def was_silent(self) -> None:
        """The address asked last did not answer: of several, the next one is asked then."""
        self._left = self._left[1:]

    async def _look_up(self) -> None:
        if self._clock.monotonic() < self._not_before:
            return
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(RESOLVING):
                found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)
        except (OSError, TimeoutError, UnicodeError) as error:
            self._wrong = f"no address for {self._host}: {str(error) or 'the name service is silent'}"
            self._not_before = self._clock.monotonic() + NAMELESS
            return
        self._named = list(dict.fromkeys(str(place[4][0]) for place in found))


def is_numeric(host: str) -> bool:
    """Is it an address already?"""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
