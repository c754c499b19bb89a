"""A datagram becomes a trap, or one kind of error, whatever somebody sends."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetmon.drivers.ipmi.parse import pet
from fleetmon.drivers.snmp import traps
from fleetmon.drivers.snmp.traps import MAX_BYTES, Trap, read
from fleetmon.errors import Garbled
from tests.ber import integer, octets, sequence, tagged, trap_v1, trap_v2c

EVENT = bytes(range(46)) + b"\xc1"


def platform_trap(**more) -> bytes:
    return trap_v1(pet.ENTERPRISE, 0x010102, [(pet.BINDING, octets(EVENT))], **more)


def test_a_version_1_trap_tells_who_what_and_its_octets():
    assert read(platform_trap(agent="10.1.2.3")) == Trap(
        enterprise=pet.ENTERPRISE, generic=6, specific=0x010102, agent="10.1.2.3", octets={pet.BINDING: EVENT}
    )


def test_a_sender_that_names_no_address_names_none():
    assert read(platform_trap(agent="0.0.0.0")).agent == ""


@pytest.mark.parametrize("inform", [False, True])
def test_the_same_event_as_version_2c_reads_the_same(inform):
    told = trap_v2c((*pet.ENTERPRISE, 0, 0x010102), [(pet.BINDING, octets(EVENT))], agent="10.1.2.3", inform=inform)
    assert read(told) == read(platform_trap(agent="10.1.2.3"))


def test_an_enterprise_that_left_out_the_zero_is_understood():
    told = read(trap_v2c((1, 3, 6, 1, 4, 1, 674, 10892, 5, 3, 2, 2162), []))
    assert (told.enterprise[-1], told.generic, told.specific) == (2, 6, 2162)


def test_a_generic_trap_of_version_2c_is_the_one_of_version_1():
    cold_start = (1, 3, 6, 1, 6, 3, 1, 1, 5, 1)
    assert read(trap_v2c(cold_start, [])) == Trap(enterprise=cold_start, generic=0, specific=0)


def test_values_that_are_no_octets_are_left_out():
    told = read(trap_v1((1, 3, 6), 1, [((1, 3, 6, 1), integer(7)), ((1, 3, 6, 2), octets(b"x"))]))
    assert told.octets == {(1, 3, 6, 2): b"x"}


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x30",
        b"\x30\x80",
        b"GET / HTTP/1.1\r\n\r\n",
        sequence(integer(3), octets(b"public")),
        sequence(integer(0), octets(b"public"), tagged(0xA0, integer(1), integer(0), integer(0), sequence())),
        sequence(integer(1), octets(b"public"), tagged(0xA7, integer(1), integer(0), integer(0), sequence())),
        platform_trap()[:-1],
        platform_trap() + bytes(MAX_BYTES),
        sequence(integer(0), b"\x24\x80" * 900),
        b"\x30\x80" * 1000,
        b"\x30\x84\xff\xff\xff\xff" + b"\x02\x01\x00",
    ],
    ids=lambda datagram: datagram[:12].hex() or "nothing",
)
def test_what_is_no_trap_is_garbled(datagram):
    with pytest.raises(Garbled):
        read(datagram)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_is_sent_is_a_trap_or_garbled(data):
    datagram = bytearray(data.draw(st.sampled_from([platform_trap(), trap_v2c((*pet.ENTERPRISE, 0, 1), [])])))
    for _ in range(data.draw(st.integers(0, 6))):
        datagram[data.draw(st.integers(0, len(datagram) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(datagram)))
    with contextlib.suppress(Garbled):
        assert isinstance(read(bytes(datagram[:cut] + datagram[cut:] * data.draw(st.integers(0, 2)))), Trap)


def test_the_longest_trap_costs_no_more_than_a_few_milliseconds():
    bindings = [((1, 3, 6), integer(1))] * ((MAX_BYTES - 60) // 9)
    datagram = trap_v1((1, 3, 6), 1, bindings)
    assert MAX_BYTES - 200 < len(datagram) <= MAX_BYTES
    began = time.process_time()
    assert read(datagram).octets == {}
    assert time.process_time() - began < 0.25, "seconds; some 30 ms on an idle core"


def test_the_codec_is_used_and_no_engine():
    assert "engine" not in {name.lower() for name in vars(traps)}
