"""Whose a message is: the device at an address, or with a UUID.

The rows of the fleet name addresses as people wrote them; who sends a trap is known by the address it came from. Names
are resolved here, one after another and seldom, never because of what somebody sends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from fleetmon import logs
from fleetmon.clock import Clock
from fleetmon.errors import StorageError
from fleetmon.storage.lanes import Origin

log = logs.get("origins")

FRESH = 20.0
"""Seconds after which the rows are read again; a device that is new is unknown for so long."""
RESOLVED = 1800.0
"""Seconds for which a name is taken for what it was resolved to."""
PATIENCE = 5.0
"""Seconds for resolving one name."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class _Resolved:
    addresses: tuple[str, ...]
    at: float


class Origins:
    """The devices by their addresses and UUIDs, as of the last look at the rows."""

    def __init__(
        self, rows: Callable[[], Awaitable[Sequence[Origin]]], *, clock: Clock, resolve: Resolve | None = None
    ) -> None:
        self._rows = rows
        self._clock = clock
        self._resolve = resolve or _resolve
        self._names: dict[str, _Resolved] = {}
        self._at: dict[str, set[str]] = {}
        self._with: dict[str, set[str]] = {}
        self._read: Sequence[Origin] = ()

    def find(self, addresses: Iterable[str], uuids: Sequence[str] = ()) -> str | None:
        """The one device that sent this; None when nobody, or nobody alone, can be meant.

        The address tells, or where several devices share one, the UUID among them. A UUID alone is enough: it came
        through a translated address or a proxy.
        """
        claimed = [self._with[uuid] for uuid in uuids if uuid in self._with]
        for address in addresses:
            here = self._at.get(address) or self._at.get(plain(address), set())
            if len(here) == 1:
                return next(iter(here))
            if here:
                claimed = [found & here for found in claimed]
        return next((next(iter(found)) for found in claimed if len(found) == 1), None)

    async def follow(self) -> None:
        """Keep up with the fleet until cancelled."""
        while True:
            try:
                await self.read()
            except StorageError as error:  # what was known stays; the store watch tells of it
                log.warning("origins not read", reason=str(error))
            await self._clock.sleep(FRESH)

    async def read(self) -> None:
        """Read the rows, and resolve what names are new in them, or old."""
        rows = await self._rows()
        names = {host for row in rows for host, is_name in map(_host, row.addresses) if is_name}
        if await self._look_up(names) or rows != self._read:
            self._take(rows)
            self._read = rows

    def _take(self, rows: Sequence[Origin]) -> None:
        at: dict[str, set[str]] = {}
        having: dict[str, set[str]] = {}
        for row in rows:
            for host, is_name in map(_host, row.addresses):
                for address in self._known(host) if is_name else (host,):
                    at.setdefault(address, set()).add(row.device_id)
            if row.uuid:
                having.setdefault(row.uuid.lower(), set()).add(row.device_id)
        self._at, self._with = at, having

    def _known(self, host: str) -> tuple[str, ...]:
        found = self._names.get(host)
        return found.addresses if found is not None else ()

    async def _look_up(self, names: set[str]) -> bool:
        """Resolve what is due; was anything?"""
        self._names = {name: found for name, found in self._names.items() if name in names}
        now = self._clock.monotonic()
        due = [name for name in sorted(names) if name not in self._names or now - self._names[name].at > RESOLVED]
        for name in due:
            addresses: Sequence[str] = self._known(name)
            with contextlib.suppress(OSError, TimeoutError, UnicodeError):
                async with asyncio.timeout(PATIENCE):
                    addresses = await self._resolve(name)
            self._names[name] = _Resolved(tuple(map(plain, addresses)), now)
        return bool(due)


def plain(address: str) -> str:
    """An address in its one spelling, an IPv4 address in the clothes of IPv6 as what it is."""
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = known.ipv4_mapped if isinstance(known, IPv6Address) else None
    return str(mapped or known)


@lru_cache(maxsize=1 << 16)
def _host(address: str) -> tuple[str, bool]:
    """The host of an endpoint's address in its one spelling, and whether it is a name to be resolved."""
    host = urlsplit(address).hostname or ""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return host, bool(host)
    return plain(host), False


async def _resolve(name: str) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(name, None)
    return list(dict.fromkeys(str(told[4][0]) for told in found))
