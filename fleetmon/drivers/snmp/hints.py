"""What a trap is a reason to ask the device for, whatever protocol that is asked by; pure.

Only where in the tree of names a trap stands counts, not what it says: it may be forged, and the poll tells the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fleetmon.drivers.snmp.traps import ENTERPRISE_SPECIFIC, Oid, Trap
from fleetmon.model import Aspect

PLAIN = frozenset({Aspect.HEARTBEAT, Aspect.EVENTS})
"""What a trap is a reason to ask for that nobody read, or that says nothing we know."""

_PARTS = PLAIN | {Aspect.COMPONENTS}
_MEASURED = PLAIN | {Aspect.SENSORS}
_ALL = _PARTS | _MEASURED

_GENERIC = (_PARTS, _PARTS, _ALL, _ALL, PLAIN, PLAIN)
"""coldStart, warmStart, linkDown, linkUp, authenticationFailure, egpNeighborLoss (RFC 1157, 4.1.6)."""
_SPECIFIC: Mapping[Oid, frozenset[Aspect]] = MappingProxyType(
    {
        (1, 3, 6, 1, 2, 1, 33): _ALL,  # UPS-MIB (RFC 1628): on battery, alarms
        (1, 3, 6, 1, 2, 1, 47): _PARTS | {Aspect.INVENTORY},  # ENTITY-MIB (RFC 6933): another configuration
        (1, 3, 6, 1, 2, 1, 131): _PARTS,  # ENTITY-STATE-MIB (RFC 4268)
        (1, 3, 6, 1, 2, 1, 105): _ALL,  # POWER-ETHERNET-MIB (RFC 3621)
        (1, 3, 6, 1, 2, 1, 16): _MEASURED,  # RMON-MIB (RFC 2819): a threshold was crossed
        (1, 3, 6, 1, 2, 1, 88): _MEASURED,  # DISMAN-EVENT-MIB (RFC 2981): the same
        (1, 0, 8802, 1, 1, 2): _PARTS,  # LLDP-MIB: other neighbours
        (1, 3, 6, 1, 4, 1): _ALL,  # of makers: a fan, a feed, an outlet, a battery ...
    }
)


def hint(trap: Trap) -> frozenset[Aspect]:
    """What to ask now."""
    if trap.generic != ENTERPRISE_SPECIFIC:
        return _GENERIC[trap.generic] if 0 <= trap.generic < len(_GENERIC) else PLAIN
    return next((wanted for of, wanted in _SPECIFIC.items() if trap.enterprise[: len(of)] == of), PLAIN)
