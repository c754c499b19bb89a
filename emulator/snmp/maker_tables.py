"""Processor, memory and states of parts, by HOST-RESOURCES-MIB, ENTITY-STATE-MIB or a maker's own tables."""

from __future__ import annotations

from collections.abc import Iterator

from emulator.network import Switch
from emulator.snmp.ber import Oid, gauge, octets, oid, whole
from emulator.snmp.view import Shown, Table

CHASSIS, SUPPLY, FAN = 1, 100, 200
"""Where the physical indexes of each kind of part begin."""

MEMORY_KIB = 16_000_000
PROCESSOR = Table((1, 3, 6, 1, 2, 1, 25, 3, 3, 1), {2: lambda switch: whole(round(switch.busy()))})
DEVICES = Table(
    (1, 3, 6, 1, 2, 1, 25, 3, 2, 1),
    {2: lambda name: oid((1, 3, 6, 1, 2, 1, 25, 3, 1, 3)), 3: octets, 5: lambda name: whole(2)},
)
STORAGE = Table(
    (1, 3, 6, 1, 2, 1, 25, 2, 3, 1),
    {
        2: lambda switch: oid((1, 3, 6, 1, 2, 1, 25, 2, 1, 2)),
        3: lambda switch: octets("RAM"),
        4: lambda switch: whole(1_024),
        5: lambda switch: whole(MEMORY_KIB),
        6: lambda switch: whole(round(MEMORY_KIB * (0.38 + switch.busy() / 1_000))),
    },
)
STATES = Table((1, 3, 6, 1, 2, 1, 131, 1, 1, 1), {3: lambda good: whole(3 if good else 2)})
"""entStateOper (RFC 4268): enabled or disabled."""
NINE = (1, 3, 6, 1, 4, 1, 9, 9)
"""Of the maker with enterprise number 9: processor, supplies and fans are told below it."""
NINE_PROCESSOR = Table(
    (*NINE, 109, 1, 1, 1, 1),
    {
        2: lambda switch: whole(CHASSIS),
        6: lambda switch: gauge(round(switch.busy() * 1.3)),
        7: lambda switch: gauge(round(switch.busy() * 1.1)),
        8: lambda switch: gauge(round(switch.busy())),
        12: lambda switch: gauge(round(MEMORY_KIB * (0.38 + switch.busy() / 1_000))),
        13: lambda switch: gauge(MEMORY_KIB - round(MEMORY_KIB * (0.38 + switch.busy() / 1_000))),
    },
)
NINE_SUPPLIES = Table((*NINE, 117, 1, 1, 2, 1), {1: lambda good: whole(2), 2: lambda good: whole(2 if good else 8)})
"""cefcFRUPowerOperStatus: on, or on but without input (onButInlinePowerFail is 12; failed is 8)."""
NINE_FANS = Table((*NINE, 117, 1, 4, 1, 1), {1: lambda good: whole(2 if good else 3)})


def maker_tables(switch: Switch) -> Iterator[Shown]:
    """What a family has beside the standard tables."""
    family = switch.family
    assert family is not None
    supplies: dict[Oid, bool] = {(SUPPLY + n,): fed for n, fed in switch.fed.items()}
    fans: dict[Oid, bool] = {(FAN + n,): n not in switch.stopped_fans for n in range(family.fans)}
    if "host-resources" in family.tables:
        yield Shown(PROCESSOR, {(1,): switch})
        yield Shown(DEVICES, {(1,): "Processor"})
        yield Shown(STORAGE, {(1,): switch})
    if "entity-state" in family.tables:
        yield Shown(STATES, {(CHASSIS,): True, **supplies, **fans})
    if "enterprise-9" in family.tables:
        yield Shown(NINE_PROCESSOR, {(1,): switch})
        yield Shown(NINE_SUPPLIES, supplies)
        yield Shown(NINE_FANS, fans)
