"""Departures from the standard, one row each: what is seen, on whose devices, and the same said the standard's way.

A mend is a pure function on the body of one resource. It must leave a conforming body alone, and every row brings a
body as evidence; `tests/unit/test_redfish_quirks.py` holds both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.quirks.general import each
from fleetmon.drivers.redfish.quirks.make import Make, Quirk, make_of
from fleetmon.drivers.redfish.quirks.rows import DETOURS, QUIRKS
from fleetmon.drivers.redfish.resource import Fetch, Resource, kind_of

__all__ = ["DETOURS", "QUIRKS", "Make", "Mended", "Quirk", "make_of", "mend"]


def mend(resource: Resource, make: Make, quirks: Iterable[Quirk] = QUIRKS) -> Resource:
    """The resource said the standard's way."""
    body = mended(resource.body, resource.path, make, quirks)
    return resource if body is resource.body else replace(resource, body=body)


def mended(body: Json, path: str, make: Make, quirks: Iterable[Quirk] = QUIRKS) -> Json:
    """The body said the standard's way; a row that gives it another type hands it on to the rows of that type."""
    kind = kind_of(body, path)
    for quirk in quirks:
        if quirk.concerns(kind) and quirk.applies(make):
            body = quirk.mend(body)
            kind = kind_of(body, path)
    return body


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
