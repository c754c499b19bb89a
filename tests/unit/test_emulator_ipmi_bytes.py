"""Whatever bytes come to an emulated BMC's UDP port, it answers by the specification or not at all."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.ipmi import framing
from emulator.ipmi.ciphers import SUITES, Seal, keyed
from emulator.ipmi.handshake import Status, chosen
from emulator.ipmi.session_commands import COMMANDS, Asked
from emulator.ipmi.sessions import AHEAD, BEHIND, Session, Window

BYTES = st.binary(max_size=80)
PROMPT = settings(max_examples=150, deadline=None)


@PROMPT
@given(BYTES)
def test_no_datagram_is_too_odd_to_be_looked_at(datagram: bytes) -> None:
    for told in (datagram, framing.RMCP_IPMI + datagram, framing.RMCP_IPMI + b"\x06" + datagram):
        packet = framing.packet_of(told)
        assert packet is None or len(packet.payload) <= len(told)
        framing.pong(told)
        framing.message_of(told)


@PROMPT
@given(st.integers(0, 31), st.integers(0, 3), st.integers(0, 255), st.integers(0, 255), BYTES)
def test_an_answer_goes_back_the_way_the_question_came(
    netfn: int, lun: int, tag: int, command: int, data: bytes
) -> None:
    head, body = bytes((0x20, netfn << 3 | lun)), bytes((0x81, tag, command)) + data
    asked = framing.message_of(head + bytes((-sum(head) & 0xFF,)) + body + bytes((-sum(body) & 0xFF,)))
    assert asked == framing.Message(netfn * 2, lun, 0x81, tag, command, data)
    answer = framing.answer_to(asked, 0xC1, data)
    assert (sum(answer[:3]) & 0xFF, sum(answer[3:]) & 0xFF) == (0, 0)
    assert answer[:2] == bytes((0x81, (netfn * 2 + 1) << 2 | tag & 3))
    assert answer[3:7] == bytes((0x20, tag & 0xFC | lun, command, 0xC1))
    assert answer[7:-1] == data


@pytest.mark.parametrize("suite", [SUITES[3], SUITES[17]], ids=["3", "17"])
@PROMPT
@given(payloads=st.lists(BYTES, min_size=1, max_size=5), noise=BYTES)
def test_what_is_sealed_comes_out_as_it_went_in_and_nothing_else_does(
    suite: Any, payloads: list[bytes], noise: bytes
) -> None:
    key = keyed(suite.authentication, b"secret", b"session")
    ours, theirs = Seal(suite, key), Seal(suite, key)
    vectors = set()
    for payload in payloads:
        sealed = ours.encrypted(payload)
        vectors.add(sealed[:16])
        assert len(sealed) % 16 == 0
        assert theirs.decrypted(sealed) == payload
        signed = ours.signed(sealed)
        assert (len(signed) - {3: 12, 17: 16}[suite.id]) % 4 == 0
        assert theirs.genuine(signed)
        assert not theirs.genuine(signed[:-1] + bytes((signed[-1] ^ 1,)))
        assert not theirs.genuine(noise)
        theirs.decrypted(noise)
    assert len(vectors) == len(payloads)


@PROMPT
@given(st.lists(st.integers(0, 120), max_size=60))
def test_the_window_takes_each_number_once_and_near_the_highest_alone(numbers: list[int]) -> None:
    window, taken, highest = Window(), {0}, 0
    for number in numbers:
        fits = number not in taken and highest - BEHIND <= number <= highest + AHEAD
        assert window.takes(number) == fits
        if fits:
            taken.add(number)
            highest = max(highest, number)


@PROMPT
@given(st.binary(min_size=24, max_size=24), st.sets(st.sampled_from(sorted(SUITES)), min_size=1))
def test_a_suite_is_one_of_those_that_are_open_or_refused(told: bytes, numbers: set[int]) -> None:
    suites = [SUITES[number] for number in sorted(numbers)]
    answer = chosen(told, suites)
    assert answer in suites or isinstance(answer, Status)


@pytest.mark.parametrize(("netfn", "command"), COMMANDS, ids=lambda value: f"{value:02x}")
@PROMPT
@given(data=BYTES)
def test_commands_about_sessions_take_any_data(netfn: int, command: int, data: bytes) -> None:
    session = Session(1, 1, 2, ("127.0.0.1", 623), SUITES[17], 4, 0.0)
    sessions: Any = SimpleNamespace(
        active=[session],
        most=4,
        suites=[SUITES[3]],
        sweep=lambda: None,
        living=lambda number: session if number == 1 else None,
        end=lambda session: None,
    )
    bmc: Any = SimpleNamespace(wire=[])
    for own in (session, None):
        reply = COMMANDS[netfn, command](Asked(bmc, sessions, own, data))
        assert reply is not None
        assert 0 <= reply.code < 256
        assert reply.code == 0 or reply.data == b""


def test_records_of_suites_are_those_of_the_specification() -> None:
    """IPMI v2.0, tables 22-18 and 22-20."""
    assert struct.pack("5B", *SUITES[3].record).hex() == "c003014181"
    assert SUITES[17].record.hex() == "c011034481"
    assert SUITES[0].record.hex() == "c000004080"
