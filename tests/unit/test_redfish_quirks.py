"""Every quirk mends its evidence and leaves conforming bodies alone."""

from __future__ import annotations

import copy
from operator import attrgetter

import pytest

from fleetmon.drivers.redfish.quirks import QUIRKS, Make, make_of, mend
from tests.redfish_service import NOW, Resource, ok, resource, server

# What the device said, and the part of it that must come out.
EVIDENCE = {
    "failure-predicted-as-word": ({"FailurePredicted": "true"}, {"FailurePredicted": True}),
    "supermicro-wear-in-oem": (
        {"Oem": {"Supermicro": {"PercentageDriveLifeUsed": 12}}},
        {"PredictedMediaLifeLeftPercent": 88},
    ),
    "hpe-drive-without-state": ({"Status": {"Health": "OK"}}, {"Status": {"Health": "OK", "State": "Enabled"}}),
    "dell-life-left-zero": (
        {"PredictedMediaLifeLeftPercent": 0, "Oem": {"Dell": {"DellPhysicalDisk": {"Certified": "No"}}}},
        {"PredictedMediaLifeLeftPercent": None},
    ),
    "life-left-that-cannot-be": ({"PredictedMediaLifeLeftPercent": -229}, {"PredictedMediaLifeLeftPercent": None}),
    "ilo4-fan-names": (
        {"Fans": [{"FanName": "Fan 1", "CurrentReading": 23, "Units": "Percent"}]},
        {
            "Fans": [
                {
                    "FanName": "Fan 1", "CurrentReading": 23, "Units": "Percent",
                    "Name": "Fan 1", "Reading": 23, "ReadingUnits": "Percent",
                }
            ]
        },
    ),
    "absurd-port-counts": (
        {"Controllers": [{"ControllerCapabilities": {"NetworkPortCount": 65535, "Other": 1}}]},
        {"Controllers": [{"ControllerCapabilities": {"Other": 1}}]},
    ),
}  # fmt: skip

MAKERS = {"supermicro": Make("supermicro"), "hpe": Make("hpe"), "dell": Make("dell inc."), "": Make("contoso")}


def maker_of(name: str) -> Make:
    return MAKERS.get(name.partition("-")[0], MAKERS["supermicro"])


CONFORMING = {
    "Drive": {"Status": ok(), "FailurePredicted": False, "PredictedMediaLifeLeftPercent": 97, "MediaType": "SSD"},
    "Thermal": {"Fans": [{"Name": "Fan 1", "Reading": 6000, "ReadingUnits": "RPM", "Status": ok()}]},
    "NetworkAdapter": {"Controllers": [{"ControllerCapabilities": {"NetworkPortCount": 2}}], "Status": ok()},
}


def test_every_quirk_brings_its_evidence():
    assert {quirk.name for quirk in QUIRKS} == set(EVIDENCE)
    assert all(quirk.evidence for quirk in QUIRKS)


@pytest.mark.parametrize("quirk", QUIRKS, ids=attrgetter("name"))
def test_quirk_mends_its_evidence_and_leaves_conforming_payloads_alone(quirk):
    said, mended = EVIDENCE[quirk.name]
    body = resource("/redfish/v1/x/1", quirk.resource, **said)
    before = copy.deepcopy(body)
    assert quirk.applies(maker_of(quirk.name))
    assert quirk.mend(body) == {**body, **mended}
    assert body == before
    conforming = resource("/redfish/v1/x/1", quirk.resource, **CONFORMING[quirk.resource])
    assert quirk.mend(conforming) == conforming


@pytest.mark.parametrize("quirk", QUIRKS, ids=attrgetter("name"))
@pytest.mark.parametrize("odd", [None, "text", 7, [], {}, [None], [3], {"x": None}])
def test_a_quirk_never_fails_on_what_it_does_not_expect(quirk, odd):
    names = ("FailurePredicted", "Oem", "Status", "PredictedMediaLifeLeftPercent", "Fans", "Controllers", "MediaType")
    assert isinstance(quirk.mend(dict.fromkeys(names, odd)), dict)


def test_a_quirk_of_one_make_does_not_touch_another():
    drive = Resource(
        "/redfish/v1/d/1", resource("/redfish/v1/d/1", "Drive", **EVIDENCE["supermicro-wear-in-oem"][0]), NOW
    )
    assert "PredictedMediaLifeLeftPercent" not in mend(drive, Make("dell")).body
    assert mend(drive, Make("supermicro")).body["PredictedMediaLifeLeftPercent"] == 88


def test_what_needs_no_mending_is_passed_on_as_it_is():
    shelf = [Resource(path, body, NOW) for path, body in server().items()]
    assert all(mend(found, Make("contoso")) is found for found in shelf if "Fans" not in found.body)


def test_the_make_is_told_by_the_root_or_the_system():
    assert make_of({"Vendor": "HPE"}).vendor == "hpe"
    assert make_of({"Oem": {"Supermicro": {}}}).vendor == "supermicro"
    assert make_of({}, [{"Manufacturer": "Dell Inc."}]).vendor == "dell inc."
    assert make_of({"Oem": "x"}).vendor == ""
