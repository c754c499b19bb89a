"""What hangs on what: ports by what both ends tell of the wire, power by what people say and devices deny; pure.

A link is observed where a port hears its neighbour (LLDP, CDP), or where a bridge has learned the address of a port we
know behind one port alone. Expected links are the cables a person told of. Where both are known and differ, or where
what a device tells cannot be true of its cable, there is a finding; what nobody can see is called unseen, not wrong.
"""

from fleetmon.topology.comparing import connections, findings
from fleetmon.topology.network import network
from fleetmon.topology.wiring import (
    Connection,
    End,
    Heard,
    Learned,
    Link,
    Node,
    Port,
    Socket,
    Source,
    Verdict,
    Wiring,
)

__all__ = [
    "Connection",
    "End",
    "Heard",
    "Learned",
    "Link",
    "Node",
    "Port",
    "Socket",
    "Source",
    "Verdict",
    "Wiring",
    "connections",
    "findings",
    "network",
]
