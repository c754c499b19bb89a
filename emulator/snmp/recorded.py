"""Recordings of agents: `.snmprec` as snmpsim writes them, and what `snmpwalk -On` prints."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from emulator.snmp import ber
from emulator.snmp.ber import Oid
from emulator.snmp.view import Listed

LINE = re.compile(r"\.?(?P<oid>\d+(?:\.\d+)*) = (?:(?P<type>[A-Za-z][\w -]*): ?)?(?P<value>.*)", re.DOTALL)
NOT_THERE = ("No Such", "No more", "NULL")


class NoRecordingError(Exception):
    """A file that is no recording; the text says why."""


def recorded(path: Path) -> Listed:
    """The objects of a file; NoRecordingError where it holds none."""
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise NoRecordingError(f"{path}: {error.strerror}") from None
    rows = _rec(text) if path.suffix == ".snmprec" else _walk(text)
    found = Listed(dict(rows))
    if not len(found):
        raise NoRecordingError(f"{path}: no recording; lines are '1.3.6.1.2.1.1.5.0|4|name' or '.1.3.6... = STRING: x'")
    return found


def arcs(text: str) -> Oid:
    """An identifier as people write it; ValueError where it is none."""
    steps = tuple(int(step) for step in text.strip().strip(".").split("."))
    if len(steps) > ber.MOST_ARCS or any(step > 0xFFFF_FFFF for step in steps):
        raise ValueError(text)
    return steps


# ---- OID|tag|value ----


def _rec(text: str) -> Iterator[tuple[Oid, bytes]]:
    for line in text.split("\n"):
        name, _, rest = line.rstrip("\r").partition("|")
        tag, bar, told = rest.partition("|")
        with suppress(ValueError):
            if bar:
                yield arcs(name), _value(tag, told)


def _value(tag: str, told: str) -> bytes:
    """A value under its tag; behind a colon stands the name of a variation, whose first value is taken."""
    plain, colon, _ = tag.partition(":")
    if colon:
        told = dict(part.partition("=")[::2] for part in told.split(",")).get(
            "initial" if plain != "4" else "value", "0"
        )
    if plain.endswith("x"):
        content = bytes.fromhex(told)
        return ber.tagged(int(plain[:-1]), content)
    number = int(plain)
    if number == ber.OCTETS:
        return ber.octets(told.encode("utf-8", "surrogateescape"))
    if number == ber.NULL:
        return ber.NOTHING
    if number == ber.OBJECT_ID:
        return ber.oid(arcs(told))
    if number == ber.ADDRESS:
        return ber.tagged(number, bytes(int(part) for part in told.split(".")))
    return ber.whole(int(told), number)


# ---- what snmpwalk prints ----


def _walk(text: str) -> Iterator[tuple[Oid, bytes]]:
    for line in _joined(text.splitlines()):
        found = LINE.fullmatch(line)
        if found is None or found["value"].startswith(NOT_THERE):
            continue
        with suppress(ValueError):
            yield arcs(found["oid"]), _printed(found["type"] or "", found["value"])


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Values of several lines in one piece."""
    held = ""
    for line in lines:
        if LINE.match(line):
            if held:
                yield held
            held = line
        elif held:
            held += "\n" + line
    if held:
        yield held


def _printed(kind: str, told: str) -> bytes:
    """A value as it is printed; without a type it is a number, a text in quotes or a text."""
    tell = PRINTED.get(kind)
    if tell is not None:
        return tell(told)
    bare = told.strip()
    if bare.lstrip("-").isdecimal():
        return ber.whole(int(bare))
    return ber.octets(_text(told))


def _text(told: str) -> bytes:
    bare = told.strip()
    if len(bare) >= 2 and bare[0] == bare[-1] == '"':
        bare = bare[1:-1].replace('\\"', '"')
    return bare.encode("utf-8", "surrogateescape")


def _number(told: str) -> int:
    """`42`, `up(1)`, `ieee8023adLag(161)`, `(161500) 0:26:55.00`, `42 milli-seconds`."""
    found = re.search(r"\((-?\d+)\)", told) or re.search(r"(-?\d+)", told)
    if found is None:
        raise ValueError(told)
    return int(found[1])


PRINTED: dict[str, Callable[[str], bytes]] = {
    "INTEGER": lambda told: ber.whole(_number(told)),
    "Integer32": lambda told: ber.whole(_number(told)),
    "Counter32": lambda told: ber.counter(_number(told)),
    "Counter64": lambda told: ber.counter64(_number(told)),
    "Gauge32": lambda told: ber.gauge(_number(told)),
    "Unsigned32": lambda told: ber.gauge(_number(told)),
    "Timeticks": lambda told: ber.ticks(_number(told)),
    "STRING": lambda told: ber.octets(_text(told)),
    "Hex-STRING": lambda told: ber.octets(bytes.fromhex(told)),
    "BITS": lambda told: ber.octets(bytes.fromhex(" ".join(re.findall(r"\b[0-9A-F]{2}\b", told)))),
    "OID": lambda told: ber.oid(arcs(told)),
    "IpAddress": lambda told: ber.tagged(ber.ADDRESS, bytes(int(part) for part in told.strip().split("."))),
}
"""By the word in front of the colon."""
