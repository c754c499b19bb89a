"""Links that are seen: by what a neighbour tells of itself, and by where a bridge has learned an address; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fleetmon.model import DeviceKind, Neighbour
from fleetmon.topology.wiring import (
    End,
    Heard,
    Learned,
    Link,
    Node,
    Place,
    Port,
    Source,
    Wiring,
    place,
    plain,
    same_name,
)


def network(wiring: Wiring) -> list[Link]:
    """Every link that is seen, once; what a neighbour says of itself goes before what a bridge has learned."""
    heard = [link for one in wiring.heard if (link := _heard(wiring, one)) is not None]
    links = _once(heard)
    taken = {place(end) for link in links for end in (link.near, link.far)}
    for link in _learned(wiring, _between_bridges(wiring, heard)):
        if place(link.far) not in taken:
            links.append(link)
    return links


def _heard(wiring: Wiring, one: Heard) -> Link | None:
    """The link a neighbour's words make; its far end is no device of ours where nothing it says is known."""
    said = one.neighbour
    if one.device_id not in wiring.by_id:
        return None
    return Link(
        near=wiring.end(one.device_id, said.port, "Port"),
        far=_far(wiring, said),
        source=Source.NEIGHBOUR,
        since=one.since,
        seen_at=wiring.looked_at.get(one.device_id),
    )


def _far(wiring: Wiring, said: Neighbour) -> End:
    """Who a neighbour is: by the address of its port, by that of its chassis, by its name."""
    port = _only(wiring.by_mac.get(said.port_id, ()))
    if port is not None:
        return wiring.end(port.device_id, port.component.name, port.component.kind)
    node = _owner(wiring, said.chassis_id) or wiring.named(said.system_name)
    chassis = _only(wiring.by_mac.get(said.chassis_id, ()))
    if node is None:
        return End(device_id=None, device=said.system_name or said.chassis_id, component=said.port_id)
    own = wiring.ports_of.get(node.device_id, ())
    for name in (said.port_id, said.port_description):
        if found := next((port for port in own if same_name(port.component.name, name)), None):
            return wiring.end(node.device_id, found.component.name, found.component.kind)
    if chassis is not None and node.kind is not DeviceKind.SWITCH:
        return wiring.end(node.device_id, chassis.component.name, chassis.component.kind)
    return wiring.end(node.device_id, said.port_id or said.port_description)


def _owner(wiring: Wiring, mac: str) -> Node | None:
    """The only device that has a port of this address."""
    owners = {port.device_id for port in wiring.by_mac.get(mac, ())}
    return wiring.by_id.get(owners.pop()) if len(owners) == 1 else None


def _only(ports: Sequence[Port]) -> Port | None:
    return ports[0] if len(ports) == 1 else None


def _between_bridges(wiring: Wiring, heard: Iterable[Link]) -> set[Place]:
    """Ports that lead on to another switch: what is learned behind them hangs elsewhere."""
    return {
        place(end)
        for link in heard
        for end, other in ((link.near, link.far), (link.far, link.near))
        if (node := wiring.by_id.get(other.device_id or "")) is not None and node.kind is DeviceKind.SWITCH
    }


def _learned(wiring: Wiring, leading_on: set[Place]) -> Iterator[Link]:
    """For each address we know, the port with the fewest others behind it; none where two are as likely."""
    places: dict[str, list[Learned]] = {}
    for one in wiring.learned:
        if (one.device_id, plain(one.station.port)) not in leading_on and one.device_id in wiring.by_id:
            places.setdefault(one.station.mac, []).append(one)
    for mac, found in places.items():
        port = _only(wiring.by_mac.get(mac, ()))
        least = min(one.crowd for one in found)
        best = {(one.device_id, one.station.port): one for one in found if one.crowd == least}
        if port is None or len(best) != 1 or port.device_id == (one := next(iter(best.values()))).device_id:
            continue
        yield Link(
            near=wiring.end(one.device_id, one.station.port, "Port"),
            far=wiring.end(port.device_id, port.component.name, port.component.kind),
            source=Source.STATION,
            since=one.since,
            seen_at=wiring.looked_at.get(one.device_id),
        )


def _once(links: Iterable[Link]) -> list[Link]:
    """A link that both ends tell of is one."""
    kept: dict[frozenset[tuple[str | None, str, str]], Link] = {}
    for link in links:
        kept.setdefault(
            frozenset((end.device_id, end.device, plain(end.component)) for end in (link.near, link.far)), link
        )
    return list(kept.values())
