"""Readings: every way to tell a sensor is read, and one sensor told in several places is one sensor."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fleetmon.drivers.redfish import reports
from fleetmon.drivers.redfish.catalog import Catalog, build
from fleetmon.drivers.redfish.learning import readings_of, sight_of
from fleetmon.drivers.redfish.parse.readings import Told, told_by
from fleetmon.drivers.redfish.plan import Plan
from fleetmon.drivers.redfish.resource import Resource, key
from fleetmon.model import Component, NoReading, Quality, Reading, ReadingType
from tests.redfish_service import CHASSIS, NOW, SYSTEM, V1, Json, link, ok, resource, server

SENSORS = f"{CHASSIS}/Sensors"


def told(*bodies: Json) -> list[Told]:
    return [value for body in bodies for value in told_by(Resource(body["@odata.id"], body, NOW))]


def sensor(name: str, reading: Any, kind: str = "Temperature", **more: Any) -> Json:
    return resource(
        f"{SENSORS}/{name.replace(' ', '')}",
        "Sensor",
        **{"Name": name, "Reading": reading, "ReadingType": kind, **more},
    )


def thermal(*entries: Json, fans: list[Json] | None = None) -> Json:
    return resource(f"{CHASSIS}/Thermal", "Thermal", Temperatures=list(entries), Fans=fans or [])


def readings(*bodies: Json, plan: Plan | None = None) -> list[Reading]:
    resources = [Resource(body["@odata.id"], body, NOW) for body in bodies]
    sight = sight_of(resources, (), plan or Plan())
    found, strange = readings_of(sight.values, {key(r.path): NOW for r in resources}, sight.catalog)
    assert strange == 0
    return found


def test_the_old_resources_are_read():
    found = {(r.sensor.component.kind, r.sensor.name, r.sensor.type): r.value for r in readings(*server().values())}
    assert found["Chassis", "Temp 0", ReadingType.TEMPERATURE] == 20
    assert found["Fan", "Speed", ReadingType.ROTATIONAL] == 6000
    assert found["PowerSupply", "Input Power", ReadingType.POWER] == 106
    assert found["Chassis", "System Power", ReadingType.POWER] == 212


def test_a_sensor_brings_its_limits_range_and_place():
    body = sensor(
        "Inlet", 24.5, PhysicalContext="Intake", ReadingRangeMin=-10, ReadingRangeMax=90,
        Thresholds={"UpperCritical": {"Reading": 47}, "LowerCaution": {"Reading": "3"}, "UpperCaution": None},
    )  # fmt: skip
    (found,) = readings(body)
    assert (found.value, found.sensor.source) == (24.5, f"{SENSORS}/Inlet#/Reading")
    assert (found.sensor.range_min, found.sensor.range_max, found.sensor.physical_context) == (-10, 90, "Intake")
    limits = found.sensor.thresholds
    assert (limits.upper_critical, limits.lower_caution, limits.upper_caution) == (47, 3, None)


@pytest.mark.parametrize(
    ("fields", "value", "kind"),
    [
        ({"Reading": 1.2, "ReadingType": "Power", "ReadingUnits": "kW"}, 1200, ReadingType.POWER),
        ({"Reading": 880, "ReadingType": "Voltage", "ReadingUnits": "mV"}, 0.88, ReadingType.VOLTAGE),
        ({"Reading": 41, "ReadingType": None, "ReadingUnits": "Cel"}, 41, ReadingType.TEMPERATURE),
        ({"Reading": 5, "ReadingType": "ContosoFlux"}, 5, ReadingType.OTHER),
        ({"Reading": "38.5", "ReadingType": "Temperature"}, 38.5, ReadingType.TEMPERATURE),
        ({"Reading": None, "ReadingType": "Temperature"}, NoReading.FAULTY, ReadingType.TEMPERATURE),
    ],
)
def test_units_and_types_are_brought_to_ours(fields, value, kind):
    (found,) = readings(resource(f"{SENSORS}/S", "Sensor", **fields))
    assert (found.value, found.sensor.type) == (pytest.approx(value) if isinstance(value, float) else value, kind)


def test_F28_one_bad_entry_loses_only_itself():
    found = readings(
        thermal(
            {"Name": "A", "ReadingCelsius": 20}, {"ReadingCelsius": "N/A"}, None, 7,
            {"Name": ["x"], "ReadingCelsius": {}}, {"Name": "B", "ReadingCelsius": "21"},
        )
    )  # fmt: skip
    assert [r.value for r in found if r.number is not None] == [20, 21]


def test_a_temperature_told_by_thermal_and_by_a_sensor_is_one_sensor():
    one = readings(thermal({"Name": "CPU1 Temp", "ReadingCelsius": 60}), sensor("CPU1 Temp", 60))
    assert len(one) == 1


def test_the_same_temperature_is_joined_even_where_only_one_says_whose_it_is():
    cpu = resource(f"{SYSTEM}/Processors/1", "Processor", Name="CPU 1", Status=ok())
    (found,) = readings(
        cpu,
        thermal({"Name": "CPU 1 Temp", "ReadingCelsius": 60}),
        sensor("CPU 1 Temp", 60, RelatedItem=[link(cpu["@odata.id"])]),
    )
    assert found.sensor.component == Component("Processor", "CPU 1")


def test_two_sensors_of_one_name_stay_two():
    found = readings(
        thermal(
            {"Name": "Temp", "MemberId": "0", "ReadingCelsius": 20},
            {"Name": "Temp", "MemberId": "1", "ReadingCelsius": 30},
        )
    )
    assert len({(r.sensor.component, r.sensor.name) for r in found}) == 2
    assert [r.value for r in found] == [20, 30]


def test_a_shifted_list_is_never_misread():
    first, second = {"Name": "A", "ReadingCelsius": 20}, {"Name": "B", "ReadingCelsius": 30}
    resources = [Resource(f"{CHASSIS}/Thermal", thermal(first, second), NOW)]
    known = sight_of(resources, (), Plan()).catalog
    shifted = told(thermal(second))
    found, strange = readings_of(shifted, {key(f"{CHASSIS}/Thermal"): NOW}, known)
    assert [(r.sensor.name, r.value) for r in found] in ([("B", 30)], [])
    assert len(found) + strange == 1


def test_an_excerpt_and_its_sensor_are_one_and_the_excerpt_says_whose():
    supply = resource(f"{CHASSIS}/PowerSubsystem/PowerSupplies/1", "PowerSupply", Name="PSU 1", Status=ok())
    metrics = resource(
        f"{CHASSIS}/PowerSubsystem/PowerSupplies/1/Metrics", "PowerSupplyMetrics",
        InputPowerWatts={"Reading": 200, "DataSourceUri": f"{SENSORS}/Psu1Input"}, OutputPowerWatts={"Reading": 180},
    )  # fmt: skip
    found = {r.sensor.name: r for r in readings(supply, metrics, sensor("Psu1 Input", 200, "Power"))}
    assert set(found) == {"Input Power", "Output Power"}
    assert {r.sensor.component for r in found.values()} == {Component("PowerSupply", "PSU 1")}


def test_the_power_of_a_chassis_is_one_sensor_however_it_is_told():
    power = resource(f"{CHASSIS}/Power", "Power", PowerControl=[{"Name": "System Power", "PowerConsumedWatts": 300}])
    metrics = resource(f"{CHASSIS}/EnvironmentMetrics", "EnvironmentMetrics", PowerWatts={"Reading": 300})
    (found,) = readings(power, metrics)
    assert (found.sensor.physical_context, found.value) == ("Chassis", 300)


def test_a_fan_that_tells_its_revolutions_is_not_told_again_in_percent():
    fan = resource(
        f"{CHASSIS}/ThermalSubsystem/Fans/1",
        "Fan",
        Name="Fan 1",
        Status=ok(),
        SpeedPercent={"Reading": 60, "SpeedRPM": 5900},
    )
    assert [(r.sensor.type, r.value) for r in readings(fan)] == [(ReadingType.ROTATIONAL, 5900)]


def test_outlets_and_their_phases_are_read():
    outlet = resource(
        f"{V1}/PowerEquipment/RackPDUs/1/Outlets/A1", "Outlet", Status=ok(), Voltage={"Reading": 230.1},
        PolyPhaseVoltage={"Line1ToNeutral": {"Reading": 229.9}}, PowerLimitWatts={"Reading": 500},
    )  # fmt: skip
    found = {r.sensor.name: (r.sensor.type, r.value) for r in readings(outlet)}
    assert found == {
        "Voltage": (ReadingType.VOLTAGE, 230.1),
        "PolyPhaseVoltage Line1ToNeutral": (ReadingType.VOLTAGE, 229.9),
    }


def test_a_device_that_contradicts_itself_gives_a_suspect_reading():
    body = sensor("Inlet", 60, Status=ok(), Thresholds={"UpperCritical": {"Reading": 47}})
    assert readings(body)[0].quality is Quality.SUSPECT
    body["Status"] = {"Health": "Critical"}
    assert readings(body)[0].quality is Quality.GOOD


def test_a_catalog_survives_being_written_down():
    resources = [Resource(path, body, NOW) for path, body in server().items()]
    before = sight_of(resources, (), Plan()).catalog
    after = Catalog.from_json(before.to_json())
    assert after.by_place == before.by_place
    assert after.by_property == before.by_property


def test_identities_outlive_what_a_walk_happens_to_read():
    supply = resource(f"{CHASSIS}/PowerSubsystem/PowerSupplies/1", "PowerSupply", Name="PSU 1", Status=ok())
    metrics = resource(
        f"{CHASSIS}/PowerSubsystem/PowerSupplies/1/Metrics", "PowerSupplyMetrics",
        InputVoltage={"Reading": 230, "DataSourceUri": f"{SENSORS}/V1"},
    )  # fmt: skip
    volts = resource(f"{SENSORS}/V1", "Sensor", Name="Some Voltage", Reading=230, ReadingType="Voltage")
    (full,) = readings(supply, metrics, volts)
    resources = [Resource(body["@odata.id"], body, NOW) for body in (supply, metrics, volts)]
    known = sight_of(resources, (), Plan()).catalog
    (short,) = readings(supply, volts, plan=Plan(catalog=known))
    assert (short.sensor.component, short.sensor.name) == (full.sensor.component, full.sensor.name)


def report(stamp: str, value: str = "25", *, target: str = f"{SENSORS}/Inlet/Reading", date: str = "") -> Resource:
    values = [{"MetricProperty": target, "MetricValue": value, "Timestamp": stamp}]
    body = resource(f"{V1}/TelemetryService/MetricReports/All", "MetricReport", Timestamp=stamp, MetricValues=values)
    return Resource(body["@odata.id"], body, NOW, date)


INLET = build(told(sensor("Inlet", 24)), {})


@pytest.mark.parametrize("target", [f"{SENSORS}/Inlet/Reading", f"{SENSORS}/Inlet#/Reading", f"{SENSORS}/Inlet"])
def test_a_report_names_a_property_in_many_ways(target):
    (found,) = reports.readings(report("2026-01-06T08:00:00Z", target=target), INLET, 0.0)
    assert (found.sensor.name, found.value) == ("Inlet", 25)


def test_a_value_in_a_report_is_as_old_as_its_time_stamp():
    (found,) = reports.readings(report("2026-01-06T07:59:00Z"), INLET, 0.0)
    assert found.taken_at == NOW - timedelta(minutes=1)


def test_the_device_s_clock_may_be_wrong_as_long_as_it_is_its_own():
    (found,) = reports.readings(report("1970-01-01T00:10:00Z", date="Thu, 01 Jan 1970 00:10:30 GMT"), INLET, None)
    assert found.taken_at == NOW - timedelta(seconds=30)


def test_a_report_is_believed_only_when_it_is_alive():
    assert reports.is_alive(report("2026-01-06T07:58:00Z"), 0.0)
    assert not reports.is_alive(report("2026-01-05T07:58:00Z"), 0.0)
    assert not reports.is_alive(report("2026-01-06T07:58:00Z"), None)
    assert not reports.is_alive(report("yesterday"), 0.0)


def test_a_report_in_another_unit_is_not_taken_for_the_sensor():
    known = {f"{SENSORS}/Inlet#/Reading": 24.0}
    assert reports.told(report("2026-01-06T08:00:00Z", "25"), INLET, known)
    assert not reports.told(report("2026-01-06T08:00:00Z", "2400"), INLET, known)


def test_what_is_no_number_in_a_report_is_faulty_and_not_zero():
    (found,) = reports.readings(report("2026-01-06T08:00:00Z", "N/A"), INLET, 0.0)
    assert found.value is NoReading.FAULTY
