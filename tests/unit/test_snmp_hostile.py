"""What an SNMP agent should not say, and what becomes of it: nothing raised, nothing told that is not so."""

from __future__ import annotations

import pytest

from fleetmon.drivers.snmp.parse import entity
from fleetmon.drivers.snmp.values import Value
from fleetmon.model import Aspect
from tests.ber import ticks
from tests.unit.test_snmp_driver import STEADY, UPTIME, bench, doubts, exchange
from tests.unit.test_snmp_layout import ports, read

IF_INDEX = "1.3.6.1.2.1.2.2.1."


@pytest.mark.parametrize(
    "alias", [IF_INDEX, IF_INDEX + "1.", f"{IF_INDEX}x".encode(), f"{IF_INDEX}1.{'9' * 5000}", 7, b"\xff"]
)
def test_an_alias_that_names_no_port_is_none(alias: Value):
    layout, _ = read({**ports("eth1"), entity.CLASS: {"5": 10}, entity.ALIASES: {"5.0": alias}})
    assert [port.name for port in layout.port_components.values()] == ["eth1"]


# ---- counts ----------------------------------------------------------------------------------------------------------


async def test_F91_a_restart_that_another_poll_saw_leaves_the_next_counts_in_doubt():
    async with bench() as it:
        await it.poll()
        it.put(UPTIME, ticks(100))
        await it.poll({Aspect.COMPONENTS})
        assert len(doubts(await it.poll(STEADY))) == 1
        assert doubts(await it.poll(STEADY)) == set()


async def test_F94_ports_that_were_numbered_anew_before_a_second_walk_are_in_doubt():
    async with bench() as it:
        await it.poll()
        exchange(it.agent.table, 3, 7)
        await it.poll({Aspect.COMPONENTS})
        await it.poll({Aspect.COMPONENTS, Aspect.INVENTORY})
        assert len(doubts(await it.poll(STEADY))) == 1
