"""What is seen against what is expected; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from fleetmon.topology.cables import differs, expected, is_power
from fleetmon.topology.network import network
from fleetmon.topology.power import labelled, of_supply
from fleetmon.topology.wiring import Connection, End, Link, Place, Port, Verdict, Wiring, natural, place, same_name

NO_LINK = ("down", "linkdown", "nolink")
ADDRESS = re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}", re.IGNORECASE)
"""An Ethernet address, said in place of a name."""


def connections(wiring: Wiring) -> list[Connection]:
    """What is known of every end that somebody told of or that is seen, by device and component."""
    seen = _by_place(network(wiring))
    made = [
        of_supply(wiring, near, far) if is_power(wiring, near, far) else _of_port(wiring, near, far, seen)
        for node in wiring.described
        for near, far in expected(wiring, node)
    ]
    said = {place(end) for one in made for end in (one.near, one.expected) if end}
    made += [
        Connection(near=link.near, link=link, verdict=Verdict.FOUND)
        for place, links in seen.items()
        for link in links
        if place not in said
    ]
    made += labelled(wiring, made)
    made += _from_far(made)
    return sorted(made, key=lambda one: (one.near.device, one.near.kind, natural(one.near.component)))


def findings(found: Iterable[Connection]) -> list[Connection]:
    """Those that say that something is not as it should be; each once, told at the end somebody described."""
    return [one for one in found if one.verdict is Verdict.DIFFERS and not one.mirrored]


def _by_place(links: Iterable[Link]) -> dict[Place, list[Link]]:
    """Links by each of their ends that is of the fleet, that end being near."""
    found: dict[Place, list[Link]] = {}
    for link in links:
        for one in (link, link.turned()):
            if one.near.device_id is not None:
                found.setdefault(place(one.near), []).append(one)
    return found


def _of_port(wiring: Wiring, near: End, far: End, seen: Mapping[Place, Sequence[Link]]) -> Connection:
    """A network cable against what is seen at either end."""
    here, there = seen.get(place(near), ()), seen.get(place(far), ()) if far.device_id else ()
    if right := next((link for link in here if link.far.is_at(far)), None):
        return Connection(near=near, expected=far, link=right, verdict=Verdict.AGREES)
    if far.device_id is None:
        return differs(near, far, None, f"there is no device {far.device}")
    if other := next((link for link in here if _is_another(wiring, link.far, far)), None):
        return differs(near, far, other, f"{near} is on {other.far}, not on {far}")
    if other := next((link for link in there if _is_another(wiring, link.far, near)), None):
        return differs(near, far, None, f"{far} has {other.far} on it, not {near}")
    down = [str(end) for end in (near, far) if _is_down(wiring, end)]
    if down:
        return differs(near, far, None, f"{' and '.join(down)} {'have' if len(down) > 1 else 'has'} no link")
    return Connection(near=near, expected=far, verdict=Verdict.UNSEEN)


def _is_another(wiring: Wiring, seen: End, wanted: End) -> bool:
    """Whether what is seen cannot be the wanted end: a bare address may be any port whose own address nobody told."""
    name = seen.component if seen.device_id else seen.device
    if seen.device_id not in (None, wanted.device_id) or (name and not ADDRESS.fullmatch(name)):
        return True
    return any(port.mac for port in _ports_at(wiring, wanted))


def _is_down(wiring: Wiring, end: End) -> bool:
    """Whether the device itself says that this port has no link."""
    return any(port.link.lower() in NO_LINK for port in _ports_at(wiring, end))


def _ports_at(wiring: Wiring, end: End) -> list[Port]:
    """What the device of this end tells of a port of this name."""
    own = wiring.ports_of.get(end.device_id or "", ())
    return [port for port in own if same_name(port.component.name, end.component)]


def _from_far(made: Sequence[Connection]) -> list[Connection]:
    """What somebody told at one end, as the other end sees it."""
    own = {place(one.near) for one in made}
    return [
        Connection(
            near=one.expected,
            expected=one.near,
            link=one.link.turned() if one.link and one.link.far.is_at(one.expected) else None,
            verdict=one.verdict,
            reason=one.reason,
            mirrored=True,
            feed=one.feed,
        )
        for one in made
        if one.expected and one.expected.device_id and place(one.expected) not in own
    ]
