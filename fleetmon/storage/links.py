"""What devices tell of the wire: neighbours they hear, addresses their bridges have learned.

A look at a bridge table brings hundreds of rows that are the same as a minute ago: only what changed is written, and
one row a device says when it was last told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from fleetmon.model import Component, DeviceKind, Health, Neighbour, Station
from fleetmon.storage.columns import from_json, from_ms, maybe_at, to_json, to_ms
from fleetmon.storage.database import Connection, Database
from fleetmon.topology import Heard, Learned, Node, Port, Socket, Wiring

STATIONS_MOST = 20_000
"""Learned addresses that are kept of one device."""
NEIGHBOURS_MOST = 2_000
CROWD_MOST = 256
"""Addresses behind a port that one machine hangs on, guests and all; behind more there is another switch."""
SOCKETS = ("PowerSupply", "Outlet")


class Links:
    """The wire, for whoever asks what hangs on what."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def uuids(self) -> dict[str, str]:
        """The UUID each device told, where it told one."""
        rows = await self._database.read(
            "SELECT device_id, json_extract(identity, '$.uuid') AS uuid FROM inventory"
            " WHERE json_extract(identity, '$.uuid') <> ''"
        )
        return {row["device_id"]: row["uuid"] for row in rows}

    async def wiring(self, of: Collection[str]) -> Wiring:
        """All that bears on the links of these devices."""
        return await self._database.look(lambda connection: wiring(connection, of))


def put(
    connection: Connection,
    device_id: str,
    at: datetime,
    *,
    neighbours: Sequence[Neighbour] | None,
    stations: Sequence[Station] | None,
) -> None:
    """What a device hears and has learned now; None: it was not asked, and what was known stays."""
    if neighbours is not None:
        told = dict.fromkeys((one.port, _neighbour_json(one)) for one in neighbours[:NEIGHBOURS_MOST])
        _replace(connection, "neighbour", ("port", "told"), device_id, told, at)
    if stations is not None:
        learned = dict.fromkeys((one.mac, one.vlan or 0, one.port) for one in stations[:STATIONS_MOST])
        _replace(connection, "station", ("mac", "vlan", "port"), device_id, learned, at)
    if neighbours is not None or stations is not None:
        connection.execute("REPLACE INTO wire_look VALUES (?, ?)", (device_id, to_ms(at)))


def _replace(
    connection: Connection,
    table: str,
    columns: tuple[str, ...],
    device_id: str,
    told: Iterable[tuple[Any, ...]],
    at: datetime,
) -> None:
    """The rows of a device in a table are these; one that was there keeps the instant it is known since."""
    rows = connection.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE device_id = ?", (device_id,)).fetchall()  # noqa: S608 - names of ours
    before, after = {tuple(row[column] for column in columns) for row in rows}, set(told)
    match = " AND ".join(f"{column} = ?" for column in columns)
    connection.executemany(
        f"DELETE FROM {table} WHERE device_id = ? AND {match}",  # noqa: S608 - names of ours
        [(device_id, *key) for key in before - after],
    )
    marks = ", ".join("?" * (len(columns) + 2))
    connection.executemany(
        f"INSERT INTO {table} (device_id, {', '.join(columns)}, since) VALUES ({marks})",  # noqa: S608 - names of ours
        [(device_id, *key, to_ms(at)) for key in sorted(after - before)],
    )


def wiring(connection: Connection, of: Collection[str]) -> Wiring:
    """Nodes of the whole fleet; ports, words and sockets of these devices and of whoever they may be joined to.

    An outlet that is only named after a device is looked for in the racks of these.
    """
    rows = connection.execute("SELECT device_id, name, kind, rack_id, cables FROM device").fetchall()
    nodes = [_node_of(row) for row in rows]
    racks = {row["rack_id"] for row in rows if row["device_id"] in of and row["rack_id"]}
    beside = {row["device_id"] for row in rows if row["rack_id"] in racks}
    chosen = {node.device_id for node in nodes if node.device_id in of} | _cabled(nodes, of)
    macs = {port.mac for port in _ports_of(connection, chosen) if port.mac}
    heard = _heard(connection, chosen, macs, [node.name for node in nodes if node.device_id in chosen])
    learned = _learned(connection, chosen, macs)
    said = {one.neighbour.chassis_id for one in heard} | {one.neighbour.port_id for one in heard}
    reached = chosen | {one.device_id for one in heard} | {one.device_id for one in learned}
    ports = {(port.device_id, port.component): port for port in _ports_of(connection, reached)}
    ports |= {(port.device_id, port.component): port for port in _ports_with(connection, said)}
    ports |= {
        (port.device_id, port.component): port for port in _ports_with(connection, {one.station.mac for one in learned})
    }
    return Wiring(
        nodes=nodes,
        asked=frozenset(chosen),
        ports=list(ports.values()),
        heard=heard,
        learned=learned,
        sockets=_sockets(connection, chosen | beside),
        looked_at={
            row["device_id"]: from_ms(row["at"])
            for row in connection.execute("SELECT device_id, at FROM wire_look").fetchall()
        },
    )


def _cabled(nodes: Sequence[Node], of: Collection[str]) -> set[str]:
    """Devices that a cable somebody told of joins with one of these, or that feed one that does."""
    by_name = {node.name.lower(): node for node in nodes}
    joined: set[str] = set()
    for node in nodes:
        for _, to in node.cables:
            other = by_name.get(to.partition("/")[0].strip().lower()) if "/" in to else None
            if other is not None and (node.device_id in of or other.device_id in of):
                joined |= {node.device_id, other.device_id}
    return joined


_MAC = "lower(json_extract(part, '$.properties.mac_address'))"
"""As the index has it."""
_LINK = (
    "CASE WHEN state = 'Enabled' AND health <> 'Unknown' AND source LIKE '1.3.6.1.2.1.2.2.1.%' THEN 'up'"
    " WHEN detail = 'no link' THEN 'down' ELSE json_extract(part, '$.properties.link') END"
)
"""A port's state is told many times as often as the inventory, which says the same of half a day ago (ifOperStatus)."""
_PORT = (
    f"SELECT device_id, kind, name, {_MAC} AS mac, {_LINK} AS link FROM component"  # noqa: S608 - names of ours
    " WHERE part IS NOT NULL AND json_extract(part, '$.properties.mac_address') IS NOT NULL"
)


def _ports_of(connection: Connection, devices: Collection[str]) -> list[Port]:
    rows = connection.execute(
        f"{_PORT} AND device_id IN (SELECT value FROM json_each(?))",  # noqa: S608 - names of ours
        (to_json(sorted(devices)),),
    )
    return [_port_of(row) for row in rows.fetchall()]


def _ports_with(connection: Connection, macs: Collection[str]) -> list[Port]:
    rows = connection.execute(
        f"{_PORT} AND {_MAC} IN (SELECT value FROM json_each(?))",  # noqa: S608 - names of ours
        (to_json(sorted(macs)),),
    )
    return [_port_of(row) for row in rows.fetchall()]


def _heard(
    connection: Connection, devices: Collection[str], macs: Collection[str], names: Sequence[str]
) -> list[Heard]:
    rows = connection.execute(
        "SELECT device_id, port, told, since FROM neighbour WHERE device_id IN (SELECT value FROM json_each(?1))"
        " OR json_extract(told, '$.chassis_id') IN (SELECT value FROM json_each(?2))"
        " OR json_extract(told, '$.port_id') IN (SELECT value FROM json_each(?2))"
        " OR lower(json_extract(told, '$.system_name')) IN (SELECT value FROM json_each(?3))",
        (to_json(sorted(devices)), to_json(sorted(macs)), to_json(sorted(name.lower() for name in names))),
    )
    return [
        Heard(
            device_id=row["device_id"],
            neighbour=Neighbour(port=row["port"], **from_json(row["told"])),
            since=from_ms(row["since"]),
        )
        for row in rows.fetchall()
    ]


_LEARNED = (
    "SELECT device_id, port, mac, vlan, since FROM station WHERE mac IN (SELECT value FROM json_each(?2))"
    " UNION SELECT device_id, port, mac, vlan, since FROM station"
    " WHERE device_id IN (SELECT value FROM json_each(?1))"
)


def _learned(connection: Connection, devices: Collection[str], macs: Collection[str]) -> list[Learned]:
    """Where the addresses are learned, and all that these devices have learned, but for ports to other switches."""
    rows = connection.execute(_LEARNED, (to_json(sorted(devices)), to_json(sorted(macs)))).fetchall()
    crowds = _crowds(connection, {row["device_id"] for row in rows})
    return [
        Learned(
            device_id=row["device_id"],
            station=Station(port=row["port"], mac=row["mac"], vlan=row["vlan"] or None),
            since=from_ms(row["since"]),
            crowd=crowd,
        )
        for row in rows
        if (crowd := crowds[row["device_id"], row["port"]]) <= CROWD_MOST
    ]


def _crowds(connection: Connection, devices: Collection[str]) -> dict[tuple[str, str], int]:
    """How many addresses are learned behind each port of these devices."""
    rows = connection.execute(
        "SELECT device_id, port, count(DISTINCT mac) AS crowd FROM station"
        " WHERE device_id IN (SELECT value FROM json_each(?)) GROUP BY device_id, port",
        (to_json(sorted(devices)),),
    )
    return {(row["device_id"], row["port"]): row["crowd"] for row in rows.fetchall()}


def _sockets(connection: Connection, devices: Collection[str]) -> list[Socket]:
    rows = connection.execute(
        "SELECT device_id, kind, name, health, state, detail, taken_at,"
        " json_extract(part, '$.properties.label') AS label, (SELECT max(at) FROM health_change AS change"
        " WHERE change.device_id = component.device_id AND change.kind = component.kind"
        " AND change.name = component.name) AS since FROM component"
        " WHERE device_id IN (SELECT value FROM json_each(?)) AND kind IN (SELECT value FROM json_each(?))",
        (to_json(sorted(devices)), to_json(SOCKETS)),
    )
    return [
        Socket(
            device_id=row["device_id"],
            component=Component(row["kind"], row["name"]),
            health=Health(row["health"] or Health.UNKNOWN),
            state=row["state"],
            detail=row["detail"],
            label=str(row["label"] or ""),
            at=maybe_at(row["taken_at"]),
            since=maybe_at(row["since"]),
        )
        for row in rows.fetchall()
    ]


def _node_of(row: Any) -> Node:
    cables: dict[str, str] = from_json(row["cables"])
    return Node(
        device_id=row["device_id"], name=row["name"], kind=DeviceKind(row["kind"]), cables=tuple(cables.items())
    )


def _port_of(row: Any) -> Port:
    return Port(
        device_id=row["device_id"],
        component=Component(row["kind"], row["name"]),
        mac=str(row["mac"] or ""),
        link=str(row["link"] or ""),
    )


def _neighbour_json(one: Neighbour) -> str:
    return to_json(
        {
            "chassis_id": one.chassis_id,
            "port_id": one.port_id,
            "port_description": one.port_description,
            "system_name": one.system_name,
            "system_description": one.system_description,
            "address": one.address,
        }
    )
