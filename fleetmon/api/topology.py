"""What hangs on what: links seen on the wire, cables people told of, and where the two do not agree."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response

from fleetmon.api.given import Cursor, Key, Limit
from fleetmon.api.parts import Desk, Here
from fleetmon.api.roles import Role
from fleetmon.api.routes import Route
from fleetmon.api.shapes import Page
from fleetmon.api.shapes_wire import LinkShape, Port
from fleetmon.api.wire import LIMIT_DEFAULT, as_counted, list_answer, page_of, told_at
from fleetmon.integrations.wishes import NAME_MOST
from fleetmon.model import Component, Health
from fleetmon.storage.rows import ComponentRow
from fleetmon.topology import Connection, End, Link, connections, findings

PORT_KINDS = ("Port", "NetworkPort", "EthernetInterface")
RackName = Annotated[str | None, Query(max_length=NAME_MOST, description="only what devices of this rack have")]


async def list_ports(
    here: Here, request: Request, device_id: Key, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Response:
    """The device's network ports, by name, each with what hangs on it."""
    device = await here.summary(device_id)
    components = await here.store.components.of_device(device.device_id)
    ports = [row for row in components if row.component.kind in PORT_KINDS]
    page, following = page_of(ports, lambda row: (row.component.name, row.component.kind), cursor=cursor, limit=limit)
    links = await _of_device(here, device.device_id)
    items = [_port(row, [one for one in links if _is_of(one.near, row.component)]) for row in page]
    return list_answer(request, items, next_cursor=following, revision=device.revision)


async def list_links(
    here: Here, request: Request, device_id: Key, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Response:
    """What hangs on this device's ports, power supplies and outlets."""
    device = await here.device_id(device_id)
    return await _answer(here, request, await _of_device(here, device), limit, cursor)


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
    return await _answer(here, request, findings(found) if differing else found, limit, cursor)


def _is_of(end: End, component: Component) -> bool:
    """Two components of one name and different kinds are told apart wherever the end says which it is."""
    return end.component == component.name and end.kind in ("", component.kind)


async def _of_device(here: Desk, device_id: str) -> list[Connection]:
    return [one for one in await _of(here, {device_id}) if one.near.device_id == device_id]


async def _of(here: Desk, devices: Collection[str]) -> list[Connection]:
    wiring = await here.store.links.wiring(devices)
    return await asyncio.to_thread(connections, wiring)  # seconds for a whole fleet


async def _answer(here: Desk, request: Request, found: list[Connection], limit: int, cursor: str | None) -> Response:
    page, following = page_of(found, _key, cursor=cursor, limit=limit)
    revision = await here.store.summaries.revision()
    return list_answer(request, [_connection(one) for one in page], next_cursor=following, revision=revision)


def _key(one: Connection) -> tuple[str, ...]:
    """By device, kind and component; what several links of one end lead to tells them apart."""
    to = one.link.far if one.link else one.expected
    return one.near.device, one.near.kind, as_counted(one.near.component), str(to or "")


def _port(row: ComponentRow, links: Iterable[Connection]) -> dict[str, Any]:
    properties: Mapping[str, Any] = row.part.properties if row.part else {}
    speed = properties.get("speed_mbps")
    if speed is None and isinstance(gigabits := properties.get("speed_gbps"), (int, float)):
        speed = gigabits * 1000
    return {
        "name": row.component.name,
        "link": str(properties.get("link") or ""),
        "speed_mbps": speed if isinstance(speed, (int, float)) else None,
        "mac_address": str(properties.get("mac_address") or ""),
        "health": row.health.health if row.health else Health.UNKNOWN,
        "links": [_connection(one) for one in links],
    }


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
    Route("GET", "/devices/{device_id}/ports", list_ports, Role.VIEWER, Page[Port], tag="device"),
    Route("GET", "/devices/{device_id}/links", list_links, Role.VIEWER, Page[LinkShape], tag="device"),
    Route("GET", "/topology", list_topology, Role.VIEWER, Page[LinkShape], tag="fleet"),
)
