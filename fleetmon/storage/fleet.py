"""The fleet as people describe it: sites, racks, devices, their endpoints and credentials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from fleetmon.clock import Clock
from fleetmon.errors import Conflict, NotFound, OutOfDate
from fleetmon.model import Device, Health, Protocol, Rack, Site
from fleetmon.storage import device_rows, summaries
from fleetmon.storage.database import Connection, Database
from fleetmon.storage.rows import CredentialRow, DeviceSummary, TrustException


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What an import did; `removed` names the devices it decommissioned."""

    added: int = 0
    edited: int = 0
    unchanged: int = 0
    removed: tuple[str, ...] = ()


class Fleet:
    """Sites, racks, devices and credentials; every change shows in the summaries at once."""

    def __init__(self, database: Database, clock: Clock, interval: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._interval = interval

    async def use_interval(self, interval: timedelta) -> None:
        """Devices that set no interval of their own have this one; their summaries say so."""
        self._interval = interval

        def write(connection: Connection) -> None:
            for row in connection.execute(_OTHER_INTERVAL, (interval // timedelta(milliseconds=1),)).fetchall():
                before = summaries.summary_of(row)
                summaries.save(connection, before, replace(before, interval=interval))

        await self._database.write(write)

    # ---- sites and racks

    async def sites(self) -> list[Site]:
        """All sites by name."""
        rows = await self._database.read("SELECT * FROM site ORDER BY name")
        return [Site(site_id=row["site_id"], name=row["name"]) for row in rows]

    async def put_site(self, site: Site) -> None:
        """Add a site or rename it; raises Conflict when another has that name."""
        await self._database.write(lambda connection: _put_site(connection, site))

    async def remove_site(self, site_id: str) -> None:
        """Remove an empty site; raises NotFound, or Conflict while it has racks."""

        def write(connection: Connection) -> None:
            if connection.execute("SELECT 1 FROM rack WHERE site_id = ?", (site_id,)).fetchall():
                raise Conflict(f"site {site_id} still has racks", cure="remove them first")
            _delete_one(connection, "DELETE FROM site WHERE site_id = ? RETURNING 1", site_id, "site")

        await self._database.write(write)

    async def racks(self, site_id: str | None = None) -> list[Rack]:
        """All racks, or those of one site, by site and name."""
        rows = await self._database.read(
            "SELECT rack.* FROM rack JOIN site USING (site_id) WHERE ?1 IS NULL OR site_id = ?1"
            " ORDER BY site.name, rack.name",
            (site_id,),
        )
        return [_rack_of(row) for row in rows]

    async def rack(self, rack_id: str) -> Rack | None:
        """One rack; None when there is no such rack."""
        rows = await self._database.read("SELECT * FROM rack WHERE rack_id = ?", (rack_id,))
        return _rack_of(rows[0]) if rows else None

    async def put_rack(self, rack: Rack) -> None:
        """Add a rack or edit it; NotFound for its site, Conflict for a taken name or a device that would stick out."""
        await self._database.write(lambda connection: _put_rack(connection, rack))

    async def remove_rack(self, rack_id: str) -> None:
        """Remove an empty rack; raises NotFound, or Conflict while devices stand in it."""

        def write(connection: Connection) -> None:
            if connection.execute("SELECT 1 FROM device WHERE rack_id = ? LIMIT 1", (rack_id,)).fetchall():
                raise Conflict(f"rack {rack_id} still has devices", cure="move or remove them first")
            _delete_one(connection, "DELETE FROM rack WHERE rack_id = ? RETURNING 1", rack_id, "rack")

        await self._database.write(write)

    # ---- devices

    async def devices(self, rack_id: str | None = None) -> list[Device]:
        """All devices, or those of one rack, by name, with their endpoints."""
        return await self._database.look(lambda connection: device_rows.load_all(connection, rack_id))

    async def device(self, device_id: str) -> Device | None:
        """One device; None when there is no such device."""
        return await self._database.look(lambda connection: device_rows.load(connection, device_id))

    async def add_device(self, device: Device) -> Device:
        """Add a device as version 1; raises Conflict for a taken id, name or unit, NotFound for its rack."""
        return await self._database.write(lambda connection: self._add(connection, device))

    async def edit_device(self, device: Device) -> Device:
        """Replace a device whose stored version is `device.version`; the result has the next one.

        Raises NotFound, OutOfDate when somebody else changed it meanwhile, Conflict as `add_device`.
        """
        return await self._database.write(lambda connection: self._edit(connection, device))

    async def remove_device(self, device_id: str, *, version: int | None = None) -> None:
        """Decommission: its session tokens, plan and the credentials nobody else uses are gone; its history stays.

        Raises NotFound, or OutOfDate when `version` is given and is not the stored one.
        """
        await self._database.write(lambda connection: self._remove(connection, device_id, version))

    async def exceptions(self, limit: int = 100) -> list[TrustException]:
        """Endpoints that are trusted less strictly than is usual, by name of their device."""
        rows = await self._database.read(_EXCEPTIONS, (limit,))
        return [
            TrustException(
                device_id=row["device_id"],
                name=row["name"],
                protocol=Protocol(row["protocol"]),
                verify=row["verify"],
                tls=row["tls"],
            )
            for row in rows
        ]

    async def pin(self, device_id: str, protocol: Protocol, spki: str | None) -> None:
        """Remember the public key an endpoint showed first (hex SHA-256), or with None forget it; raises NotFound.

        No edit of the device, whose version stays.
        """
        rows = await self._database.change(
            "UPDATE endpoint SET pinned_spki = ? WHERE device_id = ? AND protocol = ? RETURNING 1",
            (spki, device_id, protocol.value),
        )
        if not rows:
            raise NotFound(f"device {device_id} has no {protocol} endpoint")

    async def apply(
        self,
        *,
        sites: Sequence[Site] = (),
        racks: Sequence[Rack] = (),
        devices: Sequence[Device] = (),
        remove: Sequence[str] = (),
    ) -> Applied:
        """An import, all of it or nothing: sites, racks and devices are added or brought to what is given."""

        def write(connection: Connection) -> Applied:
            for device_id in remove:
                self._remove(connection, device_id, None)
            _make_room(connection, devices)
            for site in sites:
                _put_site(connection, site)
            for rack in racks:
                _put_rack(connection, rack)
            done = [self._put(connection, device) for device in devices]
            return Applied(
                added=done.count("added"),
                edited=done.count("edited"),
                unchanged=done.count("unchanged"),
                removed=tuple(remove),
            )

        return await self._database.write(write)

    # ---- credentials

    async def credentials(self) -> list[CredentialRow]:
        """All credential sets by name, without their secrets."""
        rows = await self._database.read(f"{_CREDENTIAL} ORDER BY name")
        return [replace(_credential_of(row), sealed=b"") for row in rows]

    async def credential(self, name: str) -> CredentialRow | None:
        """One credential set with its sealed secret; None when there is no such set."""
        rows = await self._database.read(f"{_CREDENTIAL} WHERE name = ?", (name,))
        return _credential_of(rows[0]) if rows else None

    async def put_credential(self, name: str, *, user: str, sealed: bytes) -> CredentialRow:
        """Add a credential set or change it; each change has a new version, so that no session outlives a password."""

        def write(connection: Connection) -> CredentialRow:
            connection.execute(
                "INSERT INTO credential VALUES (?, ?, ?, 1) ON CONFLICT (name) DO UPDATE SET"
                ' "user" = excluded."user", sealed = excluded.sealed, version = credential.version + 1',
                (name, user, sealed),
            )
            return _credential_of(connection.execute(f"{_CREDENTIAL} WHERE name = ?", (name,)).fetchone())

        return await self._database.write(write)

    async def remove_credential(self, name: str) -> None:
        """Remove a credential set; raises NotFound, or Conflict while an endpoint names it."""

        def write(connection: Connection) -> None:
            if connection.execute("SELECT 1 FROM endpoint WHERE credential = ? LIMIT 1", (name,)).fetchall():
                raise Conflict(f"credential {name} is in use", cure="give its devices another one first")
            _delete_one(connection, "DELETE FROM credential WHERE name = ? RETURNING 1", name, "credential")

        await self._database.write(write)

    # ---- inside a write

    def _put(self, connection: Connection, device: Device) -> str:
        stored = device_rows.load(connection, device.device_id)
        if stored is None:
            self._add(connection, device)
            return "added"
        device = replace(
            device, version=stored.version, endpoints=device_rows.keep_pins(stored.endpoints, device.endpoints)
        )
        if device == stored:
            return "unchanged"
        self._edit(connection, device)
        return "edited"

    def _add(self, connection: Connection, device: Device) -> Device:
        device = replace(device, version=1)
        if connection.execute("SELECT 1 FROM device WHERE device_id = ?", (device.device_id,)).fetchall():
            raise Conflict(f"there is a device {device.device_id} already")
        site_id = device_rows.check_place(connection, device)
        device_rows.check_name(connection, device)
        device_rows.write(connection, device, "INSERT INTO")
        connection.execute("DELETE FROM device_removed WHERE device_id = ?", (device.device_id,))
        summary = DeviceSummary(
            device_id=device.device_id, name=device.name, kind=device.kind, address="", interval=self._interval
        )
        summaries.add(connection, self._placed(summary, device, site_id), self._clock.now())
        return device

    def _edit(self, connection: Connection, device: Device) -> Device:
        stored = device_rows.load(connection, device.device_id)
        if stored is None:
            raise NotFound(f"there is no device {device.device_id}")
        if stored.version != device.version:
            raise OutOfDate(
                f"device {device.device_id} is at version {stored.version}, not {device.version}",
                cure="read it again and repeat the change",
            )
        site_id = device_rows.check_place(connection, device)
        device_rows.check_name(connection, device)
        device = replace(device, version=stored.version + 1)
        connection.execute("DELETE FROM endpoint WHERE device_id = ?", (device.device_id,))
        device_rows.write(connection, device, "REPLACE INTO")
        fewer = device_rows.forget_changed_endpoints(connection, stored, device)
        before = summaries.load(connection, device.device_id)
        if before is not None:
            after = self._placed(before, device, site_id)
            if fewer:  # the next poll judges by those that are left
                after = replace(after, health=Health.UNKNOWN, health_reason="")
            summaries.save(connection, before, after)
        return device

    def _remove(self, connection: Connection, device_id: str, version: int | None) -> None:
        stored = device_rows.load(connection, device_id)
        if stored is None:
            raise NotFound(f"there is no device {device_id}")
        if version is not None and version != stored.version:
            raise OutOfDate(
                f"device {device_id} is at version {stored.version}, not {version}", cure="read it again first"
            )
        summary = summaries.load(connection, device_id)
        connection.execute("DELETE FROM endpoint WHERE device_id = ?", (device_id,))
        connection.execute("DELETE FROM device WHERE device_id = ?", (device_id,))
        for table in _STATE_OF_A_DEVICE:
            connection.execute(f"DELETE FROM {table} WHERE device_id = ?", (device_id,))  # noqa: S608 - names of ours
        for endpoint in stored.endpoints:
            connection.execute(
                "DELETE FROM credential WHERE name = ?1 AND NOT EXISTS (SELECT 1 FROM endpoint WHERE credential = ?1)",
                (endpoint.credential,),
            )
        if summary is not None:
            summaries.remove(connection, summary, self._clock.now())

    def _placed(self, summary: DeviceSummary, device: Device, site_id: str | None) -> DeviceSummary:
        """The summary, saying of the device what people say of it."""
        return replace(
            summary,
            name=device.name,
            kind=device.kind,
            address=device.endpoints[0].address if device.endpoints else "",
            interval=device.interval or self._interval,
            site_id=site_id,
            rack_id=device.rack_id,
            position_u=device.position_u,
            height_u=device.height_u,
            face=device.face,
            slot=device.slot,
            tags=device.tags,
            enabled=device.enabled,
        )


_STATE_OF_A_DEVICE = (
    "component", "inventory", "log", "problem", "poll", "driver_memory", "breaker", "poll_request", "push", "pushed",
    "endpoint_state", "neighbour", "station", "wire_look",
)  # fmt: skip
"""What is known of a device now, gone when it is decommissioned; events and changes are history and stay."""

_OTHER_INTERVAL = """
    SELECT device_summary.* FROM device_summary JOIN device USING (device_id)
    WHERE device."interval" IS NULL AND device_summary."interval" <> ?
"""
_EXCEPTIONS = """
SELECT device_id, name, protocol, verify, tls FROM endpoint JOIN device USING (device_id)
WHERE verify = 'none' OR tls = 'legacy' ORDER BY name, place LIMIT ?
"""
_CREDENTIAL = "SELECT *, (SELECT count(*) FROM endpoint WHERE credential = credential.name) AS used_by FROM credential"


def _put_site(connection: Connection, site: Site) -> None:
    taken = connection.execute("SELECT 1 FROM site WHERE name = ? AND site_id <> ?", (site.name, site.site_id))
    if taken.fetchall():
        raise Conflict(f"another site is named {site.name} already")
    connection.execute(
        "INSERT INTO site VALUES (?, ?) ON CONFLICT (site_id) DO UPDATE SET name = excluded.name",
        (site.site_id, site.name),
    )
    summaries.next_revision(connection)


def _put_rack(connection: Connection, rack: Rack) -> None:
    if not connection.execute("SELECT 1 FROM site WHERE site_id = ?", (rack.site_id,)).fetchall():
        raise NotFound(f"there is no site {rack.site_id}", cure="add the site first")
    taken = connection.execute(
        "SELECT 1 FROM rack WHERE site_id = ? AND name = ? AND rack_id <> ?", (rack.site_id, rack.name, rack.rack_id)
    )
    if taken.fetchall():
        raise Conflict(f"another rack at {rack.site_id} is named {rack.name} already")
    highest = connection.execute(
        "SELECT max(position_u + height_u - 1) FROM device WHERE rack_id = ?", (rack.rack_id,)
    ).fetchall()[0][0]
    if highest is not None and highest > rack.height_u:
        raise Conflict(f"rack {rack.rack_id} has a device up to unit {highest}", cure="move it first")
    connection.execute(
        "INSERT INTO rack VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (rack_id) DO UPDATE SET name = excluded.name,"
        ' site_id = excluded.site_id, "row" = excluded."row", height_u = excluded.height_u,'
        " feed_budget_watts = excluded.feed_budget_watts",
        (rack.rack_id, rack.name, rack.site_id, rack.row, rack.height_u, rack.feed_budget_watts),
    )
    summaries.next_revision(connection)
    moved = "SELECT * FROM device_summary WHERE rack_id = ? AND site_id <> ?"
    for row in connection.execute(moved, (rack.rack_id, rack.site_id)).fetchall():
        before = summaries.summary_of(row)
        summaries.save(connection, before, replace(before, site_id=rack.site_id))


def _make_room(connection: Connection, devices: Sequence[Device]) -> None:
    """Devices about to be renamed or moved give up name and units first, so that two of them can swap."""
    for device in devices:
        stored = device_rows.load(connection, device.device_id)
        if stored is not None and (_place_of(stored), stored.name) != (_place_of(device), device.name):
            connection.execute(
                "UPDATE device SET position_u = NULL, name = char(0) || device_id WHERE device_id = ?",
                (device.device_id,),
            )


def _place_of(device: Device) -> tuple[object, ...]:
    return device.rack_id, device.position_u, device.height_u, device.face, device.slot


def _rack_of(row: Any) -> Rack:
    return Rack(
        rack_id=row["rack_id"],
        name=row["name"],
        site_id=row["site_id"],
        row=row["row"],
        height_u=row["height_u"],
        feed_budget_watts=row["feed_budget_watts"],
    )


def _credential_of(row: Any) -> CredentialRow:
    return CredentialRow(
        name=row["name"], user=row["user"], version=row["version"], used_by=row["used_by"], sealed=row["sealed"]
    )


def _delete_one(connection: Connection, sql: str, key: str, noun: str) -> None:
    if not connection.execute(sql, (key,)).fetchall():
        raise NotFound(f"there is no {noun} {key}")
    summaries.next_revision(connection)
