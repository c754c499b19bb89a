"""Profiles: which is whose, what each asks for, and that each says what it means."""

from __future__ import annotations

import re
from operator import attrgetter

import pytest

from fleetmon.drivers.snmp.family import Profile
from fleetmon.drivers.snmp.language import profile_of_text, verdict
from fleetmon.drivers.snmp.parse.layout import flat, health, identity, lay_out, neighbours, readings, stations
from fleetmon.drivers.snmp.profiles import every_profile, probes_for, profile_for
from fleetmon.errors import ConfigError
from fleetmon.model import Aspect, Health, NoReading
from tests.unit.test_snmp_layout import AT

PROFILES = list(every_profile().values())


@pytest.mark.parametrize(
    ("object_id", "descr", "name"),
    [
        ("1.3.6.1.4.1.9.12.3.1.3.2193", "Cisco NX-OS(tm) Nexus9000", "cisco-nxos"),
        ("1.3.6.1.4.1.9.1.2494", "Cisco IOS Software [Cupertino]", "cisco-ios"),
        (".1.3.6.1.4.1.30065.1.3011.7150.3282.24", "", "arista-eos"),
        ("1.3.6.1.4.1.2636.1.1.1.4.82.28", "", "juniper-junos"),
        ("1.3.6.1.4.1.33049.1.1.1.2700", "", "mellanox"),
        ("1.3.6.1.4.1.40310", "Cumulus-Linux 4.4.2", "cumulus"),
        ("1.3.6.1.4.1.8072.3.2.10", "Linux mlnx-sw-1 4.19.0-cl-1-amd64 #1 SMP Cumulus 4.19.94", "cumulus-by-text"),
        ("1.3.6.1.4.1.8072.3.2.10", "Linux web-7 6.1.0-13-amd64", "generic"),
        ("1.3.6.1.4.1.4413.1.2.1.2.34", "SONiC Software Version: SONiC.4.4.1 - HwSku: DELL-E3248P", "sonic"),
        ("1.3.6.1.4.1.4413", "EdgeSwitch 24-Port 250W", "fastpath"),
        ("1.3.6.1.4.1.674.11000.5000.100.2.1.7", "", "dell-os10"),
        ("1.3.6.1.4.1.6027.1.5.2", "", "dell-os9"),
        ("1.3.6.1.4.1.11.2.3.7.11.155", "", "hpe-procurve"),
        ("1.3.6.1.4.1.47196.4.1.1.1.424", "", "aruba-cx"),
        ("1.3.6.1.4.1.1916.2.167", "ExtremeXOS (X670V-48x)", "extreme-exos"),
        ("1.3.6.1.4.1.1588.2.1.1.1", "", "brocade-fabos"),
        ("1.3.6.1.4.1.1991.1.3.51.7", "", "ironware"),
        ("1.3.6.1.4.1.99999.1", "Something new", "generic"),
        ("", "", "generic"),
    ],
)
def test_a_device_is_given_its_profile_by_what_it_says_of_itself(object_id, descr, name):
    assert profile_for(object_id, descr).name == name


def test_an_object_id_is_compared_by_whole_arcs():
    assert profile_for("1.3.6.1.4.1.4413000.1").name == "generic"


@pytest.mark.parametrize("profile", PROFILES, ids=attrgetter("name"))
def test_a_profile_asks_for_leaf_columns_and_scalars_that_are_oids(profile: Profile):
    for aspect in (Aspect.SENSORS, Aspect.COMPONENTS, Aspect.INVENTORY):
        for oid in profile.columns(aspect):
            assert re.fullmatch(r"1\.[03](\.\d+)+", oid), oid
            assert not oid.endswith(".0")
        for oid in profile.scalars(aspect):
            assert re.fullmatch(r"1\.[03](\.\d+)+\.0", oid), oid
    assert set(profile.columns(Aspect.SENSORS)) <= set(profile.columns(Aspect.INVENTORY))
    assert profile.columns(Aspect.HEARTBEAT) == ()


@pytest.mark.parametrize("profile", PROFILES, ids=attrgetter("name"))
def test_no_profile_stumbles_over_an_agent_that_says_nothing(profile: Profile):
    layout = lay_out(profile, {})
    assert readings(layout, {}, AT) == []
    assert health(layout, {}, AT) == []


@pytest.mark.parametrize("profile", PROFILES, ids=attrgetter("name"))
def test_no_profile_stumbles_over_nonsense(profile: Profile):
    nonsense = (b"", b"\xff\xfe", "1.2.3", -1, 2**64 - 1)
    columns = [*profile.columns(Aspect.INVENTORY), *(oid[:-2] for oid in profile.scalars(Aspect.INVENTORY))]
    for at in range(len(nonsense)):
        tables = {
            column: {
                index: nonsense[(at + place) % len(nonsense)]
                for index in ("0", "1", "1.1.1", "1.1.1.0", "7.2.0.0.0.0.1")
            }
            for place, column in enumerate(columns)
        }
        layout = lay_out(profile, tables)
        assert all(isinstance(one.value, int | float | NoReading) for one in readings(layout, flat(tables), AT))
        keys = [point.sensor.key for point in layout.points]
        assert len(keys) == len(set(keys))
        health(layout, flat(tables), AT)
        identity(profile, tables)
        ports = set(layout.ports.values())
        assert all(one.port in ports for one in stations(layout, tables))
        assert all(one.port for one in neighbours(layout, tables))


def test_what_a_state_means():
    assert verdict("OK").health is Health.OK
    assert verdict("Critical/UnavailableOffline: no input").state == "UnavailableOffline"
    assert verdict("Warning: low load").detail == "low load"
    with pytest.raises(ValueError, match="no health"):
        verdict("Fine")


def test_probes_are_asked_only_where_the_object_id_leaves_a_doubt():
    assert probes_for("1.3.6.1.4.1.30065.1.3011.7150.3282.24") == ()


TINY = """
kind = "pdu"
[[table]]
component = "Outlet"
called = "Outlet {number}"
skip = { number = [0] }
absent = { state = [9] }
columns = { number = "1.3.6.1.4.1.1.1.1", amps = "1.3.6.1.4.1.1.1.2", state = "1.3.6.1.4.1.1.1.3" }
  [[table.reading]]
  name = "Current"
  type = "Current"
  value = "amps"
  scale = 0.1
  none = [-1]
  upper_critical = 16.0
  [[table.state]]
  column = "state"
  words = { 1 = "OK/On", 2 = "OK/Off", 3 = "Critical: tripped" }
"""


def tiny(number: int, amps: int, state: int):
    tables = {f"1.3.6.1.4.1.1.1.{arc}": {"4": value} for arc, value in enumerate((number, amps, state), start=1)}
    layout = lay_out(profile_of_text("tiny", TINY), tables)
    return readings(layout, flat(tables), AT), health(layout, flat(tables), AT)


def test_a_row_of_a_table_is_a_component_with_readings_and_a_state():
    (reading,), (condition,) = tiny(4, 23, 1)
    assert reading.sensor.component.name == condition.component.name == "Outlet 4"
    assert (reading.value, reading.sensor.thresholds.upper_critical) == (2.3, 16)
    assert (condition.health, condition.state) == (Health.OK, "On")
    assert reading.sensor.source == "1.3.6.1.4.1.1.1.2.4"


def test_what_is_said_of_rows_that_are_absent_unread_unknown_or_skipped():
    (reading,), (condition,) = tiny(4, 23, 9)
    assert (reading.value, condition.health, condition.state) == (NoReading.ABSENT, Health.UNKNOWN, "Absent")
    (reading,), (condition,) = tiny(4, -1, 3)
    assert (reading.value, condition.health, condition.detail) == (NoReading.ABSENT, Health.CRITICAL, "tripped")
    _, (condition,) = tiny(4, 1, 77)
    assert condition.health is Health.UNKNOWN
    assert tiny(0, 1, 1) == ([], [])


@pytest.mark.parametrize(
    ("was", "becomes"),
    [("called =", "caled ="), ('value = "amps"', 'value = "ampere"'), ("OK/On", "Fine/On"), ('"Current"', '"Strom"')],
)
def test_a_slip_in_a_profile_is_told(was, becomes):
    with pytest.raises(ConfigError, match="profile tiny"):
        profile_of_text("tiny", TINY.replace(was, becomes))
