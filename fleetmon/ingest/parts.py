"""Part history: what was installed, removed, replaced or moved between two inventories; pure.

A part is followed by its serial number across slots, and a slot by the serial numbers in it. The first inventory is the
baseline: it tells what is there, not that all of it was just installed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from fleetmon.ingest.components import AGREEING
from fleetmon.model import Component, Identity, Part
from fleetmon.storage.rows import PartChange, PartEvent

_PLACEHOLDERS = frozenset(
    {
        "to be filled by o.e.m.", "to be filled by oem", "default string", "system serial number", "serial number",
        "not specified", "not available", "not applicable", "not present", "none", "null", "n/a", "na", "unknown",
        "undefined", "empty", "no dimm", "0123456789", "1234567890", "123456789", "xxxxxxxx", "chassis serial number",
        "base board serial number", "oem", "o.e.m.", "-", "unspecified", "invalid",
    }
)  # fmt: skip
"""What stands where nobody wrote a serial number (F77)."""


def real_serial(text: str) -> str:
    """The serial number, or nothing where there is only a placeholder."""
    plain = text.strip()
    lowered = plain.lower()
    if lowered in _PLACEHOLDERS or len(set(lowered.replace("-", "").replace(" ", ""))) <= 1:
        return ""
    return plain


def real_identity(identity: Identity) -> Identity:
    """An identity without placeholders."""
    return replace(
        identity,
        serial_number=real_serial(identity.serial_number),
        part_number=real_serial(identity.part_number),
        asset_tag=real_serial(identity.asset_tag),
        uuid=real_serial(identity.uuid),
    )


def merged(before: Identity, after: Identity) -> Identity:
    """What is known of a device: what it says now, and where it says nothing, what it said before."""
    return Identity(**{name: getattr(after, name) or getattr(before, name) for name in Identity.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What one inventory leads to."""

    seen: tuple[Part, ...]
    changes: tuple[PartChange, ...]
    missing: tuple[Component, ...]
    """Not seen this time; not gone yet."""
    gone: tuple[Component, ...]
    """Where no part is any more."""


def compare(
    device_id: str,
    known: Mapping[Component, Part],
    absences: Mapping[Component, int],
    parts: Iterable[Part],
    *,
    baseline: bool,
    complete: bool,
    settled: bool,
    at: datetime,
) -> Moves:
    """What happened between two inventories.

    `baseline`: there was no complete inventory before, so a part not known yet need not be new. A part counts as
    removed when complete inventories missed it `AGREEING` times with the power on and settled; one that turned up
    elsewhere has moved at once.
    """
    seen = {part.component: replace(part, serial_number=real_serial(part.serial_number)) for part in parts}
    moved = _moved(known, seen)
    changes = [
        PartChange(
            device_id=device_id,
            kind=place.kind,
            slot=slot_of(seen[place]),
            what=PartEvent.MOVED,
            before=known[origin],
            after=seen[place],
            at=at,
        )
        for place, origin in moved.items()
    ]
    left = set(moved.values())
    changes += [removal(device_id, known[place], at) for place in moved if place in known and place not in left]
    for place, part in list(seen.items()):
        before = None if place in left else known.get(place)
        what = None if place in moved else _happened(before, part, fresh=not baseline or place in left)
        if what is None and before is not None and place not in moved:
            seen[place] = completed(before, part)
        if what is not None:
            changes.append(
                PartChange(
                    device_id=device_id,
                    kind=place.kind,
                    slot=slot_of(part),
                    what=what,
                    before=before,
                    after=part,
                    at=at,
                )
            )
    absent = [place for place in known if place not in seen and place not in left] if complete and settled else []
    gone = [place for place in absent if absences.get(place, 0) + 1 >= AGREEING]
    changes += [removal(device_id, known[place], at) for place in gone]
    return Moves(
        seen=tuple(seen.values()),
        changes=tuple(changes),
        missing=tuple(place for place in absent if place not in gone),
        gone=(*gone, *(place for place in left if place not in seen)),
    )


def completed(before: Part, after: Part) -> Part:
    """The same part as now told, with what an inventory that was shorter of words left out."""
    words = ("manufacturer", "model", "serial_number", "part_number", "firmware")
    return replace(
        after,
        **{name: getattr(after, name) or getattr(before, name) for name in words},
        capacity_bytes=before.capacity_bytes if after.capacity_bytes is None else after.capacity_bytes,
        properties={**before.properties, **after.properties},
    )


def removal(device_id: str, part: Part, at: datetime) -> PartChange:
    """A part is not there any more."""
    return PartChange(
        device_id=device_id,
        kind=part.component.kind,
        slot=slot_of(part),
        what=PartEvent.REMOVED,
        before=part,
        after=None,
        at=at,
    )


def slot_of(part: Part) -> str:
    """Where a part sits."""
    return part.slot or part.component.name


def _happened(before: Part | None, after: Part, *, fresh: bool) -> PartEvent | None:
    if before is None:
        return PartEvent.INSTALLED if fresh else None
    if before.serial_number and after.serial_number:
        return PartEvent.REPLACED if before.serial_number != after.serial_number else None
    other = any(_differ(getattr(before, name), getattr(after, name)) for name in ("model", "part_number"))
    return PartEvent.REPLACED if other else None


def _differ(before: str, after: str) -> bool:
    return bool(before and after and before != after)


def _moved(known: Mapping[Component, Part], seen: Mapping[Component, Part]) -> dict[Component, Component]:
    """For each place that holds a part known from another, which one; serial numbers that repeat prove nothing."""
    origins, places = _by_serial(known.values()), _by_serial(seen.values())
    return {
        place: origin for key, place in places.items() if (origin := origins.get(key)) is not None and origin != place
    }


def _by_serial(parts: Iterable[Part]) -> dict[tuple[str, str], Component]:
    with_serial: Sequence[Part] = [part for part in parts if part.serial_number]
    often = Counter((part.component.kind, part.serial_number) for part in with_serial)
    return {
        (part.component.kind, part.serial_number): part.component
        for part in with_serial
        if often[part.component.kind, part.serial_number] == 1
    }
