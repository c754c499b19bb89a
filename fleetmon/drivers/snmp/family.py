"""The language of profiles: which columns of an agent are which reading, port, outlet, state or part.

`docs/profiles.md` describes how it is written; `language` reads it, `parse.rows` and `parse.layout` speak it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from fleetmon.drivers.snmp.parse.points import Verdict
from fleetmon.drivers.snmp.parse.standards import STANDARDS
from fleetmon.model import Aspect, DeviceKind, ReadingType

INSTANCE = ".0"
"""What a scalar's OID ends with."""
WATCHES = (
    "1.3.6.1.2.1.1.3.0",  # sysUpTime
    "1.3.6.1.6.3.10.2.1.1.0",  # snmpEngineBoots
    "1.3.6.1.6.3.10.2.1.3.0",  # snmpEngineTime
    "1.3.6.1.2.1.31.1.5.0",  # ifTableLastChange
    "1.3.6.1.2.1.47.1.4.1.0",  # entLastChangeTime
)
"""Scalars that tell that the agent began anew, or that its tables are others than before."""
_ALWAYS = ("1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0", "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.6.0")
"""sysDescr, sysObjectID, sysName, sysLocation: asked with the inventory of every device."""

_BY_TEXT = 1000
"""What sysDescr says by name outweighs any length of a sysObjectID, which may be that of the chip's maker."""

Raw = int | str
"""A raw value as a profile writes it: a number, or text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the values of a state column mean."""

    words: Mapping[Raw, Verdict]
    other: Verdict
    bits: bool = False
    """Are the words those of set bits, counted from the first octet's highest as SNMP's BITS are?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateColumn:
    """One column that tells how a component is."""

    column: str
    words: Words
    name: str = ""
    watched: bool = False
    predicts: frozenset[Raw] = frozenset()
    """Raw values by which the component predicts its failure; empty where the column says nothing of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingColumn:
    """One column that measures."""

    name: str
    type: ReadingType
    value: str
    scale: float = 1.0
    power: str = ""
    """Names a column of decimal places."""
    offset: float = 0.0
    unit: str = ""
    none: frozenset[float] = frozenset()
    """Raw values that are none, for now."""
    never: frozenset[float] = frozenset()
    """Raw values of a model that does not measure it at all: then there is no such sensor."""
    plus: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    of: str = ""
    beside: str = ""
    """The rest of the whole that the value is a share of."""
    rest: bool = False
    signed: bool = False
    """Does an unsigned column hold what is below nought, as 2^32 less?"""
    pattern: re.Pattern[str] | None = None
    """What of a text is the number."""
    when: Mapping[str, frozenset[Raw]] = field(default_factory=dict)
    context: str = ""
    limits: Mapping[str, str | float] = field(default_factory=dict)
    limit_scale: float | None = None
    """The factor of thresholds that are told in another unit than the value; None: as the value."""
    sum: bool = False
    """Is it one number for the whole device: the column added up over all rows?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """A column of another table: found by the index, or by its first `arcs` arcs, or by the value of the column `by`,
    or by a template such as "{1}.{2}"; a scalar stands beside every row."""

    column: str
    arcs: int = 0
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns with one index, and what its rows are."""

    component: str
    of: str
    at: tuple[int, int]
    """Which arc of the index, from 1 or from the end, names the port or entity, and what is added to it."""
    called: str
    columns: Mapping[str, str]
    scalar: bool
    joins: Mapping[str, Join]
    names: Mapping[str, Mapping[Raw, str]]
    only: Mapping[str, frozenset[Raw]]
    skip: Mapping[str, frozenset[Raw]]
    like: Mapping[str, re.Pattern[str]]
    """Columns whose text must match: where only a name tells what a row is."""
    absent: Mapping[str, frozenset[Raw]]
    unless: str
    """A column or scalar that says the same better: the table counts only where that is not answered, or by -1."""
    readings: tuple[ReadingColumn, ...]
    states: tuple[StateColumn, ...]
    part: Mapping[str, str] | None

    @property
    def oids(self) -> Iterator[str]:
        """Every column it takes."""
        yield from self.columns.values()
        yield from (join.column for join in self.joins.values())
        yield from filter(None, (self.unless,))


@dataclass(frozen=True, slots=True)
class Told:
    """Where one fact of the identity stands."""

    column: str
    pattern: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """The scalar by which an agent that outlives its machine tells whether the machine is on."""

    oid: str
    on: frozenset[Raw]
    off: frozenset[Raw]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One family of devices."""

    name: str
    kind: DeviceKind | None = None
    manufacturer: str = ""
    object_ids: tuple[str, ...] = ()
    descriptions: tuple[re.Pattern[str], ...] = ()
    probes: tuple[str, ...] = ()
    standards: tuple[str, ...] = ()
    identity: Mapping[str, tuple[Told, ...]] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    power: Switched | None = None
    watches: tuple[str, ...] = WATCHES

    def columns(self, aspect: Aspect) -> tuple[str, ...]:
        """The leaf columns to walk for this aspect."""
        return self._wanted.get(aspect, ((), ()))[0]

    def scalars(self, aspect: Aspect) -> tuple[str, ...]:
        """The scalars to get for this aspect, as full OIDs."""
        return self._wanted.get(aspect, ((), ()))[1]

    @cached_property
    def _wanted(self) -> dict[Aspect, tuple[tuple[str, ...], tuple[str, ...]]]:
        """Columns and scalars by aspect: numbers and states need the same, the inventory more."""
        columns: dict[str, None] = {}
        scalars: dict[str, None] = {}
        for name in self.standards:
            columns.update(dict.fromkeys(STANDARDS[name].columns))
            scalars.update(dict.fromkeys(STANDARDS[name].scalars))
        for table in self.tables:
            for oid in table.oids:
                (scalars if oid.endswith(INSTANCE) else columns)[oid] = None
        if self.power is not None:
            scalars[self.power.oid] = None
        plain = tuple(columns), tuple(scalars)
        for name in self.standards:
            columns.update(dict.fromkeys(STANDARDS[name].inventory))
        scalars.update(dict.fromkeys(_ALWAYS))
        for told in self.identity.values():
            for one in told:
                (scalars if one.column.endswith(INSTANCE) else columns)[one.column] = None
        whole = tuple(columns), tuple(scalars)
        return {Aspect.SENSORS: plain, Aspect.COMPONENTS: plain, Aspect.INVENTORY: whole}

    def claims(self, sys_object_id: str, sys_descr: str) -> int | None:
        """How surely the device is of this family, by what it says of itself; None when it is not."""
        prefixes = [len(own) for own in self.object_ids if f"{sys_object_id}.".startswith(f"{own}.")]
        if self.object_ids and not prefixes:
            return None
        if self.descriptions and not any(pattern.search(sys_descr) for pattern in self.descriptions):
            return None
        if not self.object_ids and not self.descriptions:
            return 0 if self.probes else None
        return max(prefixes, default=0) + (_BY_TEXT if self.descriptions else 0)
