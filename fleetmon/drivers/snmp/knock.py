"""Does an SNMP agent answer, and what is it? With an account by sysObjectID; without one, only that an engine is there.

Every SNMPv3 engine tells its id to whoever asks (RFC 3414, section 4), and that costs no secret. A community is sent
in the clear: it goes only where somebody named one for these very ranges.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from fleetmon.clock import Clock
from fleetmon.drivers.base import Credentials, Opening
from fleetmon.drivers.lane import Lane
from fleetmon.drivers.sighting import Sighting, place
from fleetmon.drivers.snmp.address import PORT, Target, target_of
from fleetmon.drivers.snmp.keys import community_of
from fleetmon.drivers.snmp.profiles import profile_for
from fleetmon.drivers.snmp.session import Session
from fleetmon.drivers.snmp.values import Value, text
from fleetmon.drivers.snmp.wire import Denied, Refused, Reported, Silence, Unreadable, Wire
from fleetmon.errors import DeviceError
from fleetmon.model import Endpoint, Protocol

DESCRIPTION, OBJECT_ID, NAME = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0", "1.3.6.1.2.1.1.5.0"
QUESTION = (OBJECT_ID, DESCRIPTION, NAME)
UNANSWERED = (Silence, Refused, Reported, Denied, Unreadable, OSError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpKnock:
    """Asks as one account, or as nobody. `form` is what stands after the `?` of the address."""

    clock: Clock
    credentials: Credentials | None = None
    form: str = ""

    async def __call__(self, host: str, port: int, patience: float) -> Sighting | None:
        """The agent there."""
        target = target_of(f"snmp://{place(host, port, PORT)}" + (f"?{self.form}" if self.form else ""))
        if self.credentials is None:
            engine = await _engine(host, port, patience)
            return _somebody(host, target, engine) if engine else None
        if target.version == 3:
            return await self._known_user(target, patience)
        try:
            wire = Wire(host, port, community=community_of(self.credentials.password.reveal()), version=target.version)
            _, values = await wire.get(QUESTION, patience)
        except UNANSWERED:
            return None
        return sighting_of(host, str(target), values)

    async def _known_user(self, target: Target, patience: float) -> Sighting | None:
        """A login is tried only where an engine answers, and once; one that is refused is told."""
        engine = await _engine(target.host, target.port, patience)
        if not engine:
            return None
        endpoint = Endpoint(protocol=Protocol.SNMP, address=str(target))
        lane = Lane(device=endpoint.address, clock=self.clock)
        session = Session(Opening(endpoint=endpoint, credentials=self.credentials, lane=lane, clock=self.clock))
        try:
            async with asyncio.timeout(patience * 3):
                return sighting_of(target.host, str(target), await session.get(QUESTION))
        except TimeoutError:
            return _somebody(target.host, target, engine)
        except DeviceError as error:
            return _somebody(target.host, target, engine, error.reason)
        finally:
            await session.close()


def sighting_of(host: str, address: str, values: dict[str, Value] | dict[str, Any]) -> Sighting:
    """What the system group says."""
    object_id, description = text(values.get(OBJECT_ID)), text(values.get(DESCRIPTION))
    profile = profile_for(object_id, description)
    return Sighting(
        protocol=Protocol.SNMP,
        host=host,
        address=address,
        name=text(values.get(NAME)),
        manufacturer=profile.manufacturer,
        kind=profile.kind,
        detail=" ".join(description.split())[:120] or object_id,
    )


async def _engine(host: str, port: int, patience: float) -> bytes:
    """The id of the engine there; empty where none answers."""
    try:
        return (await Wire(host, port, version=3).meet(patience)).engine
    except UNANSWERED:
        return b""


def _somebody(host: str, target: Target, engine: bytes, reason: str = "") -> Sighting:
    """An engine of which no more is known than its id, which begins with its maker's number (RFC 3411, section 5)."""
    number = int.from_bytes(engine[:4], "big") & 0x7FFFFFFF
    said = f"SNMPv3 engine {engine.hex()} of enterprise {number}"
    address = str(target) if target.version == 3 else f"snmp://{place(host, target.port, PORT)}?version=3"
    return Sighting(protocol=Protocol.SNMP, host=host, address=address, detail=f"{said}; {reason}" if reason else said)
