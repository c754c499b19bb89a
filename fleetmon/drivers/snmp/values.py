"""What an SNMP value says: as a number, as text, as an address. An agent may tell either as text or as octets."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

from fleetmon.drivers.placeholders import PLACEHOLDERS

Value = int | bytes | str
"""An integer of whatever SNMP type, octets, or an OID or IP address in its usual spelling."""
Tables = Mapping[str, Mapping[str, Value]]
"""Column OID (no leading dot, no instance) -> index -> value; a scalar is a column with the one index "0"."""

_REPR = re.compile(r"b'(?:\\+x00)*(.*)'")
"""Octets as Python prints them: SONiC's agent does so with serial numbers (sonic-snmpagent, 2023)."""
_OPAQUE = {b"\x9f\x78\x04": struct.Struct(">f"), b"\x9f\x79\x08": struct.Struct(">d")}
"""Numbers of single and double precision inside an Opaque, as net-snmp's agents tell them."""
_LARGEST = 2**64
_NUMBER = re.compile(r"\s*[<>~]?\s*([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")


def text(value: Value | None) -> str:
    """The value as a person may read it; octets that are no text are escaped, so that none is lost (F100).

    Octets after a NUL are what an agent's buffer held besides; a value of a few octets that are no text is hexadecimal.
    """
    if value is None:
        return ""
    if not isinstance(value, bytes):
        return str(value)
    octets = value.rstrip(b"\x00 \t\r\n")
    try:
        told = octets.decode()
    except UnicodeDecodeError:
        told = octets.decode("utf-8", "backslashreplace")
    return " ".join("".join(_visible(letter) for letter in told).split())


def _visible(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if letter in "\t\r\n" else f"\\x{ord(letter):02x}" if ord(letter) < 0x100 else f"\\u{ord(letter):04x}"


def named(value: Value | None) -> str:
    """The value as a name or number that somebody gave; nothing where a placeholder stands (F77)."""
    told = text(value).strip()
    told = (found[1] if (found := _REPR.fullmatch(told)) else told).strip('"').strip()
    return "" if told.lower() in PLACEHOLDERS or not set(told) - set(" -.:?") else told


def number(value: Value | None) -> float | int | None:
    """The value as a number, also where it is told as text: "23.5", "12.1 V". What no device measures is none."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, bytes) and (form := _OPAQUE.get(value[:3])) is not None and len(value) == 3 + form.size:
        told: float = form.unpack(value[3:])[0]
        return told if abs(told) <= _LARGEST else None
    found = _NUMBER.match(text(value))
    if found is None:
        return None
    try:
        told = int(found[1])
    except ValueError:
        told = float(found[1])
    return told if abs(told) <= _LARGEST else None


def integer(value: Value | None) -> int | None:
    """The value as a whole number."""
    told = number(value)
    return None if told is None else int(told)


def mac(value: Value | None) -> str:
    """An Ethernet address as aa:bb:cc:dd:ee:ff; empty where it is none, or all zeros."""
    if isinstance(value, bytes) and len(value) == 6:
        return value.hex(":") if any(value) else ""
    letters = re.sub(r"[^0-9a-fA-F]", "", text(value)).lower() if value else ""
    return ":".join(letters[at : at + 2] for at in range(0, 12, 2)) if len(letters) == 12 and letters.strip("0") else ""


def arcs(index: str) -> tuple[int, ...]:
    """The numbers of an index."""
    return tuple(int(arc) for arc in index.split(".")) if index else ()
