"""The outside of a message is read without a look at its values, and no bytes are too odd for that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmon.drivers.snmp.envelope import ENCRYPTED, SIGNED, TOO_BIG, WRONG_DIGEST, Envelope, look
from tests.ber import bindings, integer, octets, sequence, tagged

UPTIME = ((1, 3, 6, 1, 2, 1, 1, 3, 0), integer(7))
LONG = [((1, 3, 6, 1, 2, 1, 1, number), octets(b"x" * 200)) for number in range(9)]


def pdu(kind: int = 0xA2, status: int = 0, index: int = 0, told=(UPTIME,)) -> bytes:
    return tagged(kind, integer(4711), integer(status), integer(index), bindings(told))


def message_v3(data: bytes, flags: int = 0, signature: bytes = b"") -> bytes:
    security = sequence(
        octets(b"engine"), integer(3), integer(70_000), octets(b"user"), octets(signature), octets(b"salt")
    )
    header = sequence(integer(1), integer(65507), octets(bytes([flags])), integer(3))
    return sequence(integer(3), header, octets(security), data)


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("told", [(UPTIME,), (), LONG])
def test_a_community_message_tells_its_error(version, told):
    message = sequence(integer(version), octets(b"public"), pdu(status=TOO_BIG, index=0, told=told))
    assert look(message) == Envelope(status=TOO_BIG)
    fine = sequence(integer(version), octets(b"x" * 300), pdu(index=3, told=told))
    assert look(fine) == Envelope(status=0, index=3)


def test_an_open_v3_message_tells_its_engine_and_its_error():
    seen = look(message_v3(sequence(octets(b"engine"), octets(b""), pdu(status=5, index=1))))
    assert (seen.engine, seen.boots, seen.time) == (b"engine", 3, 70_000)
    assert (seen.status, seen.index, seen.report, seen.level) == (5, 1, None, 0)


def test_an_encrypted_one_tells_its_engine_and_where_its_signature_is():
    message = message_v3(octets(b"\xa5" * 400), flags=SIGNED | ENCRYPTED | 4, signature=b"S" * 24)
    seen = look(message)
    assert (seen.status, seen.engine, seen.level) == (None, b"engine", SIGNED | ENCRYPTED)
    assert message[slice(*seen.signature)] == b"S" * 24


@pytest.mark.parametrize(
    ("oid", "report"),
    [((1, 3, 6, 1, 6, 3, 15, 1, 1, 5, 0), WRONG_DIGEST), ((1, 3, 6, 1, 6, 3, 11, 2, 1, 3, 0), 0), ((1, 3), 0)],
)
def test_a_report_says_why(oid, report):
    told = [(oid, tagged(0x41, b"\x01"))]
    assert look(message_v3(sequence(octets(b"engine"), octets(b""), pdu(0xA8, told=told)))).report == report


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd(message):
    assert isinstance(look(message), Envelope)


@given(st.data())
def test_no_damage_is_too_odd(data):
    whole = message_v3(sequence(octets(b"engine"), octets(b""), pdu(0xA8)), flags=1, signature=b"S" * 24)
    at = data.draw(st.integers(0, len(whole)))
    cut = data.draw(st.integers(0, 4))
    assert isinstance(look(whole[:at] + data.draw(st.binary(max_size=4)) + whole[at + cut :]), Envelope)
