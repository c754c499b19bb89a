"""Signed traps, looked at one after another: does the signature fit the user their device is polled as?

The hint that such a trap is has been taken by then. Looking takes a thread, for a passphrase is hashed once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

from fleetmon.drivers.base import Credentials
from fleetmon.drivers.snmp.address import target_of
from fleetmon.drivers.snmp.envelope import Envelope
from fleetmon.drivers.snmp.traps import Trap
from fleetmon.drivers.snmp.unsealing import unseal
from fleetmon.errors import AccessDenied, ConfigError, Garbled
from fleetmon.model import Endpoint

Login = tuple[Endpoint, Credentials]
Outcome = Literal["signed", "refused", "stale", "unproven", "garbled"]
"""Fits; does not; fits and is old; there is no SNMPv3 user to look by; is no trap."""

MOST = 200
"""Signed traps that wait at most."""
WINDOW = 150
"""Seconds that a message may be older than the newest of its engine (RFC 3414, 2.2.3)."""


class Proofs:
    """`proven` takes the traps whose signature fits, `judged` what became of each."""

    def __init__(
        self,
        login: Callable[[str], Login | None],
        *,
        proven: Callable[[str, Trap], None],
        judged: Callable[[str, str, Outcome, str], Awaitable[None]],
    ) -> None:
        self._login = login
        self._proven = proven
        self._judged = judged
        self._waiting: asyncio.Queue[tuple[str, str, bytes]] = asyncio.Queue(MOST)
        self._newest: dict[tuple[str, bytes], tuple[int, int]] = {}
        """Boots and time of the engines that devices signed as; nobody without their key adds one."""

    def add(self, device_id: str, sender: str, datagram: bytes) -> bool:
        """One to be looked at, which bears the address of the device; False when too many wait."""
        if self._waiting.full():
            return False
        self._waiting.put_nowait((device_id, sender, datagram))
        return True

    async def run(self) -> None:
        """Look at what waits until cancelled."""
        while True:
            device_id, sender, datagram = await self._waiting.get()
            outcome, reason = await self._look(device_id, datagram)
            await self._judged(device_id, sender, outcome, reason)

    async def _look(self, device_id: str, datagram: bytes) -> tuple[Outcome, str]:
        login = self._login(device_id)
        if login is None:
            return "unproven", ""
        endpoint, credentials = login
        try:
            target = target_of(endpoint.address)
            if not target.auth:
                return "unproven", ""
            trap, outside = await asyncio.to_thread(unseal, datagram, target, credentials)
        except AccessDenied as error:
            return "refused", error.reason
        except (Garbled, ConfigError) as error:
            return "garbled", error.reason
        if self._is_stale(device_id, outside):
            return "stale", ""
        self._proven(device_id, trap)
        return "signed", ""

    def _is_stale(self, device_id: str, outside: Envelope) -> bool:
        """Has its engine signed something much newer? An engine that rebooted counts more boots."""
        key, sent = (device_id, outside.engine), (outside.boots, outside.time)
        newest = self._newest.get(key, sent)
        self._newest[key] = max(newest, sent)
        return sent < (newest[0], newest[1] - WINDOW)
