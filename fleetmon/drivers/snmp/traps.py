"""SNMP traps as bytes become SNMP traps as values; pure, and with `unsealing.py` pysnmp's only door.

Versions 1, 2c and 3 are read, informs among them, which nobody here confirms. pysnmp's codec alone is used: its engine
would cost twice the time, answer, and keep a row for each engine a forged message names. What comes is what anybody can
send: it is capped before it is read, and whatever pysnmp makes of garbage is one kind of error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pyasn1.codec.ber import decoder
from pyasn1.error import PyAsn1Error
from pysnmp.proto import api
from pysnmp.proto.error import ProtocolError
from pysnmp.proto.mpmod.rfc3412 import ScopedPDU, SNMPv3Message

from fleetmon.errors import Garbled

Oid = tuple[int, ...]

MAX_BYTES = 2048
"""Of one trap: real ones fit into a packet of 1,500 bytes. Reading takes some 4 us a byte."""
ENTERPRISE_SPECIFIC = 6
"""The generic trap that leaves it to the specific one (RFC 1157, 4.1.6)."""

_TRAP_OID = (1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)
_AGENT = (1, 3, 6, 1, 6, 3, 18, 1, 3, 0)
"""Where a proxy notes who sent the version 1 trap that it passes on as version 2 (RFC 3584, 3.1)."""
_GENERIC = (1, 3, 6, 1, 6, 3, 1, 1, 5)
_VERSION_3 = 3
_USER_BASED = 3
"""The only security model of version 3 in use (RFC 3411, 5)."""
_MESSAGES = {api.SNMP_VERSION_1: api.v1.Message(), api.SNMP_VERSION_2C: api.v2c.Message()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """One trap in the terms of version 1, as far as it is a hint."""

    enterprise: Oid
    generic: int
    specific: int
    """Only where `generic` is 6."""
    agent: str = ""
    """Who says that it happened to them, which a proxy leaves standing; empty where nobody says so."""
    octets: Mapping[Oid, bytes] = field(default_factory=dict)
    """The variables that are octet strings."""


def read(datagram: bytes) -> Trap:
    """The trap in one datagram; raises Garbled for everything that is none, or that is encrypted."""
    if len(datagram) > MAX_BYTES:
        raise Garbled(f"{len(datagram)} bytes are no trap")
    with only_garbled():
        return _read(datagram)


def read_scoped(scoped: bytes) -> Trap:
    """The trap in what was decrypted (RFC 3412, 6); raises Garbled."""
    with only_garbled():
        return _scoped(decoder.decode(scoped, asn1Spec=ScopedPDU())[0])


@contextmanager
def only_garbled() -> Iterator[None]:
    """Garbage reaches corners of the codec that raise whatever Python raises there."""
    try:
        yield
    except (PyAsn1Error, ProtocolError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise Garbled(f"no SNMP trap: {type(error).__name__}") from None


def message_of(datagram: bytes) -> Any:
    """A message of version 3 in pysnmp's terms: version, header, security parameters, data."""
    message, _ = decoder.decode(datagram, asn1Spec=SNMPv3Message())
    if int(message[1][3]) != _USER_BASED:
        raise Garbled("an SNMP message of another security model")
    return message


def _read(datagram: bytes) -> Trap:
    version = int(api.decodeMessageVersion(datagram))
    if version == _VERSION_3:
        data = message_of(datagram)[3]
        if data.getName() != "plaintext":
            raise Garbled("an SNMP message that is encrypted")
        return _scoped(data.getComponent())
    if version not in _MESSAGES:
        raise Garbled("an SNMP message of a version that is not read here")
    message, _ = decoder.decode(datagram, asn1Spec=_MESSAGES[version])
    if version == api.SNMP_VERSION_1:
        return _first(api.v1.apiMessage.get_pdu(message))
    return _second(api.v2c.apiMessage.get_pdu(message))


def _scoped(scoped: Any) -> Trap:
    return _second(scoped[2].getComponent())


def _first(pdu: Any) -> Trap:
    if not pdu.isSameTypeWith(api.v1.TrapPDU()):
        raise Garbled("an SNMP message that is no trap")
    return Trap(
        enterprise=tuple(pdu[0]),
        generic=int(pdu[2]),
        specific=int(pdu[3]),
        agent=_dotted(bytes(api.v1.apiTrapPDU.get_agent_address(pdu))),
        octets=_octets(api.v1.apiTrapPDU.get_varbinds(pdu)),
    )


def _second(pdu: Any) -> Trap:
    """In the terms of version 1, by the rules of RFC 3584, 3.2."""
    if not any(pdu.isSameTypeWith(kind()) for kind in (api.v2c.SNMPv2TrapPDU, api.v2c.InformRequestPDU)):
        raise Garbled("an SNMP message that is no trap")
    told = [(tuple(name), value) for name, value in api.v2c.apiPDU.get_varbinds(pdu)]
    by_name = dict(told)
    oid = tuple(by_name[_TRAP_OID])
    agent = _dotted(bytes(by_name[_AGENT])) if _AGENT in by_name else ""
    if oid[:-1] == _GENERIC and 1 <= oid[-1] <= ENTERPRISE_SPECIFIC:
        return Trap(enterprise=oid, generic=oid[-1] - 1, specific=0, agent=agent, octets=_octets(told))
    enterprise = oid[:-2] if oid[-2] == 0 else oid[:-1]
    return Trap(enterprise=enterprise, generic=ENTERPRISE_SPECIFIC, specific=oid[-1], agent=agent, octets=_octets(told))


def _octets(varbinds: Any) -> dict[Oid, bytes]:
    text = api.v1.OctetString.tagSet
    return {tuple(name): bytes(value) for name, value in varbinds if value.tagSet == text}


def _dotted(address: bytes) -> str:
    """An IPv4 address of SNMP; empty for 0.0.0.0, which says that there is none."""
    return ".".join(map(str, address)) if len(address) == 4 and any(address) else ""
