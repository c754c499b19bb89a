"""A driver walks a device once, then asks for little, and sees when the device is another than before."""

from __future__ import annotations

import json
import math
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from emulator.snmp.serve import running_recordings
from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Credentials, Memory, Opening, Request, Secret
from fleetmon.drivers.lane import Lane, Priority
from fleetmon.drivers.snmp.clockwork import TURN, Clockwork
from fleetmon.drivers.snmp.driver import AT_EASE, SnmpDriver
from fleetmon.drivers.snmp.session import Session, Walk
from fleetmon.drivers.snmp.values import Value, number
from fleetmon.errors import Unaskable
from fleetmon.model import Aspect, Component, Endpoint, Observation, PowerState, Protocol, Quality, Reachability
from tests.ber import Oid, integer, octets, tagged, ticks
from tests.ber import oid as an_oid
from tests.observations import START, opened
from tests.recordings import ABSENT
from tests.snmp_agent import COMMUNITY, GET, Agent, Asked, Told, agent, counter64, name
from tests.snmp_captures import AGENTS, names

STEADY = frozenset({Aspect.HEARTBEAT, Aspect.SENSORS})
IF, IFX = "1.3.6.1.2.1.2.2.1.", "1.3.6.1.2.1.31.1.1.1."
UPTIME, BOOTS, ENGINE_TIME = "1.3.6.1.2.1.1.3.0", "1.3.6.1.6.3.10.2.1.1.0", "1.3.6.1.6.3.10.2.1.3.0"
TABLE_CHANGE = "1.3.6.1.2.1.31.1.5.0"
IN, OUT, ERRORS, DISCARDS = IFX + "6", IFX + "10", IF + "14", IF + "13"


def gauge(value: int) -> bytes:
    return tagged(0x42, value.to_bytes(5, "big").lstrip(b"\0") or b"\0")


def counter32(value: int) -> bytes:
    return tagged(0x41, value.to_bytes(5, "big").lstrip(b"\0") or b"\0")


def row(index: int, called: str, octets_in: int) -> dict[Oid, bytes]:
    told = {
        IF + "2": octets(called.encode()),
        IF + "3": integer(6),
        IF + "7": integer(1),
        IF + "8": integer(1),
        IFX + "1": octets(called.encode()),
        IN: counter64(octets_in),
        OUT: counter64(octets_in // 2),
        ERRORS: counter32(1000 + index),
        DISCARDS: counter32(2000 + index),
    }
    return {(*name(column), index): value for column, value in told.items()}


def switch(ports: int = 52) -> dict[Oid, bytes]:
    table = {
        name("1.3.6.1.2.1.1.1.0"): octets(b"Some switch"),
        name("1.3.6.1.2.1.1.2.0"): an_oid((1, 3, 6, 1, 4, 1, 99999, 1)),
        name("1.3.6.1.2.1.1.5.0"): octets(b"sw-01"),
        name(UPTIME): ticks(1_000_000),
        name(TABLE_CHANGE): ticks(5),
    }
    for port in range(1, ports + 1):
        table |= row(port, f"eth{port}", 1_000_000 * port)
    return table


@dataclass(slots=True)
class Bench:
    """An agent, a driver and their clock."""

    agent: Agent
    driver: SnmpDriver
    clock: ManualClock

    async def poll(self, aspects: Iterable[Aspect] = STEADY, seconds: float = 60, counted: int = 6000) -> Observation:
        """The next poll, after time in which every port has counted."""
        await self.clock.advance(seconds)
        self.tick(UPTIME, int(seconds * 100))
        for oid, value in self.agent.table.items():
            if value[0] == 0x46:
                self.agent.table[oid] = counter64(int.from_bytes(value[2:], "big") + counted)
        return await self.driver.observe(Request(aspects=frozenset(aspects)))

    def tick(self, oid: str, more: int) -> None:
        held = int.from_bytes(self.agent.table[name(oid)][2:], "big")
        self.agent.table[name(oid)] = ticks((held + more) % 2**32)

    def put(self, oid: str, value: bytes) -> None:
        self.agent.table[name(oid)] = value


def driver_for(one: Agent, clock: ManualClock, memory: Memory | None = None) -> SnmpDriver:
    address = f"snmp://127.0.0.1:{one.port}"
    return SnmpDriver(
        Opening(
            endpoint=Endpoint(protocol=Protocol.SNMP, address=address, verify="none"),
            credentials=Credentials(user="", password=Secret(COMMUNITY)),
            lane=Lane(device=address, clock=clock),
            clock=clock,
            memory=memory or Memory(),
        )
    )


@asynccontextmanager
async def bench(table: dict[Oid, bytes] | None = None) -> AsyncIterator[Bench]:
    """A switch that was looked at once."""
    clock = ManualClock(START)
    async with agent(switch() if table is None else table) as one:
        driver = driver_for(one, clock)
        try:
            first = await driver.observe(Request(aspects=frozenset(Aspect)))
            assert first.reachability is Reachability.REACHABLE, first.reason
            one.asked.clear()
            yield Bench(one, driver, clock)
        finally:
            await driver.close()


def numbers(found: Observation, sensor: str = "Octets in") -> dict[str, float | None]:
    return {one.sensor.component.name: one.number for one in found.readings if one.sensor.name == sensor}


def doubts(found: Observation) -> set[str]:
    return {one.quality_reason for one in found.readings if one.quality is not Quality.GOOD}


# ---- what is asked ---------------------------------------------------------------------------------------------------


async def test_the_first_look_tells_who_it_is_what_it_has_and_how_it_is():
    async with agent(switch()) as one:
        driver = driver_for(one, ManualClock(START))
        found = await driver.observe(Request(aspects=frozenset(Aspect)))
        await driver.close()
    assert found.answered == frozenset(Aspect)
    assert found.identity is not None
    assert found.identity.host_name == "sw-01"
    assert found.components_complete
    assert len(found.readings) == 52 * 4
    assert {one.component.kind for one in found.health} == {"Port"}
    assert found.inventory is not None
    assert Component("Port", "eth7") in {part.component for part in found.inventory.parts}


async def test_52_ports_of_4_columns_take_four_pdus():
    async with bench() as it:
        found = await it.poll()
        assert (found.requests, len(found.readings), {one.kind for one in it.agent.asked}) == (4, 208, {GET})
        assert numbers(found)["eth7"] == 7_006_000


async def test_a_heartbeat_takes_one_pdu():
    async with bench() as it:
        assert (await it.poll({Aspect.HEARTBEAT})).requests == 1


async def test_states_are_asked_for_where_they_stand():
    async with bench() as it:
        it.put(IF + "8.3", integer(2))
        found = await it.poll({Aspect.COMPONENTS})
        (port,) = [one for one in found.health if one.component.name == "eth3"]
        assert (port.state, found.components_complete) == ("StandbyOffline", True)
        ports = name(IF[:-1])
        assert {one.kind for one in it.agent.asked if one.names[0][: len(ports)] == ports} == {GET}


async def test_a_cable_that_was_moved_is_told_with_the_states():
    remote = "1.0.8802.1.1.2.1.4.1.1."
    table = switch(4)
    for arc, value in (("4", integer(4)), ("5", octets(bytes(range(6)))), ("6", integer(5)), ("7", octets(b"nic1"))):
        table[name(f"{remote}{arc}.0.3.1")] = value
    async with bench(table) as it:
        found = await it.poll({Aspect.COMPONENTS})
        assert [(one.port, one.port_id) for one in found.neighbours or ()] == [("eth3", "nic1")]
        for arc in ("4", "5", "6", "7"):
            it.agent.table[name(f"{remote}{arc}.0.4.1")] = it.agent.table.pop(name(f"{remote}{arc}.0.3.1"))
        found = await it.poll({Aspect.COMPONENTS})
        assert [one.port for one in found.neighbours or ()] == ["eth4"]


async def test_what_was_learned_outlives_a_restart_of_the_service():
    async with bench() as it:
        remembered = it.driver.memory()
        later = driver_for(it.agent, it.clock, Memory(plan=remembered.plan))
        found = await later.observe(Request(aspects=STEADY))
        await later.close()
        assert (found.requests, len(found.readings), doubts(found)) == (4, 208, set())


@pytest.mark.parametrize("damage", [{"version": 0}, {"tables": "nonsense"}, {"profile": "none such"}, {"clockwork": 3}])
async def test_a_memory_that_cannot_be_read_is_learned_afresh(damage):
    async with bench() as it:
        later = driver_for(it.agent, it.clock, Memory(plan=it.driver.memory().plan | damage))
        found = await later.observe(Request(aspects=STEADY))
        await later.close()
        assert len(found.readings) == 208


async def test_a_silent_agent_is_unreachable_and_nothing_is_forgotten(monkeypatch):
    monkeypatch.setattr("fleetmon.drivers.snmp.conversation.TRIES", (0.02, 0.02))
    monkeypatch.setattr("fleetmon.drivers.snmp.conversation.FEW_TRIES", (0.02,))
    async with bench() as it:
        it.agent.twist = lambda asked, told: None
        assert (await it.poll()).reachability is Reachability.UNREACHABLE
        it.agent.twist = None
        assert (await it.poll()).requests == 4


async def test_a_raw_look_shows_what_stands_below_an_oid():
    async with bench() as it:
        shown = await it.driver.raw(".1.3.6.1.2.1.1")
        assert shown["values"]["1.3.6.1.2.1.1.5.0"] == "sw-01"
        with pytest.raises(Unaskable):
            await it.driver.raw("sysDescr")


# ---- what changes ----------------------------------------------------------------------------------------------------


async def test_a_new_port_is_there_when_the_agent_says_that_its_table_changed():
    async with bench() as it:
        it.agent.table |= row(53, "eth53", 0)
        it.put(TABLE_CHANGE, ticks(1_000_100))
        assert "eth53" in numbers(await it.poll())


async def test_an_agent_whose_tables_change_always_is_not_walked_always():
    async with bench() as it:
        walks = 0
        for turn in range(20):
            it.put(TABLE_CHANGE, ticks(2_000_000 + turn))
            walks += (await it.poll()).requests > 4
        assert walks == 20 * 60 // AT_EASE


async def test_a_port_that_was_taken_out_is_walked_for_once_and_then_not_missed():
    async with bench() as it:
        for oid in row(52, "eth52", 0):
            del it.agent.table[oid]
        assert "eth52" not in numbers(await it.poll())
        assert (await it.poll()).requests == 4


async def test_F91_a_restart_leaves_the_first_counts_in_doubt():
    async with bench() as it:
        await it.poll()
        it.put(UPTIME, ticks(100))
        found = await it.poll(seconds=60)
        assert {one.quality for one in found.readings} == {Quality.SUSPECT}
        assert doubts(await it.poll()) == set()


async def test_F91_boots_tell_of_a_restart_that_uptime_does_not_show():
    async with bench() as it:
        it.put(BOOTS, integer(7))
        await it.poll()
        it.put(BOOTS, integer(8))
        assert len(doubts(await it.poll())) == 1


async def test_F91_a_restart_between_two_runs_of_the_service_is_seen():
    async with bench() as it:
        remembered = it.driver.memory()
        await it.clock.advance(3600)
        it.put(UPTIME, ticks(4711))
        later = driver_for(it.agent, it.clock, Memory(plan=remembered.plan))
        found = await later.observe(Request(aspects=STEADY))
        await later.close()
        assert len(doubts(found)) == 1


async def test_F92_uptime_that_comes_round_after_497_days_is_no_restart():
    async with bench() as it:
        it.put(UPTIME, ticks(2**32 - 12_100))
        await it.poll()
        await it.poll()
        await it.poll()
        found = await it.poll()
        assert int.from_bytes(it.agent.table[name(UPTIME)][2:], "big") < 20_000
        assert (found.requests, doubts(found)) == (4, set())


@pytest.mark.parametrize(
    ("before", "now", "elapsed", "anew"),
    [
        ((1000, None, None), (7000, None, None), 60, False),
        ((1_000_000, None, None), (3000, None, None), 60, True),
        ((2**32 - 3000, None, None), (3000, None, None), 60, False),
        ((2**32 - 3000, 4, 9_000_000), (3000, 4, 9_000_060), 60, False),
        ((1_000_000, 4, 10_000), (3000, 5, 30), 60, True),
        ((1_000_000, 1, 10_000), (3000, 1, 30), 60, True),
        ((1_000_000, 1, 0), (1_006_000, 1, 0), 60, False),
        ((0, None, None), (0, None, None), 60, False),
        ((None, None, None), (3000, None, None), 60, False),
        ((1000, None, None), ((1000 + 86_400_00), None, None), 86_400, False),
        ((1000, None, None), ((1000 + (86_400 - 40) * 100), None, None), 86_400, False),
    ],
)
def test_F92_boots_and_the_engine_s_time_are_believed_before_uptime(before, now, elapsed, anew):
    then, since = (Clockwork(uptime=uptime, boots=boots, engine_time=time) for uptime, boots, time in (before, now))
    assert since.began_anew(then, elapsed) is anew


def test_F92_an_uptime_of_two_turns_is_no_restart():
    assert not Clockwork(uptime=100).began_anew(Clockwork(uptime=100), 0.0)
    assert not Clockwork(uptime=500).began_anew(Clockwork(uptime=100), 2 * TURN + 4)


def exchange(table: dict[Oid, bytes], one: int, other: int) -> None:
    """Two ports change their ifIndex, and keep all that is theirs."""
    columns = {oid[:-1] for oid in table if oid[: len(name(IF[:-1]))] == name(IF[:-1])}
    columns |= {oid[:-1] for oid in table if oid[: len(name(IFX[:-1]))] == name(IFX[:-1])}
    for column in columns:
        table[(*column, one)], table[(*column, other)] = table[(*column, other)], table[(*column, one)]


async def test_F94_a_port_keeps_its_name_and_its_counts_when_its_index_changes():
    async with bench() as it:
        before = numbers(await it.poll())
        exchange(it.agent.table, 3, 7)
        it.put(TABLE_CHANGE, ticks(1_007_000))
        after = await it.poll()
        assert numbers(after) == {port: (count or 0) + 6000 for port, count in before.items()}
        doubtful = {one.sensor.component.name for one in after.readings if one.quality is not Quality.GOOD}
        assert doubtful == {"eth3", "eth7"}
        assert doubts(await it.poll()) == set()


async def test_F94_other_names_are_seen_where_the_agent_does_not_say_that_its_table_changed():
    async with bench() as it:
        await it.poll()
        exchange(it.agent.table, 3, 7)
        await it.poll({*STEADY, Aspect.COMPONENTS})
        assert numbers(await it.poll())["eth3"] == 3_000_000 + 3 * 6000


async def test_F94_R17_the_history_of_a_port_outlives_another_index(tmp_path):
    async with bench() as it, opened(tmp_path, it.clock) as store:
        for turn in range(12):
            if turn == 6:
                exchange(it.agent.table, 3, 7)
                it.put(TABLE_CHANGE, ticks(1_040_000))
            found = await it.poll()
            await store.telemetry.append("sw-01", found.taken_at, found.readings)
        for port in ("eth3", "eth7"):
            (told,) = [
                one
                for one in await store.telemetry.sensors("sw-01")
                if (one.sensor.component.name, one.sensor.name) == (port, "Octets in")
            ]
            end = it.clock.now() + timedelta(seconds=1)
            series = await store.telemetry.readings("sw-01", told.sensor_id, start=START, end=end)
            rates = [point.mean for point in series.points]
            assert rates == [100.0] * 5 + [None, None] + [100.0] * 4


async def test_F97_a_poll_that_misses_a_pdu_tells_no_count_it_has_not_read(monkeypatch):
    monkeypatch.setattr("fleetmon.drivers.snmp.conversation.TRIES", (0.02, 0.02))
    monkeypatch.setattr("fleetmon.drivers.snmp.conversation.FEW_TRIES", (0.02,))

    def cut(asked: Asked, told: Told) -> Told | None:
        return None if name(f"{IN}.20") in asked.names else told

    async with bench() as it:
        await it.poll()
        it.agent.twist = cut
        found = await it.poll()
        assert numbers(found) == {}
        it.agent.twist = None
        assert numbers(await it.poll())["eth7"] == 7_018_000


async def test_F98_noughts_without_a_restart_are_doubted():
    async with bench() as it:
        await it.poll()
        kept = dict(it.agent.table)
        for port in range(1, 53):
            it.put(f"{IN}.{port}", counter64(0))
            it.put(f"{ERRORS}.{port}", counter32(0))
        found = await it.poll(counted=0)
        doubtful = {one.sensor.name for one in found.readings if one.quality is Quality.SUSPECT}
        assert doubtful == {"Octets in", "Errors in"}
        it.agent.table |= {oid: value for oid, value in kept.items() if oid != name(UPTIME)}
        assert doubts(await it.poll()) == set()


async def test_F98_a_counter_that_somebody_cleared_is_doubted_once():
    async with bench() as it:
        await it.poll()
        it.put(f"{ERRORS}.3", counter32(0))
        assert len(doubts(await it.poll())) == 1
        assert doubts(await it.poll()) == set()


async def test_F100_names_of_no_text_are_told_escaped_and_stored():
    table = switch(2)
    table[name("1.3.6.1.2.1.1.5.0")] = octets(b"sw\xff\x00<script>")
    table[name(IFX + "1.2")] = octets(b"eth\x01\xfe")
    async with bench(table) as it:
        found = await it.driver.observe(Request(aspects=frozenset(Aspect)))
        assert found.identity is not None
        assert found.identity.host_name == "sw\\xff\\x00<script>"
        assert "eth\\x01\\xfe" in numbers(found)


async def test_F101_a_count_of_64_bits_comes_to_its_last_digit():
    async with bench() as it:
        it.put(f"{IN}.1", counter64(2**64 - 1 - 6000))
        assert numbers(await it.poll())["eth1"] == 2**64 - 1


async def test_what_there_is_no_time_for_is_walked_by_the_next_poll():
    clock = ManualClock(START)
    async with agent(switch()) as one:
        driver = driver_for(one, clock)
        slow = driver._session.walk

        async def walk(*args, **more):
            await clock.advance(12)
            return await slow(*args, **more)

        driver._session.walk = walk
        seen = []
        for _ in range(60):
            found = await driver.observe(Request(aspects=frozenset(Aspect)))
            seen.append(found.inventory is not None)
            if seen[-1]:
                break
        await driver.close()
    assert (seen[0], seen[-1]) == (False, True)
    assert len(found.readings) == 208


def slowed(it: Bench, seconds: int = 12) -> None:
    """From now on every column takes its time."""
    quick = it.driver._session.walk

    async def walk(column: str, *, most: int, priority: Priority = Priority.POLL) -> Walk:
        await it.clock.advance(seconds)
        it.tick(UPTIME, seconds * 100)
        return await quick(column, most=most, priority=priority)

    it.driver._session.walk = walk


async def test_readings_go_on_while_an_inventory_is_walked_over_several_polls():
    async with bench() as it:
        slowed(it)
        polls = [await it.poll(Aspect)]
        while polls[-1].inventory is None and len(polls) < 60:
            polls.append(await it.poll())
        assert (len(polls) > 2, polls[-1].inventory is not None) == (True, True)
        assert [numbers(found)["eth7"] for found in polls] == [7_000_000 + 6000 * n for n in range(1, len(polls) + 1)]
        assert {(len(found.readings), *doubts(found)) for found in polls} == {(208,)}
        assert {found.answered >= STEADY for found in polls} == {True}


async def test_F94_while_an_inventory_is_walked_no_count_is_told_of_a_port_that_may_be_another():
    async with bench() as it:
        slowed(it)
        assert len((await it.poll(Aspect)).readings) == 208
        exchange(it.agent.table, 3, 7)
        it.put(TABLE_CHANGE, ticks(1_007_000))
        assert [numbers(await it.poll()) for _ in range(3)] == [{}, {}, {}]


async def test_a_device_whose_agent_runs_on_it_is_on_when_it_answers():
    table = switch(2)
    table[name("1.3.6.1.2.1.1.2.0")] = an_oid((1, 3, 6, 1, 4, 1, 318, 1, 3, 4, 5))
    async with bench(table) as it:
        found = await it.poll()
        assert found.power is not None
        assert found.power.state is PowerState.ON


# ---- what makes no sense ---------------------------------------------------------------------------------------------

NONSENSE: tuple[Value, ...] = (
    0, -1, 2**31, 2**64 - 1, b"", b"\xff\x00\xfe", b"1e999", b"NaN", b"-inf", b"9" * 400, b"9" * 5000, "1.2.3", "",
    b"\x9f\x78\x04\x7f\x80\x00\x00",
)  # fmt: skip


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        (b"23.5 C", 23.5), (b"1e999", None), (b"9" * 400, None), (b"9" * 5000, None), (2**64 - 1, 2**64 - 1),
        (b"\x9f\x78\x04\x41\xbc\x00\x00", 23.5), (b"\x9f\x79\x08\x40\x37\x80\x00\x00\x00\x00\x00", 23.5),
        (b"\x9f\x78\x04\x7f\xc0\x00\x00", None),
    ],
)  # fmt: skip
def test_a_number_is_one_that_a_device_can_measure(told: Value, meant: float | None):
    assert number(told) == meant


class Bent(Session):
    """A session whose agent tells nonsense here and there, leaves out and invents rows."""

    draw = random.Random(18)

    def bent(self, value: Value) -> Value:
        return value if self.draw.random() > 0.15 else self.draw.choice(NONSENSE)

    async def get(self, oids: Sequence[str], priority: Priority = Priority.POLL) -> dict[str, Value]:
        found = await super().get(oids, priority)
        return {oid: self.bent(value) for oid, value in found.items() if self.draw.random() > 0.02}

    async def walk(self, column: str, *, most: int, priority: Priority = Priority.POLL) -> Walk:
        walk = await super().walk(column, most=most, priority=priority)
        rows: dict[str, Value] = {}
        for index, value in walk.rows.items():
            chance = self.draw.random()
            if chance > 0.02:
                rows[f"{index}.0" if chance < 0.04 else "4294967295" if chance < 0.06 else index] = self.bent(value)
        return replace(walk, rows=rows)


@pytest.mark.parametrize("capture", [*random.Random(18).sample(names(), 12)] if names() else ["none"])
async def test_R18_whatever_a_recorded_device_tells_instead_nothing_is_raised_and_no_number_is_none(capture: str):
    if capture == "none":
        pytest.skip(ABSENT)
    async with running_recordings([AGENTS / capture]) as agents:
        (address,) = [one.address for one in agents.values()]
        clock = ManualClock(START)
        opening = Opening(
            endpoint=Endpoint(protocol=Protocol.SNMP, address=address, verify="none"),
            credentials=Credentials(user="", password=Secret("public")),
            lane=Lane(device=address, clock=clock),
            clock=clock,
        )
        driver = SnmpDriver(opening, Bent(opening))
        for aspects in (frozenset(Aspect), STEADY, frozenset({Aspect.COMPONENTS}), STEADY):
            found = await driver.observe(Request(aspects=aspects))
            assert all(one.number is None or math.isfinite(one.number) for one in found.readings)
            assert json.loads(json.dumps(driver.memory().plan)) == driver.memory().plan
        await driver.close()
