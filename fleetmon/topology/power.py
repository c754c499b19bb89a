"""Power cables: nobody can see them, but both ends can tell what cannot be true of one; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fleetmon.model import Health
from fleetmon.topology.cables import FEED, OUTLET, PASSING_ON, SUPPLY, differs, expected, is_power
from fleetmon.topology.wiring import (
    Connection,
    End,
    Link,
    Node,
    Socket,
    Source,
    Verdict,
    Wiring,
    natural,
    place,
    same_name,
)

FEEDS_DEEP = 4
"""Devices between a power supply and its feed: a PDU, a transfer switch, a UPS, and one more."""
LOST = re.compile(r"(?i)\b(ac|input|power)\b.*\b(lost|loss|fail\w*|absent|out of range|no)\b|\bno (ac )?input")
"""How devices say that a power supply has no input."""


def of_supply(wiring: Wiring, near: End, far: End) -> Connection:
    """A power cable against what its ends tell of their state."""
    feed = feed_of(wiring, near if near.kind == OUTLET else far)
    if far.kind != FEED and far.device_id is None:
        return differs(near, far, None, f"there is no device {far.device}")
    supplied, plug = (far, near) if near.kind == OUTLET else (near, far)
    supply, outlet = _socket(wiring, supplied), _socket(wiring, plug)
    fed, on = _fed(supply), _on(outlet) if _is_newer(outlet, supply) else None
    link = _by_label(wiring, plug)
    reason = _contradiction(supplied, plug, fed, on) or _misnamed(supplied, plug, link) or _one_feed(wiring, near, feed)
    agrees = link is not None or (fed is False and on is False)
    return Connection(
        near=near,
        expected=far,
        link=link if link is None or near.kind == OUTLET else link.turned(),
        verdict=Verdict.DIFFERS if reason else Verdict.AGREES if agrees else Verdict.UNSEEN,
        reason=reason,
        feed=feed,
    )


def _contradiction(supplied: End, plug: End, fed: bool | None, on: bool | None) -> str:
    """Why supply and outlet cannot be joined as said; empty where they can."""
    if fed and on is False:
        return f"{supplied} has power although {plug} is off: its cable is elsewhere"
    if fed is False and on:
        return f"{supplied} has no input although {plug} is on: its cable is loose or elsewhere"
    return ""


def _is_newer(outlet: Socket | None, supply: Socket | None) -> bool:
    """Whether the outlet was told since the supply changed: a PDU that lost its feed, too, says nothing more."""
    if outlet is None or supply is None or outlet.at is None:
        return False
    return supply.since is None or outlet.at >= supply.since


def _misnamed(supplied: End, plug: End, link: Link | None) -> str:
    """What is wrong where the outlet is named after something else; empty where it is not."""
    if link is None or (link.far.device_id == supplied.device_id and link.far.component in ("", supplied.component)):
        return ""
    return f"{plug} is named after {link.far}, not {supplied}"


def _fed(supply: Socket | None) -> bool | None:
    """Whether a power supply has input; None where its device does not make that clear."""
    if supply is None or supply.state == "Absent":
        return None
    if supply.health is Health.OK and supply.state in ("", "Enabled"):
        return True
    return False if LOST.search(supply.detail) else None


def _on(outlet: Socket | None) -> bool | None:
    """Whether an outlet is switched on; None where its device does not say."""
    state = outlet.state.lower() if outlet and outlet.component.kind == OUTLET else ""
    if state in ("on", "enabled"):
        return True
    return False if state in ("off", "standbyoffline", "disabled") else None


def feed_of(wiring: Wiring, end: End) -> str:
    """The feed at the end of the cables that lead on from this end; empty where nobody told."""
    for _ in range(FEEDS_DEEP):
        if end.kind == FEED:
            return end.device
        node = wiring.by_id.get(end.device_id or "")
        if node is None or node.kind not in PASSING_ON:
            return ""
        inlets = [far for near, far in expected(wiring, node) if near.kind not in ("Port", OUTLET)]
        if len({str(far) for far in inlets}) != 1:
            return ""
        end = inlets[0]
    return ""


def _one_feed(wiring: Wiring, near: End, feed: str) -> str:
    """What is wrong where all supplies of a device hang on one feed; told at the last of them."""
    node = wiring.by_id.get(near.device_id or "")
    if not feed or node is None or node.kind in PASSING_ON:
        return ""
    ends = [(end, feed_of(wiring, far)) for end, far in expected(wiring, node) if is_power(wiring, end, far)]
    last = max((end for end, _ in ends), key=lambda end: natural(end.component))
    if len(ends) < 2 or any(other != feed for _, other in ends) or last.component != near.component:
        return ""
    return f"all {len(ends)} power cables of {node.name} lead to one feed, {feed}: losing it loses the device"


def _socket(wiring: Wiring, end: End) -> Socket | None:
    return next(
        (
            one
            for one in wiring.sockets_of.get(end.device_id or "", ())
            if one.component.kind == end.kind and same_name(one.component.name, end.component)
        ),
        None,
    )


def labelled(wiring: Wiring, made: Sequence[Connection]) -> list[Connection]:
    """Outlets that are named after a device, where no cable says what is on them; told at both ends."""
    told = {place(end) for one in made for end in (one.near, one.expected) if end}
    found = []
    for socket in wiring.sockets:
        if socket.component.kind != OUTLET or socket.device_id not in wiring.by_id or not socket.label:
            continue
        near = wiring.end(socket.device_id, socket.component.name, OUTLET)
        link = None if place(near) in told else _by_label(wiring, near)
        if link is None or place(link.far) in told:
            continue
        feed = feed_of(wiring, near)
        found += [
            Connection(near=one.near, link=one, verdict=Verdict.FOUND, feed=feed) for one in (link, link.turned())
        ]
    return found


def _by_label(wiring: Wiring, outlet: End) -> Link | None:
    """Where an outlet leads by its name; None where that names no other device."""
    socket = _socket(wiring, outlet)
    node = _called(wiring, socket.label) if socket else None
    if socket is None or node is None or node.device_id == socket.device_id:
        return None
    return Link(near=outlet, far=_named(wiring, node, socket.label), source=Source.LABEL, seen_at=socket.at)


def _named(wiring: Wiring, node: Node, label: str) -> End:
    """The power supply of a device that stands in the label beside its name; the device alone where none does."""
    supplies = [one.component for one in wiring.sockets_of.get(node.device_id, ()) if one.component.kind == SUPPLY]
    named = [one for one in supplies if _says(label, one.name)]
    return wiring.end(node.device_id, named[0].name if len(named) == 1 else "", SUPPLY)


def _says(label: str, name: str) -> bool:
    """Whether the name stands in the label as words of its own."""
    return bool(name) and re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", label.lower()) is not None


def _called(wiring: Wiring, label: str) -> Node | None:
    """The only device whose name stands in the label as a word of its own."""
    words = {word for word in re.split(r"[^a-z0-9._-]+", label.lower()) if word}
    named = {node.device_id: node for word in words if (node := wiring.by_name.get(word)) is not None}
    return next(iter(named.values())) if len(named) == 1 else None
