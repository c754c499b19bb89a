"""What an SNMP agent should not say, and what becomes of it: nothing raised, nothing told that is not so."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from fleetmon.clock import SystemClock
from fleetmon.drivers.base import Credentials, Secret
from fleetmon.drivers.snmp import driver, known
from fleetmon.drivers.snmp.knock import SnmpKnock
from fleetmon.drivers.snmp.parse import entity, entity_sensor, interfaces, wire
from fleetmon.drivers.snmp.parse.layout import flat, neighbours, readings
from fleetmon.drivers.snmp.profiles import every_profile
from fleetmon.drivers.snmp.values import Value
from fleetmon.errors import AccessDenied
from fleetmon.model import Aspect, Health, NoReading
from tests.ber import octets, ticks
from tests.snmp_agent import COMMUNITY, agent, name, with_agent
from tests.unit.test_snmp_driver import STEADY, UPTIME, bench, doubts, exchange, switch
from tests.unit.test_snmp_layout import AT, conditions, entities, ports, read, sensor

IF_INDEX = "1.3.6.1.2.1.2.2.1."


@pytest.mark.parametrize(
    "alias", [IF_INDEX, IF_INDEX + "1.", f"{IF_INDEX}x".encode(), f"{IF_INDEX}1.{'9' * 5000}", 7, b"\xff"]
)
def test_an_alias_that_names_no_port_is_none(alias: Value) -> None:
    layout, _ = read({**ports("eth1"), entity.CLASS: {"5": 10}, entity.ALIASES: {"5.0": alias}})
    assert [port.name for port in layout.port_components.values()] == ["eth1"]


# ---- secrets ---------------------------------------------------------------------------------------------------------


async def test_passphrases_of_a_user_are_never_sent_as_a_community() -> None:
    async with agent(switch(1)) as one:
        talk = with_agent(one, password="signing-phrase\nprivacy-phrase")
        with pytest.raises(AccessDenied, match="no community"):
            await talk.get([UPTIME])
        knock = SnmpKnock(clock=SystemClock(), credentials=Credentials(user="", password=Secret("one line\nanother")))
        assert await knock("127.0.0.1", one.port, 0.2) is None
        assert one.asked == []
        await talk.close()


async def test_a_community_is_the_same_however_its_file_ends() -> None:
    async with agent(switch(1)) as one:
        knock = SnmpKnock(clock=SystemClock(), credentials=Credentials(user="", password=Secret(f"{COMMUNITY}\n")))
        found = await knock("127.0.0.1", one.port, 2)
        assert found is not None
        assert found.name == "sw-01"


async def test_a_raw_look_shows_nobody_what_opens_the_device() -> None:
    communities, logical = "1.3.6.1.6.3.18.1.1.1.2.1", "1.3.6.1.2.1.47.1.2.1.1.4.1"
    hidden = {name(communities): octets(b"hush-hush"), name(logical): octets(b"hush-hush@7")}
    async with bench(switch(1) | hidden) as it:
        for oid in ("1.3.6.1", "1.3.6.1.6.3.18", communities, logical):
            assert "hush" not in str(await it.driver.raw(oid))


# ---- counts ----------------------------------------------------------------------------------------------------------


async def test_F91_a_restart_that_another_poll_saw_leaves_the_next_counts_in_doubt() -> None:
    async with bench() as it:
        await it.poll()
        it.put(UPTIME, ticks(100))
        await it.poll({Aspect.COMPONENTS})
        assert len(doubts(await it.poll(STEADY))) == 1
        assert doubts(await it.poll(STEADY)) == set()


async def test_F94_ports_that_were_numbered_anew_before_a_second_walk_are_in_doubt() -> None:
    async with bench() as it:
        await it.poll()
        exchange(it.agent.table, 3, 7)
        await it.poll({Aspect.COMPONENTS})
        await it.poll({Aspect.COMPONENTS, Aspect.INVENTORY})
        assert len(doubts(await it.poll(STEADY))) == 1


# ---- size ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "aside"), [(4, False), (600, True)])
async def test_a_device_of_many_ports_is_drawn_beside_the_loop(
    monkeypatch: pytest.MonkeyPatch, count: int, aside: bool
) -> None:
    drawn_by: list[threading.Thread] = []

    def noted(*of: Any) -> known.Drawn:
        drawn_by.append(threading.current_thread())
        return known.draw(*of)

    monkeypatch.setattr(driver, "draw", noted)
    async with bench(switch(count)) as it:
        assert [thread is not threading.main_thread() for thread in drawn_by] == [aside]
        assert len((await it.poll()).readings) == 4 * count


# ---- what is told ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [0, 8, -1, 2**32 - 1])
def test_a_port_in_a_state_nobody_knows_is_there_and_unknown(state: int) -> None:
    tables = ports("eth1")
    tables[interfaces.OPER]["1"] = state
    assert conditions(tables) == {"eth1": (Health.UNKNOWN, "Enabled")}


def test_thousands_of_neighbours_are_placed_in_no_time() -> None:
    few, many = (_seconds_of_neighbours(count) for count in (500, 4000))
    assert many < 30 * few  # were each compared with every port, it would be 64 times as long


def _seconds_of_neighbours(count: int) -> float:
    rows = [str(number) for number in range(1, count + 1)]
    tables = ports(*(f"eth{row}" for row in rows))
    tables[interfaces.ADDRESS] = {row: b"\x02\x00" + int(row).to_bytes(4, "big") for row in rows}
    tables[wire.LOCAL_KIND] = dict.fromkeys(rows, 3)
    tables[wire.LOCAL_ID] = dict(tables[interfaces.ADDRESS])
    tables[wire.CHASSIS] = {f"0.{row}.1": b"\x02\x00\x00\x00\x00\x01" for row in rows}
    layout, _ = read(tables)
    began = time.process_time()
    assert [one.port for one in neighbours(layout, tables)] == [f"eth{row}" for row in rows]
    return time.process_time() - began


@pytest.mark.parametrize("family", ["raritan-pdu", "hpe-ilo", "supermicro-bmc"])
def test_a_state_that_no_profile_lists_is_not_well(family: str) -> None:
    states = [state for table in every_profile()[family].tables for state in table.states if state.watched]
    assert states
    for state in states:
        assert state.words.words.get(99, state.words.other).health is not Health.OK, state


def test_switches_that_stick_are_a_fault() -> None:
    states = [state for table in every_profile()["raritan-pdu"].tables for state in table.states]
    told = {
        state.words.words[number].health for state in states for number in (22, 23, 24, 25) if 21 in state.words.words
    }
    assert told == {Health.CRITICAL}


@pytest.mark.parametrize(("then", "since"), [(1, 3), (3, 1)])
def test_a_sensor_that_breaks_or_is_mended_between_two_walks_is_told_so(then: int, since: int) -> None:
    tables = {**entities((1, 0, 3, "Box"), (2, 1, 8, "Probe")), **sensor(2, 8, 31, status=then)}
    layout, _ = read(tables)
    tables[entity_sensor.STANDARD.status]["2"] = since
    asked = {oid: value for oid, value in flat(tables).items() if oid in layout.reading_oids}
    (told,) = [one for one in readings(layout, asked, AT) if one.sensor.name == "Probe"]
    assert told.value == (NoReading.FAULTY if since == 3 else 31)


def test_a_status_that_a_device_never_tells_is_not_asked_for() -> None:
    tables = {**entities((1, 0, 3, "Box"), (2, 1, 8, "Probe")), **sensor(2, 8, 31)}
    del tables[entity_sensor.STANDARD.status]
    layout, told = read(tables)
    assert (told["Box", "Probe"].value, len(layout.reading_oids)) == (31, 1)
