"""Traps of devices in the field, as snmptrapd wrote them down: each is read, and asks for what it is about."""

from __future__ import annotations

import re

import pytest

from fleetmon.drivers.snmp.hints import hint
from fleetmon.drivers.snmp.traps import ENTERPRISE_SPECIFIC, read
from fleetmon.model import Aspect
from tests.ber import Oid, octets, trap_v1, trap_v2c
from tests.recordings import ABSENT, FOLDER

TRAPS = sorted((FOLDER / "snmp-traps").glob("*.txt"))
MIBS: dict[str, Oid] = {
    "SNMPv2-MIB": (1, 3, 6, 1, 6, 3, 1, 1, 5),
    "IF-MIB": (1, 3, 6, 1, 6, 3, 1, 1, 5),
    "UPS-MIB": (1, 3, 6, 1, 2, 1, 33, 2),
    "OSPF-TRAP-MIB": (1, 3, 6, 1, 2, 1, 14, 16, 2),
    "ENTITY-MIB": (1, 3, 6, 1, 2, 1, 47, 2, 0),
    "BRIDGE-MIB": (1, 3, 6, 1, 2, 1, 17, 0),
}
"""Where the notifications of a module stand; makers' modules stand below theirs, whose number does not matter here."""
STANDARD = {"coldStart": 1, "warmStart": 2, "linkDown": 3, "linkUp": 4, "authenticationFailure": 5}
MAKER: Oid = (1, 3, 6, 1, 4, 1, 99999, 0)
WANTED = {
    "linkDown": Aspect.COMPONENTS, "cieLinkDown": Aspect.COMPONENTS, "coldStart": Aspect.COMPONENTS,
    "upsOnBattery": Aspect.SENSORS, "upsTrapOnBattery": Aspect.SENSORS, "outletOn": Aspect.COMPONENTS,
    "outletOff": Aspect.COMPONENTS, "jnxPowerSupplyFailure": Aspect.COMPONENTS,
}  # fmt: skip
_LINE = re.compile(r"^\s*(?P<module>[A-Za-z0-9-]+)::(?P<name>[\w.$>-]+)\s*(?:=\s*)?(?P<value>.*)$", re.MULTILINE)


def told(text: str) -> tuple[Oid, str, list[tuple[Oid, bytes]]]:
    """The trap's OID and name, and its variables as the octets of their texts."""
    lines = list(_LINE.finditer(text))
    (said,) = [line["value"].strip() for line in lines if line["name"].startswith("snmpTrapOID")][:1] or [""]
    module, _, name = said.rpartition("::")
    last = STANDARD.get(name) or sum(name.encode()) % 1000 + 1
    first = MIBS.get(module, MAKER)
    others = [line["value"].encode() for line in lines if not line["name"].startswith(("sysUpTime", "snmpTrapOID"))]
    return (*first, last), name, [((*MAKER, number), octets(value)) for number, value in enumerate(others, 1)]


@pytest.mark.skipif(not TRAPS, reason=ABSENT)
def test_every_recorded_trap_is_read_and_asks_for_what_it_is_about():
    names = set()
    for file in TRAPS:
        oid, name, variables = told(file.read_text(errors="replace"))
        names.add(name)
        as_v2c = read(trap_v2c(oid, variables, agent="10.0.0.1"))
        assert (len(as_v2c.octets), as_v2c.agent) == (len(variables), "10.0.0.1"), file.name
        if as_v2c.generic == ENTERPRISE_SPECIFIC:
            as_v1 = read(trap_v1(as_v2c.enterprise, as_v2c.specific, variables, agent="10.0.0.1"))
            assert (as_v1, hint(as_v1)) == (as_v2c, hint(as_v2c)), file.name
        assert hint(as_v2c) >= {Aspect.HEARTBEAT, Aspect.EVENTS}, file.name
        assert WANTED.get(name, Aspect.EVENTS) in hint(as_v2c), file.name
    assert len(names & WANTED.keys()) >= 5, names
