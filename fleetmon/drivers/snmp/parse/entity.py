"""What a device is built of (ENTITY-MIB, RFC 6933) and how its entities are (ENTITY-STATE-MIB, RFC 4268)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property

from fleetmon.drivers.snmp.parse.interfaces import DESCRIPTION
from fleetmon.drivers.snmp.parse.points import Condition, Draft, Verdict, told_apart
from fleetmon.drivers.snmp.values import Value, arcs, integer, named, text
from fleetmon.model import Component, Health, Part, Scalar

_ENTITY = "1.3.6.1.2.1.47.1.1.1.1."
DESCR, WITHIN, CLASS, POSITION, NAME = (_ENTITY + arc for arc in ("2", "4", "5", "6", "7"))
HARDWARE, FIRMWARE, SOFTWARE, SERIAL, MAKER, MODEL, ALIAS, ASSET = (
    _ENTITY + arc for arc in ("8", "9", "10", "11", "12", "13", "14", "15")
)
ALIASES = "1.3.6.1.2.1.47.1.3.2.1.2"
"""entAliasMappingIdentifier: which ifIndex an entity is."""
_STATE = "1.3.6.1.2.1.131.1.1.1."
OPER, ALARM, STANDBY = (_STATE + arc for arc in ("3", "5", "6"))
_IF_INDEX = re.compile(r"\.?1\.3\.6\.1\.2\.1\.2\.2\.1\.[0-9]+\.([0-9]{1,10})")
"""What an alias says of an interface: a column of ifTable and the ifIndex."""

COLUMNS = (DESCR, WITHIN, CLASS, POSITION, NAME, MODEL, ALIASES)
INVENTORY = (HARDWARE, FIRMWARE, SOFTWARE, SERIAL, MAKER, ASSET)
STATES = (OPER, ALARM, STANDBY)

_KINDS: Mapping[int, str] = {
    3: "Chassis", 6: "PowerSupply", 7: "Fan", 9: "Chassis", 11: "Chassis", 12: "Processor", 4: "Chassis",
}  # fmt: skip
"""entPhysicalClass; a module, as a line card, is a Chassis as Redfish has it."""
_CHASSIS, _SENSOR, _MODULE, _PORT, _STACK, _BACKPLANE = 3, 8, 9, 10, 11, 4
_LABELS = {"Chassis": "Chassis", "PowerSupply": "Power supply", "Fan": "Fan", "Processor": "Processor"}
_WORD = re.compile(r"[A-Za-z]{2}")
_JOINTS = re.compile(r"^(?:for|of|:|-)\s+|(?:\s+sensor)?\s+(?:for|of|in|:|-)$|\s+sensor$", re.IGNORECASE)
"""What joined a text to the port's name."""
_PORT_NAME = re.compile(r"(?=.*\d)[A-Za-z][\w/.:-]{2,}$")
"""What can only be the name of a port when it stands in a text."""
PLUGGED = frozenset({"Fan", "PowerSupply"})
"""What is told of even where nothing says how it is."""
_HOLDERS = frozenset({6, 7})
"""Classes that speak for the fans in them."""
_NUMBERED_PORTS = 10**9
_DEEPEST = 32
"""Containments; a tree that is deeper goes in circles."""


class Tree:
    """The entities of a device: what contains what, and which of them are ports."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self.indices = sorted(int(i) for i in draft.column(CLASS) if i.isdigit())

    def klass(self, index: int) -> int:
        return integer(self._draft.column(CLASS).get(str(index))) or 0

    def title(self, index: int) -> str:
        """entPhysicalName, or entPhysicalDescr where that says more."""
        name, descr = (text(self._draft.column(oid).get(str(index))) for oid in (NAME, DESCR))
        return name if name and (_WORD.search(name) or not _WORD.search(descr)) else descr or name

    def named(self, index: int) -> str:
        """entPhysicalName, or entPhysicalDescr where there is none."""
        return next(filter(None, (text(self._draft.column(oid).get(str(index))) for oid in (NAME, DESCR))), "")

    def above(self, index: int) -> Iterator[int]:
        """What contains it, the nearest first."""
        for _ in range(_DEEPEST):
            index = integer(self._draft.column(WITHIN).get(str(index))) or 0
            if index <= 0:
                return
            yield index

    @cached_property
    def ports(self) -> Mapping[int, Component]:
        """The entities that are ports, by the agent's own mapping, else by their names."""
        found: dict[int, Component] = {}
        for index, target in self._draft.column(ALIASES).items():
            aliased = _IF_INDEX.fullmatch(text(target))
            port = self._draft.ports.get(int(aliased[1])) if aliased else None
            if port is not None:
                found.setdefault(arcs(index)[0], port)
        for entity in self.indices:
            if self.klass(entity) == _PORT and entity not in found:
                told = (text(self._draft.column(oid).get(str(entity))) for oid in (NAME, DESCR))
                port = next((self.names[name] for name in told if name in self.names), None)
                if port is not None:
                    found[entity] = port
        return found

    @cached_property
    def names(self) -> Mapping[str, Component]:
        """The ports by ifName and by ifDescr."""
        described = {
            text(self._draft.column(DESCRIPTION).get(str(index))): port for index, port in self._draft.ports.items()
        }
        return {**described, **{port.name: port for port in self._draft.ports.values()}}

    def port_named_in(self, told: str) -> tuple[Component, str] | None:
        """The port whose name stands in a text, and the text without it: the port it stands on says it.

        As in "Ethernet1/1 Lane 1 Transceiver Voltage Sensor", or "RX Power for Ethernet0/1", where that is lane 1.
        """
        for word in re.split(r"[\s,()]+", told):
            word = word.rstrip(":")
            whole, _, lane = word.rpartition("/")
            for name, rest in ((word, ""), (whole, f"lane {lane}")):
                if name in self.names and _PORT_NAME.match(name):
                    return self.names[name], _without(told, word, rest)
        return None


def _without(told: str, word: str, rest: str) -> str:
    short = " ".join(told.replace(word, " ").split())
    short = _JOINTS.sub("", short).strip()
    return f"{short or told} {rest}".strip()


def draw(draft: Draft) -> None:
    """Each entity that is a component of ours, and what it is made of."""
    tree = Tree(draft)
    draft.entities.update(tree.ports)
    chosen = [index for index in tree.indices if _counts(tree, draft, index)]
    for kind in dict.fromkeys(_KINDS.values()):
        group = [index for index in chosen if _KINDS[tree.klass(index)] == kind]
        names = told_apart((_name(tree, kind, index), _apart(tree, index)) for index in group)
        for index, name in zip(group, names, strict=True):
            draft.entities[index] = Component(kind, name)
    for index in chosen:
        component = draft.entities[index]
        draft.describe(_part(draft, component, index))
        if component.kind in PLUGGED and not any(tree.klass(above) in _HOLDERS for above in tree.above(index)):
            oids = (f"{CLASS}.{index}",)
            draft.conditions.append(Condition(component=component, oids=oids, judge=_is_there, weak=True))


def _is_there(_: tuple[Value | None, ...]) -> Verdict | None:
    """It is there, and nobody says how it is."""
    return Verdict(Health.UNKNOWN)


def draw_numbered_ports(draft: Draft) -> None:
    """Ports whose entPhysicalIndex tells the ifIndex: 10^9 and a hundred times it (SONiC's physical entity MIB)."""
    for index in draft.column(CLASS):
        number, rest = divmod(int(index) - _NUMBERED_PORTS, 100) if index.isdigit() else (0, 0)
        if not rest and number in draft.ports and integer(draft.column(CLASS)[index]) == _PORT:
            draft.entities[int(index)] = draft.ports[number]


def draw_states(draft: Draft) -> None:
    """How each entity is, where the agent says."""
    for index, component in draft.entities.items():
        if any(str(index) in draft.column(oid) for oid in (OPER, ALARM)):
            draft.conditions.append(
                Condition(
                    component=component,
                    oids=(f"{OPER}.{index}", f"{ALARM}.{index}", f"{STANDBY}.{index}"),
                    judge=_judge,
                )
            )


def _counts(tree: Tree, draft: Draft, index: int) -> bool:
    """Is it a component: a chassis, fan, power supply or processor, and a module only where it can be told from others?

    What is plugged into a port is told of with the port; modules without a serial number are how boards are drawn.
    """
    klass = tree.klass(index)
    if klass not in _KINDS or index in tree.ports:
        return False
    if any(above in tree.ports or tree.klass(above) == _PORT for above in tree.above(index)):
        return False
    if klass in (_MODULE, _BACKPLANE, _STACK):
        return bool(named(draft.column(MODEL).get(str(index))))
    return True


def _name(tree: Tree, kind: str, index: int) -> str:
    name = tree.named(index)
    return name if _WORD.search(name) else f"{_LABELS[kind]} {name}".strip()


def _apart(tree: Tree, index: int) -> str:
    """What holds it, where that has a name: fans of two trays may have the same names."""
    holder = next((above for above in tree.above(index) if tree.title(above)), None)
    return tree.title(holder) if holder is not None else str(index)


def _part(draft: Draft, component: Component, index: int) -> Part:
    def told(oid: str) -> str:
        return named(draft.column(oid).get(str(index)))

    properties: dict[str, Scalar] = {
        name: value
        for name, value in (
            ("hardware_revision", told(HARDWARE)),
            ("asset_tag", told(ASSET)),
            ("description", told(DESCR)),
        )
        if value and value != component.name
    }
    return Part(
        component=component,
        slot=component.name,
        source=f"{_ENTITY}1.{index}",
        manufacturer=told(MAKER),
        model=told(MODEL),
        serial_number=told(SERIAL),
        firmware=told(SOFTWARE) or told(FIRMWARE),
        properties=properties,
    )


def chassis(draft: Draft) -> int | None:
    """The entity that is the device as a whole: the first chassis, or the outermost entity."""
    tree = Tree(draft)
    found = [index for index in tree.indices if tree.klass(index) == _CHASSIS]
    roots = [index for index in tree.indices if not list(tree.above(index))]
    with_serial = [index for index in found if named(draft.column(SERIAL).get(str(index)))]
    return next(iter(with_serial or found or roots), None)


# ---- ENTITY-STATE-MIB ------------------------------------------------------------------------------------------------

_ALARMS = ((2, Health.CRITICAL, "critical alarm"), (3, Health.CRITICAL, "major alarm"),
           (4, Health.WARNING, "minor alarm"), (5, Health.WARNING, "warning"))  # fmt: skip
"""Bits of EntityAlarmStatus; underRepair (1) and indeterminate (6) are no fault."""
_LAST_ALARM = 6
"""Octets with a bit above this are no EntityAlarmStatus."""


def _judge(told: tuple[Value | None, ...]) -> Verdict | None:
    oper, alarm, standby = told
    raised = alarm if isinstance(alarm, bytes) else b""
    bits = {8 * at + bit for at, octet in enumerate(raised) for bit in range(8) if octet & 0x80 >> bit}
    if any(bit > _LAST_ALARM for bit in bits):
        bits = set()
    for bit, health, detail in _ALARMS:
        if bit in bits:
            return Verdict(health, "Enabled", detail)
    match integer(oper):
        case 2:
            return Verdict(Health.OK, "Disabled")
        case 3:
            return Verdict(Health.OK, "StandbyOffline" if integer(standby) in (2, 3) else "Enabled")
        case 4:
            return Verdict(Health.OK, "InTest")
        case _:
            return None if not raised else Verdict(Health.OK)
