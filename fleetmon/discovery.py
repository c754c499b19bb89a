"""What is out there: who answers in ranges of addresses, one device each, known ones marked. A plan, never an act.

Nobody is logged in to: a Redfish service tells its root, a BMC its capabilities and an SNMPv3 engine its id to whoever
asks. Only an SNMP account that was named for this is sent. Probes go out at a steady rate, a few at a time, over a
bounded number of addresses; each address is asked once for each protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from fleetmon.clock import Clock
from fleetmon.drivers.ipmi import knock as ipmi
from fleetmon.drivers.redfish import knock as redfish
from fleetmon.drivers.sighting import Knock, Sighting
from fleetmon.drivers.snmp.address import PORT as SNMP_PORT
from fleetmon.drivers.snmp.knock import SnmpKnock
from fleetmon.errors import Unaskable
from fleetmon.model import Device, DeviceKind, Protocol

ADDRESSES_MOST = 4096
PORTS_MOST = 64
PROBES_MOST = 3 * ADDRESSES_MOST
AT_ONCE = 64
"""Probes on their way at one time."""
RATE, RATE_MOST = 100.0, 500.0
"""Probes that begin in a second."""
PATIENCE = 2.0
"""Seconds a probe waits for a first answer."""
ADDRESSES_OF_ONE = 2
"""Addresses at which one BMC may be: its own port, and the one it shares with the host."""
LISTENING = 3.0
"""Seconds SSDP is listened to."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Place = tuple[Protocol, str, int]
PORTS: Mapping[Protocol, tuple[int, ...]] = {
    Protocol.REDFISH: (redfish.PORT,),
    Protocol.IPMI: (ipmi.PORT,),
    Protocol.SNMP: (SNMP_PORT,),
}
PREFERRED = (Protocol.REDFISH, Protocol.IPMI, Protocol.SNMP)
"""Which name and kind counts where a device tells several, and the order of its endpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to look through, and how hard."""

    ranges: tuple[str, ...]
    ports: Mapping[Protocol, tuple[int, ...]] = field(default_factory=lambda: PORTS)
    """By protocol; one without ports is not asked for."""
    rate: float = RATE
    patience: float = PATIENCE
    multicast: bool = True
    """Ask by SSDP, too, for Redfish services at other ports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far the search is, and what the last probe found."""

    done: int
    of: int
    sighting: Sighting | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A device of the fleet, by what it can be recognised."""

    device_id: str
    hosts: frozenset[str]
    addresses: frozenset[str]
    protocols: frozenset[Protocol]
    uuid: str = ""

    @classmethod
    def of(cls, device: Device, uuid: str) -> Known:
        return cls(
            device_id=device.device_id,
            hosts=frozenset(host_of(endpoint.address) for endpoint in device.endpoints),
            addresses=frozenset(bare(endpoint.address) for endpoint in device.endpoints),
            protocols=frozenset(endpoint.protocol for endpoint in device.endpoints),
            uuid=redfish.uuid_of(uuid),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One device that answered, over whatever protocols."""

    host: str
    name: str
    kind: DeviceKind
    manufacturer: str
    model: str
    uuid: str
    sightings: tuple[Sighting, ...]
    """One of each protocol, the preferred first; its other addresses are in `more`."""
    more: tuple[str, ...] = ()
    known: str | None = None
    """Id of the device that it is."""
    news: tuple[str, ...] = ()
    """Protocols that answer and that the known device has no endpoint for."""


# ---- what is asked ----------------------------------------------------------------------------------------------


def addresses(ranges: Iterable[str]) -> list[Address]:
    """Every address in the ranges once, in order; raises Unaskable for what is no range, and for too many."""
    networks = [_network(text) for text in ranges]
    if not networks:
        raise Unaskable("no range is named", cure="name some, like 10.0.0.0/24")
    whole = sum(network.num_addresses for network in _apart(networks))
    if whole > ADDRESSES_MOST + 2 * len(networks):
        raise Unaskable(
            f"{', '.join(map(str, networks))}: {whole:,} addresses; at most {ADDRESSES_MOST:,} are asked at a time",
            cure="name smaller ranges, those where BMCs and management ports are",
        )
    return [address for network in _apart(networks) for address in network.hosts()]


def places(search: Search) -> list[Place]:
    """What is asked, one protocol after the other, so that no address is asked two things at once."""
    found = addresses(search.ranges)
    if not any(search.ports.values()):
        raise Unaskable("no port is named", cure="name one of at least one protocol")
    if any(len(ports) > PORTS_MOST for ports in search.ports.values()):
        raise Unaskable(f"more than {PORTS_MOST} ports of one protocol", cure="name fewer")
    asked = [
        (protocol, str(address), port)
        for protocol, ports in search.ports.items()
        for port in ports
        for address in found
    ]
    if len(asked) > PROBES_MOST:
        raise Unaskable(
            f"{len(asked):,} probes; at most {PROBES_MOST:,} are made at a time", cure="name fewer addresses or ports"
        )
    return asked


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise Unaskable(f"{text}: that is no range of addresses", cure="write it like 10.0.0.0/24") from None
    if network.is_multicast or network.is_unspecified or _is_of_no_device(network):
        raise Unaskable(f"{text}: no device has such an address", cure="write it like 10.0.0.0/24")
    return network


_NOBODYS = (
    ipaddress.ip_network("0.0.0.0/8"),
    ipaddress.ip_network("240.0.0.0/4"),
    ipaddress.ip_network("::ffff:0:0/96"),
)
"""This network, what is reserved and the broadcast to all (RFC 6890); IPv4 in the clothes of IPv6, groups and all."""


def _is_of_no_device(network: Network) -> bool:
    first, last = network[0], network[-1]
    return any(first in nobodys and last in nobodys for nobodys in _NOBODYS)


def _apart(networks: Sequence[Network]) -> Iterator[Network]:
    """The same addresses as networks that do not overlap."""
    yield from ipaddress.collapse_addresses([one for one in networks if isinstance(one, ipaddress.IPv4Network)])
    yield from ipaddress.collapse_addresses([one for one in networks if isinstance(one, ipaddress.IPv6Network)])


# ---- asking -----------------------------------------------------------------------------------------------------


class Pace:
    """Lets one probe begin at a time, at a steady rate."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._gap, self._clock, self._next = 1 / per_second, clock, clock.monotonic()

    async def turn(self) -> None:
        now = self._clock.monotonic()
        at = max(now, self._next)
        self._next = at + self._gap
        if at > now:
            await self._clock.sleep(at - now)


Seek = Callable[[float, Clock], Awaitable[list[tuple[str, int]]]]


def knocks(snmp: SnmpKnock) -> dict[Protocol, Knock]:
    """How each protocol is asked for."""
    return {Protocol.REDFISH: redfish.knock, Protocol.IPMI: ipmi.knock, Protocol.SNMP: snmp}


async def discover(
    search: Search, by: Mapping[Protocol, Knock], clock: Clock, *, seek: Seek = redfish.search
) -> AsyncGenerator[Step, None]:
    """Ask every place once; a step for each that is done. Raises Unaskable before anything is sent."""
    asked = places(search)
    asked += await _sought(search, asked, seek, clock)
    told: asyncio.Queue[tuple[Sighting | None] | None] = asyncio.Queue()
    waiting, pace = iter(asked), Pace(min(search.rate, RATE_MOST), clock)

    async def work() -> None:
        for protocol, host, port in waiting:
            await pace.turn()
            told.put_nowait((await by[protocol](host, port, search.patience),))

    working = asyncio.gather(*(work() for _ in range(min(AT_ONCE, len(asked)))))
    working.add_done_callback(lambda _: told.put_nowait(None))
    done = 0
    try:
        yield Step(done=0, of=len(asked))
        while (one := await told.get()) is not None:
            done += 1
            yield Step(done=done, of=len(asked), sighting=one[0])
        await working
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working


async def _sought(search: Search, asked: Sequence[Place], seek: Seek, clock: Clock) -> list[Place]:
    """Redfish services that SSDP tells of, in the ranges and not asked for anyway."""
    if not search.multicast or not search.ports.get(Protocol.REDFISH):
        return []
    within = {host for _, host, _ in asked}
    if all(ipaddress.ip_address(host).is_loopback for host in within):
        return []
    heard = [(Protocol.REDFISH, host, port) for host, port in await seek(LISTENING, clock) if host in within]
    return [place for place in dict.fromkeys(heard) if place not in set(asked)]


# ---- what it comes to -------------------------------------------------------------------------------------------


def devices(sightings: Iterable[Sighting], known: Sequence[Known]) -> list[Found]:
    """One device for all that shares a UUID; without one, for the protocols of an address that has only one device."""
    ordered = sorted(sightings, key=_order)
    proving = _proving(ordered)
    groups: list[list[Sighting]] = []
    for sighting in ordered:
        home = _same(groups, sighting) if sighting.uuid in proving else None
        home = home if home is not None else _beside(groups, sighting)
        if home is None:
            groups.append([sighting])
        else:
            home.append(sighting)
    return _named_apart([_found(group, known) for group in groups])


def _order(sighting: Sighting) -> tuple[int, int, int, str]:
    address = ipaddress.ip_address(sighting.host)
    return PREFERRED.index(sighting.protocol), address.version, int(address), sighting.address


def _proving(sightings: Iterable[Sighting]) -> frozenset[str]:
    """UUIDs that name one device: one told at many addresses is what a maker forgot to write anew (F77)."""
    hosts: dict[str, set[str]] = {}
    for sighting in sightings:
        hosts.setdefault(sighting.uuid, set()).add(sighting.host)
    return frozenset(uuid for uuid, at in hosts.items() if uuid and len(at) <= ADDRESSES_OF_ONE)


def _same(groups: Iterable[list[Sighting]], sighting: Sighting) -> list[Sighting] | None:
    return next((group for group in groups if any(one.uuid == sighting.uuid for one in group)), None)


def _beside(groups: Iterable[list[Sighting]], sighting: Sighting) -> list[Sighting] | None:
    """The only device at this address, when it has not answered over this protocol yet."""
    there = [group for group in groups if any(one.host == sighting.host for one in group)]
    if len(there) != 1 or any(one.protocol is sighting.protocol for one in there[0]):
        return None
    return there[0]


def _found(group: Sequence[Sighting], known: Sequence[Known]) -> Found:
    first = {one.protocol: one for one in reversed(group)}
    shown = tuple(first[protocol] for protocol in PREFERRED if protocol in first)
    device = next((one for one in known if _is_known(group, one)), None)
    return Found(
        host=shown[0].host,
        name=device.device_id if device else next((one.name for one in shown if one.name), _netloc(shown[0])),
        kind=next((one.kind for one in shown if one.kind), DeviceKind.SERVER),
        manufacturer=next((one.manufacturer for one in shown if one.manufacturer), ""),
        model=next((one.model for one in shown if one.model), ""),
        uuid=next((one.uuid for one in shown if one.uuid), ""),
        sightings=shown,
        more=tuple(one.address for one in group if one not in shown),
        known=device.device_id if device else None,
        news=tuple(one.protocol for one in shown if device and one.protocol not in device.protocols),
    )


def _is_known(group: Sequence[Sighting], device: Known) -> bool:
    """By its UUID or by one of its endpoints; by its address alone where that is the usual port of all."""
    if device.uuid and any(one.uuid == device.uuid for one in group):
        return True
    if any(bare(one.address) in device.addresses for one in group):
        return True
    usual = all(urlsplit(address).port is None for address in device.addresses)
    return usual and any(one.host in device.hosts and urlsplit(one.address).port is None for one in group)


def _named_apart(found: Sequence[Found]) -> list[Found]:
    """Names that several share are followed by what tells them apart: the address, then a number."""
    taken: set[str] = set()
    named = []
    for one in found:
        name = one.name if one.name not in taken else f"{one.name} {one.host}"
        number = 2
        while name in taken:
            name, number = f"{one.name} {one.host} {number}", number + 1
        taken.add(name)
        named.append(replace(one, name=name))
    return named


def bare(address: str) -> str:
    """The address without what stands after a `?`."""
    return address.partition("?")[0].lower()


def _netloc(sighting: Sighting) -> str:
    """Where it is, with the port where that is not the usual one."""
    return urlsplit(sighting.address).netloc.replace("[", "").replace("]", "")


def host_of(address: str) -> str:
    """The host an address names."""
    return (urlsplit(address).hostname or "").lower()
