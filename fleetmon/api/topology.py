"""What hangs on what: links seen on the wire, cables people told of, and where the two do not agree."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response
from pydantic import AwareDatetime

from fleetmon.api.given import Cursor, Key, Limit
from fleetmon.api.parts import Desk, Here
from fleetmon.api.roles import Role
from fleetmon.api.routes import Route
from fleetmon.api.shapes import Page, Shape
from fleetmon.api.wire import LIMIT_DEFAULT, as_counted, list_answer, page_of, told_at
from fleetmon.integrations.wishes import NAME_MOST
from fleetmon.topology import Connection, End, Link, Verdict, connections

RackName = Annotated[str | None, Query(max_length=NAME_MOST, description="only what devices of this rack have")]


class LinkEnd(Shape):
    """One end; `device_id` is null for what is no device of the fleet, and for a feed."""

    device_id: str | None
    device: str
    component: str
    kind: str


class SeenLink(Shape):
    """A link as it is seen."""

    to: LinkEnd
    source: Literal["neighbour", "station", "label"]
    since: AwareDatetime | None
    seen_at: AwareDatetime | None


class LinkShape(Shape):
    """What is known of one end: where it should lead, where it leads, and what comes of that."""

    end: LinkEnd
    verdict: Literal["agrees", "differs", "unseen", "found"]
    expected: LinkEnd | None
    seen: SeenLink | None
    feed: str
    reason: str


async def list_links(
    here: Here, request: Request, device_id: Key, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Response:
    """What hangs on this device's ports, power supplies and outlets."""
    device = await here.device_id(device_id)
    found = [one for one in await _of(here, {device}) if one.near.device_id == device]
    return await _answer(here, request, found, limit, cursor)


async def list_topology(
    here: Here,
    request: Request,
    rack: RackName = None,
    differing: Annotated[bool, Query(description="only links that are not as they should be")] = False,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """The links of the fleet or of one rack, told at each of their ends; a difference is told once, at its cable."""
    rack_id = (await here.rack(rack)).rack_id if rack else None
    of = {device.device_id for device in await here.store.fleet.devices(rack_id)}
    found = [one for one in await _of(here, of) if one.near.device_id in of]
    wanted = [one for one in found if not differing or (one.verdict is Verdict.DIFFERS and one.reason)]
    return await _answer(here, request, wanted, limit, cursor)


async def _of(here: Desk, devices: Collection[str]) -> list[Connection]:
    return connections(await here.store.links.wiring(devices))


async def _answer(here: Desk, request: Request, found: list[Connection], limit: int, cursor: str | None) -> Response:
    page, following = page_of(found, _key, cursor=cursor, limit=limit)
    revision = await here.store.summaries.revision()
    return list_answer(request, [_connection(one) for one in page], next_cursor=following, revision=revision)


def _key(one: Connection) -> tuple[str, ...]:
    """By device, kind and component; what several links of one end lead to tells them apart."""
    to = one.link.far if one.link else one.expected
    return one.near.device, one.near.kind, as_counted(one.near.component), str(to or "")


def _connection(one: Connection) -> dict[str, Any]:
    return {
        "end": _end(one.near),
        "verdict": one.verdict,
        "expected": _end(one.expected) if one.expected else None,
        "seen": _seen(one.link) if one.link else None,
        "feed": one.feed,
        "reason": one.reason,
    }


def _seen(link: Link) -> dict[str, Any]:
    since: datetime | None = link.since
    return {"to": _end(link.far), "source": link.source, "since": told_at(since), "seen_at": told_at(link.seen_at)}


def _end(end: End) -> dict[str, Any]:
    return {"device_id": end.device_id, "device": end.device, "component": end.component, "kind": end.kind}


ROUTES = (
    Route("GET", "/devices/{device_id}/links", list_links, Role.VIEWER, Page[LinkShape], tag="device"),
    Route("GET", "/topology", list_topology, Role.VIEWER, Page[LinkShape], tag="fleet"),
)
