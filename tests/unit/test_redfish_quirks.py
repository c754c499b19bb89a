"""Every quirk mends its evidence and leaves conforming bodies alone."""

from __future__ import annotations

import copy
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from fleetmon.drivers.redfish.parse.components import seen_in
from fleetmon.drivers.redfish.parse.parts import identity, parts
from fleetmon.drivers.redfish.parse.readings import told_by
from fleetmon.drivers.redfish.quirks import DETOURS, QUIRKS, Make, Mended, Quirk, make_of, mend
from fleetmon.drivers.redfish.resource import key
from fleetmon.drivers.redfish.walk import Walk
from fleetmon.model import Component, Health
from tests.redfish_service import NOW, SYSTEM, Json, Resource, Shelf, collection, link, ok, resource, server

# What the device said, and the part of it that must come out.
EVIDENCE: dict[str, tuple[Json, Json]] = {
    "ilo-array-drive": (
        {
            "Location": "1I:3:1", "MediaType": "SSD", "CapacityMiB": 457862, "SSDEnduranceUtilizationPercentage": 7,
            "FirmwareVersion": {"Current": {"VersionString": "HPG0"}}, "DiskDriveStatusReasons": ["NonAuthenticDrive"],
            "Status": {"State": "Enabled", "Health": "Warning"}, "InterfaceType": "SATA", "InterfaceSpeedMbps": 6000,
        },
        {
            "@odata.type": "#Drive.v1_0_0.Drive", "Name": "Drive 1I:3:1", "PredictedMediaLifeLeftPercent": 93,
            "CapacityBytes": 457862 * 2**20, "Revision": "HPG0", "Protocol": "SATA", "CapableSpeedGbs": 6,
            "PhysicalLocation": {"PartLocation": {"ServiceLabel": "1I:3:1"}},
            "Status": {"State": "Enabled", "Health": "Warning", "Conditions": [{"Message": "NonAuthenticDrive"}]},
        },
    ),
    "drive-temperature-in-oem": (
        {"Status": ok(), "Oem": {"Hpe": {"CurrentTemperatureCelsius": 19, "MaximumTemperatureCelsius": 31}}},
        {"TemperatureCelsius": {"Reading": 19}},
    ),
    "ilo-array-volume": (
        {
            "LogicalDriveName": "Boot", "Raid": "1", "CapacityMiB": 10, "VolumeUniqueIdentifier": "600508B1",
            "LogicalDriveStatusReasons": ["Ok"], "Status": ok(),
        },
        {
            "@odata.type": "#Volume.v1_0_0.Volume", "Name": "Boot", "RAIDType": "RAID1", "CapacityBytes": 10 * 2**20,
            "Identifiers": [{"DurableName": "600508B1", "DurableNameFormat": "NAA"}],
        },
    ),
    "ilo-array-controller": (
        {"Model": "P408i-p", "FirmwareVersion": {"Current": {"VersionString": "5.32"}}, "ControllerPartNumber": "8"},
        {
            "@odata.type": "#StorageController.v1_0_0.StorageController", "Name": "P408i-p",
            "FirmwareVersion": "5.32", "PartNumber": "8",
        },
    ),
    "ilo4-memory": (
        {"SocketLocator": "PROC 1 DIMM 3", "SizeMB": 16384, "DIMMStatus": "Degraded", "DIMMType": "DDR4"},
        {
            "@odata.type": "#Memory.v1_0_0.Memory", "Name": "PROC 1 DIMM 3", "DeviceLocator": "PROC 1 DIMM 3",
            "CapacityMiB": 16384, "MemoryDeviceType": "DDR4", "Status": {"State": "Enabled", "Health": "Warning"},
        },
    ),
    "hpe-dimm-status": (
        {"Status": {"State": "Enabled"}, "Oem": {"Hpe": {"DIMMStatus": "MapOutError"}}},
        {"Status": {"State": "Enabled", "Health": "Critical"}},
    ),
    "ilo4-fan-names": (
        {
            "Fans": [{"FanName": "Fan 1", "CurrentReading": 23, "Units": "Percent"}],
            "Temperatures": [{"Name": "01-Inlet Ambient", "CurrentReading": 21, "Units": "Celsius"}],
        },
        {
            "Fans": [
                {
                    "FanName": "Fan 1", "CurrentReading": 23, "Units": "Percent",
                    "Name": "Fan 1", "Reading": 23, "ReadingUnits": "Percent",
                }
            ],
            "Temperatures": [
                {"Name": "01-Inlet Ambient", "CurrentReading": 21, "Units": "Celsius", "ReadingCelsius": 21}
            ],
        },
    ),
    "ilo-sensor-without-type": ({"Reading": 18}, {"ReadingType": "Temperature", "ReadingUnits": "Cel"}),
    "dell-service-tag": (
        {"SKU": "F54P1G3", "SerialNumber": "CNIVC0014M0388"},
        {"SerialNumber": "F54P1G3", "BoardSerialNumber": "CNIVC0014M0388"},
    ),
    "cisco-capacity-in-mebibytes": ({"CapacityBytes": 3815447}, {"CapacityBytes": 3815447 * 2**20}),
    "cisco-volume-state": (
        {"Oem": {"Cisco": {"VolumeState": "Degraded"}}},
        {"Status": {"State": "Enabled", "Health": "Warning"}},
    ),
    "hpe-post-state": (
        {"Oem": {"Hpe": {"PostState": "InPost"}}},
        {"BootProgress": {"LastState": "BusInitializationStarted"}},
    ),
    "hpe-supplies-by-bay": (
        {"PowerSupplies": [{"Name": "HpeServerPowerSupply", "Oem": {"Hpe": {"BayNumber": 2}}}]},
        {"PowerSupplies": [{"Name": "Power Supply 2", "Oem": {"Hpe": {"BayNumber": 2}}}]},
    ),
    "hpe-batteries": (
        {"Oem": {"Hpe": {"SmartStorageBattery": [{"Index": 1, "Status": {"Health": "OK", "State": "Enabled"}}]}}},
        {
            "Batteries": [
                {
                    "Index": 1, "Status": {"Health": "OK", "State": "Enabled"},
                    "Name": "Smart Storage Battery 1", "MemberId": "1",
                }
            ]
        },
    ),
    "hpe-drive-without-state": ({"Status": {"Health": "OK"}}, {"Status": {"Health": "OK", "State": "Enabled"}}),
    "failure-predicted-as-word": ({"FailurePredicted": "true"}, {"FailurePredicted": True}),
    "drive-told-in-oem": (
        {"PredictedMediaLifeLeftPercent": None, "Oem": {"Huawei": {"PredictedMediaLifeLeftPercent": 88}}},
        {"PredictedMediaLifeLeftPercent": 88},
    ),
    "wear-in-oem": (
        {"Oem": {"Supermicro": {"Temperature": 37, "PercentageDriveLifeUsed": 12}}},
        {"PredictedMediaLifeLeftPercent": 88},
    ),
    "dell-life-left-zero": (
        {"PredictedMediaLifeLeftPercent": 0, "Oem": {"Dell": {"DellPhysicalDisk": {"Certified": "No"}}}},
        {"PredictedMediaLifeLeftPercent": None},
    ),
    "life-left-that-cannot-be": ({"PredictedMediaLifeLeftPercent": -229}, {"PredictedMediaLifeLeftPercent": None}),
    "memory-told-in-oem": ({"Oem": {"Contoso": {"PartNumber": "P53626"}}}, {"PartNumber": "P53626"}),
    "processor-told-in-oem": ({"Oem": {"Contoso": {"SerialNumber": "C1"}}}, {"SerialNumber": "C1"}),
    "power-supply-told-in-oem": ({"Oem": {"Contoso": {"FirmwareVersion": "1.2"}}}, {"FirmwareVersion": "1.2"}),
    "power-told-in-oem": (
        {"PowerSupplies": [{"Name": "PSU1", "Oem": {"Huawei": {"PowerOutputWatts": 120}}}]},
        {"PowerSupplies": [{"Name": "PSU1", "Oem": {"Huawei": {"PowerOutputWatts": 120}}, "PowerOutputWatts": 120}]},
    ),
    "dell-rollups": (
        {"Oem": {"Dell": {"DellSystem": {"FanRollupStatus": "Degraded"}}}},
        {
            "Oem": {
                "Dell": {
                    "DellSystem": {"FanRollupStatus": "Degraded", "FanRollup": {"Status": {"Health": "Degraded"}}}
                }
            }
        },
    ),
    "dell-controller-battery": (
        {"Oem": {"Dell": {"DellControllerBattery": {"Id": "B1", "Name": "Battery", "PrimaryStatus": "Degraded"}}}},
        {
            "Batteries": [
                {
                    "Id": "B1", "Name": "Battery", "PrimaryStatus": "Degraded", "MemberId": "B1",
                    "Status": {"Health": "Degraded"},
                }
            ]
        },
    ),
    "huawei-capacitor": (
        {"StorageControllers": [{"Oem": {"Huawei": {"CapacitanceName": "TFM", "CapacitanceStatus": ok()}}}]},
        {"Batteries": [{"Name": "TFM", "MemberId": "0", "Status": ok()}]},
    ),
    "fujitsu-memory-status": (
        {"Status": {"State": "Enabled"}, "Oem": {"ts_fujitsu": {"LegacyStatus": "Warning"}}},
        {"Status": {"State": "Enabled", "Health": "Warning"}},
    ),
    "fujitsu-supply-output": (
        {
            "PowerSupplies": [{"Name": "PSU1"}],
            "Oem": {"ts_fujitsu": {"ChassisPowerSensors": [{"Designation": "PSU1 P", "CurrentPowerConsumptionW": 8}]}},
        },
        {"PowerSupplies": [{"Name": "PSU1", "LastPowerOutputWatts": 8}]},
    ),
    "absurd-port-counts": (
        {"Controllers": [{"ControllerCapabilities": {"NetworkPortCount": 913009764, "Other": 1}}]},
        {"Controllers": [{"ControllerCapabilities": {"Other": 1}}]},
    ),
    "repaired-in-oem": ({"Oem": {"Hpe": {"Repaired": True}}}, {"Resolved": True}),
}  # fmt: skip

MAKERS = ("supermicro", "hpe", "dell inc.", "fujitsu", "huawei", "cisco systems inc", "contoso")


def kinds_of(quirk: Quirk) -> tuple[str, ...]:
    return (quirk.resource,) if isinstance(quirk.resource, str) else quirk.resource


CONFORMING = {
    "Sensor": {"Reading": 5.0, "ReadingUnits": "V"},
    "Volume": {"Status": ok(), "Oem": {"Cisco": {"VolumeState": "Degraded"}}},
    "Chassis": {"Status": ok(), "Oem": {"Contoso": {"Light": "blue"}}},
    "ComputerSystem": {"Status": ok(), "Oem": {"Contoso": {"Light": "blue"}}},
    "Drive": {
        "Status": ok(), "FailurePredicted": False, "PredictedMediaLifeLeftPercent": 97, "MediaType": "SSD",
        "SerialNumber": "D1", "CapacityBytes": 10**12, "Oem": {"Contoso": {"LifeUsedPercent": 50, "SerialNumber": "X"}},
    },
    "LogEntry": {"Resolved": False, "Oem": {"Contoso": {"Repaired": True}}},
    "Memory": {
        "Status": ok(), "SerialNumber": "M1", "PartNumber": "P", "Manufacturer": "Contoso", "CapacityMiB": 1,
        "Oem": {"Hpe": {"DIMMStatus": "Degraded"}, "ts_fujitsu": {"LegacyStatus": "Warning"}},
    },
    "NetworkAdapter": {"Controllers": [{"ControllerCapabilities": {"NetworkPortCount": 2}}], "Status": ok()},
    "Power": {"PowerSupplies": [{"Name": "PSU 1", "PowerOutputWatts": 5, "Status": ok()}]},
    "PowerSupply": {"SerialNumber": "P0", "FirmwareVersion": "1", "Status": ok()},
    "Processor": {"SerialNumber": "C0", "Model": "M", "Status": ok()},
    "Storage": {"Status": ok(), "StorageControllers": [{"Name": "RAID", "Status": ok()}]},
    "Thermal": {
        "Fans": [{"Name": "Fan 1", "Reading": 6000, "ReadingUnits": "RPM", "Status": ok()}],
        "Temperatures": [{"Name": "Inlet", "ReadingCelsius": 21, "Status": ok()}],
    },
}  # fmt: skip


def test_every_quirk_brings_its_evidence():
    assert {quirk.name for quirk in QUIRKS} == set(EVIDENCE)
    assert len({quirk.name for quirk in QUIRKS}) == len(QUIRKS)
    assert all(quirk.evidence for quirk in QUIRKS)


def test_every_quirk_stands_in_the_documents():
    documents = Path(__file__).parents[2] / "docs" / "drivers.md"
    assert [quirk.name for quirk in QUIRKS if f"`{quirk.name}`" not in documents.read_text()] == []


@pytest.mark.parametrize("quirk", QUIRKS, ids=attrgetter("name"))
def test_quirk_mends_its_evidence_and_leaves_conforming_payloads_alone(quirk):
    said, mended = EVIDENCE[quirk.name]
    for kind in kinds_of(quirk):
        body = resource("/redfish/v1/x/1", kind, **said)
        before = copy.deepcopy(body)
        assert any(quirk.applies(Make(maker)) for maker in MAKERS)
        assert quirk.mend(body) == {**body, **mended}
        assert body == before
        if kind in CONFORMING:
            conforming = resource("/redfish/v1/x/1", kind, **CONFORMING[kind])
            assert quirk.mend(conforming) is conforming


@pytest.mark.parametrize("quirk", QUIRKS, ids=attrgetter("name"))
@pytest.mark.parametrize(
    "odd", [None, "text", 7, [], {}, [None], [3], {"x": None}, {"Dell": 3}, {"Hpe": {"Battery": 1}}]
)
def test_a_quirk_never_fails_on_what_it_does_not_expect(quirk, odd):
    said, _ = EVIDENCE[quirk.name]
    names = {*said, "FailurePredicted", "Oem", "Status", "PredictedMediaLifeLeftPercent", "Fans", "Controllers"}
    assert isinstance(quirk.mend(dict.fromkeys(names, odd)), dict)
    for name in names:
        assert isinstance(quirk.mend({**said, name: odd}), dict)


def test_a_quirk_of_one_make_does_not_touch_another():
    said = resource("/redfish/v1/d/1", "Drive", **EVIDENCE["dell-life-left-zero"][0])
    drive = Resource("/redfish/v1/d/1", said, NOW)
    assert mend(drive, Make("dell inc.")).body["PredictedMediaLifeLeftPercent"] is None
    assert mend(drive, Make("contoso")).body["PredictedMediaLifeLeftPercent"] == 0


def test_what_needs_no_mending_is_passed_on_as_it_is():
    shelf = [Resource(path, body, NOW) for path, body in server().items()]
    assert all(mend(found, Make("contoso")) is found for found in shelf)


@pytest.mark.parametrize(
    ("own", "left"),
    [
        ({"Supermicro": {"PercentageDriveLifeUsed": 3}}, 97),
        ({"Dell": {"DellPhysicalDisk": {"RemainingRatedWriteEndurancePercent": 91}}}, 91),
        ({"Lenovo": {"RemainingLife": 80}}, 80),
        ({"Contoso": {"SsdLifeLeft": "77"}}, 77),
        ({"Contoso": {"NVMe": {"PercentageUsed": 40}}}, 60),
        ({"Contoso": {"RemainingRatedWriteEndurance": 255}}, None),
        ({"Contoso": {"LifeLeftThresholdPercent": 5}}, None),
        ({"Contoso": {"AvailableSparePercent": 100}}, None),
        ({"Contoso": {"MinutesLeft": 90}}, None),
        ({"Contoso": "LifeUsed"}, None),
    ],
)
def test_wear_in_a_vendor_s_own_words_is_understood_by_what_the_words_say(own, left):
    drive = Resource("/redfish/v1/d/1", resource("/redfish/v1/d/1", "Drive", MediaType="SSD", Oem=own), NOW)
    assert mend(drive, Make("contoso")).body.get("PredictedMediaLifeLeftPercent") == left


def test_F33_wear_of_a_spinning_disk_is_not_believed_wherever_it_stands():
    own = {"Contoso": {"LifeLeftPercent": 0}}
    drive = Resource("/redfish/v1/d/1", resource("/redfish/v1/d/1", "Drive", MediaType="HDD", Oem=own), NOW)
    assert mend(drive, Make("contoso")).body["PredictedMediaLifeLeftPercent"] is None


def test_a_rollup_of_the_vendor_is_a_component_only_when_it_is_not_well():
    said = {"DellSystem": {"FanRollupStatus": "Error", "PSRollupStatus": "OK"}}
    system = resource(SYSTEM, "ComputerSystem", Status=ok(), Oem={"Dell": said})
    found = list(seen_in(mend(Resource(SYSTEM, system, NOW), Make("dell inc."))))
    assert [(seen.kind, seen.health) for seen in found[1:]] == [("FanRollup", Health.CRITICAL)]


def test_a_thermal_of_ilo_4_tells_its_fan():
    thermal = {**resource("/redfish/v1/Chassis/1/Thermal", "Thermal"), **EVIDENCE["ilo4-fan-names"][0]}
    mended = mend(Resource("/redfish/v1/Chassis/1/Thermal", thermal, NOW), Make("hp"))
    assert {(told.name, told.value, told.type.unit) for told in told_by(mended)} == {
        ("Speed", 23.0, "%"),
        ("01-Inlet Ambient", 21.0, "Cel"),
    }


def smart_array(bodies: dict[str, Json]) -> dict[str, Json]:
    """The server, with a Smart Array as iLO 4 leads to it: by its own links, under types of its own."""
    smart = f"{SYSTEM}/SmartStorage"
    array = f"{smart}/ArrayControllers/0"
    bodies[SYSTEM]["Oem"] = {"Hp": {"links": {"SmartStorage": {"href": smart}}}}
    added = [
        {
            "@odata.id": smart, "Type": "HpSmartStorage.1.0.0",
            "links": {"ArrayControllers": {"href": f"{smart}/ArrayControllers"}},
        },
        collection(f"{smart}/ArrayControllers", "HpSmartStorageArrayController", [array]),
        {
            "@odata.id": array, "Type": "HpSmartStorageArrayController.1.0.0", "Model": "P440ar", "Status": ok(),
            "links": {
                "PhysicalDrives": {"href": f"{array}/DiskDrives"}, "LogicalDrives": {"href": f"{array}/LogicalDrives"},
            },
        },
        collection(f"{array}/DiskDrives", "HpSmartStorageDiskDrive", [f"{array}/DiskDrives/0"]),
        {
            "@odata.id": f"{array}/DiskDrives/0", "Type": "HpSmartStorageDiskDrive.1.0.0", "Location": "1I:1:1",
            "SerialNumber": "S5STNF0T7", "MediaType": "SSD", "SSDEnduranceUtilizationPercentage": 7, "Status": ok(),
        },
        collection(f"{array}/LogicalDrives", "HpSmartStorageLogicalDrive", []),
    ]  # fmt: skip
    return bodies | {body["@odata.id"]: body for body in added}


async def test_the_detours_of_a_vendor_lead_to_its_drives():
    walk = Walk()
    walk.start()
    await walk.run(Shelf(smart_array(server())))
    found = [seen for part in walk.resources.values() for seen in seen_in(mend(part, Make("hpe")))]
    assert {"Drive 1I:1:1"} == {seen.name for seen in found if seen.kind == "Drive" and "SmartStorage" in seen.source}
    assert "P440ar" in {seen.name for seen in found if seen.kind == "StorageController"}
    assert DETOURS["SmartStorage"]


def test_the_serial_number_of_a_board_is_kept_beside_the_tag_a_machine_is_known_by():
    said = resource(SYSTEM, "ComputerSystem", SKU="F54P1G3", SerialNumber="CNIVC0014M0388", Status=ok())
    system = mend(Resource(SYSTEM, said, NOW), Make("dell"))
    assert identity([system]).serial_number == "F54P1G3"
    (told,) = parts(list(seen_in(system)), {key(SYSTEM): Component("ComputerSystem", "1")})
    assert (told.serial_number, told.properties["board_serial_number"]) == ("F54P1G3", "CNIVC0014M0388")


async def test_a_page_of_a_log_is_mended_entry_by_entry():
    entries = [resource("/redfish/v1/L/1", "LogEntry", Oem={"Hpe": {"Repaired": True}}), link("/redfish/v1/L/2")]
    page: dict[str, Any] = {**collection("/redfish/v1/L", "LogEntry", []), "Members": entries}
    found = await Mended(Shelf({"/redfish/v1/L": page}), Make("hpe")).get("/redfish/v1/L")
    assert [member.get("Resolved") for member in found.body["Members"]] == [True, None]


def test_the_make_is_told_by_the_root_or_the_system():
    assert make_of({"Vendor": "HPE"}).vendor == "hpe"
    assert make_of({"Oem": {"Supermicro": {}}}).vendor == "supermicro"
    assert make_of({}, [{"Manufacturer": "Dell Inc."}]).vendor == "dell inc."
    assert make_of({"Oem": "x"}).vendor == ""
