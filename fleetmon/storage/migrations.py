"""The schema of both files, as rows: a migration is a name and the statements it runs.

Each migration is one transaction together with the record that it ran, so that a kill at any step leaves the schema
before it or the schema after it. A file that records a migration this program has never heard of is newer than the
program and is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlite_utils
from sqlite_utils.migrations import Migrations

from fleetmon.errors import StorageError

Step = Callable[[str], None]
"""Called with the name of each step before it is done; tests stop the world there."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One change of a schema."""

    name: str
    statements: tuple[str, ...]


def no_step(name: str) -> None:
    """Nobody watches the steps."""


def migrate(connection: Any, file: str, rows: tuple[Migration, ...], step: Step = no_step) -> None:
    """The schema of `file` is the one `rows` end in; raises StorageError, changing nothing, when it is a newer one."""
    pending(connection, file, rows)
    _set_of(file, rows, step).apply(sqlite_utils.Database(connection, execute_plugins=False))


def pending(connection: Any, file: str, rows: tuple[Migration, ...]) -> list[str]:
    """Names of the migrations still to come; raises StorageError for a schema newer than `rows`."""
    database = sqlite_utils.Database(connection, execute_plugins=False)
    migrations = _set_of(file, rows, no_step)
    unknown = {applied.name for applied in migrations.applied(database)} - {row.name for row in rows}
    if unknown:
        raise StorageError(
            f"{file} was written by a newer fleetmon (it has {', '.join(sorted(unknown))})",
            cure="run that version, or restore a backup made before the upgrade into an empty directory",
        )
    return [migration.name for migration in migrations.pending(database)]


def _set_of(file: str, rows: tuple[Migration, ...], step: Step) -> Migrations:
    migrations = Migrations(Path(file).stem)
    for row in rows:
        migrations(name=row.name)(_runs(row, step))
    return migrations


def _runs(row: Migration, step: Step) -> Callable[[sqlite_utils.Database], None]:
    def run(database: sqlite_utils.Database) -> None:
        for number, statement in enumerate(row.statements):
            step(f"{row.name}:{number}")
            database.conn.execute(statement)
        step(f"{row.name}:commit")

    return run


STATE = (
    Migration(
        "0001_fleet",
        (
            "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
            "INSERT INTO counter VALUES ('revision', 0)",
            "CREATE TABLE site (site_id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT, WITHOUT ROWID",
            """CREATE TABLE rack (
                rack_id TEXT PRIMARY KEY, name TEXT NOT NULL, site_id TEXT NOT NULL REFERENCES site,
                "row" TEXT NOT NULL, height_u INTEGER NOT NULL, feed_budget_watts REAL,
                UNIQUE (site_id, name)
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE credential (
                name TEXT PRIMARY KEY, "user" TEXT NOT NULL, sealed BLOB NOT NULL, version INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE device (
                device_id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
                rack_id TEXT REFERENCES rack, position_u INTEGER, height_u INTEGER NOT NULL, face TEXT NOT NULL,
                slot TEXT NOT NULL, tags TEXT NOT NULL, tenant TEXT NOT NULL, enabled INTEGER NOT NULL,
                "interval" INTEGER, version INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID""",
            "CREATE INDEX device_in_rack ON device (rack_id)",
            """CREATE TABLE endpoint (
                device_id TEXT NOT NULL REFERENCES device ON DELETE CASCADE, protocol TEXT NOT NULL,
                place INTEGER NOT NULL, address TEXT NOT NULL, credential TEXT, verify TEXT NOT NULL, pinned_spki TEXT,
                PRIMARY KEY (device_id, protocol)
            ) STRICT, WITHOUT ROWID""",
            "CREATE INDEX endpoint_of_credential ON endpoint (credential)",
            """CREATE TABLE device_removed (
                device_id TEXT PRIMARY KEY, name TEXT NOT NULL, revision INTEGER NOT NULL, removed_at INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID""",
            "CREATE INDEX device_removed_since ON device_removed (revision)",
        ),
    ),
    Migration(
        "0002_summary",
        (
            """CREATE TABLE device_summary (
                device_id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, address TEXT NOT NULL,
                "interval" INTEGER NOT NULL, site_id TEXT, rack_id TEXT, position_u INTEGER, height_u INTEGER NOT NULL,
                face TEXT NOT NULL, slot TEXT NOT NULL, tags TEXT NOT NULL, enabled INTEGER NOT NULL,
                health TEXT NOT NULL, urgency INTEGER NOT NULL, health_reason TEXT NOT NULL,
                failure_predicted INTEGER NOT NULL,
                power TEXT NOT NULL, power_at INTEGER, power_source TEXT NOT NULL, power_known TEXT NOT NULL,
                power_since INTEGER,
                reachability TEXT NOT NULL, reachability_reason TEXT NOT NULL, unreachable_since INTEGER,
                misses INTEGER NOT NULL,
                inlet REAL, inlet_reason TEXT, inlet_at INTEGER, inlet_source TEXT NOT NULL,
                inlet_quality TEXT NOT NULL,
                outlet REAL, outlet_reason TEXT, outlet_at INTEGER, outlet_source TEXT NOT NULL,
                outlet_quality TEXT NOT NULL,
                watts REAL, watts_reason TEXT, watts_at INTEGER, watts_source TEXT NOT NULL,
                watts_quality TEXT NOT NULL,
                stale INTEGER NOT NULL, added_at INTEGER NOT NULL, polled_at INTEGER, seen_at INTEGER,
                manufacturer TEXT NOT NULL, model TEXT NOT NULL, serial_number TEXT NOT NULL, firmware TEXT NOT NULL,
                subsystems TEXT NOT NULL, bays TEXT NOT NULL, supplies TEXT NOT NULL, fans TEXT NOT NULL,
                revision INTEGER NOT NULL
            ) STRICT""",
            "CREATE INDEX summary_newer ON device_summary (revision)",
            "CREATE INDEX summary_by_name ON device_summary (name, device_id)",
            "CREATE INDEX summary_worst ON device_summary (urgency, name, device_id)",
            "CREATE INDEX summary_by_place ON device_summary (rack_id, position_u, device_id)",
            """CREATE TABLE fleet_count (
                site_id TEXT NOT NULL, rack_id TEXT NOT NULL, kind TEXT NOT NULL, health TEXT NOT NULL,
                power TEXT NOT NULL, reachability TEXT NOT NULL, stale INTEGER NOT NULL,
                failure_predicted INTEGER NOT NULL,
                devices INTEGER NOT NULL, watts_devices INTEGER NOT NULL, milliwatts INTEGER NOT NULL,
                PRIMARY KEY (site_id, rack_id, kind, health, power, reachability, stale, failure_predicted)
            ) STRICT, WITHOUT ROWID""",
        ),
    ),
    Migration(
        "0003_health",
        (
            """CREATE TABLE component (
                device_id TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
                health TEXT, state TEXT NOT NULL, failure_predicted INTEGER, detail TEXT NOT NULL, source TEXT NOT NULL,
                quality TEXT NOT NULL, taken_at INTEGER, absent INTEGER NOT NULL DEFAULT 0,
                slot TEXT NOT NULL, serial_number TEXT NOT NULL, part TEXT, part_absent INTEGER NOT NULL DEFAULT 0,
                PRIMARY KEY (device_id, kind, name)
            ) STRICT, WITHOUT ROWID""",
            "CREATE INDEX component_by_serial ON component (serial_number) WHERE serial_number <> ''",
            """CREATE TABLE health_change (
                id INTEGER PRIMARY KEY, device_id TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
                "before" TEXT, "after" TEXT, detail TEXT NOT NULL, at INTEGER NOT NULL
            ) STRICT""",
            "CREATE INDEX health_change_of_device ON health_change (device_id, id)",
            "CREATE INDEX health_change_by_age ON health_change (at)",
            """CREATE TABLE part_change (
                id INTEGER PRIMARY KEY, device_id TEXT NOT NULL, kind TEXT NOT NULL, slot TEXT NOT NULL,
                what TEXT NOT NULL, "before" TEXT, "after" TEXT, serial_before TEXT NOT NULL,
                serial_after TEXT NOT NULL, at INTEGER NOT NULL
            ) STRICT""",
            "CREATE INDEX part_change_of_device ON part_change (device_id, id)",
            "CREATE INDEX part_change_from_serial ON part_change (serial_before) WHERE serial_before <> ''",
            "CREATE INDEX part_change_to_serial ON part_change (serial_after) WHERE serial_after <> ''",
            "CREATE INDEX part_change_by_age ON part_change (at)",
            """CREATE TABLE inventory (
                device_id TEXT PRIMARY KEY, identity TEXT NOT NULL, taken_at INTEGER, complete INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE problem (
                device_id TEXT NOT NULL, resource TEXT NOT NULL, reason TEXT NOT NULL, aspect TEXT NOT NULL,
                since INTEGER NOT NULL, PRIMARY KEY (device_id, resource, reason)
            ) STRICT, WITHOUT ROWID""",
        ),
    ),
    Migration(
        "0004_events",
        (
            """CREATE TABLE log (
                device_id TEXT NOT NULL, log TEXT NOT NULL, source TEXT NOT NULL, generation INTEGER NOT NULL,
                mark_record_id TEXT, mark_created_text TEXT, mark_hash TEXT, empty_reads INTEGER NOT NULL,
                total INTEGER, capacity INTEGER, read_at INTEGER NOT NULL,
                PRIMARY KEY (device_id, log)
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE event (
                event_id INTEGER PRIMARY KEY AUTOINCREMENT, device_id TEXT NOT NULL, log TEXT NOT NULL,
                generation INTEGER NOT NULL, record_id TEXT NOT NULL, identity BLOB NOT NULL, severity TEXT NOT NULL,
                message TEXT NOT NULL, message_id TEXT NOT NULL, kind TEXT, name TEXT, created_at INTEGER,
                created_text TEXT NOT NULL, clock_suspect INTEGER NOT NULL, received_at INTEGER NOT NULL,
                source TEXT NOT NULL, history INTEGER NOT NULL,
                UNIQUE (device_id, log, generation, identity)
            ) STRICT""",
            "CREATE INDEX event_of_device ON event (device_id, event_id)",
            "CREATE INDEX event_by_severity ON event (severity, event_id)",
            "CREATE INDEX event_by_age ON event (received_at)",
        ),
    ),
    Migration(
        "0005_work",
        (
            """CREATE TABLE poll (
                device_id TEXT NOT NULL, aspect TEXT NOT NULL, taken_at INTEGER NOT NULL, seconds REAL NOT NULL,
                requests INTEGER NOT NULL, answered INTEGER NOT NULL, reason TEXT NOT NULL,
                PRIMARY KEY (device_id, aspect)
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE driver_memory (
                device_id TEXT NOT NULL, protocol TEXT NOT NULL, plan TEXT NOT NULL, session BLOB,
                PRIMARY KEY (device_id, protocol)
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE breaker (
                device_id TEXT NOT NULL, protocol TEXT NOT NULL, refusals INTEGER NOT NULL, open_until INTEGER,
                credential_version INTEGER NOT NULL, PRIMARY KEY (device_id, protocol)
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE poll_request (
                poll_request_id INTEGER PRIMARY KEY AUTOINCREMENT, device_id TEXT NOT NULL, aspects TEXT NOT NULL,
                state TEXT NOT NULL, requested_at INTEGER NOT NULL, claimed_by TEXT, claimed_at INTEGER,
                done_at INTEGER, reason TEXT NOT NULL
            ) STRICT""",
            "CREATE INDEX poll_request_open ON poll_request (state) WHERE state IN ('requested', 'claimed')",
            """CREATE TABLE worker (
                worker_id TEXT PRIMARY KEY, roles TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,
                started_at INTEGER NOT NULL, beat_at INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID""",
        ),
    ),
    Migration(
        "0006_fleet_version",
        (
            "INSERT INTO counter VALUES ('fleet', 1)",
            *(
                f"CREATE TRIGGER {table}_{when.split()[0].lower()}_raises_fleet AFTER {when} ON {table}{only}"  # noqa: S608 - names of ours
                " BEGIN UPDATE counter SET value = value + 1 WHERE name = 'fleet'; END"
                for table, when, only in (
                    ("device", "INSERT", ""),
                    ("device", "DELETE", ""),
                    ("endpoint", "INSERT", ""),
                    ("endpoint", "DELETE", ""),
                    # The first pin of a certificate is no edit: whoever polls has seen it himself.
                    (
                        "endpoint",
                        "UPDATE OF address, credential, verify, pinned_spki",
                        " WHEN OLD.pinned_spki IS NOT NULL",
                    ),
                    ("credential", "INSERT", ""),
                    ("credential", "UPDATE", ""),
                )
            ),
        ),
    ),
    Migration(
        "0007_forgotten_events",
        (
            """CREATE TABLE event_forgotten (
                forgotten_id INTEGER PRIMARY KEY, device_id TEXT NOT NULL, log TEXT NOT NULL,
                generation INTEGER NOT NULL, identity BLOB NOT NULL,
                UNIQUE (device_id, log, generation, identity)
            ) STRICT""",
        ),
    ),
    Migration(
        "0008_endpoint_tls",
        (
            "ALTER TABLE endpoint ADD COLUMN tls TEXT NOT NULL DEFAULT 'modern'",
            "CREATE INDEX endpoint_exception ON endpoint (device_id) WHERE verify = 'none' OR tls = 'legacy'",
        ),
    ),
    Migration(
        "0010_disk_samples",
        ("CREATE TABLE disk_sample (at INTEGER PRIMARY KEY, used INTEGER NOT NULL) STRICT",),
    ),
    Migration(
        "0011_push",
        (
            """CREATE TABLE push (
                device_id TEXT PRIMARY KEY, way TEXT NOT NULL, state TEXT NOT NULL, since INTEGER NOT NULL,
                reason TEXT NOT NULL, event_at INTEGER, events INTEGER NOT NULL, hints INTEGER NOT NULL,
                event_id TEXT NOT NULL, subscription TEXT NOT NULL
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE pushed (
                event_id INTEGER PRIMARY KEY, device_id TEXT NOT NULL, sent_as BLOB NOT NULL, link TEXT NOT NULL,
                arguments TEXT NOT NULL, waiting INTEGER NOT NULL, UNIQUE (device_id, sent_as)
            ) STRICT""",
            "CREATE INDEX pushed_waiting ON pushed (device_id) WHERE waiting = 1",
        ),
    ),
    Migration(
        "0012_endpoints",
        (
            """CREATE TABLE endpoint_state (
                device_id TEXT NOT NULL, protocol TEXT NOT NULL, reachability TEXT NOT NULL, reason TEXT NOT NULL,
                since INTEGER, misses INTEGER NOT NULL, polled_at INTEGER, seen_at INTEGER, power TEXT NOT NULL,
                power_at INTEGER, power_since INTEGER, power_source TEXT NOT NULL, power_misses INTEGER NOT NULL,
                PRIMARY KEY (device_id, protocol)
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE poll_of_endpoint (
                device_id TEXT NOT NULL, protocol TEXT NOT NULL, aspect TEXT NOT NULL, taken_at INTEGER NOT NULL,
                seconds REAL NOT NULL, requests INTEGER NOT NULL, answered INTEGER NOT NULL, reason TEXT NOT NULL,
                PRIMARY KEY (device_id, protocol, aspect)
            ) STRICT, WITHOUT ROWID""",
            """INSERT INTO poll_of_endpoint SELECT device_id,
                coalesce((SELECT protocol FROM endpoint WHERE endpoint.device_id = poll.device_id AND place = 0),
                'redfish'), aspect, taken_at, seconds, requests, answered, reason FROM poll""",
            "DROP TABLE poll",
            "ALTER TABLE poll_of_endpoint RENAME TO poll",
            "ALTER TABLE problem ADD COLUMN protocol TEXT NOT NULL DEFAULT 'redfish'",
            "ALTER TABLE log ADD COLUMN protocol TEXT NOT NULL DEFAULT 'redfish'",
            # Which endpoint but the first tells of a component; empty: the first does.
            "ALTER TABLE component ADD COLUMN told_by TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE device_summary ADD COLUMN power_reason TEXT NOT NULL DEFAULT ''",
            """CREATE TABLE twin (
                device_id TEXT NOT NULL, log TEXT NOT NULL, generation INTEGER NOT NULL, identity BLOB NOT NULL,
                event_id INTEGER NOT NULL, record_id TEXT NOT NULL, severity TEXT NOT NULL, message TEXT NOT NULL,
                source TEXT NOT NULL, received_at INTEGER NOT NULL,
                PRIMARY KEY (device_id, log, generation, identity)
            ) STRICT, WITHOUT ROWID""",
            "CREATE INDEX twin_of_event ON twin (event_id)",
        ),
    ),
    Migration(
        "0013_wire",
        (
            # cables: own component -> `DEVICE/COMPONENT`, or the name of a feed.
            "ALTER TABLE device ADD COLUMN cables TEXT NOT NULL DEFAULT '{}'",
            """CREATE TABLE neighbour (
                device_id TEXT NOT NULL, port TEXT NOT NULL, told TEXT NOT NULL, since INTEGER NOT NULL,
                PRIMARY KEY (device_id, port, told)
            ) STRICT, WITHOUT ROWID""",
            """CREATE TABLE station (
                device_id TEXT NOT NULL, mac TEXT NOT NULL, vlan INTEGER NOT NULL, port TEXT NOT NULL,
                since INTEGER NOT NULL, PRIMARY KEY (device_id, mac, vlan, port)
            ) STRICT, WITHOUT ROWID""",
            "CREATE INDEX station_by_mac ON station (mac)",
            "CREATE INDEX station_by_port ON station (device_id, port, mac)",
            "CREATE TABLE wire_look (device_id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID",
            """CREATE INDEX component_by_mac ON component (lower(json_extract(part, '$.properties.mac_address')))
                WHERE part IS NOT NULL AND json_extract(part, '$.properties.mac_address') IS NOT NULL""",
        ),
    ),
)

TELEMETRY = (
    Migration(
        "0001_readings",
        (
            """CREATE TABLE sensor (
                sensor_id INTEGER PRIMARY KEY, device_id TEXT NOT NULL, kind TEXT NOT NULL, component TEXT NOT NULL,
                name TEXT NOT NULL, type TEXT NOT NULL, told TEXT NOT NULL,
                UNIQUE (device_id, kind, component, name, type)
            ) STRICT""",
            """CREATE TABLE layout (
                layout_id INTEGER PRIMARY KEY, device_id TEXT NOT NULL, sensor_ids TEXT NOT NULL,
                UNIQUE (device_id, sensor_ids)
            ) STRICT""",
            """CREATE TABLE reading (
                layout_id INTEGER NOT NULL, taken_at INTEGER NOT NULL, "values" BLOB NOT NULL, exceptions BLOB,
                PRIMARY KEY (layout_id, taken_at)
            ) STRICT, WITHOUT ROWID""",
        ),
    ),
    Migration(
        "0002_pages",
        (
            # step: seconds of a rollup, 0 for readings as taken; start, span, last: milliseconds.
            """CREATE TABLE page (
                page_id INTEGER PRIMARY KEY, layout_id INTEGER NOT NULL, step INTEGER NOT NULL,
                start INTEGER NOT NULL, span INTEGER NOT NULL, last INTEGER NOT NULL,
                "rows" INTEGER NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL
            ) STRICT""",
            "CREATE UNIQUE INDEX page_of_layout ON page (layout_id, step, start, span)",
            "CREATE INDEX page_by_age ON page (step, span, start, bytes)",
        ),
    ),
)
