"""PDUs, UPSes, transfer switches and BMC agents as another monitoring system reads them, object by object.

The other side (`snmp-expected/`) names the object behind each of its sensors, so that numbers and states are compared
where both read the same one. Every difference has its reason here; none may come or go unseen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import pytest

from fleetmon.drivers.snmp.parse.layout import Layout, flat, lay_out
from fleetmon.drivers.snmp.values import Value
from fleetmon.model import Health
from tests.snmp_captures import EXPECTED, agent, profile_of, whole

AT = datetime(2026, 1, 1, tzinfo=UTC)
HEALTHS = {0: Health.OK, 1: Health.WARNING, 2: Health.CRITICAL, 3: Health.UNKNOWN}
"""What the other side's generic values of a state mean."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many of the other side's numbers and states we read alike, and why not the rest."""

    device: str
    profile: str
    numbers: tuple[int, int]
    states: tuple[int, int] = (0, 0)
    because: str = ""


AGREEMENTS = (
    Agreement(
        "apc_ap7900b", "apc-pdu", (1, 3), (9, 11),
        "the amperes are told once, by rPDU2; the voltage is a setting; the alarm of both supplies is that of each; "
        "a model that cannot tell its load is not in doubt",
    ),
    Agreement(
        "apc_ap8959eu3", "apc-pdu", (3, 3), (25, 27),
        "the alarm of both supplies is that of each; an outlet that is off is off, not unknown",
    ),
    Agreement("apc_apdu9959eu3", "apc-pdu", (3, 3), (26, 27), "the alarm of both supplies is that of each"),
    Agreement(
        "apc_ats", "apc-ats", (10, 10), (16, 19),
        "which source feeds the load is no doubt; generator tests that passed are not read",
    ),
    Agreement("apc_smt750x-nmc2", "apc-ups", (11, 11), (2, 2)),
    Agreement("apc_smtl1000-nmc3", "apc-ups", (13, 13), (2, 2)),
    Agreement("apc_symmetralx", "apc-ups", (11, 12), (2, 3), "a count of batteries; why the last transfer was made"),
    Agreement("raritan-pdu", "raritan-pdu-first", (29, 29)),
    Agreement("raritan-pdu_px2", "raritan-pdu", (28, 28)),
    Agreement("sentry3", "servertech-sentry3", (8, 8)),
    Agreement("sentry4", "servertech-sentry4", (30, 30), (74, 74)),
    Agreement(
        "enlogic-pdu_v2", "enlogic-pdu", (8, 12), (10, 10),
        "the other side's objects of power have an arc too many; the same watts are told here",
    ),
    Agreement("cyberpower_pdu81005", "cyberpower-pdu", (6, 6)),
    Agreement(
        "cyberpower_pr2200rt2uc", "cyberpower-ups", (9, 11), (4, 8),
        "the second environment sensor (1.3.6.1.4.1.3808.1.1.8) is in no published MIB; why it last transferred",
    ),
    Agreement("vertiv-pdu_mg02e4w1", "vertiv-pdu", (17, 17)),
    Agreement(
        "liebert", "liebert-pdu", (14, 17), (1, 4),
        "amperes left before an alarm, told as a share here; which services of its card are on",
    ),
    Agreement(
        "eaton-mgeups_9px", "mge-ups", (17, 21), (15, 15),
        "runtime is told by RFC 1628 alone; time on battery; ambient of a MIB of another family; a battery of 0 "
        "degrees has no sensor",
    ),
    Agreement("eatonups", "eaton-ups", (27, 27), (2, 3), "a second test of batteries at an index that is no scalar's"),
    Agreement("drac_c6525", "dell-idrac", (18, 20), (61, 62), "progress that is not made; a rollup that iDRAC repeats"),
    Agreement("drac_idrac7", "dell-idrac", (9, 35), (86, 87), "progress that is not made; a rollup that iDRAC repeats"),
    Agreement("drac_r640", "dell-idrac", (27, 31), (72, 73), "progress that is not made; a rollup that iDRAC repeats"),
    Agreement(
        "drac_m1000e", "dell-cmc", (38, 43), (83, 89),
        "peak, idle, most and spare watts are no present draw; slots of blades and SD cards are not read",
    ),
    Agreement("hpe-ilo_4", "hpe-ilo", (35, 35), (17, 43), "places for fans and DIMMs that are empty: absent here"),
    Agreement(
        "supermicro-bmc_x11", "supermicro-bmc", (60, 60), (4, 7),
        "on or off is the machine's power here; the cell of the clock as a bare number is not read",
    ),
    Agreement("cimc", "cisco-imc", (13, 14), (31, 31), "a second I/O hub of 0 degrees is not there"),
    Agreement(
        "fujitsu-irmc_rx300", "fujitsu-irmc", (28, 42), (73, 79),
        "the other side reads nominal volts, we the present ones; lamps of parts whose own state is read",
    ),
)  # fmt: skip


@pytest.mark.parametrize("row", AGREEMENTS, ids=attrgetter("device"))
def test_another_system_reads_the_same_numbers_and_states(row: Agreement):
    values = agent(f"{row.device}.snmprec")
    profile = profile_of(values)
    assert profile.name == row.profile
    tables = whole(profile, values)
    layout, told = lay_out(profile, tables), flat(tables)
    sensors, meanings = _theirs(row.device)
    numbers = [_same_number(layout, told, sensor) for sensor in sensors if sensor["sensor_class"] != "state"]
    states = [_same_state(layout, told, sensor, meanings) for sensor in sensors if sensor["sensor_class"] == "state"]
    assert (sum(numbers), len(numbers)) == row.numbers
    assert (sum(states), len(states)) == row.states


def test_every_difference_has_its_reason():
    for row in AGREEMENTS:
        alike = row.numbers[0] == row.numbers[1] and row.states[0] == row.states[1]
        assert alike != bool(row.because), row.device


def _theirs(device: str) -> tuple[list[dict[str, Any]], dict[tuple[str, int], int]]:
    """The other side's sensors, with the numbers of its polling where it tells them, and what its states mean."""
    told = json.loads((EXPECTED / f"{device}.json").read_text(encoding="utf-8"))["sensors"]
    found, polled = told["discovery"], told.get("poller")
    now = {one["sensor_oid"]: one["sensor_current"] for one in polled["sensors"]} if isinstance(polled, dict) else {}
    sensors = [one | {"sensor_current": now.get(one["sensor_oid"], one["sensor_current"])} for one in found["sensors"]]
    states = found.get("state_indexes", ())
    return sensors, {(one["state_name"], one["state_value"]): one["state_generic_value"] for one in states}


def _same_number(layout: Layout, told: dict[str, Value], theirs: dict[str, Any]) -> bool:
    """Is there a reading of that object, and does it agree, in our unit or the other side's: kWh for Wh, s for min?"""
    oid, number = theirs["sensor_oid"].lstrip("."), theirs["sensor_current"]
    ours = [point.reading(told, AT).number for point in layout.points if point.oid == oid]
    return any(
        one is not None and number is not None and abs(one * factor - number) <= max(0.051, abs(number) * 0.002)
        for one in ours
        for factor in (1.0, 0.001, 60.0)
    )


def _same_state(
    layout: Layout, told: dict[str, Value], theirs: dict[str, Any], meanings: dict[tuple[str, int], int]
) -> bool:
    oid = theirs["sensor_oid"].lstrip(".")
    verdicts = [one.judge((told.get(oid),)) for one in layout.conditions if one.oids == (oid,)]
    ours = max((one.health for one in verdicts if one is not None), key=attrgetter("rank"), default=None)
    return ours is not None and ours is HEALTHS.get(meanings.get((theirs["state_name"], theirs["sensor_current"]), -1))
