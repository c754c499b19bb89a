"""Devices as rows: where they stand, how they are asked, and what two of them must not share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from fleetmon.errors import Conflict, NotFound, RequestRefused
from fleetmon.model import Device, DeviceKind, Endpoint, Protocol
from fleetmon.storage.columns import from_json, to_json
from fleetmon.storage.database import Connection


def check_place(connection: Connection, device: Device) -> str | None:
    """The site a device stands in; raises when its place does not exist or is taken."""
    if device.rack_id is None:
        return None
    racks = connection.execute("SELECT site_id, height_u FROM rack WHERE rack_id = ?", (device.rack_id,)).fetchall()
    if not racks:
        raise NotFound(f"there is no rack {device.rack_id}", cure="add the rack first")
    if device.position_u is None:
        return str(racks[0]["site_id"])
    top = device.position_u + device.height_u - 1
    if device.position_u < 1 or device.height_u < 1 or top > racks[0]["height_u"]:
        raise RequestRefused(
            f"units {device.position_u} to {top} are not in rack {device.rack_id}",
            cure=f"it has units 1 to {racks[0]['height_u']}",
        )
    clash = connection.execute(
        "SELECT device_id FROM device WHERE rack_id = ? AND face = ? AND device_id <> ? AND (slot = '' OR slot = ?)"
        " AND position_u <= ? AND position_u + height_u - 1 >= ?",
        (device.rack_id, device.face, device.device_id, device.slot, top, device.position_u),
    ).fetchall()
    if clash:
        raise Conflict(f"unit {device.position_u} of rack {device.rack_id} is taken by {clash[0]['device_id']}")
    return str(racks[0]["site_id"])


def check_name(connection: Connection, device: Device) -> None:
    """Raises Conflict when another device has the name."""
    sql = "SELECT device_id FROM device WHERE name = ? AND device_id <> ?"
    if connection.execute(sql, (device.name, device.device_id)).fetchall():
        raise Conflict(f"another device is named {device.name} already")


def write(connection: Connection, device: Device, verb: str) -> None:
    """A device and its endpoints; `verb` is INSERT INTO or REPLACE INTO."""
    connection.execute(
        f"{verb} device VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            device.device_id,
            device.name,
            device.kind.value,
            device.rack_id,
            device.position_u,
            device.height_u,
            device.face,
            device.slot,
            to_json(device.tags),
            device.tenant,
            int(device.enabled),
            None if device.interval is None else device.interval // timedelta(milliseconds=1),
            device.version,
            to_json(dict(device.cables)),
        ),
    )
    if len({endpoint.protocol for endpoint in device.endpoints}) < len(device.endpoints):
        raise RequestRefused(f"device {device.device_id} has two endpoints of one protocol", cure="keep one of them")
    connection.executemany(
        "INSERT INTO endpoint VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                device.device_id,
                endpoint.protocol.value,
                place,
                endpoint.address,
                endpoint.credential,
                endpoint.verify,
                endpoint.pinned_spki,
                endpoint.tls,
            )
            for place, endpoint in enumerate(device.endpoints)
        ],
    )


def forget_changed_endpoints(connection: Connection, before: Device, after: Device) -> bool:
    """What was learned of an address says nothing of another; what only an endpoint that is gone told is gone, too.

    Were components among that, so that the health of the device has to be judged anew?
    """
    fewer = False
    kept = {(endpoint.protocol, endpoint.address) for endpoint in after.endpoints}
    for endpoint in before.endpoints:
        if (endpoint.protocol, endpoint.address) in kept:
            continue
        for table in ("driver_memory", "breaker", "endpoint_state"):
            connection.execute(
                f"DELETE FROM {table} WHERE device_id = ? AND protocol = ?",  # noqa: S608 - names of ours
                (before.device_id, endpoint.protocol.value),
            )
        if endpoint.protocol is Protocol.SNMP:
            for table in ("neighbour", "station", "wire_look"):
                connection.execute(f"DELETE FROM {table} WHERE device_id = ?", (before.device_id,))  # noqa: S608 - names of ours
        if endpoint.protocol not in {one.protocol for one in after.endpoints}:
            fewer |= _forget_told(connection, before.device_id, endpoint.protocol)
    return fewer


def _forget_told(connection: Connection, device_id: str, protocol: Protocol) -> bool:
    """Forget what only this protocol told; were components among it?"""
    told = (device_id, protocol.value)
    gone = connection.execute("DELETE FROM component WHERE device_id = ? AND told_by = ? AND part IS NULL", told)
    connection.execute("DELETE FROM problem WHERE device_id = ? AND protocol = ?", told)
    connection.execute("DELETE FROM poll WHERE device_id = ? AND protocol = ?", told)
    return gone.rowcount > 0


def keep_pins(stored: Sequence[Endpoint], given: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """An import that says nothing of a pin keeps the one of the same address."""
    pins = {(endpoint.protocol, endpoint.address): endpoint.pinned_spki for endpoint in stored}
    return tuple(
        replace(endpoint, pinned_spki=endpoint.pinned_spki or pins.get((endpoint.protocol, endpoint.address)))
        for endpoint in given
    )


def load_all(connection: Connection, rack_id: str | None = None) -> list[Device]:
    """All devices, or those of one rack, by name, with their endpoints."""
    where = "WHERE ?1 IS NULL OR device_id IN (SELECT device_id FROM device WHERE rack_id = ?1)"
    endpoints: dict[str, list[Any]] = {}
    for row in connection.execute(f"SELECT * FROM endpoint {where} ORDER BY place", (rack_id,)).fetchall():  # noqa: S608 - names of ours
        endpoints.setdefault(row["device_id"], []).append(row)
    rows = connection.execute("SELECT * FROM device WHERE ?1 IS NULL OR rack_id = ?1 ORDER BY name", (rack_id,))
    return [_device_of(row, endpoints.get(row["device_id"], ())) for row in rows.fetchall()]


def load(connection: Connection, device_id: str) -> Device | None:
    """One device; None when there is no such device."""
    rows = connection.execute("SELECT * FROM device WHERE device_id = ?", (device_id,)).fetchall()
    endpoints = connection.execute("SELECT * FROM endpoint WHERE device_id = ? ORDER BY place", (device_id,)).fetchall()
    return _device_of(rows[0], endpoints) if rows else None


def _device_of(row: Any, endpoints: Sequence[Any]) -> Device:
    return Device(
        device_id=row["device_id"],
        name=row["name"],
        kind=DeviceKind(row["kind"]),
        endpoints=tuple(
            Endpoint(
                protocol=Protocol(endpoint["protocol"]),
                address=endpoint["address"],
                credential=endpoint["credential"],
                verify=endpoint["verify"],
                pinned_spki=endpoint["pinned_spki"],
                tls=endpoint["tls"],
            )
            for endpoint in endpoints
        ),
        rack_id=row["rack_id"],
        position_u=row["position_u"],
        height_u=row["height_u"],
        face=row["face"],
        slot=row["slot"],
        tags=tuple(from_json(row["tags"])),
        tenant=row["tenant"],
        enabled=bool(row["enabled"]),
        interval=None if row["interval"] is None else timedelta(milliseconds=row["interval"]),
        cables=tuple(from_json(row["cables"]).items()),
        version=row["version"],
    )
