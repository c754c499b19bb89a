"""Cables that people told of: where each end is; pure."""

from __future__ import annotations

from collections.abc import Iterator

from fleetmon.model import DeviceKind
from fleetmon.topology.wiring import Connection, End, Link, Node, Verdict, Wiring, same_name

SUPPLY, OUTLET, FEED = "PowerSupply", "Outlet", "Feed"
POWERED = frozenset({SUPPLY, OUTLET, "Circuit"})
"""Kinds of components that power cables end at."""
PASSING_ON = (DeviceKind.PDU, DeviceKind.UPS)


def expected(wiring: Wiring, node: Node) -> Iterator[tuple[End, End]]:
    """The cables somebody told of at this device: its own end, and where it leads."""
    for own, to in node.cables:
        device, slash, component = to.partition("/")
        other = wiring.by_name.get(device.strip().lower()) if slash else None
        far = (
            _at(wiring, other, component.strip())
            if other
            else End(device_id=None, device=device.strip(), component=component.strip(), kind="" if slash else FEED)
        )
        yield _at(wiring, node, own), far


def _at(wiring: Wiring, node: Node, name: str) -> End:
    """The end of this name, with its kind where the device tells of such a component."""
    own = (
        *(port.component for port in wiring.ports_of.get(node.device_id, ())),
        *(socket.component for socket in wiring.sockets_of.get(node.device_id, ())),
    )
    found = next((one for one in own if same_name(one.name, name)), None)
    return wiring.end(node.device_id, found.name if found else name, found.kind if found else "")


def is_power(wiring: Wiring, near: End, far: End) -> bool:
    """A power cable, not a network one: by what its ends are, else by what they are ends of."""
    kinds = {near.kind, far.kind}
    if FEED in kinds or kinds & POWERED:
        return True
    nodes = (wiring.by_id.get(end.device_id or "") for end in (near, far))
    return "Port" not in kinds and any(node is not None and node.kind in PASSING_ON for node in nodes)


def differs(near: End, far: End, link: Link | None, reason: str) -> Connection:
    """A cable that is not as somebody said."""
    return Connection(near=near, expected=far, link=link, verdict=Verdict.DIFFERS, reason=reason)
