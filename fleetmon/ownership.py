"""Which worker looks after which device, and when inside its interval; pure.

Ownership is rendezvous hashing: every worker computes the same answer from the same list, one worker alive owns all,
and a worker that dies hands over only its own devices. A slot is a device's own instant inside the interval: stable
over restarts and spread over the fleet, so that nothing ever herds (after Prometheus' scrape offsets).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _hash(*parts: str) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest(), "big")


def owner(device_id: str, workers: Sequence[str]) -> str | None:
    """The worker that looks after the device; None when no worker is alive."""
    return max(workers, key=lambda worker: (_hash(device_id, worker), worker), default=None)


def slot(device_id: str, interval: timedelta) -> timedelta:
    """Where inside each interval this device is asked; from zero to just under the interval."""
    return interval * (_hash("slot", device_id) / 2**64)


def next_slot(device_id: str, interval: timedelta, after: datetime) -> datetime:
    """The first slot of the device that is later than `after`."""
    passed = (after - _EPOCH - slot(device_id, interval)) // interval
    return _EPOCH + slot(device_id, interval) + (passed + 1) * interval
