"""The typed values each part is given. Defaults are values; nothing here reads a file or the environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from fleetmon.model import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the API listens. Until sign-in exists only loopback addresses are accepted."""

    host: str = "127.0.0.1"
    port: int = 8480


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """How devices are asked."""

    interval: Interval = Interval()
    request_timeout: timedelta = timedelta(seconds=30)
    connect_timeout: timedelta = timedelta(seconds=10)
    poll_deadline: timedelta = timedelta(seconds=50)
    minimum_gap: timedelta = timedelta(0)
    """Between two requests to one device."""
    misses: int = 3
    """Polls missed in a row before the power state of a device is called unknown."""
    at_once: int = 200
    """Polls under way at the same time, over the whole fleet."""
    ipmi_heartbeat: timedelta = timedelta(seconds=10)
    """Between two heartbeats over IPMI, unless all heartbeats come more often still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """How devices tell by themselves: over streams we open, and to a receiver, where one is configured."""

    stream: bool = True
    streams: int = 1000
    """At most, in one worker; each is a TLS connection of some 60 KB."""
    url: str | None = None
    """The receiver as BMCs reach it, without a slash at its end; None: no receiver, no subscriptions."""
    host: str = "0.0.0.0"  # noqa: S104 - BMCs reach it
    port: int = 8481
    certificate: Path | None = None
    """PEM, with its chain; None: plain HTTP."""
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traps:
    """Where SNMP traps are taken."""

    host: str | None = None
    """None: nowhere."""
    port: int = 1162
    """The registered port is 162, which takes a privilege to listen on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long what was learned is kept."""

    readings: timedelta = timedelta(days=35)
    five_minutes: timedelta = timedelta(days=90)
    """Minimum, mean and maximum by five minutes; by the hour and the day below."""
    hours: timedelta = timedelta(days=730)
    days: timedelta = timedelta(days=3650)
    events: timedelta = timedelta(days=365)
    changes: timedelta = timedelta(days=365)

    def rollups(self) -> tuple[tuple[timedelta, timedelta], ...]:
        """The step of each kind of rollup, and how long it is kept."""
        return (
            (timedelta(minutes=5), self.five_minutes),
            (timedelta(hours=1), self.hours),
            (timedelta(days=1), self.days),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """How the service writes its own log, on stderr."""

    level: str = "info"
    form: str = "auto"
    """`console`, `json`, or `auto`: console on a terminal, JSON otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything `fleetmon.toml` can say."""

    data: Path
    configuration: Path
    """Where a master key is made when none is named; never inside `data`."""
    listen: Listen = Listen()
    polling: Polling = Polling()
    push: Push = Push()
    traps: Traps = Traps()
    retention: Retention = Retention()
    logging: Logging = Logging()
    master_key_file: Path | None = None
    """None: systemd's credential, else a file in `configuration`, made on first use."""
    roles: tuple[str, ...] = field(default=("api", "devices", "upkeep"))
