"""Reads a profile as it is written, and tells every slip in it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from fleetmon.drivers.snmp.family import (
    INSTANCE,
    Join,
    Profile,
    Raw,
    ReadingColumn,
    StateColumn,
    Switched,
    Table,
    Told,
    Words,
)
from fleetmon.drivers.snmp.parse.points import Verdict
from fleetmon.drivers.snmp.parse.standards import STANDARDS
from fleetmon.errors import ConfigError
from fleetmon.model import DeviceKind, Health, ReadingType

LIMITS = ("lower_fatal", "lower_critical", "lower_caution", "upper_caution", "upper_critical", "upper_fatal")


def profile_of_text(name: str, told: str) -> Profile:
    """The profile that a text of the language describes; raises ConfigError where it says something impossible."""
    return read_profile(name, {name: tomllib.loads(told)})


def read_profile(name: str, files: Mapping[str, Mapping[str, Any]]) -> Profile:
    """The profile of this name; raises ConfigError where it says something impossible."""
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
        "component", "of", "at", "called", "columns", "joins", "names", "only", "skip", "like", "absent", "unless",
        "reading", "state", "part",
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
        at=_at(*told.get("at", ())),
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


def _at(arc: int = 1, more: int = 0) -> tuple[int, int]:
    return arc, more


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
