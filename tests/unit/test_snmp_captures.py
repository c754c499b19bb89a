"""Every recorded agent through its profile, and how far we agree with what another system read of the same recordings.

The numbers are floors: of so many told by the other system, at least so many are the same. What is not the same is
explained in docs/compatibility.md; most of it are derived states, or tables that the other system reads wrongly.
"""

from __future__ import annotations

import math

import pytest

from fleetmon.drivers.snmp.parse.layout import (
    flat,
    health,
    identity,
    inventory,
    lay_out,
    neighbours,
    readings,
    stations,
)
from fleetmon.model import DEVICE, Identity, NoReading, ReadingType
from tests.snmp_agreement import AT, agreement
from tests.snmp_captures import agent, names, profile_of, whole

PORTS = ("name", "speed", "address", "counter")
SWITCHES: dict[str, dict[str, int]] = {
    "arista_eos_vrf": {"number": 58, "processor": 3},
    "arubaos-cx_10.10": {"number": 2, "state": 1, "processor": 2},
    "comware_a5500": {"number": 3, "state": 3, "processor": 1},
    "cumulus_cumulus": {"number": 32, "state": 10, "processor": 1},
    "dell-os10": {"number": 2, "state": 12, "processor": 2},
    "dell-os10_s4128ton-psu": {"number": 2, "state": 11},
    "edgeswitch": {"number": 4, "state": 1},
    "edgeswitch_es-24-250w": {"number": 12, "state": 13},
    "exos": {"number": 42, "state": 67},
    "fortiswitch_424ef": {"processor": 1},
    "junos_ex": {"number": 4, "state": 13, "processor": 2},
    "junos_qfx5100": {"number": 10, "state": 11, "processor": 2},
}
"""The recorded switches, and a storage array; what is not told is told by neither."""
PORT_COUNTS = {
    "arista_eos_vrf": 28, "arubaos-cx_10.10": 16, "comware_a5500": 28, "cumulus_cumulus": 8, "dell-os10": 34,
    "edgeswitch_es-24-250w": 33, "exos": 4, "fortiswitch_424ef": 44, "junos_qfx5100": 17,
}  # fmt: skip


@pytest.mark.parametrize("name", names())
def test_every_recorded_agent_is_read_without_a_stumble(name):
    values = agent(name)
    profile = profile_of(values)
    tables = whole(profile, values)
    layout = lay_out(profile, tables)
    told = readings(layout, flat(tables), AT)
    keys = [one.sensor.key for one in told]
    assert len(keys) == len(set(keys))
    for one in told:
        assert isinstance(one.value, NoReading) or math.isfinite(one.value)
        assert (one.sensor.component.kind + one.sensor.component.name + one.sensor.name).isprintable()
        if one.sensor.type is ReadingType.COUNTER:
            assert isinstance(one.value, int)
    told_of = [one.component for one in health(layout, flat(tables), AT)]
    assert len(told_of) == len(set(told_of))
    assert {one.sensor.component for one in told if one.number is not None} <= {*told_of, DEVICE}
    assert inventory(profile, layout, tables, AT, complete=True).identity == identity(profile, tables)
    ports = set(layout.ports.values())
    assert all(one.port in ports for one in stations(layout, tables))
    assert all(one.port for one in neighbours(layout, tables))


@pytest.mark.parametrize("name", SWITCHES)
def test_what_we_make_of_a_switch_agrees_with_an_independent_reading(name):
    found = agreement(name)
    for kind, floor in SWITCHES[name].items():
        assert found.same.get(kind, 0) >= floor, [one for one in found.differing if one[0] == kind]
    for kind in PORTS:
        same, told = found.share(kind)
        assert same == told, [one for one in found.differing if one[0] == kind]
    assert found.same.get("name", 0) == PORT_COUNTS.get(name, 0)


@pytest.mark.parametrize(
    ("name", "manufacturer", "model", "serial_number", "firmware"),
    [
        ("arista_eos_vrf.snmprec", "Arista", "DCS-7150S-24", "serial", "4.20.12.1M"),
        ("nxos_n9k-c93180yc-fx3.snmprec", "Cisco", "N9K-C93180YC-FX3", "FDO2750P", "10.5(2)"),
        ("junos_qfx5100.snmprec", "Juniper", "QFX5100-48S-6Q", "TA3716123456", "14.1X53-D40.8"),
        ("junos_mx.snmprec", "Juniper", "mx80", "G0290", "16.2R2.8"),
        ("dell-os10.snmprec", "Dell", "S4128F-ON", "CWTQXC2", ""),
        ("dnos_z9100-on.snmprec", "Dell", "Z9100-ON", "89PDDZ2", "9.14(1.5)"),
        ("arubaos-cx_8360.snmprec", "HPE Aruba", "JL721C", "SG45L5N009", "LL.10.13.1040"),
        ("fabos.snmprec", "Brocade", "40-1000832-08", "CHQ1951J123", "v8.1.2g"),
        ("ironware.snmprec", "Extreme", "NetIron CER 2024F-4X", "CKM1234L567", "6.2.0eT183"),
    ],
)
def test_who_a_recorded_switch_is(name, manufacturer, model, serial_number, firmware):
    values = agent(name)
    profile = profile_of(values)
    found = identity(profile, whole(profile, values))
    expected = Identity(manufacturer=manufacturer, model=model, serial_number=serial_number, firmware=firmware)
    assert (found.manufacturer, found.model, found.serial_number, found.firmware) == (
        expected.manufacturer, expected.model, expected.serial_number, expected.firmware,
    )  # fmt: skip


def test_optics_are_read_with_their_thresholds():
    """By hand from the recording: CISCO-ENTITY-SENSOR-MIB tells -13187 in thousandths of dBm."""
    values = agent("nxos_n3k-3064pq.snmprec")
    profile = profile_of(values)
    told = {
        (one.sensor.component.name, one.sensor.name): one
        for one in readings(lay_out(profile, whole(profile, values)), values, AT)
    }
    reading = told["Ethernet1/1", "Lane 1 Transceiver Receive Power"]
    assert reading.value == pytest.approx(10 ** (-13.187 / 10) / 1000)
    assert reading.sensor.thresholds.lower_critical == pytest.approx(2.0e-6, rel=1e-3)
    assert told["Ethernet1/1", "Lane 1 Transceiver Bias Current"].value == 0.020116


def test_optics_of_a_table_that_numbers_ports_its_own_way_are_told_of_their_ports():
    values = agent("fabos.snmprec")
    profile = profile_of(values)
    layout = lay_out(profile, whole(profile, values))
    told = {(one.sensor.component.name, one.sensor.name): one.value for one in readings(layout, values, AT)}
    assert told["0/1", "Receive power"] == pytest.approx(10 ** (-25.9 / 10) / 1000)
    assert sum(name == "Transmit power" for _, name in told) == 76, "of 96 ports twenty tell NA"
