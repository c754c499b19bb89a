"""Summaries told as JSON: plain functions from rows to what `docs/reference/api.md` promises."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fleetmon.api.wire import encoded, told_at
from fleetmon.model import Component, Identity, Part, Thresholds
from fleetmon.storage.rows import DeviceSummary, Place, Stated

STALE_AFTER = 3
"""Intervals without a new value."""


def stated(value: Stated, now: datetime, interval: timedelta, *, stale: bool = False) -> dict[str, Any]:
    """A stated value; what was never read is not stale, it says NeverRead."""
    return {
        "value": value.value,
        "reason": value.reason,
        "taken_at": told_at(value.taken_at),
        "source": value.source,
        "quality": value.quality,
        "stale": value.taken_at is not None and (stale or value.is_stale(now, interval)),
    }


def summary(device: DeviceSummary, now: datetime) -> dict[str, Any]:
    """The summary of one device."""
    interval, stale = device.interval, device.stale
    return {
        "device_id": device.device_id,
        "name": device.name,
        "kind": device.kind,
        "site_id": device.site_id,
        "rack_id": device.rack_id,
        "position_u": device.position_u,
        "height_u": device.height_u,
        "face": device.face,
        "slot": device.slot,
        "tags": device.tags,
        "enabled": device.enabled,
        "health": device.health,
        "health_reason": device.health_reason,
        "failure_predicted": device.failure_predicted,
        "power": _power(device, now),
        "reachability": device.reachability,
        "reachability_reason": device.reachability_reason,
        "unreachable_since": told_at(device.unreachable_since),
        "inlet": stated(device.inlet, now, interval, stale=stale),
        "outlet": stated(device.outlet, now, interval, stale=stale),
        "watts": stated(device.watts, now, interval, stale=stale),
        "stale": stale,
        "polled_at": told_at(device.polled_at),
        "seen_at": told_at(device.seen_at),
        "interval": interval.total_seconds(),
        "manufacturer": device.manufacturer,
        "model": device.model,
        "serial_number": device.serial_number,
        "firmware": device.firmware,
        "address": device.address,
        "subsystems": [
            {"kind": of.kind, "health": of.health, "present": of.present, "not_ok": of.not_ok, "reason": of.reason}
            for of in device.subsystems
        ],
        "bays": [{**_place(bay), "failure_predicted": bay.failure_predicted} for bay in device.bays],
        "supplies": [_place(supply) for supply in device.supplies],
        "fans": [_place(fan) for fan in device.fans],
        "revision": device.revision,
    }


def _power(device: DeviceSummary, now: datetime) -> dict[str, Any]:
    at = device.power_at
    return {
        "value": device.power,
        "taken_at": told_at(at),
        "source": device.power_source,
        "stale": at is not None and (device.stale or now - at > STALE_AFTER * device.interval),
        "known": device.power_known,
        "reason": device.power_reason,
        "since": told_at(device.power_since),
    }


def _place(place: Place) -> dict[str, Any]:
    return {"name": place.name, "health": place.health, "state": place.state}


def turns_stale_at(device: DeviceSummary, now: datetime) -> datetime:
    """When the told summary stops being true by time alone: the first of its values to grow stale."""
    taken = (device.inlet.taken_at, device.outlet.taken_at, device.watts.taken_at, device.power_at)
    instants = [at + STALE_AFTER * device.interval for at in taken if at is not None]
    return min((at for at in instants if at >= now), default=datetime.max.replace(tzinfo=now.tzinfo))


@dataclass(frozen=True, slots=True)
class _Fragment:
    revision: int
    until: datetime
    body: bytes


class Fragments:
    """Summaries as JSON, each encoded once per revision and shared by lists, elevations and the stream."""

    MOST = 50_000

    def __init__(self) -> None:
        self._known: dict[str, _Fragment] = {}

    def of(self, device: DeviceSummary, now: datetime) -> bytes:
        """The device's summary as JSON."""
        return self._fragment(device, now).body

    def together(self, devices: Sequence[DeviceSummary], now: datetime) -> tuple[bytes, datetime]:
        """The JSON array of these summaries, and until when it is true."""
        fragments = [self._fragment(device, now) for device in devices]
        until = min((fragment.until for fragment in fragments), default=datetime.max.replace(tzinfo=now.tzinfo))
        return b"[" + b",".join(fragment.body for fragment in fragments) + b"]", until

    def _fragment(self, device: DeviceSummary, now: datetime) -> _Fragment:
        known = self._known.get(device.device_id)
        if known is not None and known.revision == device.revision and now <= known.until:
            return known
        if len(self._known) >= self.MOST:
            self._known.clear()
        fragment = _Fragment(device.revision, turns_stale_at(device, now), encoded(summary(device, now)))
        self._known[device.device_id] = fragment
        return fragment


def component(of: Component | None) -> dict[str, str] | None:
    """A component by kind and name."""
    return None if of is None else {"kind": of.kind, "name": of.name}


def part(of: Part | None) -> dict[str, Any] | None:
    """What a component is made of."""
    if of is None:
        return None
    return {
        "kind": of.component.kind,
        "name": of.component.name,
        "slot": of.slot,
        "source": of.source,
        "manufacturer": of.manufacturer,
        "model": of.model,
        "serial_number": of.serial_number,
        "part_number": of.part_number,
        "firmware": of.firmware,
        "capacity_bytes": of.capacity_bytes,
        "properties": dict(of.properties),
    }


def identity(of: Identity) -> dict[str, Any]:
    """Who the device says it is."""
    return {
        "manufacturer": of.manufacturer,
        "model": of.model,
        "serial_number": of.serial_number,
        "part_number": of.part_number,
        "asset_tag": of.asset_tag,
        "uuid": of.uuid,
        "host_name": of.host_name,
        "firmware": of.firmware,
        "bios_version": of.bios_version,
        "bmc_model": of.bmc_model,
        "systems": list(of.systems),
    }


def thresholds(of: Thresholds) -> dict[str, float | None]:
    """The six limits."""
    return {
        "lower_fatal": of.lower_fatal,
        "lower_critical": of.lower_critical,
        "lower_caution": of.lower_caution,
        "upper_caution": of.upper_caution,
        "upper_critical": of.upper_critical,
        "upper_fatal": of.upper_fatal,
    }


def warmest(values: Iterable[Stated]) -> Stated:
    """The highest of the values that are numbers; NeverRead when there is none."""
    numbers = [value for value in values if value.value is not None]
    return max(numbers, key=lambda value: value.value or 0.0, default=Stated())
