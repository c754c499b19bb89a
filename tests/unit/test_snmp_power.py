"""What profiles of power say that others do not: sums, units of limits, old columns beside new ones, predictions."""

from __future__ import annotations

from datetime import UTC, datetime

from fleetmon.drivers.snmp.family import Profile
from fleetmon.drivers.snmp.parse.layout import flat, health, lay_out, power, readings
from fleetmon.drivers.snmp.profiles import every_profile
from fleetmon.drivers.snmp.values import Tables
from fleetmon.ingest.readings import vital
from fleetmon.model import Component, ComponentHealth, Health, NoReading, PowerState, Reading

AT = datetime(2026, 1, 1, tzinfo=UTC)
APC = "1.3.6.1.4.1.318.1.1"
RPDU2 = f"{APC}.26"
UPS_MIB = "1.3.6.1.2.1.33.1"
IDRAC = "1.3.6.1.4.1.674.10892.5"
OUTLET, BATTERY, DRIVE = Component("Outlet", "Outlet 1"), Component("Battery", "Battery"), Component("Drive", "Disk 0")


def told(name: str, tables: Tables) -> tuple[dict[tuple[str, str, str], Reading], dict[Component, ComponentHealth]]:
    """Readings by kind, component and name, and how each component is."""
    layout = lay_out(profile(name), tables)
    found = readings(layout, flat(tables), AT)
    by_name = {(one.sensor.component.kind, one.sensor.component.name, one.sensor.name): one for one in found}
    return by_name, {one.component: one for one in health(layout, flat(tables), AT)}


def profile(name: str) -> Profile:
    return every_profile()[name]


# ---- distribution units ----------------------------------------------------------------------------------------------


def test_the_power_of_a_pdu_is_what_it_draws():
    found, _ = told("apc-pdu", {f"{RPDU2}.4.3.1.5": {"1": 117}, f"{RPDU2}.4.3.1.9": {"1": 706}})
    watts = vital(found.values()).watts
    assert watts is not None
    assert watts.value == 1170
    assert found["Device", "", "Energy"].value == 70.6


def test_a_model_without_a_meter_has_no_sensor_and_says_what_it_reckons():
    unmetered = {f"{RPDU2}.4.3.1.5": {"1": -1}, f"{RPDU2}.4.3.1.9": {"1": -1}, f"{APC}.12.1.16": {"0": 312}}
    found, _ = told("apc-pdu", unmetered)
    assert {key: one.value for key, one in found.items()} == {("Device", "", "Power"): 312}


def test_limits_in_whole_amperes_beside_tenths():
    phase = {f"{RPDU2}.6.3.1.5": {"1": 54}, f"{RPDU2}.6.1.1.6": {"1": 13}, f"{RPDU2}.6.1.1.7": {"1": 16}}
    found, _ = told("apc-pdu", phase)
    current = found["Circuit", "Phase 1", "Current"]
    limits = current.sensor.thresholds
    assert (current.value, limits.upper_caution, limits.upper_critical) == (5.4, 13, 16)


def test_an_outlet_is_on_or_off_and_a_new_column_counts_before_an_old_one():
    new, column = {f"{RPDU2}.9.2.3.1.5": {"1": 1, "2": 2}}, f"{APC}.4.4.2.1.3"
    unknown, old = {column: {"1": 4, "2": 4}}, {column: {"1": 2, "2": 1}}
    for tables, states in ((new | unknown, ["Off", "On"]), (old, ["Off", "On"])):
        _, found = told("apc-pdu", tables)
        outlets = [one for component, one in found.items() if component.kind == "Outlet"]
        assert [one.state for one in outlets] == states
        assert {one.health for one in outlets} == {Health.OK}


def test_the_decimal_places_of_a_reading_stand_beside_it_and_its_type_in_the_index():
    value, digits = "1.3.6.1.4.1.13742.6.5.4.3.1.4", "1.3.6.1.4.1.13742.6.3.5.4.1.7"
    found, _ = told("raritan-pdu", {value: {"1.3.1": 311, "1.3.5": 68}, digits: {"1.3.1": 3, "1.3.5": 0}})
    outlet = {key[2]: one.value for key, one in found.items() if key[:2] == ("Outlet", "Outlet 3")}
    assert outlet == {"Current": 0.311, "Power": 68}


def test_degrees_are_those_of_the_scale_the_device_is_set_to():
    probe = "1.3.6.1.4.1.1718.3.2.5.1"
    for scale, celsius in ((0, 68.0), (1, 20.0)):
        tables = {f"{probe}.4": {"1.1": 0}, f"{probe}.6": {"1.1": 680}, f"{probe}.13": {"1.1": scale}}
        found, _ = told("servertech-sentry3", tables)
        assert found["Sensor", "Probe 1.1", "Temperature"].value == celsius


# ---- uninterruptible supplies ----------------------------------------------------------------------------------------


def test_the_power_of_a_ups_is_the_sum_of_its_phases_and_none_when_one_is_not_told():
    column = f"{UPS_MIB}.4.4.1.4"
    tables = {column: {"1": 231, "2": 944, "3": 882}}
    layout = lay_out(profile("ups"), tables)
    values = flat(tables)
    assert _power(readings(layout, values, AT)) == 2057
    values.pop(f"{column}.2")
    assert _power(readings(layout, values, AT)) is NoReading.ABSENT


def _power(found: list[Reading]) -> float | NoReading:
    return next(one.value for one in found if one.sensor.component.kind == "Device" and one.sensor.name == "Power")


def test_a_ups_on_battery_is_warned_of_and_a_battery_to_be_replaced_is_critical():
    on_battery, replace = f"{APC}.1.4.1.1", f"{APC}.1.2.2.4"
    for source, wish, health_of, detail in (
        (2, 1, Health.OK, ""),
        (3, 1, Health.WARNING, "on battery"),
        (2, 2, Health.CRITICAL, "needs replacing"),
    ):
        _, found = told("apc-ups", {on_battery: {"0": source}, replace: {"0": wish}})
        assert (found[BATTERY].health, found[BATTERY].detail) == (health_of, detail)


def test_a_ups_without_a_battery_is_critical_and_not_merely_without_a_part():
    _, found = told("apc-ups", {f"{APC}.1.2.1.1": {"0": 5}})
    assert (found[BATTERY].health, found[BATTERY].detail) == (Health.CRITICAL, "no battery")


def test_ticks_of_runtime_are_told_in_minutes():
    found, _ = told("apc-ups", {f"{APC}.1.2.2.3": {"0": 84000}})
    assert found["Battery", "Battery", "Runtime (min)"].value == 14.0


# ---- BMC agents ------------------------------------------------------------------------------------------------------


def test_a_drive_predicts_its_failure_while_it_is_online():
    disk = f"{IDRAC}.5.1.20.130.4.1"
    for smart, predicted, health_of in ((0, False, Health.OK), (1, True, Health.WARNING)):
        row = {"55": b"Disk 0", "4": 3, "24": 3, "31": smart}
        _, found = told("dell-idrac", {f"{disk}.{column}": {"1": value} for column, value in row.items()})
        assert (found[DRIVE].failure_predicted, found[DRIVE].health) == (predicted, health_of)


def test_a_machine_is_on_by_the_word_of_its_agent_and_not_because_the_agent_answers():
    for raw, state in ((4, PowerState.ON), (3, PowerState.OFF), (2, PowerState.UNKNOWN)):
        tables = {f"{IDRAC}.2.4": {"0": raw}}
        layout = lay_out(profile("dell-idrac"), tables)
        found = power(layout, flat(tables), AT)
        assert found is not None
        assert found.state is state
        assert f"{IDRAC}.2.4.0" in layout.watched_oids
    assert power(lay_out(profile("dell-idrac"), {}), {}, AT) is None


def test_a_name_alone_tells_what_a_sensor_measures():
    sensor = "1.3.6.1.4.1.21317.1.3.1"
    names = {"1": b"CPU Temp", "2": b"FAN1", "3": b"12V", "4": b"PS1 Status"}
    found, _ = told("supermicro-bmc", {f"{sensor}.13": names, f"{sensor}.2": dict.fromkeys(names, b"12.000")})
    assert {(key[0], one.sensor.type.value) for key, one in found.items()} == {
        ("Sensor", "Temperature"),
        ("Fan", "Rotational"),
        ("Sensor", "Voltage"),
    }


def test_states_that_are_texts_are_read_in_either_case():
    health_of = "1.3.6.1.4.1.19046.11.1.1.5.21.1"
    _, found = told("lenovo-xcc", {f"{health_of}.2": {"1": b"DIMM 2"}, f"{health_of}.8": {"1": b"Critical"}})
    assert found[Component("Memory", "DIMM 2")].health is Health.CRITICAL
