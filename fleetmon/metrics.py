"""The service's own metrics: how late it is, how long its queues are, what it costs the BMCs.

`docs/reference/metrics.md` describes each; a test holds the two together.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_POLL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LAG_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 30, 60)


class Metrics:
    """All collectors of one process, on a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.polls = Counter(
            "fleetmon_polls", "Polls finished, by how they went.", ("protocol", "reachability"), registry=registry
        )
        self.poll_seconds = Histogram(
            "fleetmon_poll_seconds", "How long polls took.", ("protocol",), buckets=_POLL_SECONDS, registry=registry
        )
        self.poll_lag = Histogram(
            "fleetmon_poll_lag_seconds",
            "How long after its slot a poll started.",
            buckets=_LAG_SECONDS,
            registry=registry,
        )
        self.tick_lag = Histogram(
            "fleetmon_tick_lag_seconds",
            "How late the look at what is due came, which should come every second.",
            buckets=_LAG_SECONDS,
            registry=registry,
        )
        self.polls_late = Counter(
            "fleetmon_polls_late",
            "Slots at which the poll before was still under way, or which started over 5 s late.",
            registry=registry,
        )
        self.quiet_heartbeats = Counter(
            "fleetmon_quiet_heartbeats",
            "Heartbeats that told nothing new, of which only the instant is written.",
            registry=registry,
        )
        self.polls_running = Gauge("fleetmon_polls_running", "Polls under way now.", registry=registry)
        self.polls_waiting = Gauge("fleetmon_polls_waiting", "Polls due and waiting for their turn.", registry=registry)
        self.requests = Counter(
            "fleetmon_device_requests", "Requests sent to devices.", ("protocol",), registry=registry
        )
        self.readings = Counter("fleetmon_readings", "Readings stored.", registry=registry)
        self.ingest_seconds = Histogram(
            "fleetmon_ingest_seconds",
            "From a finished poll to its rows on disk.",
            buckets=_POLL_SECONDS,
            registry=registry,
        )
        self.poll_errors = Counter(
            "fleetmon_poll_errors", "Polls that ended in an error of our own.", registry=registry
        )
        self.polls_unstored = Counter(
            "fleetmon_polls_unstored", "Polls whose outcome could not be stored.", registry=registry
        )
        self.devices = Gauge("fleetmon_devices", "Devices this worker looks after.", registry=registry)
        self.streams = Gauge("fleetmon_streams", "Event streams of devices that are open.", registry=registry)
        self.pushed_events = Counter(
            "fleetmon_pushed_events", "Events taken over from streams of devices.", registry=registry
        )
        self.hints = Counter(
            "fleetmon_push_hints", "Messages to the receiver, by what became of them.", ("outcome",), registry=registry
        )
        self.traps = Counter("fleetmon_traps", "SNMP traps, by what became of them.", ("outcome",), registry=registry)
        self.role_restarts = Gauge(
            "fleetmon_role_restarts", "Times a role was restarted.", ("role",), registry=registry
        )
        self.role_up = Gauge("fleetmon_role_up", "1 while a role is running.", ("role",), registry=registry)
        self.ipmi_workers = Gauge("fleetmon_ipmi_workers", "Processes that keep IPMI sessions.", registry=registry)
        self.ipmi_workers_replaced = Gauge(
            "fleetmon_ipmi_workers_replaced", "IPMI workers that were started in place of one.", registry=registry
        )
        self._of_the_store(registry)

    def _of_the_store(self, registry: CollectorRegistry) -> None:
        """Set by the store watch every few seconds."""
        self.writer_up = Gauge("fleetmon_writer_up", "1 while a database can be written.", ("file",), registry=registry)
        self.commits_failed = Gauge(
            "fleetmon_commits_failed", "Commits that failed since the start.", ("file",), registry=registry
        )
        self.writer_reopened = Gauge(
            "fleetmon_writer_reopened", "Times a writing connection was opened anew.", ("file",), registry=registry
        )
        self.database_bytes = Gauge("fleetmon_database_bytes", "Size of a database.", ("file",), registry=registry)
        self.wal_bytes = Gauge("fleetmon_wal_bytes", "Size of a write-ahead log.", ("file",), registry=registry)
        self.disk_free = Gauge("fleetmon_disk_free_bytes", "Room on the disk of the databases.", registry=registry)
        self.disk_full_in = Gauge(
            "fleetmon_disk_full_in_seconds",
            "Until readings are refused, at the growth of the last days; NaN when unknown or never.",
            registry=registry,
        )
        self.readings_taken = Gauge(
            "fleetmon_readings_taken", "0 while readings are refused, the disk being nearly full.", registry=registry
        )
        self.readings_lost = Gauge(
            "fleetmon_readings_lost", "Readings that could not be stored since the start.", registry=registry
        )
