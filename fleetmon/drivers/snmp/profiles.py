"""Families of devices as data: which columns of an agent are which reading, port, outlet, state or part.

A profile is a TOML file in `profiles/`; `docs/profiles.md` describes the language. Nothing here speaks to a device.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Any

from fleetmon.drivers.snmp.parse.points import Verdict
from fleetmon.drivers.snmp.parse.standards import STANDARDS
from fleetmon.errors import ConfigError
from fleetmon.model import Aspect, DeviceKind, Health, ReadingType

GENERIC = "generic"
"""The profile of a device that no other knows."""
INSTANCE = ".0"
"""What a scalar's OID ends with."""
LIMITS = ("lower_fatal", "lower_critical", "lower_caution", "upper_caution", "upper_critical", "upper_fatal")
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


# ---- which profile ---------------------------------------------------------------------------------------------------


def profile_for(sys_object_id: str, sys_descr: str = "", probes: Collection[str] = ()) -> Profile:
    """The profile of a device by what it says of itself, and by which `probes` hold anything; at least the generic."""
    best, found = -1, every_profile()[GENERIC]
    for profile in every_profile().values():
        claim = profile.claims(sys_object_id.lstrip("."), sys_descr)
        if claim is None or (profile.probes and not set(profile.probes) & set(probes)):
            continue
        surety = 2 * claim + bool(profile.probes)
        if surety > best:
            best, found = surety, profile
    return found


def probes_for(sys_object_id: str, sys_descr: str = "") -> tuple[str, ...]:
    """The subtrees whose presence tells which of several profiles is the device's; each is asked for once."""
    claims = [
        (claim, profile)
        for profile in every_profile().values()
        if (claim := profile.claims(sys_object_id.lstrip("."), sys_descr)) is not None
    ]
    surest = max((claim for claim, profile in claims if not profile.probes), default=0)
    return tuple(dict.fromkeys(oid for claim, profile in claims if claim >= surest for oid in profile.probes))


@cache
def every_profile() -> Mapping[str, Profile]:
    """Every profile by its name."""
    files = {
        file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8"))
        for file in sorted(resources.files(__package__).joinpath("profiles").iterdir(), key=lambda file: file.name)
        if file.name.endswith(".toml")
    }
    found = [_profile(name, files) for name in files if not name.startswith("_")]
    return {profile.name: profile for profile in found}


def profile_of_text(name: str, told: str) -> Profile:
    """The profile that a text of the language describes; raises ConfigError where it says something impossible."""
    return _profile(name, {name: tomllib.loads(told)})


# ---- reading the language --------------------------------------------------------------------------------------------


def _profile(name: str, files: Mapping[str, Mapping[str, Any]]) -> Profile:
    told = files[name]
    try:
        return _read(name, told, files)
    except (KeyError, ValueError, TypeError, re.error) as error:
        raise ConfigError(f"profile {name}: {error!r}") from error


def _read(name: str, told: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> Profile:
    included = [files[module] for module in told.get("includes", ())]
    unknown = set(told) - {
        "name", "kind", "manufacturer", "object_ids", "descriptions", "probes", "standards", "includes", "identity",
        "words", "table", "power",
    }  # fmt: skip
    if unknown:
        raise ValueError(f"what is {', '.join(sorted(unknown))}?")
    identity: dict[str, tuple[Told, ...]] = {}
    for one in (told, *included):
        for fact, places in one.get("identity", {}).items():
            identity[fact] = (*identity.get(fact, ()), *_places(places))
    chosen = (*told.get("standards", ()), *(own for one in included for own in one.get("standards", ())))
    power = told.get("power")
    return Profile(
        name=told.get("name", name),
        kind=DeviceKind(told["kind"]) if "kind" in told else None,
        manufacturer=told.get("manufacturer", ""),
        object_ids=tuple(told.get("object_ids", ())),
        descriptions=tuple(re.compile(pattern) for pattern in told.get("descriptions", ())),
        probes=tuple(told.get("probes", ())),
        standards=tuple(name for name in STANDARDS if name in set(_known(chosen))),
        identity=identity,
        power=Switched(oid=power["oid"], **_sets({"on": power["on"], "off": power["off"]})) if power else None,
        tables=tuple(
            _table(table, one.get("words", {})) for one in (told, *included) for table in one.get("table", ())
        ),
    )


def _known(chosen: Iterable[str]) -> Iterator[str]:
    for name in chosen:
        if name not in STANDARDS:
            raise ValueError(f"there is no standard {name}")
        yield name


def _places(told: Any) -> tuple[Told, ...]:
    """Where a fact stands: an OID, one with the pattern of what counts, or several of these."""
    if isinstance(told, str):
        return (Told(told),)
    if isinstance(told, Mapping):
        return (Told(told["oid"], re.compile(told["pattern"]) if "pattern" in told else None),)
    return tuple(place for one in told for place in _places(one))


def _table(told: Mapping[str, Any], words: Mapping[str, Mapping[str, str]]) -> Table:
    unknown = set(told) - {
        "component", "of", "called", "columns", "joins", "names", "only", "skip", "like", "absent", "unless", "reading",
        "state", "part",
    }  # fmt: skip
    if unknown:
        raise ValueError(f"what is {', '.join(sorted(unknown))} of a table?")
    columns: dict[str, str] = dict(told["columns"])
    joins = {name: _join(*place) for name, place in told.get("joins", {}).items()}
    scalars = {oid.endswith(INSTANCE) for oid in columns.values()}
    if len(scalars) != 1:
        raise ValueError(f"a table has columns or scalars, not both: {columns}")
    table = Table(
        component=told.get("component", ""),
        of=told.get("of", ""),
        called=told.get("called", ""),
        columns=columns,
        scalar=scalars == {True},
        joins=joins,
        names={name: _raws(words) for name, words in told.get("names", {}).items()},
        only=_sets(told.get("only", {})),
        skip=_sets(told.get("skip", {})),
        like={name: re.compile(pattern, re.IGNORECASE) for name, pattern in told.get("like", {}).items()},
        absent=_sets(told.get("absent", {})),
        unless=told.get("unless", ""),
        readings=tuple(_reading(one) for one in told.get("reading", ())),
        states=tuple(_state(one, words) for one in told.get("state", ())),
        part=dict(told["part"]) if "part" in told else None,
    )
    _check(table)
    return table


def _check(table: Table) -> None:
    """Does every name stand for a column?"""
    used = [
        *table.only,
        *table.skip,
        *table.like,
        *table.absent,
        *table.names,
        *(state.column for state in table.states),
    ]
    for one in table.readings:
        used += [one.value, *one.plus, *one.less, *one.when, *filter(None, (one.of, one.beside, one.power))]
        used += [limit for limit in one.limits.values() if isinstance(limit, str)]
    used += [column for column in (table.part or {}).values() if not column.startswith("=")]
    unknown = {name for name in used if "{" not in name} - set(table.columns) - set(table.joins)
    if unknown:
        raise ValueError(f"no column {', '.join(sorted(unknown))} in {sorted(table.columns)}")
    if not table.of and not (table.component and table.called):
        raise ValueError(f"what are the rows of {sorted(table.columns.items())}?")


def _join(column: str, by: int | str = 0) -> Join:
    return Join(column=column, arcs=by) if isinstance(by, int) else Join(column=column, by=by)


def _reading(told: Mapping[str, Any]) -> ReadingColumn:
    rest = dict(told)
    limits = {limit: rest.pop(limit) for limit in LIMITS if limit in rest}
    return ReadingColumn(
        type=ReadingType(rest.pop("type")),
        none=frozenset(rest.pop("none", ())),
        never=frozenset(rest.pop("never", ())),
        plus=tuple(rest.pop("plus", ())),
        less=tuple(rest.pop("less", ())),
        when=_sets(rest.pop("when", {})),
        limits=limits,
        pattern=re.compile(rest.pop("pattern")) if "pattern" in rest else None,
        **rest,
    )


def _state(told: Mapping[str, Any], named: Mapping[str, Mapping[str, str]]) -> StateColumn:
    """A state column; its words stand with it, or under a name where several columns of the file share them."""
    rest = dict(told)
    if isinstance(rest["words"], str):
        rest["words"] = named[rest["words"]]
    words = Words(
        words={raw: verdict(text) for raw, text in _raws(rest.pop("words")).items()},
        other=verdict(rest.pop("other", "Unknown")),
        bits=rest.pop("bits", False),
    )
    return StateColumn(words=words, predicts=frozenset(rest.pop("predicts", ())), **rest)


_VERDICT = re.compile(r"(OK|Warning|Critical|Unknown)(?:/(\w+))?(?::\s*(.+))?$")


@cache
def verdict(text: str) -> Verdict:
    """What `Health[/State][: detail]` says."""
    found = _VERDICT.match(text)
    if found is None:
        raise ValueError(f"{text!r} is no health")
    return Verdict(Health(found[1]), found[2] or "Enabled", found[3] or "")


def _raws(told: Mapping[str, str]) -> dict[Raw, str]:
    """TOML has no number keys: what looks like a number is one; texts are compared in lower case."""
    return {_raw(raw): word for raw, word in told.items()}


def _sets(told: Mapping[str, Iterable[Raw]]) -> dict[str, frozenset[Raw]]:
    return {name: frozenset(_raw(raw) for raw in raws) for name, raws in told.items()}


def _raw(raw: Raw) -> Raw:
    if isinstance(raw, int):
        return raw
    return int(raw) if re.fullmatch(r"-?\d+", raw) else raw.lower()
