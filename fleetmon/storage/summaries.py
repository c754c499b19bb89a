"""Device summaries: one row a device, a revision that grows with every visible change, and counts kept beside them.

Every change of a summary goes through `save`, so that the revision and the counts can never miss one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from fleetmon.model import DeviceKind, Health, PowerState, Quality, Reachability
from fleetmon.storage import cursors
from fleetmon.storage.columns import from_json, maybe_at, maybe_ms, to_json, to_ms
from fleetmon.storage.counts import counted, counts_of, recount
from fleetmon.storage.database import Connection, Database
from fleetmon.storage.rows import (
    DeviceSummary,
    FleetCounts,
    Newer,
    Page,
    Place,
    Sort,
    Stated,
    Subsystem,
    SummaryFilter,
)

_SORTS = {
    Sort.NAME: ("name", "device_id"),
    Sort.WORST: ("urgency", "name", "device_id"),
    Sort.PLACE: ("coalesce(rack_id, '~')", "coalesce(position_u, 0)", "device_id"),
}
_REMOVALS_KEPT = timedelta(days=7)
"""How long a reader may be away and still be told what was removed."""


class Summaries:
    """What lists, elevations and the live stream read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def revision(self) -> int:
        """The newest revision."""
        return await self._database.look(current_revision)

    async def one(self, device_id: str) -> DeviceSummary | None:
        """The summary of one device; None when there is no such device."""
        rows = await self._database.read("SELECT * FROM device_summary WHERE device_id = ?", (device_id,))
        return summary_of(rows[0]) if rows else None

    async def id_of(self, name: str) -> str | None:
        """The id of the device of this name; None when there is no such device."""
        rows = await self._database.read("SELECT device_id FROM device_summary WHERE name = ?", (name,))
        return str(rows[0]["device_id"]) if rows else None

    async def page(
        self,
        wanted: SummaryFilter | None = None,
        *,
        sort: Sort = Sort.NAME,
        limit: int = 200,
        cursor: str | None = None,
    ) -> Page[DeviceSummary]:
        """A stretch of the fleet in the order of `sort`."""
        columns, size = _SORTS[sort], cursors.bounded(limit)
        conditions, params = _conditions(wanted or SummaryFilter())
        if cursor is not None:
            marks = ", ".join("?" for _ in columns)
            conditions.append(f"({', '.join(columns)}) > ({marks})")
            params += cursors.decode(cursor, len(columns))
        where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        order = ", ".join(columns)
        sql = f"SELECT *, {order_keys(columns)} FROM device_summary {where}ORDER BY {order} LIMIT ?"  # noqa: S608 - names of ours

        def look(connection: Connection) -> Page[DeviceSummary]:
            rows = connection.execute(sql, [*params, size + 1]).fetchall()
            more = len(rows) > size
            rows = rows[:size]
            key = [rows[-1][f"key_{number}"] for number in range(len(columns))] if more else None
            return Page(
                items=tuple(map(summary_of, rows)),
                next=cursors.encode(key) if key else None,
                revision=current_revision(connection),
            )

        return await self._database.look(look)

    async def of_rack(self, rack_id: str) -> tuple[int, tuple[DeviceSummary, ...]]:
        """The revision, and every device of a rack from the lowest unit up."""

        def look(connection: Connection) -> tuple[int, tuple[DeviceSummary, ...]]:
            rows = connection.execute(
                "SELECT * FROM device_summary WHERE rack_id = ? ORDER BY position_u, slot, device_id", (rack_id,)
            ).fetchall()
            return current_revision(connection), tuple(map(summary_of, rows))

        return await self._database.look(look)

    async def index(self) -> tuple[int, list[tuple[Any, ...]]]:
        """The revision, and for the whole fleet `INDEX_COLUMNS` of every device, by name."""

        def look(connection: Connection) -> tuple[int, list[tuple[Any, ...]]]:
            columns = ", ".join(INDEX_COLUMNS)
            rows = connection.execute(f"SELECT {columns} FROM device_summary ORDER BY name").fetchall()  # noqa: S608 - names of ours
            return current_revision(connection), [tuple(row) for row in rows]

        return await self._database.look(look)

    async def newer(self, revision: int, *, limit: int = 1000) -> Newer:
        """What changed after `revision`, oldest first; after `limit` changes, ask again from the answer's revision."""

        def look(connection: Connection) -> Newer:
            newest = current_revision(connection)
            oldest = connection.execute("SELECT value FROM counter WHERE name = 'removals_from'").fetchone()
            if revision > newest or (oldest is not None and revision < oldest[0]):
                return Newer(revision=newest, reset=True)
            rows = connection.execute(
                "SELECT * FROM device_summary WHERE revision > ? ORDER BY revision LIMIT ?", (revision, limit)
            ).fetchall()
            upto = rows[-1]["revision"] if len(rows) == limit else newest
            removed = connection.execute(
                "SELECT device_id FROM device_removed WHERE revision > ? AND revision <= ?", (revision, upto)
            ).fetchall()
            return Newer(
                revision=upto, devices=tuple(map(summary_of, rows)), removed=tuple(row["device_id"] for row in removed)
            )

        return await self._database.look(look)

    async def counts(self) -> FleetCounts:
        """The fleet, its sites and its racks counted, as of one revision."""

        def look(connection: Connection) -> FleetCounts:
            return counts_of(counted(connection), current_revision(connection))

        return await self._database.look(look)

    async def hottest_inlets(self) -> dict[str, Stated]:
        """For each rack the warmest inlet among its devices that are not stale."""
        rows = await self._database.read(
            "SELECT rack_id, max(inlet) AS inlet, inlet_reason, inlet_at, inlet_source, inlet_quality"
            " FROM device_summary WHERE stale = 0 AND inlet IS NOT NULL AND inlet_quality <> 'bad'"
            " AND rack_id IS NOT NULL GROUP BY rack_id"
        )
        return {row["rack_id"]: _stated(row, "inlet") for row in rows}

    async def occupied(self) -> dict[str, list[tuple[int, int]]]:
        """For each rack the lowest and highest unit of every device that has a place in it."""
        rows = await self._database.read(
            "SELECT rack_id, position_u, position_u + height_u - 1 AS top FROM device_summary"
            " WHERE rack_id IS NOT NULL AND position_u IS NOT NULL"
        )
        spans: dict[str, list[tuple[int, int]]] = {}
        for row in rows:
            spans.setdefault(row["rack_id"], []).append((row["position_u"], row["top"]))
        return spans

    async def mark_stale(self, now: datetime) -> int:
        """Every device without an answer for three intervals is marked stale, visibly; how many were marked."""

        def write(connection: Connection) -> int:
            rows = connection.execute(_TURNING_STALE, (to_ms(now),)).fetchall()
            for row in rows:
                before = summary_of(row)
                save(connection, before, replace(before, stale=True))
            return len(rows)

        return await self._database.write(write)

    async def forget_removals(self, now: datetime) -> None:
        """Removals older than a week are no longer told; who was away that long fetches everything again."""

        def write(connection: Connection) -> None:
            old = to_ms(now - _REMOVALS_KEPT)
            upto = connection.execute(
                "SELECT max(revision) FROM device_removed WHERE removed_at < ?", (old,)
            ).fetchone()[0]
            if upto is not None:
                connection.execute("INSERT OR REPLACE INTO counter VALUES ('removals_from', ?)", (upto,))
                connection.execute("DELETE FROM device_removed WHERE removed_at < ?", (old,))

        await self._database.write(write)


_TURNING_STALE = """
SELECT * FROM device_summary WHERE stale = 0 AND ?1 - coalesce(seen_at, added_at) > 3 * "interval"
AND NOT EXISTS (SELECT 1 FROM endpoint_state WHERE endpoint_state.device_id = device_summary.device_id
AND ?1 - endpoint_state.seen_at <= 3 * "interval")
"""
INDEX_COLUMNS = (
    "device_id", "name", "kind", "site_id", "rack_id", "position_u", "health", "power", "stale", "serial_number",
    "height_u", "face", "slot", "address",
)  # fmt: skip


# ---- inside a write -------------------------------------------------------------------------------------------------


def current_revision(connection: Connection) -> int:
    """The newest revision this connection sees."""
    return int(connection.execute("SELECT value FROM counter WHERE name = 'revision'").fetchone()[0])


def next_revision(connection: Connection) -> int:
    """A revision nobody had before."""
    sql = "UPDATE counter SET value = value + 1 WHERE name = 'revision' RETURNING value"
    return int(connection.execute(sql).fetchall()[0][0])


def load(connection: Connection, device_id: str) -> DeviceSummary | None:
    """The summary of one device, as this write sees it."""
    row = connection.execute("SELECT * FROM device_summary WHERE device_id = ?", (device_id,)).fetchone()
    return summary_of(row) if row is not None else None


def add(connection: Connection, summary: DeviceSummary, added_at: datetime) -> DeviceSummary:
    """A new device's summary, with its first revision, counted."""
    summary = replace(summary, revision=next_revision(connection))
    columns = columns_of(summary) | {"added_at": to_ms(added_at)}
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join("?" for _ in columns)
    connection.execute(f"INSERT INTO device_summary ({names}) VALUES ({marks})", list(columns.values()))  # noqa: S608 - names of ours
    recount(connection, None, summary)
    return summary


def save(connection: Connection, before: DeviceSummary, after: DeviceSummary) -> DeviceSummary:
    """What changed, written with a new revision and counted; nothing at all when nothing changed."""
    changed = _changed_columns(before, after)
    if not changed:
        return before
    after = replace(after, revision=next_revision(connection))
    changed["revision"] = after.revision
    sets = ", ".join(f'"{name}" = ?' for name in changed)
    sql = f"UPDATE device_summary SET {sets} WHERE device_id = ?"  # noqa: S608 - names of ours
    connection.execute(sql, [*changed.values(), after.device_id])
    recount(connection, before, after)
    return after


def remove(connection: Connection, summary: DeviceSummary, now: datetime) -> None:
    """A device left the fleet: its summary goes, and readers of the stream are told."""
    connection.execute("DELETE FROM device_summary WHERE device_id = ?", (summary.device_id,))
    connection.execute(
        "INSERT OR REPLACE INTO device_removed VALUES (?, ?, ?, ?)",
        (summary.device_id, summary.name, next_revision(connection), to_ms(now)),
    )
    recount(connection, summary, None)


# ---- columns --------------------------------------------------------------------------------------------------------


Columns = dict[str, Any]


def _plain(name: str) -> Callable[[Any], Columns]:
    return lambda value: {name: value}


def _flag(name: str) -> Callable[[Any], Columns]:
    return lambda value: {name: int(value)}


def _word(name: str) -> Callable[[Any], Columns]:
    return lambda value: {name: value.value}


def _instant(name: str) -> Callable[[Any], Columns]:
    return lambda value: {name: maybe_ms(value)}


def _json(name: str) -> Callable[[Any], Columns]:
    return lambda value: {name: to_json([astuple(entry) for entry in value])}


def _stated_as(name: str) -> Callable[[Any], Columns]:
    return lambda stated: {
        name: stated.value,
        f"{name}_reason": stated.reason,
        f"{name}_at": maybe_ms(stated.taken_at),
        f"{name}_source": stated.source,
        f"{name}_quality": stated.quality.value,
    }


_COLUMNS: dict[str, Callable[[Any], Columns]] = {
    **{name: _plain(name) for name in DeviceSummary.__slots__},
    **{name: _flag(name) for name in ("enabled", "failure_predicted", "stale")},
    **{name: _word(name) for name in ("kind", "power", "power_known", "reachability")},
    **{name: _instant(name) for name in ("power_at", "power_since", "unreachable_since", "polled_at", "seen_at")},
    **{name: _stated_as(name) for name in ("inlet", "outlet", "watts")},
    **{name: _json(name) for name in ("subsystems", "bays", "supplies", "fans")},
    "tags": lambda tags: {"tags": to_json(tags)},
    "interval": lambda interval: {"interval": interval // timedelta(milliseconds=1)},
    "health": lambda health: {"health": health.value, "urgency": -health.rank},
}
"""How each field of a summary lies in columns."""


def columns_of(summary: DeviceSummary) -> Columns:
    """A summary as columns."""
    columns: Columns = {}
    for name, column in _COLUMNS.items():
        columns |= column(getattr(summary, name))
    return columns


def _changed_columns(before: DeviceSummary, after: DeviceSummary) -> Columns:
    """The columns in which two summaries differ, the revision apart."""
    columns: Columns = {}
    for name, column in _COLUMNS.items():
        old, new = getattr(before, name), getattr(after, name)
        if old is not new and old != new and name != "revision":
            columns |= column(new)
    return columns


def summary_of(row: Any) -> DeviceSummary:
    """A summary from its row."""
    return DeviceSummary(
        device_id=row["device_id"],
        name=row["name"],
        kind=DeviceKind(row["kind"]),
        address=row["address"],
        interval=timedelta(milliseconds=row["interval"]),
        site_id=row["site_id"],
        rack_id=row["rack_id"],
        position_u=row["position_u"],
        height_u=row["height_u"],
        face=row["face"],
        slot=row["slot"],
        tags=tuple(from_json(row["tags"])),
        enabled=bool(row["enabled"]),
        health=Health(row["health"]),
        health_reason=row["health_reason"],
        failure_predicted=bool(row["failure_predicted"]),
        power=PowerState(row["power"]),
        power_at=maybe_at(row["power_at"]),
        power_source=row["power_source"],
        power_known=PowerState(row["power_known"]),
        power_since=maybe_at(row["power_since"]),
        power_reason=row["power_reason"],
        reachability=Reachability(row["reachability"]),
        reachability_reason=row["reachability_reason"],
        unreachable_since=maybe_at(row["unreachable_since"]),
        misses=row["misses"],
        inlet=_stated(row, "inlet"),
        outlet=_stated(row, "outlet"),
        watts=_stated(row, "watts"),
        stale=bool(row["stale"]),
        polled_at=maybe_at(row["polled_at"]),
        seen_at=maybe_at(row["seen_at"]),
        manufacturer=row["manufacturer"],
        model=row["model"],
        serial_number=row["serial_number"],
        firmware=row["firmware"],
        subsystems=_subsystems(row["subsystems"]),
        bays=_places(row["bays"]),
        supplies=_places(row["supplies"]),
        fans=_places(row["fans"]),
        revision=row["revision"],
    )


def order_keys(columns: Sequence[str]) -> str:
    """The sort key of each row as columns of its own."""
    return ", ".join(f"{column} AS key_{number}" for number, column in enumerate(columns))


def _stated(row: Any, name: str) -> Stated:
    return Stated(
        value=row[name],
        reason=row[f"{name}_reason"],
        taken_at=maybe_at(row[f"{name}_at"]),
        source=row[f"{name}_source"],
        quality=Quality(row[f"{name}_quality"]),
    )


@lru_cache(maxsize=2048)
def _subsystems(text: str) -> tuple[Subsystem, ...]:
    return tuple(
        Subsystem(kind=kind, health=Health(health), present=present, not_ok=not_ok, reason=reason)
        for kind, health, present, not_ok, reason in from_json(text)
    )


@lru_cache(maxsize=2048)
def _places(text: str) -> tuple[Place, ...]:
    return tuple(
        Place(name=name, health=Health(health), state=state, failure_predicted=predicted)
        for name, health, state, predicted in from_json(text)
    )


def _conditions(wanted: SummaryFilter) -> tuple[list[str], list[Any]]:
    """SQL conditions and their parameters."""
    conditions: list[str] = []
    params: list[Any] = []
    for column, values in (
        ("health", wanted.health),
        ("power", wanted.power),
        ("kind", wanted.kind),
        ("rack_id", wanted.rack),
        ("site_id", wanted.site),
    ):
        if values:
            conditions.append(f"{column} IN ({', '.join('?' for _ in values)})")
            params += [str(value) for value in values]
    if wanted.stale is not None:
        conditions.append("stale = ?")
        params.append(int(wanted.stale))
    if wanted.tag:
        marks = ", ".join("?" for _ in wanted.tag)
        conditions.append(f"EXISTS (SELECT 1 FROM json_each(tags) WHERE value IN ({marks}))")  # noqa: S608 - names of ours
        params += wanted.tag
    if wanted.q:
        searched = ("name", "device_id", "serial_number", "model", "manufacturer", "address")
        conditions.append(f"({' OR '.join(f'instr(lower({column}), ?) > 0' for column in searched)})")
        params += [wanted.q.lower()] * len(searched)
    return conditions, params
