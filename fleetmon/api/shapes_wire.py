"""The shapes of ports and links."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from fleetmon.api.shapes import HealthWord, Shape


class LinkEnd(Shape):
    """One end; `device_id` is null for what is no device of the fleet, and for a feed."""

    device_id: str | None
    device: str
    component: str
    kind: str


class SeenLink(Shape):
    """A link as it is seen."""

    to: LinkEnd
    source: Literal["neighbour", "station", "label"]
    since: AwareDatetime | None
    seen_at: AwareDatetime | None


class LinkShape(Shape):
    """What is known of one end: where it should lead, where it leads, and what comes of that."""

    end: LinkEnd
    verdict: Literal["agrees", "differs", "unseen", "found"]
    expected: LinkEnd | None
    seen: SeenLink | None
    feed: str
    reason: str


class Port(Shape):
    """One network port; empty and null where the device does not say."""

    name: str
    link: str
    speed_mbps: float | None
    mac_address: str
    health: HealthWord
    links: list[LinkShape]
