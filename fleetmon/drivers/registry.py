"""Protocol name -> how to open a driver."""

from __future__ import annotations

from fleetmon.drivers.base import Driver, Opening
from fleetmon.drivers.ipmi.driver import IpmiDriver
from fleetmon.drivers.ipmi.workers import Workers
from fleetmon.drivers.redfish.driver import RedfishDriver
from fleetmon.drivers.snmp.driver import SnmpDriver
from fleetmon.model import Protocol


def open_driver(opening: Opening, *, workers: Workers | None = None) -> Driver:
    """A driver for the endpoint; nothing is sent before it is asked. Raises ConfigError.

    `workers` are those of the whole service, which IPMI sessions live in.
    """
    match opening.endpoint.protocol:
        case Protocol.REDFISH:
            return RedfishDriver(opening)
        case Protocol.IPMI:
            return IpmiDriver(opening, workers)
        case Protocol.SNMP:
            return SnmpDriver(opening)
