"""PDUs, UPSes, transfer switches and BMC agents as another monitoring system reads them, object by object.

The other side (`snmp-expected/`) names the object behind each of its sensors, so that numbers and states are compared
where both read the same one. Every difference has its reason here; none may come or go unseen.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

import pytest

from tests.snmp_agreement import agreement
from tests.snmp_captures import agent, profile_of


@dataclass(frozen=True, slots=True)
class Agreed:
    """How many of the other side's numbers and states we read alike, and why not the rest."""

    device: str
    profile: str
    numbers: tuple[int, int]
    states: tuple[int, int] = (0, 0)
    because: str = ""


AGREEMENTS = (
    Agreed(
        "apc_ap7900b", "apc-pdu", (1, 3), (9, 11),
        "the amperes are told once, by rPDU2; the voltage is a setting; the alarm of both supplies is that of each; "
        "a model that cannot tell its load is not in doubt",
    ),
    Agreed(
        "apc_ap8959eu3", "apc-pdu", (3, 3), (25, 27),
        "the alarm of both supplies is that of each; an outlet that is off is off, not unknown",
    ),
    Agreed("apc_apdu9959eu3", "apc-pdu", (3, 3), (26, 27), "the alarm of both supplies is that of each"),
    Agreed(
        "apc_ats", "apc-ats", (10, 10), (16, 19),
        "which source feeds the load is no doubt; generator tests that passed are not read",
    ),
    Agreed("apc_smt750x-nmc2", "apc-ups", (11, 11), (2, 2)),
    Agreed("apc_smtl1000-nmc3", "apc-ups", (13, 13), (2, 2)),
    Agreed("apc_symmetralx", "apc-ups", (11, 12), (2, 3), "a count of batteries; why the last transfer was made"),
    Agreed("raritan-pdu", "raritan-pdu-first", (29, 29)),
    Agreed("raritan-pdu_px2", "raritan-pdu", (28, 28)),
    Agreed("sentry3", "servertech-sentry3", (8, 8)),
    Agreed("sentry4", "servertech-sentry4", (30, 30), (74, 74)),
    Agreed(
        "enlogic-pdu_v2", "enlogic-pdu", (8, 12), (10, 10),
        "the other side's objects of power have an arc too many; the same watts are told here",
    ),
    Agreed("cyberpower_pdu81005", "cyberpower-pdu", (6, 6)),
    Agreed(
        "cyberpower_pr2200rt2uc", "cyberpower-ups", (9, 11), (4, 8),
        "the second environment sensor (1.3.6.1.4.1.3808.1.1.8) is in no published MIB; why it last transferred",
    ),
    Agreed("vertiv-pdu_mg02e4w1", "vertiv-pdu", (17, 17)),
    Agreed(
        "liebert", "liebert-pdu", (14, 17), (1, 4),
        "amperes left before an alarm, told as a share here; which services of its card are on",
    ),
    Agreed(
        "eaton-mgeups_9px", "mge-ups", (17, 21), (15, 15),
        "runtime is told by RFC 1628 alone; time on battery; ambient of a MIB of another family; a battery of 0 "
        "degrees has no sensor",
    ),
    Agreed("eatonups", "eaton-ups", (27, 27), (2, 3), "a second test of batteries at an index that is no scalar's"),
    Agreed("drac_c6525", "dell-idrac", (18, 20), (61, 62), "progress that is not made; a rollup that iDRAC repeats"),
    Agreed("drac_idrac7", "dell-idrac", (9, 35), (86, 87), "progress that is not made; a rollup that iDRAC repeats"),
    Agreed("drac_r640", "dell-idrac", (27, 31), (72, 73), "progress that is not made; a rollup that iDRAC repeats"),
    Agreed(
        "drac_m1000e", "dell-cmc", (38, 43), (83, 89),
        "peak, idle, most and spare watts are no present draw; slots of blades and SD cards are not read",
    ),
    Agreed("hpe-ilo_4", "hpe-ilo", (35, 35), (43, 43)),
    Agreed(
        "supermicro-bmc_x11", "supermicro-bmc", (60, 60), (4, 7),
        "on or off is the machine's power here; the cell of the clock as a bare number is not read",
    ),
    Agreed("cimc", "cisco-imc", (13, 14), (31, 31), "a second I/O hub of 0 degrees is not there"),
    Agreed(
        "fujitsu-irmc_rx300", "fujitsu-irmc", (28, 42), (73, 79),
        "the other side reads nominal volts, we the present ones; lamps of parts whose own state is read",
    ),
)  # fmt: skip


@pytest.mark.parametrize("row", AGREEMENTS, ids=attrgetter("device"))
def test_another_system_reads_the_same_numbers_and_states(row: Agreed):
    assert profile_of(agent(f"{row.device}.snmprec")).name == row.profile
    found = agreement(row.device)
    assert found.share("number") == row.numbers, found
    assert found.share("state") == row.states, found


def test_every_difference_has_its_reason():
    for row in AGREEMENTS:
        alike = row.numbers[0] == row.numbers[1] and row.states[0] == row.states[1]
        assert alike != bool(row.because), row.device
