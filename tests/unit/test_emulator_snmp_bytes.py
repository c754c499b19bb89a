"""The emulator's SNMP agents byte by byte: what is damaged is not answered, and never breaks them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from emulator.clock import Clock
from emulator.snmp import ber, usm
from emulator.snmp.agent import Agent, Engine, engine_id
from emulator.snmp.message import Kind, bindings, pdu
from emulator.snmp.serve import access_of
from emulator.snmp.usm import Seal
from emulator.snmp.view import Listed, Living, Shown, Table

SYSTEM = (1, 3, 6, 1, 2, 1, 1)
ASKED = bindings([(ber.oid(SYSTEM), ber.NOTHING)])
ENGINE = engine_id("sw-1")
KEY = usm.key_of("sha256", "emulated", ENGINE)


class Line:
    """Keeps what an agent sends."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendto(self, data: bytes, peer: Any) -> None:
        self.sent.append(data)

    def get_extra_info(self, name: str) -> tuple[str, int]:
        return "127.0.0.1", 161


def agent() -> tuple[Agent, Line]:
    clock, line = Clock(lambda: 1_700_000_000.0), Line()
    view = Listed({(*SYSTEM, n, 0): ber.octets("x" * n) for n in range(1, 9)})
    made = Agent(lambda: view, access_of("operator", "emulated", "public"), Engine(ENGINE, clock, 1, clock.now()))
    made.connection_made(line)
    return made, line


SEEDS = (
    ber.tagged(ber.SEQUENCE, ber.whole(1) + ber.octets("public") + pdu(Kind.GET_BULK, 7, 0, 10, ASKED)),
    Seal(ENGINE, 1, 0, b"operator", "sha256", KEY, KEY).sealed(
        5, b"", pdu(Kind.GET_NEXT, 7, 0, 0, ASKED), most=65_507, reportable=True
    ),
    Seal(b"", 0, 0).sealed(5, b"", pdu(Kind.GET, 7, 0, 0, b""), most=65_507, reportable=True),
    Seal(ENGINE, 0, 0, b"visitor").sealed(5, b"", pdu(Kind.GET_NEXT, 7, 0, 0, ASKED), most=65_507, reportable=True),
)


@pytest.mark.parametrize("message", SEEDS)
def test_every_kind_of_message_is_answered_once(message: bytes) -> None:
    made, line = agent()
    made.datagram_received(message, ("127.0.0.1", 9))
    assert len(line.sent) == 1


def test_damaged_messages_break_nothing() -> None:
    made, line = agent()
    chance = random.Random(5)
    for _ in range(5_000):
        message = bytearray(chance.choice(SEEDS))
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(message) or 1)
            match chance.randrange(4):
                case 0:
                    message[place : place + 1] = chance.randbytes(1)
                case 1:
                    del message[place : place + chance.randint(1, 5)]
                case 2:
                    message[place:place] = chance.randbytes(chance.randint(1, 5))
                case _:
                    del message[place:]
        made.datagram_received(bytes(message), ("127.0.0.1", 9))
    made.datagram_received(SEEDS[0], ("127.0.0.1", 9))
    assert line.sent[-1].startswith(b"\x30")
    assert made.tally.datagrams == 5_001


def test_an_arc_beyond_one_byte_goes_both_ways() -> None:
    for arcs in ((2, 999, 3), (1, 3, 6, 1, 4, 1, 32473), (1, 3, 4294967295), (0, 0)):
        tag, content, _ = ber.element(ber.oid(arcs))
        assert (tag, ber.arcs_of(content)) == (ber.OBJECT_ID, arcs)


def test_a_walk_of_tables_is_in_order_and_leaves_out_what_a_row_has_not() -> None:
    table = Table((1, 3, 9), {1: ber.whole, 2: lambda value: ber.whole(value) if value != 20 else None})
    other = Table((1, 3, 8), {5: ber.octets})
    view = Living([Shown(table, {(10,): 10, (2, 1): 20, (2,): 30}), Shown(other, {(0,): "x"})])
    found: list[ber.Oid] = []
    oid: ber.Oid = (1, 3)
    while (row := view.after(oid)) is not None:
        found.append(row.oid)
        oid = row.oid
    assert found == sorted(found)
    assert found == [
        (1, 3, 8, 5, 0),
        (1, 3, 9, 1, 2),
        (1, 3, 9, 1, 2, 1),
        (1, 3, 9, 1, 10),
        (1, 3, 9, 2, 2),
        (1, 3, 9, 2, 10),
    ]
    assert view.at((1, 3, 9, 2, 2, 1)) is None
    assert view.knows((1, 3, 9, 2, 77))
    assert not view.knows((1, 3, 7))
