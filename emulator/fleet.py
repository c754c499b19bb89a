"""Fleet files: sites, racks, servers by pattern, and the scenes of a story; read from TOML and checked word by word."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from emulator.accents.families import FAMILIES
from emulator.accents.model import Family
from emulator.accents.snmp import SNMP_FAMILIES, PduFamily, SwitchFamily, UpsFamily

LONG_STANDING = -3 * 86_400.0
"""Seconds from the start at which a standing fault happened, where the file does not say."""
PROTOCOLS = ("redfish", "ipmi")
FLEETS = Path(__file__).parent / "fleets"
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
SERVERS = re.compile(
    r"(?P<names>\S+)\s*=\s*(?P<family>\S+)\s*@\s*(?P<unit>\d+)(?:\s*/\s*(?P<step>\d+))?(?:\s+over\s+(?P<over>.+))?"
)
SWITCHES = re.compile(r"(?P<names>\S+?)\s*(?:=\s*(?P<family>\S+)\s*)?@\s*(?P<unit>\d+)")
PDUS = re.compile(r"(?P<names>\S+)\s*=\s*(?P<family>\S+)\s+on\s+(?P<feed>[AB])")
UPSES = re.compile(r"(?P<name>\S+)\s*=\s*(?P<family>\S+)\s*@\s*(?P<unit>\d+)\s+on\s+(?P<feed>[AB])")


F = TypeVar("F", SwitchFamily, PduFamily, UpsFamily)


class FleetFileError(Exception):
    """A fleet file says something impossible; the text names the place and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RackPlan:
    """A rack and where it stands."""

    name: str
    site: str
    row: str
    height_u: int
    feed_budget_watts: float | None
    inlet: float
    """Cel at half height, in the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPlan:
    """A server and where it sits."""

    name: str
    family: Family
    rack: str
    position_u: int
    slot: str
    protocols: tuple[str, ...]
    """What its BMC speaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchPlan:
    """A switch; every server of its rack has a cable to it."""

    name: str
    rack: str
    position_u: int
    family: SwitchFamily | None = None
    """None: it has no agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PduPlan:
    """A power distribution unit; the power supplies of its rack on its feed hang on it."""

    name: str
    family: PduFamily
    rack: str
    feed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsPlan:
    """A UPS, and the feed that it holds in every rack of its site."""

    name: str
    family: UpsFamily
    rack: str
    position_u: int
    feed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A fault of the story: when, and what is asked of the faults' door."""

    at: float
    title: str
    fault: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """Everything a fleet file says."""

    name: str
    user: str
    password: str
    community: str
    """Of every SNMP agent."""
    seed: int
    distinct_certificates: bool
    sites: tuple[str, ...]
    racks: tuple[RackPlan, ...]
    servers: tuple[ServerPlan, ...]
    switches: tuple[SwitchPlan, ...]
    pdus: tuple[PduPlan, ...]
    upses: tuple[UpsPlan, ...]
    standing: tuple[Scene, ...]
    """Faults that are there already, story or not; their `at` lies before the start."""
    story: tuple[Scene, ...]


FLEET_KEYS: dict[str, type] = {
    "name": str, "user": str, "password": str, "community": str, "seed": int, "distinct_certificates": bool,
    "site": list, "rack": list,
    "standing": list, "story": list,
}  # fmt: skip
RACK_KEYS: dict[str, type] = {
    "name": str, "site": str, "row": str, "height_u": int, "feed_budget_watts": float, "inlet": float, "servers": list,
    "switches": list, "pdus": list, "upses": list,
}  # fmt: skip


def read_fleet(source: str | Path) -> FleetPlan:
    """The fleet of a file, or of a name of those that come with the emulator; FleetFileError tells what is wrong."""
    path = Path(source)
    if not path.is_file() and (FLEETS / f"{source}.toml").exists():
        path = FLEETS / f"{source}.toml"
    try:
        text = path.read_text()
    except OSError:
        known = ", ".join(sorted(found.stem for found in FLEETS.glob("*.toml")))
        raise FleetFileError(f"{source}: no such fleet file; give a path or one of {known}") from None
    try:
        return parse_fleet(tomllib.loads(text), name=path.stem)
    except tomllib.TOMLDecodeError as error:
        raise FleetFileError(f"{path}: no TOML: {error}") from None
    except FleetFileError as error:
        raise FleetFileError(f"{path}: {error}") from None


def parse_fleet(told: Mapping[str, Any], *, name: str = "fleet") -> FleetPlan:
    """The fleet that a TOML document describes."""
    _check(told, FLEET_KEYS, "the file")
    sites = tuple(_text(site, "name", "[[site]]") for site in told.get("site", ()))
    racks, servers = [], []
    switches: list[SwitchPlan] = []
    pdus: list[PduPlan] = []
    upses: list[UpsPlan] = []
    for entry in told.get("rack", ()):
        _check(entry, RACK_KEYS, "[[rack]]")
        for rack_name in expand(_text(entry, "name", "[[rack]]")):
            rack = _rack(entry, rack_name, sites)
            racks.append(rack)
            servers += [server for line in entry.get("servers", ()) for server in _servers(line, rack)]
            switches += [switch for line in entry.get("switches", ()) for switch in _switches(line, rack)]
            pdus += [pdu for line in entry.get("pdus", ()) for pdu in _pdus(line, rack)]
            upses += [_ups(line, rack) for line in entry.get("upses", ())]
    _no_doubles("rack", (rack.name for rack in racks))
    _no_doubles("machine", (each.name for kind in (servers, switches, pdus, upses) for each in kind))
    _no_overlap(servers, {rack.name: rack.height_u for rack in racks})
    return FleetPlan(
        name=str(told.get("name", name)),
        user=str(told.get("user", "operator")),
        password=str(told.get("password", "emulated")),
        community=str(told.get("community", told.get("password", "emulated"))),
        seed=int(told.get("seed", 7)),
        distinct_certificates=bool(told.get("distinct_certificates", False)),
        sites=sites,
        racks=tuple(racks),
        servers=tuple(servers),
        switches=tuple(switches),
        pdus=tuple(pdus),
        upses=tuple(upses),
        standing=tuple(_scene({"at": LONG_STANDING, **entry}, "[[standing]]") for entry in told.get("standing", ())),
        story=tuple(
            sorted((_scene(entry, "[[story]]") for entry in told.get("story", ())), key=lambda scene: scene.at)
        ),
    )


def expand(pattern: str) -> list[str]:
    """`web-{01..12}` as twelve names; digits are kept as wide as the first number is written."""
    found = RANGE.search(pattern)
    if found is None:
        return [pattern]
    first, last = found.groups()
    heads = [pattern[: found.start()] + str(n).zfill(len(first)) for n in range(int(first), int(last) + 1)]
    return [head + tail for head in heads for tail in expand(pattern[found.end() :])]


def _rack(entry: Mapping[str, Any], name: str, sites: tuple[str, ...]) -> RackPlan:
    site = str(entry.get("site", sites[0] if sites else ""))
    if site not in sites:
        raise FleetFileError(f"rack {name}: no site {site!r}; there are {', '.join(sites) or 'none'}")
    budget = entry.get("feed_budget_watts")
    return RackPlan(
        name=name, site=site, row=str(entry.get("row", "")), height_u=int(entry.get("height_u", 42)),
        feed_budget_watts=None if budget is None else float(budget), inlet=float(entry.get("inlet", 22.5)),
    )  # fmt: skip


def _servers(line: str, rack: RackPlan) -> list[ServerPlan]:
    """`web-{01..12} = halden-w1 @ 5`: from unit 5 upwards, each on the next free units, or every `/ n` units.

    `over redfish, ipmi` at the end says what their BMCs speak, where it is not what the family's do.
    """
    found = SERVERS.fullmatch(line.strip())
    if found is None:
        raise FleetFileError(f"rack {rack.name}: {line!r} is no row of servers; write 'web-{{01..12}} = halden-w1 @ 5'")
    family = FAMILIES.get(found["family"])
    if family is None:
        raise FleetFileError(f"rack {rack.name}: no family {found['family']!r}; there are {', '.join(FAMILIES)}")
    step = int(found["step"] or family.height_u)
    names = expand(found["names"].replace("{rack}", rack.name.lower()))
    protocols = family.speaks if found["over"] is None else _protocols(found["over"], rack)
    return [
        ServerPlan(
            name=name, family=family, rack=rack.name, position_u=int(found["unit"]) + index // family.nodes * step,
            slot=str(index % family.nodes + 1) if family.nodes > 1 else "", protocols=protocols,
        )
        for index, name in enumerate(names)
    ]  # fmt: skip


def _protocols(told: str, rack: RackPlan) -> tuple[str, ...]:
    words = [word.strip() for word in told.split(",")]
    for word in words:
        if word not in PROTOCOLS:
            raise FleetFileError(f"rack {rack.name}: no protocol {word!r}; there are {', '.join(PROTOCOLS)}")
    return tuple(protocol for protocol in PROTOCOLS if protocol in words)


def _switches(line: str, rack: RackPlan) -> list[SwitchPlan]:
    """`sw-{rack}-a = tern-48 @ 41`; without a family it has no agent. Several of a pattern lie one above the other."""
    found = SWITCHES.fullmatch(line.strip().replace("{rack}", rack.name.lower()))
    if found is None:
        raise FleetFileError(f"rack {rack.name}: {line!r} is no switch; write 'sw-{{rack}}-a = tern-48 @ 41'")
    family = None if found["family"] is None else _family(found["family"], SwitchFamily, "switch", rack)
    names, unit = expand(found["names"]), int(found["unit"])
    return [
        SwitchPlan(name=name, rack=rack.name, position_u=unit + index, family=family)
        for index, name in enumerate(names)
    ]


def _pdus(line: str, rack: RackPlan) -> list[PduPlan]:
    found = PDUS.fullmatch(line.strip().replace("{rack}", rack.name.lower()))
    if found is None:
        raise FleetFileError(f"rack {rack.name}: {line!r} is no PDU; write 'pdu-{{rack}}-a = apc-rpdu2 on A'")
    family = _family(found["family"], PduFamily, "PDU", rack)
    names = expand(found["names"])
    return [PduPlan(name=name, family=family, rack=rack.name, feed=found["feed"]) for name in names]


def _ups(line: str, rack: RackPlan) -> UpsPlan:
    found = UPSES.fullmatch(line.strip().replace("{rack}", rack.name.lower()).replace("{site}", rack.site))
    if found is None:
        raise FleetFileError(f"rack {rack.name}: {line!r} is no UPS; write 'ups-{{site}} = petrel-120 @ 1 on A'")
    family = _family(found["family"], UpsFamily, "UPS", rack)
    return UpsPlan(name=found["name"], family=family, rack=rack.name, position_u=int(found["unit"]), feed=found["feed"])


def _family(name: str, kind: type[F], what: str, rack: RackPlan) -> F:
    family = SNMP_FAMILIES.get(name)
    if not isinstance(family, kind):
        known = ", ".join(row.name for row in SNMP_FAMILIES.values() if isinstance(row, kind))
        raise FleetFileError(f"rack {rack.name}: no family {name!r} of {what}; there are {known}")
    return family


def _scene(entry: Mapping[str, Any], where: str) -> Scene:
    if "fault" not in entry:
        raise FleetFileError(f"{where}: every scene needs a fault")
    if not isinstance(entry.get("at"), int | float):
        raise FleetFileError(f"{where}: every scene needs 'at', in seconds after the start")
    fault = {key: value for key, value in entry.items() if key not in ("at", "title")}
    return Scene(at=float(entry["at"]), title=str(entry.get("title", "")), fault=fault)


def _check(told: Mapping[str, Any], keys: Mapping[str, type], where: str) -> None:
    for key, value in told.items():
        if key not in keys:
            raise FleetFileError(f"{where}: unknown key {key!r}; known are {', '.join(keys)}")
        wanted = (int, float) if keys[key] is float else keys[key]
        if not isinstance(value, wanted):
            raise FleetFileError(f"{where}: {key} is {value!r}, which is no {keys[key].__name__}")


def _text(entry: Any, key: str, where: str) -> str:
    if not isinstance(entry, Mapping) or not isinstance(entry.get(key), str):
        raise FleetFileError(f"{where}: {key!r} is needed, as text")
    return str(entry[key])


def _no_doubles(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise FleetFileError(f"two of the name {name!r}; every {what} needs its own")
        seen.add(name)


def _no_overlap(servers: list[ServerPlan], heights: dict[str, int]) -> None:
    taken: dict[tuple[str, int, str], str] = {}
    for server in servers:
        top = server.position_u + server.family.height_u - 1
        if server.position_u < 1 or top > heights[server.rack]:
            raise FleetFileError(
                f"{server.name} would reach U{top} of rack {server.rack}, which ends at U{heights[server.rack]}"
            )
        for unit in range(server.position_u, top + 1):
            other = taken.setdefault((server.rack, unit, server.slot), server.name)
            if other != server.name:
                raise FleetFileError(f"{server.name} and {other} both sit in U{unit} of rack {server.rack}")
