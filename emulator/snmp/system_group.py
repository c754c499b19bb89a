"""What every agent tells of itself: the system group and its engine (RFC 3418, RFC 3411)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from emulator.accents.snmp import SnmpFamily
from emulator.snmp.agent import LONGEST, Engine
from emulator.snmp.ber import Oid, octets, oid, ticks, whole
from emulator.snmp.view import Shown, Table


class Named(Protocol):
    """A device of some family."""

    @property
    def name(self) -> str: ...

    @property
    def serial(self) -> str: ...


@dataclass(slots=True)
class Self:
    """The agent and the device that it speaks for."""

    device: Named
    family: SnmpFamily
    engine: Engine
    place: str
    name: bytes | None = None
    """sysName, where it is not the device's."""


SYSTEM = Table(
    (1, 3, 6, 1, 2, 1, 1),
    {
        1: lambda one: octets(one.family.description.format(serial=one.device.serial)),
        2: lambda one: oid(one.family.object_id),
        3: lambda one: ticks(one.engine.ticks),
        4: lambda one: octets("operations"),
        5: lambda one: octets(one.device.name if one.name is None else one.name),
        6: lambda one: octets(one.place),
        7: lambda one: whole(78 if one.family.kind == "switch" else 72),
    },
)
ENGINE = Table(
    (1, 3, 6, 1, 6, 3, 10, 2, 1),
    {
        1: lambda one: octets(one.engine.id),
        2: lambda one: whole(one.engine.boots),
        3: lambda one: whole(one.engine.time),
        4: lambda one: whole(LONGEST),
    },
)
SCALAR: Oid = (0,)


def of_itself(one: Self) -> list[Shown]:
    """Both groups."""
    return [Shown(SYSTEM, {SCALAR: one}), Shown(ENGINE, {SCALAR: one})]
