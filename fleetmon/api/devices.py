"""Devices: listed, looked at, added, edited, decommissioned."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Header, Query, Request, Response

from fleetmon.api import tell
from fleetmon.api.endpoints import endpoints
from fleetmon.api.given import (
    Cursor,
    DeviceDraft,
    DevicePatch,
    EndpointDraft,
    Healths,
    Key,
    Kinds,
    Limit,
    Powers,
    Search,
    Words,
    endpoints_of,
)
from fleetmon.api.hot import Made
from fleetmon.api.parts import Desk, Here
from fleetmon.api.problems import CHANGED, PRECONDITION_REQUIRED, Problem
from fleetmon.api.roles import Role
from fleetmon.api.routes import BASE, Route
from fleetmon.api.shapes import DeviceDetail, DeviceIndex, DeviceSummary, Page
from fleetmon.api.wire import LIMIT_DEFAULT, answer, cursor_given, encoded, tag_of, told_at
from fleetmon.cadence import interval_of, shortest
from fleetmon.integrations.fleet_plan import keep_pins, slug
from fleetmon.model import Aspect, Device, DeviceKind, Health, Interval, PowerState, Protocol
from fleetmon.ownership import next_slot
from fleetmon.storage.rows import PollRow, PushRow, Sort, SummaryFilter
from fleetmon.storage.summaries import INDEX_COLUMNS

_FOREVER = timedelta(days=365 * 100)


async def list_devices(
    here: Here,
    request: Request,
    q: Search = "",
    health: Healths = None,
    power: Powers = None,
    kind: Kinds = None,
    rack: Words = None,
    site: Words = None,
    tag: Words = None,
    stale: Annotated[bool | None, Query(description="only those that are stale, or only those that are not")] = None,
    sort: Annotated[Literal["name", "worst", "place"], Query()] = "name",
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """Device summaries; every given filter must match, any value of a filter will do."""
    wanted = SummaryFilter(
        q=q,
        health=[Health(word) for word in health or ()],
        power=[PowerState(word) for word in power or ()],
        kind=[DeviceKind(word) for word in kind or ()],
        rack=rack or (),
        site=site or (),
        tag=tag or (),
        stale=stale,
    )

    async def make() -> Made:
        with cursor_given(cursor):
            page = await here.store.summaries.page(wanted, sort=Sort(sort), limit=limit, cursor=cursor)
        items, until = here.fragments.together(page.items, here.clock.now())
        body = b'{"items":%b,"next":%b,"revision":%d}' % (items, encoded(page.next), page.revision)
        return Made(revision=page.revision, until=until, body=body, next=page.next)

    return await here.hot.serve(request, make, role=Role.VIEWER)


async def get_device_index(here: Here, request: Request) -> Response:
    """The whole fleet, compact: one row a device, by name."""

    async def make() -> Made:
        revision, rows = await here.store.summaries.index()
        stale = INDEX_COLUMNS.index("stale")
        told = [[bool(value) if place == stale else value for place, value in enumerate(row)] for row in rows]
        body = encoded({"revision": revision, "columns": INDEX_COLUMNS, "rows": told})
        return Made(revision=revision, until=here.clock.now() + _FOREVER, body=body)

    return await here.hot.serve(request, make, role=Role.VIEWER)


async def get_device(here: Here, request: Request, device_id: Key) -> Response:
    """Everything that is known of one device. Its entity tag begins with its version: If-Match is held to that."""
    device = await here.device(device_id)
    body = await _detail(here, device)
    return answer(request, body, tag=detail_tag(device, body))


async def add_device(here: Here, draft: DeviceDraft) -> Response:
    """Add a device; its id is made from its name and never changes. It is asked for the first time within seconds."""
    fields = draft.model_dump(exclude={"endpoints", "kind", "tags", "interval"})
    device = Device(
        device_id=slug(draft.name, {device.device_id for device in await here.store.fleet.devices()}),
        kind=DeviceKind(draft.kind),
        tags=tuple(dict.fromkeys(draft.tags)),
        interval=None if draft.interval is None else timedelta(seconds=draft.interval),
        endpoints=endpoints_of(draft.endpoints),
        **fields,
    )
    added = await here.store.fleet.add_device(device)
    return await _changed(here, added, status=201)


async def edit_device(
    here: Here, device_id: Key, patch: DevicePatch, if_match: Annotated[str | None, Header()] = None
) -> Response:
    """Change what the body names and keep the rest; asks for `If-Match` with the entity tag that was read."""
    stored = await here.device(device_id)
    _hold_to(if_match, stored)
    edited = replace(stored, **_edits(patch, stored))
    if edited != stored:
        edited = await here.store.fleet.edit_device(edited)
    return await _changed(here, edited)


async def remove_device(here: Here, device_id: Key, if_match: Annotated[str | None, Header()] = None) -> Response:
    """Decommission: sessions, plans and secrets nobody else uses are wiped, history is kept as it was told."""
    stored = await here.device(device_id)
    _hold_to(if_match, stored)
    await here.store.fleet.remove_device(stored.device_id, version=stored.version)
    here.parts.changed.set()
    return Response(status_code=204)


async def forget_pin(here: Here, device_id: Key, protocol: Literal["redfish", "ipmi", "snmp"]) -> Response:
    """Forget the certificate an endpoint showed first, because it was replaced on purpose; the next one is pinned."""
    device = await here.device(device_id)
    await here.store.fleet.pin(device.device_id, Protocol(protocol), None)
    here.parts.poll_requested(device.device_id)
    return Response(status_code=204)


# Told.


def detail_tag(device: Device, body: bytes) -> str:
    """Version and content: the first grows with edits alone, the second changes with every poll."""
    return f'"{device.version}.{tag_of(body)[1:-1]}"'


async def _detail(here: Desk, device: Device) -> bytes:
    summary = await here.summary(device.device_id)
    inventory = await here.store.components.inventory(device.device_id, limit=1)
    problems = await here.store.components.problems(device.device_id)
    polls = await here.store.polls.of_device(device.device_id)
    states = await here.store.endpoints.of_device(device)
    now = here.clock.now()
    told = {
        "identity": tell.identity(inventory.identity),
        "endpoints": endpoints(device, summary, states, here.parts.settings.polling.misses),
        "problems": [
            {"resource": row.problem.resource, "reason": row.problem.reason, "since": told_at(row.since)}
            for row in problems
        ],
        "polls": _polls(here, device, polls, now),
        "push": _push(await here.store.pushes.of_device(device.device_id)),
        "plan": await _plans(here, device),
        "tenant": device.tenant,
        "cables": dict(device.cables),
        "version": device.version,
    }
    return here.fragments.of(summary, now)[:-1] + b"," + encoded(told)[1:]


def _push(row: PushRow | None) -> dict[str, Any] | None:
    """How the device tells by itself; null when nobody tried yet."""
    if row is None:
        return None
    return {
        "way": row.way,
        "state": row.state,
        "since": told_at(row.since),
        "reason": row.reason,
        "event_at": told_at(row.event_at),
        "events": row.events,
        "hints": row.hints,
    }


async def _plans(here: Desk, device: Device) -> dict[str, Any]:
    """What the drivers learned about the cheapest way to ask, by protocol."""
    plans: dict[str, Any] = {}
    for endpoint in device.endpoints:
        memory = await here.store.polls.memory(device.device_id, endpoint.protocol)
        if memory is not None:
            plans[endpoint.protocol.value] = dict(memory.plan)
    return plans


def _polls(here: Desk, device: Device, rows: Sequence[PollRow], now: datetime) -> list[dict[str, Any]]:
    """The last poll of each aspect by the first endpoint, and its next."""
    polling = here.parts.settings.polling
    first = device.endpoints[0].protocol if device.endpoints else Protocol.REDFISH
    interval = interval_of(polling.interval, device, first, polling.ipmi_heartbeat)
    done = {row.aspect: row for row in rows if row.protocol is first}
    return [
        {
            "aspect": aspect,
            "interval": interval.of(aspect).total_seconds(),
            "next_at": told_at(next_at(device, interval, aspect, done, now)),
            **_poll(done.get(aspect)),
        }
        for aspect in Aspect
    ]


def _poll(row: PollRow | None) -> dict[str, Any]:
    if row is None:
        return {"taken_at": None, "seconds": None, "requests": None, "answered": None, "reason": ""}
    return {
        "taken_at": told_at(row.taken_at),
        "seconds": row.seconds,
        "requests": row.requests,
        "answered": row.answered,
        "reason": row.reason,
    }


def next_at(
    device: Device, interval: Interval, aspect: Aspect, done: Mapping[Aspect, PollRow], now: datetime
) -> datetime | None:
    """The device's first slot at which the aspect is due again; None while the device is not asked."""
    if not device.enabled:
        return None
    last = done[aspect].taken_at if aspect in done else now
    due = last + interval.of(aspect) - shortest(interval) / 2 if aspect in done else now
    return next_slot(device.device_id, shortest(interval), max(due, now))


# Changed.


def _edits(patch: DevicePatch, stored: Device) -> dict[str, Any]:
    """The fields of a device that a patch names, as the model holds them."""
    given = {name: getattr(patch, name) for name in patch.model_fields_set}
    if "kind" in given:
        given["kind"] = DeviceKind(given["kind"])
    if "tags" in given:
        given["tags"] = tuple(dict.fromkeys(given["tags"]))
    if given.get("interval") is not None:
        given["interval"] = timedelta(seconds=given["interval"])
    if "endpoints" in given:
        drafts: list[EndpointDraft] = given["endpoints"]
        given["endpoints"] = keep_pins(stored.endpoints, endpoints_of(drafts))
    if "rack_id" in given and given["rack_id"] is None:
        given.setdefault("position_u", None)
    return given


async def _changed(here: Desk, device: Device, status: int = 200) -> Response:
    """The device after a change, which the stream and the role that polls it hear of at once."""
    here.parts.changed.set()
    here.parts.poll_requested(device.device_id)
    body = await _detail(here, device)
    headers = {"ETag": detail_tag(device, body), "Location": f"{BASE}/devices/{device.device_id}"}
    return Response(body, status, media_type="application/json", headers=headers)


def _hold_to(if_match: str | None, device: Device) -> None:
    """Refuse a change that does not name the version it means (428), or names one that is gone (412)."""
    if if_match is None:
        raise Problem(PRECONDITION_REQUIRED, "send If-Match with the ETag of the device as you read it")
    if if_match.strip() == "*":
        return
    versions = re.findall(r'(?:^|,)\s*"(\d{1,18})(?:\.[^"]*)?"\s*(?=,|$)', if_match)
    if str(device.version) not in versions:
        raise Problem(CHANGED, f"device {device.device_id} is at version {device.version}; read it again first")


ROUTES = (
    Route("GET", "/devices", list_devices, Role.VIEWER, Page[DeviceSummary], tag="devices"),
    Route("GET", "/devices/index", get_device_index, Role.VIEWER, DeviceIndex, tag="devices"),
    Route("GET", "/devices/{device_id}", get_device, Role.VIEWER, DeviceDetail, tag="devices"),
    Route("POST", "/devices", add_device, Role.ADMIN, DeviceDetail, tag="devices", status=201),
    Route("PATCH", "/devices/{device_id}", edit_device, Role.ADMIN, DeviceDetail, tag="devices"),
    Route("DELETE", "/devices/{device_id}", remove_device, Role.ADMIN, tag="devices", status=204),
    Route("DELETE", "/devices/{device_id}/endpoints/{protocol}/pin", forget_pin, Role.ADMIN, tag="devices", status=204),
)
