"""The words of which accents are made: small changes to a document, joined in a row's `tell`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from emulator.accents.model import Accent, Json, Tell

if TYPE_CHECKING:
    from emulator.parts import Drive, Supply
    from emulator.redfish.bmc import Bmc

Value = Callable[["Bmc", Json], Any]


def told(*tells: Tell) -> Tell:
    """Several changes, one after the other."""

    def tell(bmc: Bmc, document: Json) -> Json:
        for one in tells:
            document = one(bmc, document)
        return document

    return tell


def when(holds: Callable[[Bmc, Json], bool], *tells: Tell) -> Tell:
    """Changes that are made only where something holds."""
    change = told(*tells)
    return lambda bmc, document: change(bmc, document) if holds(bmc, document) else document


def put(path: str, value: Any) -> Tell:
    """A property set, `A/B` inside A; a function of (bmc, document) gives a value of the moment."""
    *steps, name = path.split("/")

    def tell(bmc: Bmc, document: Json) -> Json:
        holder = document
        for step in steps:
            below = holder.get(step)
            if not isinstance(below, dict):
                below = holder[step] = {}
            holder = below
        holder[name] = value(bmc, document) if callable(value) else value
        return document

    return tell


def drop(*paths: str) -> Tell:
    """Properties that are not told."""

    def tell(_: Bmc, document: Json) -> Json:
        for path in paths:
            for holder, name in _holders(document, path):
                holder.pop(name, None)
        return document

    return tell


def unsaid(name: str, evidence: str, **kinds: str) -> Accent:
    """A row: what this firmware does not tell, by resource type."""
    drops = {kind: drop(*names.split()) for kind, names in kinds.items()}

    def tell(bmc: Bmc, document: Json) -> Json:
        kind = str(document["@odata.type"])[1:].partition(".")[0]
        return drops[kind](bmc, document) if kind in drops else document

    return Accent(name=name, evidence=evidence, on=" ".join(kinds), tell=tell)


OLD_EVENTS = ("StatusChange", "ResourceUpdated", "ResourceAdded", "ResourceRemoved", "Alert")


def events_by_type(name: str, evidence: str, *types: str) -> Accent:
    """A row: an EventService that knows the deprecated EventTypes and no formats."""
    tell = told(
        drop("EventFormatTypes", "SubordinateResourcesSupported"), put("EventTypesForSubscription", list(types))
    )
    return Accent(name=name, evidence=evidence, on="EventService", tell=tell)


def change(*paths: str, to: Callable[[Any], Any]) -> Tell:
    """The values of properties that are told, each made into another."""

    def tell(_: Bmc, document: Json) -> Json:
        for path in paths:
            for holder, name in _holders(document, path):
                if name in holder:
                    holder[name] = to(holder[name])
        return document

    return tell


def null(*paths: str) -> Tell:
    """Properties that are told without a value, whether the plain machine tells them or not."""
    return told(*(put(path, None) for path in paths))


def rename(path: str, name: str) -> Tell:
    """A property under another name."""

    def tell(_: Bmc, document: Json) -> Json:
        for holder, old in _holders(document, path):
            if old in holder:
                holder[name] = holder.pop(old)
        return document

    return tell


def each(array: str, *tells: Tell) -> Tell:
    """Changes to every entry of an array."""
    change_one = told(*tells)

    def tell(bmc: Bmc, document: Json) -> Json:
        if isinstance(document.get(array), list):
            document[array] = [change_one(bmc, entry) for entry in document[array]]
        return document

    return tell


def fill(*names: str) -> Tell:
    """Properties that are told as null where there is nothing to tell."""

    def tell(_: Bmc, document: Json) -> Json:
        return dict.fromkeys(names) | document

    return tell


def text(value: Any) -> Any:
    """A number as text."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _holders(document: Json, path: str) -> Iterator[tuple[Json, str]]:
    """(holder, name) of a path; `*` is every entry of an array or object."""
    step, _, rest = path.partition("/")
    if not rest:
        yield document, step
        return
    below = document.get(step)
    entries = list(below.values()) if step == "*" and isinstance(below, dict) else below
    for entry in entries if isinstance(entries, list) else [entries]:
        if isinstance(entry, dict):
            yield from _holders(entry, rest)


# ---- what the document is about ----


def drive_of(bmc: Bmc, document: Json) -> Drive:
    """The drive that a Drive document tells of, by its bay."""
    bay: int = document["PhysicalLocation"]["PartLocation"]["LocationOrdinalValue"]
    return bmc.machine.parts.drives[bay]


def supply_of(bmc: Bmc, document: Json) -> Supply:
    """The power supply that a document, or an entry of Power, tells of, by its name."""
    return next(supply for supply in bmc.machine.parts.supplies if supply.name == document["Name"])


def is_present(bmc: Bmc, document: Json) -> bool:
    """Whether a part is there at all."""
    return bool(document["Status"]["State"] != "Absent")


def is_worn(bmc: Bmc, document: Json) -> bool:
    """Whether the drive wears by writing, and is there."""
    return is_present(bmc, document) and drive_of(bmc, document).life is not None


def life_left(bmc: Bmc, document: Json) -> int | None:
    """Percent of a drive's life left, in whole percent."""
    left = drive_of(bmc, document).life_left(bmc.plant.clock.now())
    return None if left is None else round(left)


def life_used(bmc: Bmc, document: Json) -> int | None:
    """Percent of a drive's life spent."""
    left = life_left(bmc, document)
    return None if left is None else 100 - left


def hours_on(bmc: Bmc, document: Json) -> int:
    """Hours that a drive has run."""
    return drive_of(bmc, document).hours_on(bmc.plant.clock.now())


def short_of(document: Json) -> str:
    """The last word of a log entry's MessageId, as `FanFailed`."""
    return str(document.get("MessageId", "")).rpartition(".")[2]


def fan_percent(bmc: Bmc, document: Json) -> int | None:
    """A Thermal fan's speed in percent of the most it can do."""
    speed = document.get("Reading")
    return None if speed is None else min(100, round(100 * speed / bmc.machine.family.fan_rpm))
