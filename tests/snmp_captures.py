"""Recorded SNMP agents as tables: `.snmprec` and numeric `.snmpwalk` files of the recordings."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import pytest

from fleetmon.drivers.snmp.family import Profile
from fleetmon.drivers.snmp.profiles import probes_for, profile_for
from fleetmon.drivers.snmp.values import Tables, Value, text
from fleetmon.model import Aspect
from tests.recordings import ABSENT, FOLDER

AGENTS = FOLDER / "snmp"
EXPECTED = FOLDER / "snmp-expected"
_WHOLE = frozenset({2, 65, 66, 67, 70})
_WALKED = re.compile(r"\.?(?P<oid>[\d.]+) = (?:(?P<type>[\w -]+?): ?)?(?P<value>.*)", re.DOTALL)

Agent = dict[str, Value]
"""Every value of an agent by its full OID."""


def names() -> list[str]:
    """The file name of every recorded agent; empty without recordings."""
    return sorted(file.name for file in AGENTS.glob("*.snmp*")) if AGENTS.is_dir() else []


def agent(name: str) -> Agent:
    """One recorded agent."""
    file = AGENTS / name
    if not file.is_file():
        pytest.skip(ABSENT)
    lines = file.read_bytes().decode("utf-8", "surrogateescape")
    return dict(_recorded(lines)) if file.suffix == ".snmprec" else walk_of(lines)


def walk_of(lines: str) -> Agent:
    """What net-snmp's programs printed with numbers for names (-On) and for values (-Oe)."""
    return dict(_walked(lines))


def _recorded(lines: str) -> Iterator[tuple[str, Value]]:
    for line in lines.split("\n"):
        oid, tag, value = (*line.rstrip("\r").split("|", 2), "", "")[:3]
        number = re.match(r"\d+", tag)
        if not re.fullmatch(r"[\d.]+", oid) or number is None or tag.endswith((":writecache",)):
            continue
        if tag.endswith(":numeric"):
            value = re.sub(r".*\binitial=(\d+).*", r"\1", value)
        octets = bytes.fromhex(value) if tag.endswith("x") else value.encode("utf-8", "surrogateescape")
        if (told := _value(int(number[0]), octets)) is not None:
            yield oid.lstrip("."), told


def _value(tag: int, octets: bytes) -> Value | None:
    if tag in _WHOLE:
        digits = re.match(rb"-?\d+", octets.strip())
        return int(digits[0]) if digits else None
    if tag == 64:
        return (
            ".".join(str(octet) for octet in octets) if len(octets) == 4 and not octets.isdigit() else octets.decode()
        )
    if tag == 6:
        return octets.decode().lstrip(".")
    return None if tag == 5 else octets


def _walked(lines: str) -> Iterator[tuple[str, Value]]:
    for entry in re.split(r"\n(?=\.?1\.[\d.]+ = )", lines):
        found = _WALKED.match(entry.rstrip("\r\n"))
        if found is None:
            continue
        kind, value = (found["type"] or "").upper(), found["value"]
        told: Value | None = value.strip('"').encode("utf-8", "surrogateescape")
        if kind in {"INTEGER", "COUNTER32", "COUNTER64", "GAUGE32", "UNSIGNED32", "TIMETICKS"}:
            digits = re.search(r"\((-?\d+)\)", value) or re.search(r"(-?\d+)", value)
            told = int(digits[1]) if digits else None
        elif kind == "HEX-STRING":
            told = bytes.fromhex("".join(value.split()))
        elif kind in {"OID", "IPADDRESS"}:
            told = value.lstrip(".")
        elif "No Such" in value or "No more" in value:
            told = None
        if told is not None:
            yield found["oid"].lstrip("."), told


def profile_of(values: Agent) -> Profile:
    """The profile an agent is given by what it says of itself."""
    who = text(values.get("1.3.6.1.2.1.1.2.0")), text(values.get("1.3.6.1.2.1.1.1.0"))
    probes = [probe for probe in probes_for(*who) if any(oid.startswith(f"{probe}.") for oid in values)]
    return profile_for(*who, probes)


def tables_of(values: Agent, columns: Collection[str]) -> Tables:
    """The columns as walks would have brought them."""
    wanted = set(columns)
    found: dict[str, dict[str, Value]] = {}
    for oid, value in values.items():
        at = len(oid)
        while (at := oid.rfind(".", 0, at)) > 0:
            if (column := oid[:at]) in wanted:
                found.setdefault(column, {})[oid[at + 1 :]] = value
    return found


def whole(profile: Profile, values: Agent) -> Tables:
    """All that the profile reads of an agent."""
    scalars = [oid.removesuffix(".0") for oid in profile.scalars(Aspect.INVENTORY)]
    return tables_of(values, [*profile.columns(Aspect.INVENTORY), *scalars])
