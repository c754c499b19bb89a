"""Fleet, sites and racks: how many of what, how they fare, and each rack as one sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response

from fleetmon.api import tell
from fleetmon.api.given import Cursor, Key, Limit, RackDraft, SiteDraft
from fleetmon.api.parts import Desk, Here
from fleetmon.api.roles import Role
from fleetmon.api.routes import BASE, Route
from fleetmon.api.shapes import Page
from fleetmon.api.shapes_fleet import Elevation, Fleet, RackDetail, RackRow, SiteRow
from fleetmon.api.shapes_fleet import Rack as RackShape
from fleetmon.api.shapes_fleet import Site as SiteShape
from fleetmon.api.wire import LIMIT_DEFAULT, as_counted, encoded, fresh, list_answer, page_of, told_at
from fleetmon.errors import Conflict
from fleetmon.integrations.fleet_plan import slug
from fleetmon.model import Health, PowerState, Rack, Reachability, Site
from fleetmon.storage.rows import Counts, DeviceSummary, FleetCounts, Stated

Spans = Sequence[tuple[int, int]]
"""Occupied units of a rack: from and to, both included."""


async def get_fleet(here: Here) -> Response:
    """The whole fleet, counted."""
    counts, sites, racks = await here.store.summaries.counts(), await _sites(here), await here.store.fleet.racks()
    fleet = counts.fleet
    told = {
        "revision": counts.revision,
        "now": told_at(here.clock.now()),
        "devices": fleet.devices,
        "by_health": _by(Health, fleet.by_health),
        "by_power": _by(PowerState, fleet.by_power),
        "by_reachability": _by(Reachability, fleet.by_reachability),
        "by_kind": fleet.by_kind,
        "stale": fleet.stale,
        "failure_predicted": fleet.failure_predicted,
        "watts": _watts(fleet),
        "sites": [_site_row(site, racks, counts) for site in sites],
        "exceptions": [
            {
                "device_id": one.device_id,
                "name": one.name,
                "protocol": one.protocol,
                "verify": one.verify,
                "tls": one.tls,
            }
            for one in await here.store.fleet.exceptions()
        ],
    }
    return fresh(told)


async def list_sites(here: Here, request: Request, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None) -> Response:
    """All sites, counted, by name."""
    counts, sites, racks = await here.store.summaries.counts(), await _sites(here), await here.store.fleet.racks()
    page, following = page_of(sites, lambda site: (site.name, site.site_id), cursor=cursor, limit=limit)
    items = [_site_row(site, racks, counts) for site in page]
    return list_answer(request, items, next_cursor=following, revision=counts.revision)


async def list_racks(
    here: Here,
    request: Request,
    site: Annotated[str | None, Query(max_length=63, description="only racks of this site")] = None,
    sort: Annotated[Literal["name", "worst"], Query(description="by site and name, or worst health first")] = "name",
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """All racks, counted."""
    rows, revision = await _rack_rows(here)
    chosen = [row for row in rows if site is None or row["site_id"] == site]
    key = _worst_first if sort == "worst" else _by_place
    page, following = page_of(chosen, key, cursor=cursor, limit=limit)
    return list_answer(request, page, next_cursor=following, revision=revision)


async def get_rack(here: Here, rack_id: Key) -> Response:
    """One rack, counted, with its neighbours."""
    rack = await here.rack(rack_id)
    _, devices = await here.store.summaries.of_rack(rack.rack_id)
    return fresh(await _rack_detail(here, rack, devices))


async def get_elevation(here: Here, rack_id: Key) -> Response:
    """A rack as one sees it: its devices from the lowest unit up, what is free, how warm it is where."""
    rack = await here.rack(rack_id)
    revision, devices = await here.store.summaries.of_rack(rack.rack_id)
    now = here.clock.now()
    units, _ = here.fragments.together(devices, now)
    told = {
        "rack": await _rack_detail(here, rack, devices),
        "revision": revision,
        "now": told_at(now),
        "space": space_of(rack.height_u, _spans(devices)),
        "temperature": [_zone(here, zone, within, devices, now) for zone, within in zones_of(rack.height_u)],
    }
    body = encoded(told)[:-1] + b',"units":' + units + b"}"
    return Response(body, media_type="application/json", headers={"Cache-Control": "private, no-store"})


async def add_site(here: Here, draft: SiteDraft) -> Response:
    """Add a site; its id is made from its name and never changes."""
    ids = {site.site_id for site in await here.store.fleet.sites()}
    if draft.site_id in ids:
        raise Conflict(f"there is a site {draft.site_id!r} already")
    site = Site(site_id=draft.site_id or slug(draft.name, ids), name=draft.name)
    await here.store.fleet.put_site(site)
    return fresh({"site_id": site.site_id, "name": site.name}, status=201)


async def remove_site(here: Here, site_id: Key) -> Response:
    """Remove a site that has no racks."""
    await here.store.fleet.remove_site(site_id)
    return Response(status_code=204)


async def add_rack(here: Here, draft: RackDraft) -> Response:
    """Add a rack; its id is made from its name and never changes."""
    ids = {rack.rack_id for rack in await here.store.fleet.racks()}
    if draft.rack_id in ids:
        raise Conflict(f"there is a rack {draft.rack_id!r} already")
    rack = Rack(
        rack_id=draft.rack_id or slug(draft.name, ids, prefix=draft.site_id),
        name=draft.name,
        site_id=draft.site_id,
        row=draft.row,
        height_u=draft.height_u,
        feed_budget_watts=draft.feed_budget_watts,
    )
    await here.store.fleet.put_rack(rack)
    told = {name: getattr(rack, name) for name in RackShape.model_fields}
    return fresh(told, status=201, headers={"Location": f"{BASE}/racks/{rack.rack_id}"})


async def remove_rack(here: Here, rack_id: Key) -> Response:
    """Remove a rack in which no device stands."""
    await here.store.fleet.remove_rack(rack_id)
    return Response(status_code=204)


# Told.


async def _sites(here: Desk) -> list[Site]:
    return await here.store.fleet.sites()


def _by(words: Iterable[str], counts: Mapping[str, int]) -> dict[str, int]:
    """Every word with its count, also where it is zero."""
    return {str(word): counts.get(str(word), 0) for word in words}


def _watts(counts: Counts) -> dict[str, Any]:
    return {"value": counts.watts, "devices": counts.watts_devices, "of": counts.drawing}


def _site_row(site: Site, racks: Sequence[Rack], counts: FleetCounts) -> dict[str, Any]:
    own = counts.sites.get(site.site_id, Counts())
    return {
        "site_id": site.site_id,
        "name": site.name,
        "racks": sum(rack.site_id == site.site_id for rack in racks),
        "devices": own.devices,
        "by_health": _by(Health, own.by_health),
        "stale": own.stale,
        "watts": _watts(own),
    }


async def _rack_rows(here: Desk) -> tuple[list[dict[str, Any]], int]:
    """Every rack told, by site and name; and the revision."""
    counts = await here.store.summaries.counts()
    inlets = await here.store.summaries.hottest_inlets()
    occupied = await here.store.summaries.occupied()
    sites = {site.site_id: site.name for site in await _sites(here)}
    racks = await here.store.fleet.racks()
    rows = [_rack_row(here, rack, sites, counts, inlets, occupied.get(rack.rack_id, ())) for rack in racks]
    return rows, counts.revision


def _rack_row(
    here: Desk,
    rack: Rack,
    sites: Mapping[str, str],
    counts: FleetCounts,
    inlets: Mapping[str, Stated],
    occupied: Spans,
) -> dict[str, Any]:
    own = counts.racks.get(rack.rack_id, Counts())
    inlet = inlets.get(rack.rack_id, Stated())
    return {
        "rack_id": rack.rack_id,
        "name": rack.name,
        "site_id": rack.site_id,
        "site_name": sites.get(rack.site_id, rack.site_id),
        "row": rack.row,
        "height_u": rack.height_u,
        "devices": own.devices,
        "health": worst_of(own.by_health),
        "by_health": _by(Health, own.by_health),
        "stale": own.stale,
        "watts": _watts(own),
        "inlet_max": tell.stated(inlet, here.clock.now(), here.parts.settings.polling.interval.sensors),
        "free_u": space_of(rack.height_u, occupied)["free_u"],
    }


async def _rack_detail(here: Desk, rack: Rack, devices: Sequence[DeviceSummary]) -> dict[str, Any]:
    """One rack told, from the devices in it and without a look at any other."""
    counts = await here.store.summaries.counts()
    sites = {site.site_id: site.name for site in await _sites(here)}
    inlets = {rack.rack_id: tell.warmest(device.inlet for device in devices if not device.stale)}
    racks = await here.store.fleet.racks()
    ids = [one.rack_id for one in sorted(racks, key=lambda one: _standing(sites[one.site_id], one.name, one.rack_id))]
    place = ids.index(rack.rack_id)
    return {
        **_rack_row(here, rack, sites, counts, inlets, _spans(devices)),
        "feed_budget_watts": rack.feed_budget_watts,
        "previous": ids[place - 1] if place else None,
        "next": ids[place + 1] if place + 1 < len(ids) else None,
    }


def worst_of(by_health: Mapping[str, int]) -> Health:
    """The most urgent health among those counted; Unknown when nothing is."""
    present = [Health(word) for word, count in by_health.items() if count]
    return max(present, key=lambda health: health.rank, default=Health.UNKNOWN)


def _by_place(row: Mapping[str, Any]) -> tuple[str, ...]:
    return _standing(row["site_name"], row["name"], row["rack_id"])


def _standing(site: str, rack: str, rack_id: str) -> tuple[str, ...]:
    """Where a rack stands in a list: R2 before R10."""
    return as_counted(site), as_counted(rack), rack_id


def _worst_first(row: Mapping[str, Any]) -> tuple[str, ...]:
    return str(9 - Health(row["health"]).rank), f"{10**9 - row['by_health'][row['health']]:010}", *_by_place(row)


def _spans(devices: Iterable[DeviceSummary]) -> list[tuple[int, int]]:
    return [(one.position_u, one.position_u + one.height_u - 1) for one in devices if one.position_u is not None]


def space_of(height_u: int, occupied: Spans) -> dict[str, Any]:
    """Free units of a rack, and the longest run of them; the lowest of equal runs."""
    taken = {unit for first, last in occupied for unit in range(first, last + 1)}
    best: tuple[int, int] | None = None
    start = 1
    for unit in range(1, height_u + 2):
        if unit in taken or unit > height_u:
            if unit > start and (best is None or unit - start > best[1] - best[0] + 1):
                best = (start, unit - 1)
            start = unit + 1
    return {
        "free_u": height_u - sum(1 <= unit <= height_u for unit in taken),
        "largest_gap": None if best is None else {"from_u": best[0], "to_u": best[1]},
    }


def zones_of(height_u: int) -> list[tuple[str, range]]:
    """The thirds of a rack, from the top."""
    low, high = height_u // 3, height_u - height_u // 3
    return [
        ("top", range(high + 1, height_u + 1)),
        ("middle", range(low + 1, high + 1)),
        ("bottom", range(1, low + 1)),
    ]


def _zone(here: Desk, zone: str, within: range, devices: Iterable[DeviceSummary], now: datetime) -> dict[str, Any]:
    """The warmest inlet and outlet of the devices whose lowest unit is in this zone and who still answer."""
    there = [device for device in devices if device.position_u in within and not device.stale]
    interval = here.parts.settings.polling.interval.sensors
    return {
        "zone": zone,
        "inlet": tell.stated(tell.warmest(device.inlet for device in there), now, interval),
        "outlet": tell.stated(tell.warmest(device.outlet for device in there), now, interval),
    }


ROUTES = (
    Route("GET", "/fleet", get_fleet, Role.VIEWER, Fleet, tag="fleet"),
    Route("GET", "/sites", list_sites, Role.VIEWER, Page[SiteRow], tag="fleet"),
    Route("POST", "/sites", add_site, Role.ADMIN, SiteShape, tag="fleet", status=201),
    Route("DELETE", "/sites/{site_id}", remove_site, Role.ADMIN, tag="fleet", status=204),
    Route("GET", "/racks", list_racks, Role.VIEWER, Page[RackRow], tag="racks"),
    Route("POST", "/racks", add_rack, Role.ADMIN, RackShape, tag="racks", status=201),
    Route("GET", "/racks/{rack_id}", get_rack, Role.VIEWER, RackDetail, tag="racks"),
    Route("DELETE", "/racks/{rack_id}", remove_rack, Role.ADMIN, tag="racks", status=204),
    Route("GET", "/racks/{rack_id}/elevation", get_elevation, Role.VIEWER, Elevation, tag="racks"),
)
