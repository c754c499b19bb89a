"""Components: every Status is seen, told once, under a name that is unique and stays."""

from __future__ import annotations

from typing import Any

import pytest

from fleetmon.drivers.redfish.parse.components import Seen, seen_in
from fleetmon.drivers.redfish.parse.naming import merge, names
from fleetmon.drivers.redfish.parse.parts import identity, parts, software
from fleetmon.drivers.redfish.resource import Resource
from fleetmon.model import Component, Health
from tests.redfish_service import CHASSIS, NOW, SYSTEM, V1, Json, ok, resource, server


def read(*bodies: Json) -> list[Seen]:
    return [seen for body in bodies for seen in seen_in(Resource(body["@odata.id"], body, NOW))]


def drive(n: int, **more: Any) -> Json:
    return resource(f"{SYSTEM}/Storage/1/Drives/{n}", "Drive", **{"Name": f"Bay {n}", "Status": ok(), **more})


def test_a_drive_is_told_with_what_it_says_of_itself():
    (seen,) = read(drive(3, Status={"State": "Enabled", "Health": "Warning"}, FailurePredicted=True))
    assert (seen.kind, seen.name, seen.health, seen.failure_predicted) == ("Drive", "Bay 3", Health.WARNING, True)
    assert seen.source == f"{SYSTEM}/Storage/1/Drives/3"


def test_F35_an_empty_slot_is_no_component():
    assert read(drive(1, Status={"State": "Absent"})) == []


def test_a_component_that_does_not_say_is_unknown_and_never_ok():
    (seen,) = read(drive(1, Status={"State": "Enabled", "Health": None}))
    assert seen.health is Health.UNKNOWN
    (seen,) = read(resource(f"{SYSTEM}/Storage/1/Drives/1", "Drive"))
    assert seen.health is Health.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "fields", "health", "predicted"),
    [
        ("Drive", {"StatusIndicator": "Fail"}, Health.CRITICAL, None),
        ("Drive", {"StatusIndicator": "PredictiveFailureAnalysis"}, Health.WARNING, True),
        ("LeakDetector", {"DetectorState": "Critical"}, Health.CRITICAL, None),
        ("PowerSupply", {"LineInputStatus": "LossOfInput"}, Health.WARNING, None),
        ("Drive", {"FailurePredicted": True}, Health.OK, True),
        ("Drive", {"FailurePredicted": None}, Health.OK, None),
    ],
)
def test_F36_what_a_component_says_beside_its_status_counts(kind, fields, health, predicted):
    (seen,) = read(resource(f"{V1}/x/1", kind, Status=ok(), **fields))
    assert (seen.health, seen.failure_predicted) == (health, predicted)
    assert seen.detail or (health is Health.OK and not predicted)


def test_a_status_nobody_expected_is_seen_when_it_is_not_well():
    odd = resource(
        f"{V1}/x/1", "ContosoGadget", Status={"Health": "Critical"}, Oem={"Contoso": {"Flux": {"Status": ok()}}}
    )
    assert [(seen.kind, seen.health) for seen in read(odd)] == [("ContosoGadget", Health.CRITICAL)]
    odd["Status"], odd["Oem"]["Contoso"]["Flux"]["Status"] = ok(), {"Health": "Warning"}
    assert [(seen.kind, seen.source) for seen in read(odd)] == [("Flux", f"{V1}/x/1#/Oem/Contoso/Flux")]


def test_a_vendor_s_summary_is_no_part():
    body = resource(
        f"{V1}/x/1",
        "ComputerSystem",
        Status=ok(),
        Oem={"Hpe": {"Health": {"Memory": {"Status": {"Health": "Warning"}}}}},
    )
    assert [seen.kind for seen in read(body)] == ["MemorySummary", "ComputerSystem"][::-1]


def test_what_was_ill_once_is_told_ever_since():
    log = resource(f"{V1}/Managers/1/LogServices/SEL", "LogService", Status=ok())
    found = Resource(log["@odata.id"], log, NOW)
    assert list(seen_in(found)) == []
    assert [seen.health for seen in seen_in(found, frozenset({found.path}))] == [Health.OK]


def test_assemblies_and_redundancy_are_seen_where_they_stand():
    body = resource(
        f"{CHASSIS}/Assembly",
        "Assembly",
        Assemblies=[{"Name": "Board", "Status": ok()}, {"Status": {"Health": "Warning"}}],
    )
    assert [(seen.kind, seen.source, seen.health) for seen in read(body)] == [
        ("Assembly", f"{CHASSIS}/Assembly#/Assemblies/1", Health.WARNING),
        ("Assembly", f"{CHASSIS}/Assembly#/Assemblies/0", Health.OK),
    ]


def fan_twice(old: str = "OK", new: str = "OK") -> list[Seen]:
    thermal = resource(
        f"{CHASSIS}/Thermal",
        "Thermal",
        Fans=[{"Name": "Fan 1", "MemberId": "0", "Status": {"Health": old}, "Reading": 1}],
    )
    fan = resource(f"{CHASSIS}/ThermalSubsystem/Fans/F1", "Fan", Name="FAN_1", Status={"Health": new}, Model="AF")
    return merge(read(thermal, fan))


def test_a_fan_told_by_two_resources_is_one_fan():
    (fan,) = fan_twice()
    assert (fan.name, fan.entry["Model"], fan.health) == ("Fan 1", "AF", Health.OK)
    assert {fan.source, *fan.also} == {f"{CHASSIS}/Thermal#/Fans/0", f"{CHASSIS}/ThermalSubsystem/Fans/F1"}


@pytest.mark.parametrize(
    ("old", "new", "source"), [("Critical", "OK", "/Thermal#/Fans/0"), ("OK", "Critical", "/Fans/F1")]
)
def test_F36_of_two_tellings_the_worse_counts_and_both_are_named(old, new, source):
    (fan,) = fan_twice(old, new)
    assert fan.health is Health.CRITICAL
    assert fan.source.endswith(source)
    assert "OK by" in fan.detail


def test_supplies_are_matched_by_serial_number_before_name():
    power = resource(
        f"{CHASSIS}/Power", "Power",
        PowerSupplies=[{"Name": "PSU", "MemberId": str(n), "SerialNumber": f"P{n}", "Status": ok()} for n in range(2)],
    )  # fmt: skip
    new = [
        resource(
            f"{CHASSIS}/PowerSubsystem/PowerSupplies/Bay{n}",
            "PowerSupply",
            Name="PSU",
            SerialNumber=f"P{1 - n}",
            Status=ok(),
        )
        for n in range(2)
    ]
    found = {seen.source: seen.also for seen in merge(read(power, *new))}
    assert found == {
        f"{CHASSIS}/PowerSubsystem/PowerSupplies/Bay0": (f"{CHASSIS}/Power#/PowerSupplies/1",),
        f"{CHASSIS}/PowerSubsystem/PowerSupplies/Bay1": (f"{CHASSIS}/Power#/PowerSupplies/0",),
    }


@pytest.mark.parametrize(
    ("trips", "health"),
    [({"UncorrectableECCError": True}, Health.CRITICAL), ({"CorrectableECCError": False}, Health.OK)],
)
def test_what_the_metrics_of_a_module_tell_is_the_module_s(trips, health):
    module = resource(f"{SYSTEM}/Memory/1", "Memory", Status=ok())
    metrics = resource(f"{SYSTEM}/Memory/1/MemoryMetrics", "MemoryMetrics", HealthData={"AlarmTrips": trips})
    (seen,) = merge(read(module, metrics))
    assert (seen.kind, seen.health) == ("Memory", health)
    assert ("uncorrectable" in seen.detail) is (health is Health.CRITICAL)


def test_an_open_chassis_explains_trouble_and_is_none_by_itself():
    body = resource(CHASSIS, "Chassis", Status=ok(), PhysicalSecurity={"IntrusionSensor": "HardwareIntrusion"})
    (seen,) = read(body)
    assert (seen.health, seen.detail) == (Health.OK, "")
    (seen,) = read({**body, "Status": {"Health": "Critical"}})
    assert (seen.health, seen.detail) == (Health.CRITICAL, "open")


def below(holder: str, kind: str, **fields: Any) -> Json:
    return resource(f"{SYSTEM}/{holder}/1", kind, **fields)


def test_a_drive_told_below_two_owners_is_one_drive_with_the_worse_health():
    said: Json = {"SerialNumber": "S5STNF0T7", "Model": "PM9"}
    (drive,) = merge(
        read(
            below("Storage/A/Drives", "Drive", Status=ok(), **said),
            below("Enclosure/Long/Drives", "Drive", Status={"Health": "Warning"}, **said),
        )
    )
    assert (drive.health, len(drive.also)) == (Health.WARNING, 1)
    assert {drive.source, *drive.also} == {f"{SYSTEM}/Storage/A/Drives/1", f"{SYSTEM}/Enclosure/Long/Drives/1"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"SerialNumber": "S5STNF0T7", "Model": "A"}, {"SerialNumber": "S5STNF0T7", "Model": "B"}),
        ({"SerialNumber": "S5STNF0T7", "Model": "A"}, {"SerialNumber": "S5STNF0T8", "Model": "A"}),
        ({"SerialNumber": "123", "Model": "A"}, {"SerialNumber": "123", "Model": "A"}),
        ({"SerialNumber": "0123456789", "Model": "A"}, {"SerialNumber": "0123456789", "Model": "A"}),
        ({"SerialNumber": "S5STNF0T7"}, {"SerialNumber": "S5STNF0T7"}),
        (
            {"SerialNumber": "S5STNF0T7", "Model": "A", "CapacityBytes": 1000},
            {"SerialNumber": "S5STNF0T7", "Model": "A", "CapacityBytes": 2000},
        ),
    ],
)
def test_drives_that_differ_in_anything_are_told_apart(one, other):
    found = read(below("Storage/A/Drives", "Drive", **one), below("Storage/B/Drives", "Drive", **other))
    assert len(merge(found)) == 2


def test_members_of_one_list_with_one_number_are_told_apart():
    same = [drive(n, SerialNumber="S5STNF0T7", Model="A") for n in (1, 2)]
    assert len(merge(read(*same))) == 2


def test_power_supplies_of_two_enclosures_with_one_number_are_told_apart():
    same = [below(f"Chassis/{n}/PowerSupplies", "PowerSupply", SerialNumber="PSU-12345", Model="A") for n in "AB"]
    assert len(merge(read(*same))) == 2


def test_a_volume_told_below_two_owners_is_known_by_its_durable_name():
    names = [[{"DurableName": name}] for name in ("600508B1-001C", "600508b1001c")]
    volumes = [below(f"Storage/{n}/Volumes", "Volume", Identifiers=name) for n, name in zip("AB", names, strict=True)]
    assert len(merge(read(*volumes))) == 1


def test_simple_storage_tells_drives_only_where_no_drive_is_told():
    simple = resource(
        f"{SYSTEM}/SimpleStorage/1", "SimpleStorage", Devices=[{"Name": "Disk", "Status": ok()}], Status=ok()
    )
    assert [seen.kind for seen in merge(read(simple))] == ["SimpleStorage", "Drive"]
    assert [seen.kind for seen in merge(read(simple, drive(1)))] == ["SimpleStorage", "Drive"]
    simple["Devices"][0]["Status"] = {"Health": "Critical"}
    assert "SimpleStorageDevice" in [seen.kind for seen in merge(read(simple, drive(1)))]


def test_names_are_unique_within_a_kind():
    same = [drive(n, Name="Physical Disk") for n in (1, 2)]
    found, schemes = names(read(*same), {})
    assert sorted(component.name for component in found.values()) == ["Physical Disk 1", "Physical Disk 2"]
    assert schemes["Drive"] > 0


def test_a_name_does_not_change_when_a_neighbour_leaves():
    same = [drive(n, Name="Physical Disk") for n in (1, 2)]
    before, schemes = names(read(*same), {})
    after, again = names(read(same[0]), schemes)
    assert set(after.values()) <= set(before.values())
    assert again == schemes


def test_things_of_different_holders_with_the_same_name_and_id_are_told_apart():
    fans = [resource(f"{V1}/Chassis/{c}/ThermalSubsystem/Fans/1", "Fan", Name="Fan", Status=ok()) for c in ("A", "B")]
    found, _ = names(read(*fans), {})
    assert len(set(found.values())) == 2


def test_the_parts_of_a_server_and_who_it_is():
    resources = [Resource(path, body, NOW) for path, body in server().items()]
    things = merge(seen for found in resources for seen in seen_in(found))
    listed = {part.component: part for part in parts(things, names(things, {})[0])}
    assert listed[Component("Memory", "DIMM 1")].capacity_bytes == 32 * 2**30
    assert listed[Component("Drive", "Bay 2")].serial_number == "D2"
    assert listed[Component("PowerSupply", "PSU 1")].serial_number == "P0"
    assert listed[Component("Processor", "CPU 1")].properties["cores"] == 16
    assert [part.firmware for part in software(resources)] == ["1.45"]
    who = identity(resources)
    assert (who.manufacturer, who.serial_number, who.firmware, who.systems) == ("Contoso", "S1", "1.45", (SYSTEM,))


def test_F33_life_left_is_told_only_where_it_can_be_meant():
    def life(**fields: Any) -> object:
        (part,) = parts(read(drive(1, **fields)), names(read(drive(1)), {})[0])
        return part.properties.get("life_left_percent")

    assert life(PredictedMediaLifeLeftPercent=97, MediaType="SSD") == 97
    assert life(PredictedMediaLifeLeftPercent=0, MediaType="HDD") is None
    assert life(PredictedMediaLifeLeftPercent=255, MediaType="SSD") is None
    assert life(PredictedMediaLifeLeftPercent="N/A") is None
