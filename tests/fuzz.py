"""Bodies as no service should send them: each kind of damage a payload can take, by chance that can be repeated."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import orjson

from fleetmon.drivers.redfish.bodies import BadBody, parse
from fleetmon.drivers.redfish.resource import Resource
from fleetmon.errors import Garbled, Unsupported
from tests.redfish_service import NOW, ShelfSession

Json = Any

STRANGE: tuple[Json, ...] = (
    None, True, False, 0, -1, 1e308, -1e308, 5e-324, 2**63, -(2**63) - 1, 2**64 - 1, "", " ", "N/A", "NaN", "null",
    "\x00", "\ud800", "a" * 10_000, "1,5", "0x10", "-273.15", "9" * 400, "\u0663", "\u202eevil", "<script>", "OK",
    "/redfish/v1/../..", "http://169.254.169.254/", "2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59+23:59", [], {}, [[]], [None], {"": None}, {"@odata.id": None}, {"@odata.id": "/redfish/v1/"},
    {"@odata.id": 7}, {"Health": {}}, ["OK"] * 200,
)  # fmt: skip
TOKENS = (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 5000, b"00", b"'x'", b"\xff\xfe", b"")
"""In place of a number in the bytes."""


def place(body: Json, chance: random.Random) -> tuple[Any, Any]:
    """A (holder, key) of a document, at any depth."""
    here = body
    while True:
        name = chance.choice(list(here)) if isinstance(here, dict) else chance.randrange(len(here))
        value = here[name]
        if not (isinstance(value, (dict, list)) and value) or chance.random() < 0.3:
            return here, name
        here = value


def strange_value(body: Json, chance: random.Random) -> None:
    holder, name = place(body, chance)
    holder[name] = copy.deepcopy(chance.choice(STRANGE))


def strange_values(body: Json, chance: random.Random) -> None:
    for _ in range(chance.randrange(5, 30)):
        holder, name = place(body, chance)
        holder[name] = copy.deepcopy(chance.choice(STRANGE))


def wrong_type(body: Json, chance: random.Random) -> None:
    holder, name = place(body, chance)
    value = holder[name]
    holder[name] = chance.choice([str(value), [value], {"Value": value}, {"@odata.id": str(value)}])


def field_gone(body: Json, chance: random.Random) -> None:
    holder, name = place(body, chance)
    if isinstance(holder, dict):
        del holder[name]


def swapped(body: Json, chance: random.Random) -> None:
    (one, this), (other, that) = place(body, chance), place(body, chance)
    one[this], other[that] = copy.deepcopy(other[that]), copy.deepcopy(one[this])


def many(body: Json, chance: random.Random) -> None:
    for _ in range(10):
        holder, name = place(body, chance)
        if isinstance(holder[name], list) and holder[name]:
            holder[name].extend(copy.deepcopy(holder[name][:3]) * chance.choice([1, 30, 200]))
            return


def deep(body: Json, chance: random.Random) -> None:
    holder, name = place(body, chance)
    value: Json = "bottom"
    for _ in range(chance.choice([10, 45, 60])):
        value = chance.choice([[value], {"Status": value}, {"Members": [value]}])
    holder[name] = value


SHAPES: tuple[Callable[[Json, random.Random], None], ...] = (
    strange_value, strange_value, strange_values, wrong_type, field_gone, swapped, many, deep,
)  # fmt: skip


def on_bytes(content: bytes, chance: random.Random) -> bytes:
    """The same body, damaged on its way."""
    match chance.randrange(8):
        case 0:
            return content[: chance.randrange(len(content) + 1)]
        case 1:
            at = chance.randrange(len(content))
            return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]
        case 2:
            digits = [
                at for at, byte in enumerate(content) if 48 <= byte <= 57 and content[at - 1 : at] in (b":", b" ")
            ]
            at = chance.choice(digits or [0])
            return content[:at] + chance.choice(TOKENS) + content[at + 1 :]
        case 3:
            return b"[" * 100_000
        case 4:
            return content.replace(b'"Status"', b'"Status":null,"Status"', 1)
        case 5:
            return chance.choice([b"null", b"[]", b'"x"', b"7", b"<html></html>", b"\xef\xbb\xbf" + content])
        case 6:
            return content + content
        case _:
            return bytes(chance.randrange(256) for _ in range(200))


def damaged(body: Json, chance: random.Random) -> bytes:
    """One body, damaged once or a few times, in its values or in its bytes."""
    copied = orjson.loads(orjson.dumps(body))
    if chance.random() < 0.75:
        for _ in range(chance.choice([1, 1, 2, 5])):
            if copied:
                chance.choice(SHAPES)(copied, chance)
        try:
            return orjson.dumps(copied)
        except (TypeError, orjson.JSONEncodeError):
            return orjson.dumps(body)
    return on_bytes(orjson.dumps(copied), chance)


class DamagedSession(ShelfSession):
    """A service of which each body is damaged with a probability."""

    def __init__(self, bodies: dict[str, Json], chance: random.Random, *, share: float, expand: int = 0) -> None:
        super().__init__(bodies, expand=expand)
        self.chance = chance
        self.share = share
        self.damaged = 0

    async def get(self, path: str, priority: object = None) -> Resource:
        whole = await super().get(path)
        if self.chance.random() >= self.share:
            return whole
        self.damaged += 1
        try:
            body = parse(damaged(whole.body, self.chance))
        except BadBody as error:
            raise Garbled(str(error), device=self.device, resource=path) from None
        if "error" in body.json and "@odata.id" not in body.json:
            raise Unsupported("an error in place of the resource", device=self.device, resource=path)
        return Resource(path, body.json, NOW, "", body.weight)
