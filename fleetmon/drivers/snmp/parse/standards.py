"""The MIBs that many makers share, by the name a profile calls them: what each reads, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from fleetmon.drivers.snmp.parse import entity, entity_sensor, host, interfaces, wire
from fleetmon.drivers.snmp.parse.points import Draft


def _nothing(_: Draft) -> None:
    """Not drawn: read only with the inventory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """One MIB: columns and scalars it needs, those that only the inventory needs, and what it adds to a layout."""

    columns: tuple[str, ...] = ()
    scalars: tuple[str, ...] = ()
    inventory: tuple[str, ...] = ()
    draw: Callable[[Draft], None] = _nothing


STANDARDS: Mapping[str, Standard] = {
    "if": Standard(columns=interfaces.COLUMNS, inventory=interfaces.INVENTORY, draw=interfaces.draw),
    "numbered-ports": Standard(columns=(entity.CLASS,), draw=entity.draw_numbered_ports),
    "entity": Standard(columns=entity.COLUMNS, inventory=entity.INVENTORY, draw=entity.draw),
    "entity-state": Standard(columns=entity.STATES, draw=entity.draw_states),
    "entity-sensor": Standard(
        columns=entity_sensor.STANDARD.oids, draw=partial(entity_sensor.draw, columns=entity_sensor.STANDARD)
    ),
    "arista-entity-sensor": Standard(
        columns=entity_sensor.ARISTA.oids, draw=partial(entity_sensor.draw, columns=entity_sensor.ARISTA)
    ),
    "cisco-entity-sensor": Standard(
        columns=(*entity_sensor.CISCO.oids, *entity_sensor.STANDARD.oids), draw=entity_sensor.draw_either
    ),
    "host-resources": Standard(columns=host.COLUMNS, draw=host.draw),
    "lldp": Standard(inventory=wire.LLDP_COLUMNS),
    "cdp": Standard(inventory=wire.CDP_COLUMNS),
    "bridge": Standard(inventory=wire.BRIDGE_COLUMNS),
}
"""In the order in which they are drawn: ports and entities first, which others speak of."""
