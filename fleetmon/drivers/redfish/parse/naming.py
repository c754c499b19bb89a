"""One thing, one name: what two resources tell of the same thing becomes one, and every name is unique within its kind.

Names must not change when a neighbour comes or goes. So a kind is named by one scheme for all its members, a scheme
is only ever left for a more detailed one, and the plan remembers where each kind has arrived.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.parse.components import Seen
from fleetmon.drivers.redfish.resource import key, segments
from fleetmon.model import Component, Health

TOLD_TWICE = frozenset({"Fan", "PowerSupply", "StorageController", "Battery", "Redundancy"})
"""Kinds that stand both inside an old resource (Thermal, Power, Storage) and as resources of their own."""

SERIALISED = frozenset({"Drive", "NetworkAdapter", "StorageController"})
"""Kinds of part that are often told below two owners, and whose serial number is their own.

Power supplies are none: enclosures and their trays repeat numbers, and a part too many is better than one hidden.
"""
SHORTEST_NUMBER = 5
_MEASURED = re.compile(r"(?:tach|speed|rpm|pwm|status|reading)+$")
"""What the name of a fan or supply ends in where it is named for what is measured of it."""


def place_of(seen: Seen) -> str:
    """The label on the outside, where the device gives one."""
    for name in ("PhysicalLocation", "Location"):
        for _, location in fields.items(seen.entry, name):
            label = fields.text(fields.child(location, "PartLocation"), "ServiceLabel") or fields.text(location, "Info")
            if label:
                return label
    return fields.text(seen.entry, "DeviceLocator")


def _by_ident(seen: Seen) -> str:
    """The id, with the name before it where the id alone would say little."""
    if not seen.ident:
        return ""
    return seen.ident if len(seen.ident) > 2 and not seen.ident.isdigit() else f"{seen.name} {seen.ident}"


def _outermost(seen: Seen) -> str:
    """Id of the system or chassis at the top of the path: the blade of a drive."""
    parts = segments(seen.source)
    return parts[3] if len(parts) > 4 or (seen.nested and len(parts) > 3) else ""


def _by_collection(seen: Seen) -> str:
    """The name behind the collection and id of what holds it: `RackPDUs 1 Outlet A1`."""
    parts = segments(seen.source)
    holder = parts[-2:] if seen.nested else parts[-4:-2]
    return f"{' '.join(holder)} {_by_ident(seen) or seen.name}"


SCHEMES: tuple[Callable[[Seen], str], ...] = (
    lambda seen: seen.name,
    place_of,
    _by_ident,
    lambda seen: f"{seen.owner} {seen.name}".strip(),
    lambda seen: f"{seen.owner} {_by_ident(seen)}".strip() if seen.ident else "",
    lambda seen: f"{_outermost(seen)} {seen.name}".strip(),
    lambda seen: f"{_outermost(seen)} {_by_ident(seen)}".strip() if seen.ident else "",
    _by_collection,
    lambda seen: seen.source.removeprefix("/redfish/v1/"),
)
"""From the friendliest name to the one that is always unique."""


def names(things: Sequence[Seen], schemes: Mapping[str, int]) -> tuple[dict[str, Component], dict[str, int]]:
    """The component of every source, and the scheme each kind is named by from now on."""
    by_kind: dict[str, list[Seen]] = defaultdict(list)
    for thing in things:
        by_kind[thing.kind].append(thing)
    found: dict[str, Component] = {}
    reached: dict[str, int] = dict(schemes)
    for kind, members in by_kind.items():
        scheme, labels = _labels(members, min(schemes.get(kind, 0), len(SCHEMES) - 1))
        if scheme:
            reached[kind] = scheme
        for thing, label in zip(members, labels, strict=True):
            component = Component(kind, label)
            found[key_of(thing.source)] = component
            for source in thing.also:
                found[key_of(source)] = component
    return found, reached


def key_of(source: str) -> str:
    """One spelling of a source; the pointer keeps its case."""
    path, _, pointer = source.partition("#")
    return f"{key(path)}#{pointer}" if pointer else key(path)


def _labels(members: Sequence[Seen], first: int) -> tuple[int, list[str]]:
    for scheme in range(first, len(SCHEMES)):
        labels = [SCHEMES[scheme](member) for member in members]
        if all(labels) and len(set(labels)) == len(labels):
            return scheme, labels
    labels = [SCHEMES[-1](member) for member in members]
    return len(SCHEMES) - 1, labels


def merge(things: Iterable[Seen]) -> list[Seen]:
    """The things with what is told twice made one: the newer resource's words, the worst health, both sources."""
    kept: list[Seen] = []
    olds: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    for thing in things:
        if thing.kind in TOLD_TWICE and thing.nested and _scope(thing):
            olds[thing.kind, _scope(thing)].append(thing)
        else:
            kept.append(thing)
    for (kind, scope), old in olds.items():
        places = [
            place
            for place, thing in enumerate(kept)
            if thing.kind == kind and not thing.nested and key(thing.source).startswith(scope + "/")
        ]
        for thing, place in _pairs(old, [(place, kept[place]) for place in places]):
            if place is None:
                kept.append(thing)
            else:
                kept[place] = _one(thing, kept[place])
    return _drives_told_once(_told_by_two_owners(_told_of_their_owner(_once(kept))))


def _scope(thing: Seen) -> str:
    """The path below which the newer telling of a nested thing is to be found: fans and supplies below the chassis."""
    path = key(thing.source)
    return path.rpartition("/")[0] if thing.kind in ("Fan", "PowerSupply") else path


def _pairs(old: Sequence[Seen], new: Sequence[tuple[int, Seen]]) -> list[tuple[Seen, int | None]]:
    """Each old thing with the place of its newer telling: same serial number, same name, same id, else same order.

    Ids count only where both tell the same ones: lists begin at 0 and collections often at 1.
    """
    tests: tuple[Callable[[Seen], str], ...] = (
        lambda seen: fields.text(seen.entry, "SerialNumber"),
        lambda seen: _letters(seen.name),
        lambda seen: _MEASURED.sub("", _letters(seen.name)),
    )
    if {thing.ident for thing in old} == {thing.ident for _, thing in new}:
        tests = (*tests, lambda seen: seen.ident.lower())
    left_old, left_new = list(old), list(new)
    pairs: list[tuple[Seen, int | None]] = []
    for test in tests:
        known = {test(thing): (place, thing) for place, thing in left_new if test(thing)}
        for thing in list(left_old):
            match = known.pop(test(thing), None)
            if match is not None:
                pairs.append((thing, match[0]))
                left_old.remove(thing)
                left_new.remove(match)
    if len(left_old) == len(left_new):
        return pairs + [(thing, place) for thing, (place, _) in zip(left_old, left_new, strict=True)]
    return pairs + [(thing, None) for thing in left_old]


def _one(old: Seen, new: Seen) -> Seen:
    """The same thing told twice: newer words, older name (a steady poll may read no other), worst health."""
    worst, other = (old, new) if old.health.rank > new.health.rank else (new, old)
    both = worst.health is not other.health and Health.UNKNOWN not in (worst.health, other.health)
    detail = worst.detail
    if both:
        detail = "; ".join(filter(None, [worst.detail, f"{other.health} by {other.source}"]))
    return replace(
        new,
        name=old.name,
        ident=old.ident,
        entry={**old.entry, **new.entry},
        health=worst.health,
        source=worst.source,
        state=worst.state,
        detail=detail,
        failure_predicted=worst.failure_predicted if worst.failure_predicted is not None else other.failure_predicted,
        also=(*new.also, other.source),
    )


def _once(things: Iterable[Seen]) -> list[Seen]:
    """Each source once."""
    return list({key_of(thing.source): thing for thing in things}.values())


def _told_of_their_owner(things: list[Seen]) -> list[Seen]:
    """The trouble that metrics without a Status tell is their owner's, where the owner is seen."""
    owners = {key(thing.source): place for place, thing in enumerate(things) if not thing.nested}
    found = dict(enumerate(things))
    for place, thing in enumerate(things):
        above = key(thing.source).rpartition("/")[0]
        if thing.kind.endswith("Metrics") and above in owners and not thing.nested and not fields.status(thing.entry):
            found[owners[above]] = _with_trouble(found[owners[above]], thing)
            del found[place]
    return list(found.values())


def _with_trouble(owner: Seen, metrics: Seen) -> Seen:
    worse = metrics.health if metrics.health.rank > owner.health.rank else owner.health
    return replace(owner, health=worse, detail="; ".join(filter(None, (owner.detail, metrics.detail)))[:300])


def _told_by_two_owners(things: list[Seen]) -> list[Seen]:
    """A part with a serial number of its own that stands below two resources is one part; the shorter path keeps it.

    A number that two members of one list bear is nobody's own, and none of its bearers is taken for another.
    """
    things = list(things)
    counted = Counter((thing.kind, _own_number(thing), _list_of(thing.source)) for thing in things)
    shared = {(kind, number) for (kind, number, _), count in counted.items() if count > 1}
    kept: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    found: list[Seen] = []
    for thing in sorted(things, key=lambda thing: (thing.nested, len(thing.source), thing.source)):
        number = _own_number(thing)
        if len(number) < SHORTEST_NUMBER or (thing.kind, number) in shared:
            found.append(thing)
            continue
        others = kept[thing.kind, number]
        twin = next((other for other in others if _is_same_part(other, thing)), None)
        if twin is None:
            others.append(thing)
            found.append(thing)
        else:
            one = replace(_one(thing, twin), name=twin.name, ident=twin.ident)
            others[others.index(twin)] = found[found.index(twin)] = one
    return found


def _own_number(thing: Seen) -> str:
    """A number that no other part of its kind bears: a serial number, or the durable name of a volume.

    One sign over and over, as the zeros of an NVMe namespace that was given no identifier, is none.
    """
    if thing.kind in SERIALISED:
        number = fields.text(thing.entry, "SerialNumber")
    elif thing.kind == "Volume":
        names = (fields.text(item, "DurableName") for _, item in fields.items(thing.entry, "Identifiers"))
        number = next((_letters(name) for name in names if name), "")
    else:
        return ""
    return number if len(set(_letters(number))) > 1 else ""


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def _list_of(source: str) -> str:
    return source.rpartition("/")[0].lower()


def _is_same_part(one: Seen, other: Seen) -> bool:
    """Do two tellings with the same number agree in everything else, and stand in different lists?"""
    models = {fields.text(thing.entry, "Model") for thing in (one, other)} - {""}
    sizes = [size for thing in (one, other) if (size := fields.integer(thing.entry, "CapacityBytes"))]
    lists = [{_list_of(source) for source in (thing.source, *thing.also)} for thing in (one, other)]
    same_size = not sizes or max(sizes) <= 1.01 * min(sizes)
    return len(models) == (one.kind != "Volume") and same_size and lists[0].isdisjoint(lists[1])


def _drives_told_once(things: list[Seen]) -> list[Seen]:
    """Devices of SimpleStorage are the drives where no Drive is told; else only the ones that are not well are kept."""
    if any(thing.kind == "Drive" for thing in things):
        return [
            thing for thing in things if thing.kind != "SimpleStorageDevice" or thing.health.rank >= Health.WARNING.rank
        ]
    return [replace(thing, kind="Drive") if thing.kind == "SimpleStorageDevice" else thing for thing in things]
