"""Components: their condition now, what they are made of, and how both changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fleetmon.model import Aspect, Component, ComponentHealth, Health, Identity, Part, Problem, Protocol, Quality
from fleetmon.storage.columns import from_json, from_ms, maybe_at, to_json, to_ms
from fleetmon.storage.database import Connection, Database
from fleetmon.storage.rows import ComponentRow, HealthChange, InventoryRow, PartChange, PartEvent, ProblemRow


class Components:
    """What one device is made of and how it fares."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_device(self, device_id: str, kind: str | None = None) -> list[ComponentRow]:
        """Every component present, or those of one kind, by kind and name."""
        rows = await self._database.read(
            "SELECT * FROM component WHERE device_id = ?1 AND (?2 IS NULL OR kind = ?2) ORDER BY kind, name",
            (device_id, kind),
        )
        return [component_of(row) for row in rows]

    async def changes(self, device_id: str, *, limit: int = 200) -> list[HealthChange]:
        """How the condition of a device's components changed, newest first."""
        rows = await self._database.read(
            "SELECT * FROM health_change WHERE device_id = ? ORDER BY id DESC LIMIT ?", (device_id, limit)
        )
        return [_health_change_of(row) for row in rows]

    async def inventory(self, device_id: str, *, limit: int = 200) -> InventoryRow:
        """The last inventory, and what happened to parts, newest first."""

        def look(connection: Connection) -> InventoryRow:
            last = connection.execute("SELECT * FROM inventory WHERE device_id = ?", (device_id,)).fetchall()
            parts = connection.execute(
                "SELECT * FROM component WHERE device_id = ? AND part IS NOT NULL ORDER BY kind, slot, name",
                (device_id,),
            ).fetchall()
            history = connection.execute(
                "SELECT * FROM part_change WHERE device_id = ? ORDER BY id DESC LIMIT ?", (device_id, limit)
            ).fetchall()
            return InventoryRow(
                identity=Identity(**_identity_fields(last[0]["identity"])) if last else Identity(),
                parts=tuple(part_of(row) for row in parts),
                taken_at=maybe_at(last[0]["taken_at"]) if last else None,
                complete=bool(last[0]["complete"]) if last else False,
                history=tuple(map(part_change_of, history)),
            )

        return await self._database.look(look)

    async def of_serial(self, serial_number: str) -> list[PartChange]:
        """Where a part has been, across slots and devices, newest first."""
        rows = await self._database.read(
            "SELECT * FROM part_change WHERE serial_before = ?1 AND serial_before <> ''"
            " UNION SELECT * FROM part_change WHERE serial_after = ?1 AND serial_after <> '' ORDER BY id DESC",
            (serial_number,),
        )
        return [part_change_of(row) for row in rows]

    async def problems(self, device_id: str) -> list[ProblemRow]:
        """What the last polls of a device could not read."""
        rows = await self._database.read("SELECT * FROM problem WHERE device_id = ? ORDER BY resource", (device_id,))
        return [
            ProblemRow(problem=Problem(resource=row["resource"], reason=row["reason"]), since=from_ms(row["since"]))
            for row in rows
        ]

    async def expire(self, before: datetime) -> int:
        """Changes older than `before` are forgotten, a bounded number at a time; how many were."""

        def write(connection: Connection) -> int:
            gone = 0
            for table in ("health_change", "part_change"):
                gone += connection.execute(
                    f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE at < ? LIMIT 5000)",  # noqa: S608 - names of ours
                    (to_ms(before),),
                ).rowcount
            return gone

        return await self._database.write(write)


# ---- rows in, rows out ----------------------------------------------------------------------------------------------


def load(connection: Connection, device_id: str) -> list[Any]:
    """All component rows of a device, as this write sees them."""
    return connection.execute("SELECT * FROM component WHERE device_id = ?", (device_id,)).fetchall()


def component_of(row: Any) -> ComponentRow:
    """A component from its row."""
    return ComponentRow(
        component=Component(row["kind"], row["name"]),
        health=health_of(row),
        part=part_of(row) if row["part"] is not None else None,
        told_by=row["told_by"],
    )


def health_of(row: Any) -> ComponentHealth | None:
    """The condition a row tells; None when only the part is known."""
    if row["health"] is None:
        return None
    predicted = row["failure_predicted"]
    return ComponentHealth(
        component=Component(row["kind"], row["name"]),
        health=Health(row["health"]),
        state=row["state"],
        taken_at=from_ms(row["taken_at"]),
        source=row["source"],
        failure_predicted=None if predicted is None else bool(predicted),
        detail=row["detail"],
        quality=Quality(row["quality"]),
    )


def touch(connection: Connection, device_id: str, seen: Sequence[ComponentHealth], told_by: str = "") -> bool:
    """Were these components seen in the very condition their rows tell? Then only the instant in the rows changes.

    Most polls bring nothing new of any component: this spares them reading, comparing and judging all of them.
    """
    if not seen:
        return True
    touched = connection.executemany(
        "UPDATE component SET taken_at = ? WHERE device_id = ? AND kind = ? AND name = ? AND health = ? AND state = ?"
        " AND failure_predicted IS ? AND detail = ? AND source = ? AND quality = ? AND told_by = ? AND absent = 0",
        [
            (
                to_ms(one.taken_at),
                device_id,
                one.component.kind,
                one.component.name,
                one.health.value,
                one.state,
                None if one.failure_predicted is None else int(one.failure_predicted),
                one.detail,
                one.source,
                one.quality.value,
                told_by,
            )
            for one in seen
        ],
    )
    return touched.rowcount == len(seen)


def count(connection: Connection, device_id: str) -> int:
    """How many components have a condition, the device itself included."""
    sql = "SELECT count(*) FROM component WHERE device_id = ? AND health IS NOT NULL"
    return int(connection.execute(sql, (device_id,)).fetchone()[0])


def put_health(connection: Connection, device_id: str, seen: Iterable[ComponentHealth], told_by: str = "") -> None:
    """The condition of these components is what was just seen; `told_by` is the protocol, unless it is the first."""
    connection.executemany(
        "INSERT INTO component (device_id, kind, name, health, state, failure_predicted, detail, source, quality,"
        " taken_at, told_by, slot, serial_number) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '')"
        " ON CONFLICT (device_id, kind, name) DO UPDATE SET health = excluded.health, state = excluded.state,"
        " failure_predicted = excluded.failure_predicted, detail = excluded.detail, source = excluded.source,"
        " quality = excluded.quality, taken_at = excluded.taken_at, told_by = excluded.told_by, absent = 0",
        [
            (
                device_id,
                one.component.kind,
                one.component.name,
                one.health.value,
                one.state,
                None if one.failure_predicted is None else int(one.failure_predicted),
                one.detail,
                one.source,
                one.quality.value,
                to_ms(one.taken_at),
                told_by,
            )
            for one in seen
        ],
    )


def put_parts(connection: Connection, device_id: str, parts: Iterable[Part]) -> None:
    """These components are made of what was just seen."""
    connection.executemany(
        "INSERT INTO component (device_id, kind, name, state, detail, source, quality, slot, serial_number, part)"
        " VALUES (?, ?, ?, '', '', ?, 'good', ?, ?, ?)"
        " ON CONFLICT (device_id, kind, name) DO UPDATE SET slot = excluded.slot,"
        " serial_number = excluded.serial_number, part = excluded.part, part_absent = 0",
        [
            (
                device_id,
                part.component.kind,
                part.component.name,
                part.source,
                part.slot,
                part.serial_number,
                part_json(part),
            )
            for part in parts
        ],
    )


def add_health_changes(connection: Connection, changes: Iterable[HealthChange]) -> None:
    """Remember how conditions changed."""
    connection.executemany(
        'INSERT INTO health_change (device_id, kind, name, "before", "after", detail, at) VALUES (?, ?, ?, ?, ?, ?, ?)',
        [
            (
                change.device_id,
                change.component.kind,
                change.component.name,
                change.before.value if change.before else None,
                change.after.value if change.after else None,
                change.detail,
                to_ms(change.at),
            )
            for change in changes
        ],
    )


def add_part_changes(connection: Connection, changes: Iterable[PartChange]) -> None:
    """Remember what happened to parts."""
    connection.executemany(
        'INSERT INTO part_change (device_id, kind, slot, what, "before", "after", serial_before, serial_after, at)'
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                change.device_id,
                change.kind,
                change.slot,
                change.what.value,
                part_json(change.before) if change.before else None,
                part_json(change.after) if change.after else None,
                change.before.serial_number if change.before else "",
                change.after.serial_number if change.after else "",
                to_ms(change.at),
            )
            for change in changes
        ],
    )


def miss(connection: Connection, device_id: str, components: Iterable[Component]) -> None:
    """These components were looked for and not found, once more in a row."""
    connection.executemany(
        "UPDATE component SET absent = absent + 1 WHERE device_id = ? AND kind = ? AND name = ?",
        [(device_id, one.kind, one.name) for one in components],
    )


def miss_parts(connection: Connection, device_id: str, components: Iterable[Component]) -> None:
    """The parts of these components were looked for and not found, once more in a row."""
    connection.executemany(
        "UPDATE component SET part_absent = part_absent + 1 WHERE device_id = ? AND kind = ? AND name = ?",
        [(device_id, one.kind, one.name) for one in components],
    )


def remove(connection: Connection, device_id: str, components: Iterable[Component]) -> None:
    """These components are not there any more."""
    connection.executemany(
        "DELETE FROM component WHERE device_id = ? AND kind = ? AND name = ?",
        [(device_id, one.kind, one.name) for one in components],
    )


def remove_parts(connection: Connection, device_id: str, components: Iterable[Component]) -> None:
    """There is no part any more where these components are; one that tells no health either is gone."""
    keys = [(device_id, one.kind, one.name) for one in components]
    where = "WHERE device_id = ? AND kind = ? AND name = ?"
    connection.executemany(f"DELETE FROM component {where} AND health IS NULL", keys)  # noqa: S608 - names of ours
    connection.executemany(
        f"UPDATE component SET part = NULL, serial_number = '', slot = '', part_absent = 0 {where}",  # noqa: S608 - names of ours
        keys,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LastInventory:
    """When a device was last looked at as a whole; `complete` when any look so far was."""

    taken_at: datetime
    complete: bool


def load_inventory(connection: Connection, device_id: str) -> LastInventory | None:
    """The last inventory; None before the first."""
    rows = connection.execute(
        "SELECT taken_at, complete FROM inventory WHERE device_id = ? AND taken_at IS NOT NULL", (device_id,)
    ).fetchall()
    return LastInventory(taken_at=from_ms(rows[0][0]), complete=bool(rows[0][1])) if rows else None


def put_inventory(connection: Connection, device_id: str, taken_at: datetime, *, complete: bool) -> None:
    """A device was looked at as a whole."""
    connection.execute(
        "INSERT INTO inventory VALUES (?, ?, ?, ?) ON CONFLICT (device_id) DO UPDATE SET"
        " taken_at = excluded.taken_at, complete = excluded.complete",
        (device_id, identity_json(Identity()), to_ms(taken_at), int(complete)),
    )


def load_identity(connection: Connection, device_id: str) -> Identity | None:
    """Who the device last said it is; None when it never did."""
    rows = connection.execute("SELECT identity FROM inventory WHERE device_id = ?", (device_id,)).fetchall()
    return Identity(**_identity_fields(rows[0]["identity"])) if rows else None


def put_identity(connection: Connection, device_id: str, identity: Identity) -> None:
    """Who the device says it is."""
    connection.execute(
        "INSERT INTO inventory VALUES (?, ?, NULL, 0)"
        " ON CONFLICT (device_id) DO UPDATE SET identity = excluded.identity",
        (device_id, identity_json(identity)),
    )


def put_problems(
    connection: Connection,
    device_id: str,
    protocol: Protocol,
    problems: Iterable[Problem],
    asked: Sequence[Aspect],
    now: datetime,
) -> None:
    """What a poll that asked for `asked`, rarest first, could not read; what it could read is no problem any more.

    A problem is known by the most frequent aspect that showed it, and goes when a poll over the same protocol that asks
    for this one does not. What is said of a resource now takes the place of what was said of it before.
    """
    wanted = {(problem.resource, problem.reason): None for problem in problems}
    sql = "SELECT * FROM problem WHERE device_id = ? AND protocol = ?"
    rows = connection.execute(sql, (device_id, protocol.value)).fetchall()
    known = {(row["resource"], row["reason"]) for row in rows}
    told = {resource for resource, _ in wanted}
    gone = [
        (device_id, row["resource"], row["reason"])
        for row in rows
        if (row["aspect"] in asked or row["resource"] in told) and (row["resource"], row["reason"]) not in wanted
    ]
    if gone:
        connection.executemany("DELETE FROM problem WHERE device_id = ? AND resource = ? AND reason = ?", gone)
    for key in wanted:
        if key not in known:
            connection.execute(
                "REPLACE INTO problem (device_id, resource, reason, aspect, since, protocol) VALUES (?, ?, ?, ?, ?, ?)",
                (device_id, *key, asked[0], to_ms(now), protocol.value),
            )
    again = [row for row in rows if row["aspect"] not in asked and (row["resource"], row["reason"]) in wanted]
    for row in again:
        connection.execute(
            "UPDATE problem SET aspect = ? WHERE device_id = ? AND resource = ? AND reason = ?",
            (asked[0], device_id, row["resource"], row["reason"]),
        )


def part_json(part: Part) -> str:
    """A part as JSON; equal parts are equal texts."""
    return to_json(
        {
            "kind": part.component.kind,
            "name": part.component.name,
            "slot": part.slot,
            "source": part.source,
            "manufacturer": part.manufacturer,
            "model": part.model,
            "serial_number": part.serial_number,
            "part_number": part.part_number,
            "firmware": part.firmware,
            "capacity_bytes": part.capacity_bytes,
            "properties": dict(part.properties),
        }
    )


def part_of(row: Any) -> Part:
    """The part a component row tells."""
    return part_from(row["part"])


def part_from(text: str) -> Part:
    """What `part_json` was given."""
    fields = from_json(text)
    return Part(component=Component(fields.pop("kind"), fields.pop("name")), **fields)


def part_change_of(row: Any) -> PartChange:
    """What happened to a part, from its row."""
    return PartChange(
        device_id=row["device_id"],
        kind=row["kind"],
        slot=row["slot"],
        what=PartEvent(row["what"]),
        before=part_from(row["before"]) if row["before"] is not None else None,
        after=part_from(row["after"]) if row["after"] is not None else None,
        at=from_ms(row["at"]),
    )


def identity_json(identity: Identity) -> str:
    """An identity as JSON; equal identities are equal texts."""
    return to_json({name: getattr(identity, name) for name in Identity.__slots__})


def _identity_fields(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = from_json(text)
    return fields | {"systems": tuple(fields["systems"])}


def _health_change_of(row: Any) -> HealthChange:
    return HealthChange(
        device_id=row["device_id"],
        component=Component(row["kind"], row["name"]),
        before=Health(row["before"]) if row["before"] else None,
        after=Health(row["after"]) if row["after"] else None,
        detail=row["detail"],
        at=from_ms(row["at"]),
    )
