"""Departures from the standard, one row each: what is seen, on whose devices, and the same said the standard's way.

A mend is a pure function on the body of one resource. It must leave a conforming body alone, and every row brings a
body as evidence; `tests/unit/test_redfish_quirks.py` holds both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.quirks.general import each
from fleetmon.drivers.redfish.quirks.make import Make, Quirk, make_of
from fleetmon.drivers.redfish.quirks.rows import DETOURS, QUIRKS
from fleetmon.drivers.redfish.resource import Fetch, Resource, kind_of

__all__ = ["DETOURS", "QUIRKS", "Make", "Mended", "Quirk", "make_of", "mend"]


def mend(resource: Resource, make: Make) -> Resource:
    """The resource said the standard's way."""
    body = mended(resource.body, resource.path, make)
    return resource if body is resource.body else replace(resource, body=body)


def mended(body: Json, path: str, make: Make) -> Json:
    """The body said the standard's way; a row that gives it another type hands it on to the rows of that type."""
    rows = rows_for(make)
    kind = kind_of(body, path)
    if kind not in rows:
        return body
    for quirk in rows[kind]:
        body = quirk.mend(body)
    if (told := kind_of(body, path)) != kind:
        for quirk in rows.get(told, ()):
            body = quirk.mend(body)
    return body


@lru_cache(maxsize=64)
def rows_for(make: Make) -> Mapping[str, tuple[Quirk, ...]]:
    """The rows that apply to a make, by the resource type they are seen in: nearly every poll mends every resource."""
    found: dict[str, list[Quirk]] = {}
    for quirk in QUIRKS:
        if quirk.applies(make):
            for kind in (quirk.resource,) if isinstance(quirk.resource, str) else quirk.resource:
                found.setdefault(kind, []).append(quirk)
    return {kind: tuple(rows) for kind, rows in found.items()}


@dataclass(frozen=True, slots=True)
class Mended:
    """Where resources come from, each with its inline members said the standard's way."""

    source: Fetch
    make: Make

    async def get(self, path: str) -> Resource:
        """The resource; raises DeviceError."""
        found = mend(await self.source.get(path), self.make)
        body = each(found.body, "Members", lambda member: mended(member, f"{found.path}/0", self.make))
        return found if body is found.body else replace(found, body=body)
