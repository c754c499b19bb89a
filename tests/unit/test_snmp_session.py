"""A session asks an agent for as much as it can answer, and tells the end of a column from every other end."""

from __future__ import annotations

import asyncio
import contextlib
import random
from types import SimpleNamespace

import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Memory
from fleetmon.drivers.snmp import conversation
from fleetmon.drivers.snmp.appetite import REGAINED, Appetite
from fleetmon.drivers.snmp.session import BULK
from fleetmon.drivers.whereabouts import Whereabouts
from fleetmon.errors import AccessDenied, DeviceError, Garbled, Unreachable
from tests.ber import integer, octets, sequence, tagged, ticks
from tests.ber import oid as an_oid
from tests.snmp_agent import (
    AUTHORIZATION_ERROR,
    GENERAL_ERROR,
    GET_BULK,
    NO_SUCH_NAME,
    TOO_BIG,
    Asked,
    Engine,
    Failed,
    Told,
    agent,
    column,
    counter64,
    name,
    session,
    with_agent,
)
from tests.snmpd import COMMUNITY, PASSWORD, name_of, snmpd

SYSTEM = "1.3.6.1.2.1.1"
NAMES, OCTETS_IN = "1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.31.1.1.1.6"
BASIC = {
    name(f"{SYSTEM}.2.0"): an_oid((1, 3, 6, 1, 4, 1, 9)),
    name(f"{SYSTEM}.3.0"): ticks(4711),
    name(f"{SYSTEM}.5.0"): octets(b"switch"),
}
TABLE = {**BASIC, **column(NAMES, 30, lambda row: octets(b"eth%d" % row)), **column(OCTETS_IN, 30, counter64)}


@pytest.fixture
def hasty(monkeypatch):
    """Tries of hundredths of a second."""
    monkeypatch.setattr(conversation, "TRIES", (0.05, 0.05, 0.05))
    monkeypatch.setattr(conversation, "FEW_TRIES", (0.05, 0.05))


# ---- values ----------------------------------------------------------------------------------------------------------


async def test_every_type_of_value_comes_as_it_was_told():
    told = {
        "1.3.6.1.4.1.1.1.0": (integer(-2147483648), -2147483648),
        "1.3.6.1.4.1.1.2.0": (octets(b"\xff\x00<script>\xc3"), b"\xff\x00<script>\xc3"),
        "1.3.6.1.4.1.1.3.0": (an_oid((1, 3, 6, 1, 4, 1, 8072)), "1.3.6.1.4.1.8072"),
        "1.3.6.1.4.1.1.4.0": (tagged(0x40, bytes([10, 0, 0, 7])), "10.0.0.7"),
        "1.3.6.1.4.1.1.5.0": (tagged(0x41, b"\x00\xff\xff\xff\xff"), 2**32 - 1),
        "1.3.6.1.4.1.1.6.0": (counter64(2**64 - 1), 2**64 - 1),
        "1.3.6.1.4.1.1.7.0": (counter64(2**63), 2**63),
        "1.3.6.1.4.1.1.8.0": (tagged(0x44, bytes.fromhex("9f780442f60000")), bytes.fromhex("9f780442f60000")),
        "1.3.6.1.4.1.1.9.0": (octets(b""), b""),
        "1.3.6.1.4.1.1.10.4294967295": (integer(1), 1),
    }
    async with agent({name(one): value for one, (value, _) in told.items()}) as device:
        assert await with_agent(device).get(list(told)) == {one: value for one, (_, value) in told.items()}


@pytest.mark.parametrize("query", ["", "?version=1", "?version=3", "?auth=sha256"])
async def test_what_is_absent_is_left_out(query):
    def as_version_1(asked: Asked, honest: Told) -> Told | Failed:
        absent = [at for at, (_, value) in enumerate(honest, 1) if value[0] == 0x81]
        return Failed(NO_SUCH_NAME, absent[0], echo=True) if absent else honest

    async with agent(TABLE, as_version_1 if query == "?version=1" else None) as device:
        read = await with_agent(device, query).get([f"{SYSTEM}.3.0", f"{SYSTEM}.4.0", f"{SYSTEM}.5.0", f"{SYSTEM}.9.0"])
    assert read == {f"{SYSTEM}.3.0": 4711, f"{SYSTEM}.5.0": b"switch"}


async def test_sixty_are_asked_for_at_once_and_each_once():
    async with agent(TABLE) as device:
        rows = [f"{OCTETS_IN}.{row}" for row in range(1, 31)]
        names = [f"{NAMES}.{row}" for row in range(1, 31)]
        one = with_agent(device)
        assert len(await one.get([*rows, *names, *rows, f"{SYSTEM}.3.0"])) == 61
        assert [len(asked.names) for asked in device.asked] == [60, 1]
        assert one.requests == 2


async def test_what_the_device_calls_too_big_is_asked_in_parts_and_remembered():
    async with agent(TABLE, lambda asked, honest: Failed(TOO_BIG) if len(asked.names) > 8 else honest) as device:
        rows = [f"{OCTETS_IN}.{row}" for row in range(1, 31)]
        one = with_agent(device)
        assert len(await one.get(rows)) == 30
        again = with_agent(device, memory=Memory(session=one.memory()))
        device.asked.clear()
        assert len(await again.get(rows)) == 30
        assert [len(asked.names) for asked in device.asked] == [7, 7, 7, 7, 2]


async def test_one_value_that_fails_takes_no_other_with_it():
    def stumbling(asked: Asked, honest: Told) -> Told | Failed:
        at = next((at for at, one in enumerate(asked.names, 1) if one == name(f"{OCTETS_IN}.7")), 0)
        return Failed(GENERAL_ERROR, at, echo=True) if at else honest

    async with agent(TABLE, stumbling) as device:
        one = with_agent(device)
        read = await one.get([f"{OCTETS_IN}.{row}" for row in range(1, 31)])
        assert sorted(read.values()) == [row for row in range(1, 31) if row != 7]
        assert one.requests == 2


async def test_one_value_that_cannot_be_decoded_takes_no_other_with_it():
    table = {**TABLE, name(f"{OCTETS_IN}.7"): tagged(0x45, b"\x49\x00")}  # NsapAddress, gone since RFC 2578
    async with agent(table) as device:
        read = await with_agent(device).get([f"{OCTETS_IN}.{row}" for row in range(1, 31)])
    assert sorted(read.values()) == [row for row in range(1, 31) if row != 7]


async def test_values_nobody_asked_for_are_not_taken():
    async with agent(TABLE, lambda asked, honest: [*honest, (name(f"{SYSTEM}.6.0"), octets(b"elsewhere"))]) as device:
        assert await with_agent(device).get([f"{SYSTEM}.5.0"]) == {f"{SYSTEM}.5.0": b"switch"}


# ---- columns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("query", "requests"), [("", 2), ("?version=1", 31), ("?version=3", 3), ("?auth=sha256", 3)])
async def test_a_column_comes_whole_and_in_order(query, requests):
    async with agent(TABLE) as device:
        one = with_agent(device, query)
        walk = await one.walk(NAMES, most=100)
        assert (walk.complete, walk.reason) == (True, "")
        assert list(walk.rows.items()) == [(str(row), b"eth%d" % row) for row in range(1, 31)]
        assert one.requests == requests


@pytest.mark.parametrize("query", ["", "?version=3"])
async def test_the_last_column_of_all_ends_with_what_the_agent_has(query):
    async with agent(TABLE) as device:
        walk = await with_agent(device, query).walk(OCTETS_IN, most=100)
    assert walk.complete
    assert len(walk.rows) == 30


async def test_over_version_1_a_name_that_is_not_there_is_the_end():
    def without_end_of_mib(asked: Asked, honest: Told) -> Told | Failed:
        return Failed(NO_SUCH_NAME, 1, echo=True) if honest[0][1][0] == 0x82 else honest

    async with agent(TABLE, without_end_of_mib) as device:
        walk = await with_agent(device, "?version=1").walk(OCTETS_IN, most=100)
    assert walk.complete
    assert len(walk.rows) == 30


async def test_a_column_that_is_not_there_has_no_rows():
    async with agent(TABLE) as device:
        one = with_agent(device)
        assert (await one.walk("1.3.6.1.2.1.33.1.2.1", most=9)).rows == {}
        assert (await one.walk("1.3.6.1.4.1.99", most=9)).rows == {}
        assert one.requests == 2


async def test_an_error_in_the_midst_of_a_column_leaves_what_was_read():
    def breaks(asked: Asked, honest: Told) -> Told | Failed:
        return Failed(GENERAL_ERROR, 1, echo=True) if asked.names[0] >= name(f"{NAMES}.20") else honest

    async with agent(TABLE, breaks) as device:
        walk = await with_agent(device).walk(NAMES, most=100)
    assert not walk.complete
    assert list(walk.rows) == [str(row) for row in range(1, 21)]
    assert "error status 5" in walk.reason


async def test_an_answer_longer_than_there_is_room_for_is_asked_for_in_parts():
    table = {**BASIC, **column(NAMES, 30, lambda row: octets(b"x" * 400))}
    async with agent(table) as device:
        one = with_agent(device)
        walk = await one.walk(NAMES, most=100)
        assert walk.complete
        assert len(walk.rows) == 30
        assert max(asked.second for asked in device.asked[-3:]) <= 10


# ---- who and where ---------------------------------------------------------------------------------------------------


async def test_silence_is_asked_again_and_then_told_with_what_to_look_at(hasty):
    async with agent(TABLE) as device:
        one = with_agent(device, password="s3cret")
        with pytest.raises(Unreachable, match="no answer in time") as silent:
            await one.get([f"{SYSTEM}.3.0", f"{SYSTEM}.5.0"])
    assert "is it the right community" in str(silent.value)
    assert "s3cret" not in str(silent.value)
    assert one.requests == 2 + 1  # the two, and one alone, in case two were too much


async def test_a_lost_datagram_is_asked_again(hasty):
    lost = iter([True, False])
    async with agent(TABLE, lambda asked, honest: None if next(lost, False) else honest) as device:
        one = with_agent(device)
        assert await one.get([f"{SYSTEM}.5.0"]) == {f"{SYSTEM}.5.0": b"switch"}
        assert one.requests == 2


async def test_a_late_answer_is_not_taken_for_that_to_the_next_question(hasty):
    async with agent(TABLE) as device:
        one = with_agent(device)
        await one.get([f"{SYSTEM}.5.0"])
        transport = device.transport
        assert transport is not None

        def delayed(data, to):
            asyncio.get_running_loop().call_later(0.08, transport.sendto, data, to)

        device.transport = SimpleNamespace(sendto=delayed)
        with pytest.raises(Unreachable):
            await one.get([f"{SYSTEM}.5.0"])
        device.transport = transport
        assert await one.get([f"{SYSTEM}.3.0"]) == {f"{SYSTEM}.3.0": 4711}
        await asyncio.sleep(0.1)
        assert await one.get([f"{SYSTEM}.5.0"]) == {f"{SYSTEM}.5.0": b"switch"}


async def test_a_closed_port_is_told_at_once():
    async with agent(TABLE) as device:
        port = device.port
    with pytest.raises(Unreachable, match="nothing listens on that UDP port"):
        await session(f"snmp://127.0.0.1:{port}").get([f"{SYSTEM}.3.0"])


JUNK = [b"\x30", b"\x30\x82\xff\xff", b"GET / HTTP/1.1\r\n\r\n", bytes(64), b"\x30\x80" * 40, b"\xff" * 9000]


@pytest.mark.parametrize(
    ("host", "said"), [("255.255.255.255", "permission denied"), ("[fe80::1]", "invalid argument")]
)
@pytest.mark.parametrize("query", ["", "?version=1", "?version=3"])
async def test_a_place_no_datagram_can_go_to_is_unreachable(host, said, query):
    with pytest.raises(Unreachable, match=said):
        await session(f"snmp://{host}{query}", user="watcher").get([f"{SYSTEM}.3.0"])


@pytest.mark.parametrize("junk", JUNK)
async def test_what_is_no_message_is_garbled_after_a_few_of_it(hasty, junk):
    async with agent(TABLE, lambda asked, honest: junk) as device:
        one = with_agent(device)
        with pytest.raises(Garbled, match="cannot be read"):
            await one.walk(NAMES, most=10)
        with pytest.raises(Garbled, match="cannot be read"):
            await one.get([f"{OCTETS_IN}.{row}" for row in range(1, 31)])
        assert one.requests <= 5 + 8


@pytest.mark.parametrize(
    "binding",
    [
        sequence(),
        sequence(tagged(6)),
        sequence(tagged(6, b"\x2b")),
        sequence(tagged(6, b""), integer(1)),
        sequence(tagged(6, b"\x2b\x06"), tagged(2, b"\xff" * 9)),
        sequence(tagged(6, b"\x2b\x06"), tagged(0x46, b"\xff" * 12)),
        sequence(tagged(6, b"\x2b\x06"), b"\x04\x7fabc"),
        sequence(tagged(6, b"\x2b" + b"\xff" * 12), integer(1)),
        sequence(tagged(6, b"\x2b\x06"), tagged(0x40, b"\x01\x02")),
    ],
)
async def test_a_binding_that_is_none_is_no_value(hasty, binding):
    def damaged(asked: Asked, honest: Told) -> bytes:
        pdu = tagged(0xA2, integer(asked.request_id), integer(0), integer(0), sequence(binding))
        return sequence(integer(1), octets(COMMUNITY.encode()), pdu)

    async with agent(TABLE, damaged) as device:
        one = with_agent(device)
        for question in (one.get([f"{SYSTEM}.3.0"]), one.walk(NAMES, most=10)):
            with contextlib.suppress(Garbled):
                read = await question
                assert not (read if isinstance(read, dict) else read.rows)


@pytest.mark.parametrize("query", ["", "?version=1", "?version=3", "?auth=sha256"])
async def test_answers_spoiled_on_their_way_are_read_or_refused_and_never_a_crash(monkeypatch, query):
    monkeypatch.setattr(conversation, "TRIES", (0.02,))
    monkeypatch.setattr(conversation, "FEW_TRIES", (0.02,))
    chance = random.Random(95)

    def spoiled(data: bytes) -> bytes:
        spoilt = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.randrange(len(spoilt))
            spoilt[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(1, 4))
        return bytes(spoilt)

    async with agent(TABLE) as device:
        transport = device.transport
        assert transport is not None
        device.transport = SimpleNamespace(sendto=lambda data, to: transport.sendto(spoiled(data), to))
        for number in range(60):
            one = with_agent(device, query)
            with contextlib.suppress(DeviceError):
                await (one.walk(NAMES, most=100) if number % 2 else one.get([f"{SYSTEM}.3.0", f"{SYSTEM}.5.0"]))
        device.transport = transport


async def test_an_agent_that_refuses_the_community_is_told_so():
    async with agent(TABLE, lambda asked, honest: Failed(AUTHORIZATION_ERROR)) as device:
        with pytest.raises(AccessDenied, match="refuses this community"):
            await with_agent(device).get([f"{SYSTEM}.3.0"])


async def test_an_answer_without_the_signature_of_its_key_is_as_none(hasty):
    async with agent(TABLE) as device:
        one = with_agent(device, "?auth=sha256")
        assert await one.get([f"{SYSTEM}.5.0"])
        device.engine.signed = False
        with pytest.raises(Unreachable):
            await one.get([f"{SYSTEM}.5.0"])
        device.engine.signed = True
        assert await one.get([f"{SYSTEM}.5.0"])


async def test_a_device_behind_the_same_address_that_is_another_engine_is_met_anew():
    async with agent(TABLE) as device:
        one = with_agent(device, "?auth=sha256")
        await one.get([f"{SYSTEM}.5.0"])
        before, device.engine = one.engine, Engine(id=b"\x80\x00\xff\xff\x05other", boots=1, time=9)
        assert await one.get([f"{SYSTEM}.5.0"]) == {f"{SYSTEM}.5.0": b"switch"}
        assert before != one.engine
        assert one.problem == ""


async def test_no_credentials_and_short_passphrases_cost_no_byte():
    async with agent(TABLE) as device:
        one = with_agent(device, "?auth=sha256", password="short")
        with pytest.raises(AccessDenied, match="shorter than the 8 characters"):
            await one.get([f"{SYSTEM}.3.0"])
        assert (one.requests, device.asked) == (0, [])


async def test_master_keys_are_remembered_for_the_credentials_and_algorithms_they_were_made_of():
    async with agent(TABLE) as device:
        one = with_agent(device, "?auth=sha256")
        await one.get([f"{SYSTEM}.3.0"])
        kept = one.memory()
        again = with_agent(device, "?auth=sha256", password="is not looked at", memory=Memory(session=kept))
        assert await again.get([f"{SYSTEM}.5.0"]) == {f"{SYSTEM}.5.0": b"switch"}
        other = with_agent(device, "?auth=sha512", memory=Memory(session=kept))
        assert "keys" not in other.memory()
        changed = with_agent(device, "?auth=sha256", memory=Memory(session={**kept, "version": 7}))
        assert "keys" not in changed.memory()


@pytest.mark.parametrize("memory", [{}, {"bulk": [0, -3]}, {"bulk": "x", "gets": None}, {"bulk": [500, 500]}])
async def test_a_memory_that_says_nothing_sensible_is_as_none(memory):
    async with agent(TABLE) as device:
        one = with_agent(device, memory=Memory(session=memory))
        await one.walk(NAMES, most=100)
        assert [asked.second for asked in device.asked if asked.kind == GET_BULK] == [BULK] * 2


# ---- how much at once ------------------------------------------------------------------------------------------------


def test_what_silence_taught_is_forgotten_after_a_while_and_what_the_agent_said_is_not():
    appetite = Appetite(20)
    appetite.too_slow(20)
    assert appetite.size == 10
    for _ in range(REGAINED):
        appetite.went_well(10)
    assert appetite.size == 20
    appetite.too_big(20)
    for _ in range(5 * REGAINED):
        appetite.went_well(10)
    assert (appetite.size, appetite.most) == (10, 10)


def test_at_least_one_is_asked_for():
    appetite = Appetite(20)
    for _ in range(9):
        appetite.too_big(appetite.size)
    assert appetite.size == 1


# ---- an agent of others ----------------------------------------------------------------------------------------------

PAIRS = [
    ("", ""), ("md5", ""), ("sha", "aes128"), ("sha224", "des"), ("sha256", "aes128"), ("sha256", "aes192"),
    ("sha384", "aes256"), ("sha512", "aes256"), ("sha", "aes192"), ("md5", "aes256"), ("sha", "aes256c"),
    ("md5", "aes192c"),
]  # fmt: skip


async def test_snmpd_answers_every_version_and_every_pair_of_algorithms():
    with snmpd("sysDescr ours", users=PAIRS) as one:
        for query in ("", "?version=1"):
            read = await session(one.address + query, password=COMMUNITY).get([f"{SYSTEM}.1.0", f"{SYSTEM}.99.0"])
            assert read == {f"{SYSTEM}.1.0": b"ours"}
        for auth, priv in PAIRS:
            words = [f"auth={auth}"] * bool(auth) + [f"priv={priv}"] * bool(priv) or ["version=3"]
            address = f"{one.address}?{'&'.join(words)}"
            over_v3 = session(address, user=name_of(auth, priv), password=PASSWORD)
            assert await over_v3.get([f"{SYSTEM}.1.0", f"{SYSTEM}.99.0"]) == {f"{SYSTEM}.1.0": b"ours"}, address
            assert over_v3.requests == 2, address
            assert (await over_v3.walk("1.3.6.1.2.1.2.2.1.1", most=1000)).complete, address


async def test_snmpd_tells_a_wrong_user_and_a_wrong_passphrase(hasty):
    with snmpd() as one:
        address = f"{one.address}?auth=sha256&priv=aes128"
        with pytest.raises(AccessDenied, match="knows no such SNMPv3 user"):
            await session(address, user="nobody", password=PASSWORD).get([f"{SYSTEM}.1.0"])
        with pytest.raises(AccessDenied, match="authentication passphrase"):
            await session(address, user=name_of("sha256", "aes128"), password="not-that-one").get([f"{SYSTEM}.1.0"])
        wrong = session(address, user=name_of("sha256", "aes128"), password=f"{PASSWORD.split()[0]}\nnot-that-one")
        with pytest.raises(Unreachable) as silent:
            await wrong.get([f"{SYSTEM}.1.0"])
        assert "privacy passphrase" in str(silent.value)
        with pytest.raises(AccessDenied, match="refuses this user or its security level"):
            await session(f"{one.address}?auth=sha256", user=name_of("sha256", "aes128"), password=PASSWORD).get(
                [f"{SYSTEM}.1.0"]
            )


async def test_a_name_is_resolved(hasty):
    async with agent(TABLE) as device:
        assert await session(f"snmp://localhost:{device.port}", clock=ManualClock()).get([f"{SYSTEM}.5.0"])


async def test_of_several_addresses_the_next_is_asked_after_silence_and_the_old_ones_count_while_no_name_is_known(
    monkeypatch,
):
    clock, told = ManualClock(), ["10.0.0.1", "10.0.0.2"]

    async def look_up(*_, **__):
        if not told:
            raise OSError("no name service")
        return [(0, 0, 0, "", (address, 0)) for address in told]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    host = Whereabouts("switch", 161, clock=clock, device="snmp://switch")
    assert [await host.address(), await host.address()] == ["10.0.0.1", "10.0.0.1"]
    host.was_silent()
    assert await host.address() == "10.0.0.2"
    told.clear()
    host.was_silent()
    assert await host.address() == "10.0.0.1"
    unknown = Whereabouts("elsewhere", 161, clock=clock, device="snmp://elsewhere")
    with pytest.raises(Unreachable, match="no address for elsewhere: no name service"):
        await unknown.address()
    told.append("10.0.0.3")
    with pytest.raises(Unreachable):
        await unknown.address()
    await clock.advance(61)
    assert await unknown.address() == "10.0.0.3"


async def test_a_discovery_that_was_cut_short_leaves_nothing_half_open(hasty):
    async with agent(TABLE) as device:
        one = with_agent(device, "?auth=sha256")
        real, device.transport = device.transport, SimpleNamespace(sendto=lambda data, to: None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await one.get([f"{SYSTEM}.5.0"])
        with pytest.raises(Unreachable):
            await one.get([f"{SYSTEM}.5.0"])
        device.transport = real
        assert await one.get([f"{SYSTEM}.5.0"]) == {f"{SYSTEM}.5.0": b"switch"}
        assert one.requests == 1 + 2 + 2
