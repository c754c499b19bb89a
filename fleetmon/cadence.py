"""Which aspects a poll asks for, and when the next poll is due; pure.

One poll carries every aspect whose time has come, so that a BMC is asked once and not five times. An aspect's interval
is a number of slots: the shortest interval gives the slots, the others ride along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from fleetmon.model import Aspect, Device, Interval, Protocol
from fleetmon.ownership import next_slot

LIFE = frozenset({Aspect.HEARTBEAT, Aspect.SENSORS})
"""What is asked at every slot."""

STEPS = (
    LIFE,
    frozenset({Aspect.COMPONENTS, Aspect.INVENTORY}),
    frozenset({Aspect.EVENTS}),
)
"""What is asked together. Life comes first and is kept before a walk begins, so that a slow walk costs no reading."""
FIRST_STEPS = (STEPS[0] | STEPS[1], STEPS[2])
"""Of a device nobody asked before: life cannot be told without a walk, and one walk tells all the rest."""

PATIENCE = 3
"""For so many of its intervals an aspect other than life waits while the service is behind."""
EVERY_ASPECT = frozenset(Aspect)


def interval_of(usual: Interval, device: Device, protocol: Protocol, ipmi_heartbeat: timedelta) -> Interval:
    """How often one endpoint is asked: a device's own interval holds for heartbeat and sensors, whatever it speaks.

    Over IPMI a heartbeat is one small datagram there and back, so it comes more often than the rest.
    """
    if device.interval is not None:
        return replace(usual, heartbeat=device.interval, sensors=device.interval)
    if protocol is Protocol.IPMI:
        return replace(usual, heartbeat=min(ipmi_heartbeat, usual.heartbeat))
    return usual


def steps(aspects: frozenset[Aspect], *, first: bool = False) -> list[frozenset[Aspect]]:
    """A poll in the order in which it is asked and kept."""
    return [step & aspects for step in (FIRST_STEPS if first else STEPS) if step & aspects]


def shortest(interval: Interval) -> timedelta:
    """The distance between two slots of a device."""
    return min(interval.heartbeat, interval.sensors, interval.components, interval.events, interval.inventory)


def due_aspects(interval: Interval, asked: Mapping[Aspect, datetime], now: datetime) -> frozenset[Aspect]:
    """What to ask at the slot that is now. `asked` is when each aspect was last asked for, answered or not.

    Half a slot early counts as due: polls start a little before or after their instant, and an aspect must not slip by
    a whole slot for a second. An aspect asked "in the future" is due, too: the wall clock was stepped back.
    """
    slack = shortest(interval) / 2
    return frozenset(
        aspect
        for aspect in Aspect
        if (last := asked.get(aspect)) is None or now - last >= interval.of(aspect) - slack or last > now + slack
    )


def pressing(
    aspects: frozenset[Aspect], interval: Interval, asked: Mapping[Aspect, datetime], now: datetime
) -> frozenset[Aspect]:
    """What of the due aspects cannot wait while the service is behind: life, and what has waited for long."""
    return frozenset(
        aspect
        for aspect in aspects
        if aspect in LIFE or (last := asked.get(aspect)) is None or now - last >= PATIENCE * interval.of(aspect)
    )


def next_poll(
    device_id: str,
    interval: Interval,
    asked: Mapping[Aspect, datetime],
    now: datetime,
    duties: frozenset[Aspect] = EVERY_ASPECT,
) -> datetime:
    """When the device is due: its next slot; now when it was never fully asked, or missed one while nobody looked."""
    if not duties <= asked.keys():
        return now
    last = max(asked.values())
    if last < now - shortest(interval):
        return now
    return next_slot(device_id, shortest(interval), now)


def rest_after(took: timedelta, slot: datetime, now: datetime) -> datetime:
    """The slot, or later when the poll took long: a BMC rests at least as long as it was kept busy."""
    return max(slot, now + took)
