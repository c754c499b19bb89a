"""What SNMP agents do wrong: a reading is a true one or none, and nothing goes on for ever."""

from __future__ import annotations

import gc
import itertools
import resource
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from emulator.snmp.agent import Agent as EmulatedAgent
from emulator.snmp.serve import PASSWORD as SNMP_PASSWORD
from emulator.snmp.serve import USER as SNMP_USER
from emulator.snmp.serve import running_recordings
from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Memory
from fleetmon.drivers.lane import Breaker, Lane
from fleetmon.drivers.snmp import conversation
from fleetmon.drivers.snmp.session import Session
from fleetmon.errors import AccessDenied, Garbled
from tests.ber import integer, octets, ticks
from tests.snmp_agent import (
    GET_BULK,
    GET_NEXT,
    NOT_IN_TIME,
    PASSPHRASE,
    TOO_BIG,
    USER,
    WRONG_DIGEST,
    Answer,
    Asked,
    Failed,
    Reports,
    Told,
    agent,
    column,
    name,
    session,
    with_agent,
)
from tests.snmpd import PASSWORD, name_of, snmpd

UPTIME, NAMES = "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.31.1.1.1.1"
TABLE = {name(UPTIME): ticks(4711), **column(NAMES, 60, lambda row: octets(b"eth%d" % row))}
SIGNED = "?auth=sha256"


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(conversation, "TRIES", (0.05, 0.05, 0.05))
    monkeypatch.setattr(conversation, "FEW_TRIES", (0.05, 0.05))


# ---- F93: an engine's clock ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("boots", "time"), [(4, 0), (4, 12), (3, 90_000), (0, 5), (0, 0), (2**31 - 1, 2**31 - 1)])
async def test_F93_after_a_reboot_the_request_is_repeated_once_in_the_engines_new_time(boots, time):
    async with agent(TABLE) as device:
        one = with_agent(device, SIGNED)
        await one.get([UPTIME])
        device.engine.boots, device.engine.time = boots, time
        before = one.requests
        assert await one.get([UPTIME]) == {UPTIME: 4711}
        assert one.requests - before == 2
        assert one.engine is not None
        assert (one.engine.boots, one.engine.time) == (boots, time)


async def test_F93_boots_that_stay_at_nought_are_as_good_as_any():
    async with agent(TABLE) as device:
        device.engine.boots = device.engine.time = 0
        one = with_agent(device, SIGNED)
        for _ in range(3):
            assert await one.get([UPTIME]) == {UPTIME: 4711}
            device.engine.time += 60
        assert (one.problem, one.requests) == ("", 4)


async def test_F93_boots_that_go_back_are_told_even_over_a_restart():
    async with agent(TABLE) as device:
        first = with_agent(device, SIGNED)
        await first.get([UPTIME])
        device.engine.boots -= 1
        one = with_agent(device, SIGNED, memory=Memory(session=first.memory()))
        assert await one.get([UPTIME]) == {UPTIME: 4711}
        assert one.problem == "its SNMP engine counts boots backwards, from 3 to 2"


async def test_F93_an_engine_that_never_finds_a_request_in_time_is_given_up_and_no_login_was_refused():
    async with agent(TABLE, lambda asked, honest: Reports(NOT_IN_TIME)) as device:
        clock = ManualClock()
        lane = Lane(device="switch", clock=clock)
        one = with_agent(device, SIGNED, clock=clock, lane=lane)
        with pytest.raises(Garbled, match="Reports alone"):
            await one.get([UPTIME])
        assert one.requests <= 8
        assert lane.breaker == Breaker()


async def test_F93_snmpd_is_read_on_after_each_restart(tmp_path: Path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    one = session(
        f"snmp://127.0.0.1:{port}?auth=sha256&priv=aes128", user=name_of("sha256", "aes128"), password=PASSWORD
    )
    boots = []
    for _ in range(3):
        with snmpd(port=port, folder=tmp_path):
            assert await one.get([UPTIME])
            assert one.engine is not None
            boots.append(one.engine.boots)
    assert boots == [1, 2, 3]
    assert one.problem == ""


# ---- F95: OIDs that do not increase ----------------------------------------------------------------------------------


def looping(asked: Asked, honest: Told) -> Answer:
    """After row 10 comes row 4."""
    if asked.kind not in (GET_NEXT, GET_BULK):
        return honest
    row = asked.names[0][-1] if len(asked.names[0]) > len(name(NAMES)) else 0
    told = Told()
    for _ in range(asked.second if asked.kind == GET_BULK else 1):
        row = 4 if row == 10 else row + 1
        told.append(((*name(NAMES), row), octets(b"eth%d" % row)))
    return told


def standing(asked: Asked, honest: Told) -> Answer:
    """Row 10 comes again and again."""
    return [one for one in honest if one[0] <= (*name(NAMES), 10)] or [((*name(NAMES), 10), octets(b"eth10"))]


@pytest.mark.parametrize("query", ["", "?version=1", "?version=3"])
@pytest.mark.parametrize("twist", [looping, standing])
async def test_F95_a_column_that_goes_in_circles_is_left_with_what_was_read(query, twist):
    async with agent(TABLE, twist) as device:
        one = with_agent(device, query)
        walk = await one.walk(NAMES, most=10_000)
        assert not walk.complete
        assert walk.reason == f"the rows go backwards after {NAMES}.10"
        assert list(walk.rows) == [str(row) for row in range(1, 11)]
        assert one.requests <= 13


# ---- F96: too much at once -------------------------------------------------------------------------------------------


async def test_F96_no_more_rows_are_asked_for_than_agents_can_count():
    def skips(asked: Asked, honest: Told) -> Answer:
        return honest[::2] if asked.kind == GET_BULK and asked.second > 25 else honest

    async with agent(TABLE, skips) as device:
        walk = await with_agent(device).walk(NAMES, most=1000)
    assert list(walk.rows) == [str(row) for row in range(1, 61)]
    assert walk.complete


@pytest.mark.parametrize("query", ["", "?version=3"])
@pytest.mark.parametrize("echo", [False, True])
async def test_F96_too_big_is_no_end_of_a_column_and_the_size_that_works_is_remembered(query, echo):
    def small(asked: Asked, honest: Told) -> Answer:
        return Failed(TOO_BIG, echo=echo) if asked.kind == GET_BULK and asked.second > 6 else honest

    async with agent(TABLE, small) as device:
        one = with_agent(device, query)
        walk = await one.walk(NAMES, most=1000)
        assert walk.complete
        assert len(walk.rows) == 60
        device.asked.clear()
        again = with_agent(device, query, memory=Memory(session=one.memory()))
        assert len((await again.walk(NAMES, most=1000)).rows) == 60
        assert {asked.second for asked in device.asked if asked.kind == GET_BULK} == {5}


async def test_F96_silence_to_much_at_once_is_answered_with_less_and_remembered(hasty):
    def overwhelmed(asked: Asked, honest: Told) -> Answer:
        return None if asked.kind == GET_BULK and asked.second > 10 else honest

    async with agent(TABLE, overwhelmed) as device:
        one = with_agent(device)
        walk = await one.walk(NAMES, most=1000)
        assert (walk.complete, len(walk.rows)) == (True, 60)
        assert one.memory()["bulk"] == [20, 10]


async def test_F96_a_device_that_has_died_is_not_taken_for_one_that_was_asked_too_much(hasty):
    async with agent(TABLE) as device:
        one = with_agent(device)
        assert (await one.walk(NAMES, most=1000)).complete
        asked = itertools.count()
        device.twist = lambda question, honest: honest if next(asked) == 0 else None
        walk = await one.walk(NAMES, most=1000)
        assert (walk.complete, len(walk.rows), walk.reason) == (False, 20, "no answer in time")
        assert one.memory()["bulk"] == [20, 20]


# ---- F99: tables without an end --------------------------------------------------------------------------------------


async def test_F99_an_endless_table_costs_as_many_rows_as_are_allowed_and_no_more():
    def growing(asked: Asked, honest: Told) -> Answer:
        if asked.kind != GET_BULK:
            return honest
        row = asked.names[0][-1] if len(asked.names[0]) > len(name(NAMES)) else 0
        return [((*name(NAMES), row + more), integer(row + more)) for more in range(1, asked.second + 1)]

    async with agent(TABLE, growing) as device:
        one = with_agent(device)
        walk = await one.walk(NAMES, most=500)
        assert not walk.complete
        assert walk.reason == f"more than 500 rows below {NAMES}"
        assert len(walk.rows) == 500
        assert one.requests == 26


# ---- F102: what a fleet of sessions costs ----------------------------------------------------------------------------


async def test_F102_a_session_is_one_socket_without_an_engine_of_its_own_and_is_gone_when_closed():
    def descriptors() -> int:
        gc.collect()
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    async with agent(TABLE) as device:
        before = descriptors()
        sessions = [with_agent(device, SIGNED) for _ in range(200)]
        for one in sessions:
            assert await one.get([UPTIME])
        assert descriptors() - before == len(sessions)
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(5):
            for one in sessions:
                await one.get([UPTIME])
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held < 4096  # KiB
        for one in sessions:
            await one.close()
        assert descriptors() == before


# ---- F105: a key that does not fit -----------------------------------------------------------------------------------


async def test_F105_a_refused_key_is_told_and_after_two_refusals_not_a_byte_is_sent():
    clock = ManualClock()
    lane = Lane(device="switch", clock=clock)
    async with agent(TABLE, lambda asked, honest: Reports(WRONG_DIGEST)) as device:
        one = with_agent(device, SIGNED, clock=clock, lane=lane, user=USER, password=PASSPHRASE)
        for _ in range(2):
            with pytest.raises(AccessDenied, match="authentication passphrase or algorithm"):
                await one.get([UPTIME])
        sent = one.requests
        with pytest.raises(AccessDenied, match="not trying again before"):
            await one.get([UPTIME])
        assert one.requests == sent
        assert lane.breaker.refusals == 2
        device.twist = None
        await clock.advance(Breaker.REST.total_seconds() + 1)
        assert await one.get([UPTIME]) == {UPTIME: 4711}
        assert lane.breaker.refusals == 0


# ---- the same of the emulated agent, which also encrypts ------------------------------------------------------------

SEALED = "?auth=sha256&priv=aes128"


@pytest.fixture
async def recorded(tmp_path):
    """An emulated agent with sixty names."""
    rows = [f"{UPTIME}|67|4711", *(f"{NAMES}.{row}|4|eth{row}" for row in range(1, 61))]
    (tmp_path / "switch.snmprec").write_text("\n".join(rows) + "\n")
    async with running_recordings([tmp_path / "switch.snmprec"]) as agents:
        yield agents["switch"]


def asking(one: EmulatedAgent, query: str = SEALED, **more) -> Session:
    user, password = (SNMP_USER, SNMP_PASSWORD) if "auth" in query else ("", "public")
    return session(f"{one.address}{query}", user=user, password=password, **more)


@pytest.mark.parametrize("query", ["", SEALED])
async def test_F93_an_encrypting_engine_is_read_on_after_it_has_rebooted(recorded, query):
    one = asking(recorded, query)
    await one.get([UPTIME])
    for boots in (2, 7, 0, 2**31 - 2):
        recorded.engine.restart(boots)
        assert await one.get([UPTIME])


@pytest.mark.parametrize("query", ["", "?version=1", SEALED])
async def test_F95_a_circle_is_left_whatever_the_version(recorded, query):
    recorded.troubles.loop = name(NAMES)
    walk = await asking(recorded, query).walk(NAMES, most=10_000)
    assert not walk.complete
    assert "go backwards" in walk.reason
    assert len(walk.rows) == 60


@pytest.mark.parametrize("query", ["", "?version=1", SEALED])
async def test_F96_names_too_many_are_asked_in_parts_whatever_hides_the_error(recorded, query):
    recorded.troubles.most_names = 8
    one = asking(recorded, query)
    names = [f"{NAMES}.{row}" for row in range(1, 61)]
    assert len(await one.get(names)) == 60
    walk = await one.walk(NAMES, most=1000)
    assert (walk.complete, len(walk.rows)) == (True, 60)
    again = asking(recorded, query, memory=Memory(session=one.memory()))
    assert len(await again.get(names)) == 60
    assert again.requests <= 10


@pytest.mark.parametrize("query", ["", SEALED])
async def test_F96_rows_that_an_agent_leaves_out_above_25_are_all_read(recorded, query):
    recorded.troubles.most_repetitions = 25
    walk = await asking(recorded, query).walk(NAMES, most=1000)
    assert (walk.complete, len(walk.rows)) == (True, 60)


@pytest.mark.parametrize("query", ["", "?version=1", SEALED])
async def test_F99_a_table_without_end_is_cut_whatever_the_version(recorded, query):
    recorded.troubles.grows = name(NAMES)
    walk = await asking(recorded, query).walk(NAMES, most=100)
    assert (walk.complete, len(walk.rows)) == (False, 100)


async def test_F96_one_value_that_an_encrypting_agent_cannot_tell_is_not_taken_for_too_many(recorded):
    honest = recorded._answer

    def stumbling(asked, version, room):
        bad = (*name(NAMES), 7) in asked.names
        return replace(honest(asked, version, room), status=5, rows=[]) if bad else honest(asked, version, room)

    recorded._answer = stumbling
    one = asking(recorded)
    assert len(await one.get([f"{NAMES}.{row}" for row in range(1, 61)])) == 59
    assert one.memory()["gets"] == [60, 60]
