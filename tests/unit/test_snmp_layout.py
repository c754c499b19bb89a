"""What the MIBs that makers share say of a device, by tables made by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fleetmon.drivers.snmp.family import Profile
from fleetmon.drivers.snmp.parse import entity, entity_sensor, host, interfaces, wire
from fleetmon.drivers.snmp.parse.layout import (
    Layout,
    flat,
    health,
    identity,
    inventory,
    lay_out,
    neighbours,
    readings,
    stations,
)
from fleetmon.drivers.snmp.profiles import every_profile
from fleetmon.drivers.snmp.values import Tables, Value, mac, named, number, text
from fleetmon.model import Component, Health, NoReading, Reading, ReadingType

AT = datetime(2026, 1, 1, tzinfo=UTC)
GENERIC = every_profile()["generic"]
OCTETS_IN, OCTETS_IN_32 = "1.3.6.1.2.1.31.1.1.1.6", "1.3.6.1.2.1.2.2.1.10"


def ports(*names: str, **columns: dict[str, Value]) -> dict[str, dict[str, Value]]:
    """Ethernet ports that are up, with ifIndex from 1."""
    rows = [str(index) for index in range(1, len(names) + 1)]
    return {
        interfaces.NAME: {row: name.encode() for row, name in zip(rows, names, strict=True) if name},
        interfaces.DESCRIPTION: {row: f"slot {row}".encode() for row in rows},
        interfaces.TYPE: dict.fromkeys(rows, 6),
        interfaces.ADMIN: dict.fromkeys(rows, 1),
        interfaces.OPER: dict.fromkeys(rows, 1),
        **columns,
    }


def read(tables: Tables, profile: Profile = GENERIC) -> tuple[Layout, dict[tuple[str, str], Reading]]:
    layout = lay_out(profile, tables)
    told = readings(layout, flat(tables), AT)
    return layout, {(one.sensor.component.name, one.sensor.name): one for one in told}


def conditions(tables: Tables, profile: Profile = GENERIC) -> dict[str, tuple[Health, str]]:
    layout = lay_out(profile, tables)
    return {one.component.name: (one.health, one.state) for one in health(layout, flat(tables), AT)}


# ---- ports -----------------------------------------------------------------------------------------------------------


def test_a_port_is_known_by_its_name_and_counts_64_bits_exactly():
    tables = ports("swp1", **{OCTETS_IN: {"1": 2**64 - 1}, OCTETS_IN_32: {"1": 7}})
    layout, told = read(tables)
    reading = told["swp1", "Octets in"]
    assert reading.value == 2**64 - 1
    assert isinstance(reading.value, int)
    assert reading.sensor.range_max is None
    assert layout.ports == {1: "swp1"}
    assert layout.reading_oids == (f"{OCTETS_IN}.1",)


def test_a_counter_of_32_bits_says_where_it_begins_anew():
    _, told = read(ports("swp1", **{OCTETS_IN_32: {"1": 7}}))
    assert told["swp1", "Octets in"].sensor.range_max == 2**32 - 1


def test_a_port_without_ifname_bears_its_description_and_equal_names_are_told_apart():
    layout, _ = read(ports("", "uplink", "uplink"))
    assert layout.ports == {1: "slot 1", 2: "uplink (slot 2)", 3: "uplink (slot 3)"}


def test_a_port_keeps_its_name_when_its_index_changes():
    before, _ = read(ports("a", "b"))
    after, _ = read(ports("b", "a"))
    assert set(before.ports.values()) == set(after.ports.values())
    assert {point.sensor.component for point in before.points} == {point.sensor.component for point in after.points}


def test_vlans_loopbacks_and_tunnels_are_no_ports():
    tables = ports("eth1", "Vlan1", "lo", "tun0", "bond0")
    tables[interfaces.TYPE] = {"1": 6, "2": 136, "3": 24, "4": 131, "5": 161}
    layout, _ = read(tables)
    assert set(layout.ports.values()) == {"eth1", "bond0"}


def test_a_port_that_is_switched_off_or_has_no_cable_is_no_fault():
    tables = ports("up", "down", "off", "gone", "odd")
    tables[interfaces.OPER] = {"1": 1, "2": 2, "3": 2, "4": 6, "5": 4}
    tables[interfaces.ADMIN] = {"1": 1, "2": 1, "3": 2, "4": 1, "5": 1}
    assert conditions(tables) == {
        "up": (Health.OK, "Enabled"),
        "down": (Health.OK, "StandbyOffline"),
        "off": (Health.OK, "Disabled"),
        "gone": (Health.UNKNOWN, "Absent"),
        "odd": (Health.UNKNOWN, "Enabled"),
    }


def test_speed_beyond_what_ifspeed_has_room_for_is_that_of_ifhighspeed():
    tables = ports("a", "b", "c")
    tables[interfaces.SPEED] = {"1": 2**32 - 1, "2": 1_000_000_000, "3": 0}
    tables[interfaces.HIGH_SPEED] = {"1": 100_000}
    layout, _ = read(tables)
    speeds = {part.component.name: part.properties.get("speed_mbps") for part in layout.parts.values()}
    assert speeds == {"a": 100_000, "b": 1000, "c": None}


def test_F100_a_name_of_control_bytes_is_text_and_loses_nothing():
    hostile = b"\xff\x00<script>\x1b[2J"
    layout, _ = read(ports("", "x", **{interfaces.NAME: {"1": hostile, "2": b"x"}}))
    assert layout.ports[1] == "\\xff\\x00<script>\\x1b[2J"
    assert layout.ports[1].isprintable()


# ---- entities and their sensors --------------------------------------------------------------------------------------


def entities(*rows: tuple[int, int, int, str]) -> dict[str, dict[str, Value]]:
    """Entities: index, in what, class, name."""
    return {
        entity.WITHIN: {str(index): within for index, within, _, _ in rows},
        entity.CLASS: {str(index): klass for index, _, klass, _ in rows},
        entity.NAME: {str(index): name.encode() for index, _, _, name in rows},
    }


def sensor(index: int, kind: int, value: int, scale: int = 9, precision: int = 0, status: int = 1):
    columns = entity_sensor.STANDARD
    told = (columns.type, kind), (columns.scale, scale), (columns.precision, precision), (columns.value, value)
    return {column: {str(index): what} for column, what in (*told, (columns.status, status))}


@pytest.mark.parametrize(
    ("kind", "value", "scale", "precision", "type_", "meant"),
    [
        (8, 345, 9, 1, ReadingType.TEMPERATURE, 34.5),
        (8, 34562, 8, 0, ReadingType.TEMPERATURE, 34.562),
        (4, 12, 9, 0, ReadingType.VOLTAGE, 12),
        (3, 230500, 8, 0, ReadingType.VOLTAGE, 230.5),
        (5, 1656, 8, 2, ReadingType.CURRENT, 0.01656),
        (6, 55, 10, 2, ReadingType.POWER, 550),
        (10, 10400, 9, 0, ReadingType.ROTATIONAL, 10400),
        (14, -30, 9, 1, ReadingType.POWER, 0.000501187),
    ],
)
def test_scale_and_precision_of_an_entity_sensor(kind, value, scale, precision, type_, meant):
    tables = {**entities((1, 0, 3, "Box"), (2, 1, 8, "Probe")), **sensor(2, kind, value, scale, precision)}
    reading = read(tables)[1]["Box", "Probe"]
    assert reading.sensor.type is type_
    assert reading.value == pytest.approx(meant, rel=1e-5)


def test_a_sensor_speaks_of_what_holds_it():
    tables = entities((1, 0, 3, "Box"), (2, 1, 5, "Bay 1"), (3, 2, 6, "PSU 1"), (4, 3, 8, "PSU 1 inlet"))
    tables.update(sensor(4, 8, 30))
    layout, told = read(tables)
    assert told["PSU 1", "PSU 1 inlet"].sensor.component == Component("PowerSupply", "PSU 1")
    assert told["PSU 1", "PSU 1 inlet"].sensor.physical_context == "Intake"
    assert conditions(tables)["PSU 1"] == (Health.OK, "Enabled")
    assert {part.component.name for part in layout.parts.values()} == {"Box", "PSU 1"}


def test_a_sensor_that_names_a_port_speaks_of_the_port():
    tables = ports("Ethernet1/1", "Ethernet0")
    tables.update(entities((1, 0, 3, "Box"), (9, 1, 8, "Ethernet1/1 Lane 1 Transceiver Voltage Sensor")))
    tables.update(sensor(9, 4, 33, 9, 1))
    _, told = read(tables)
    assert told["Ethernet1/1", "Lane 1 Transceiver Voltage"].value == 3.3


def test_a_sensor_of_a_port_by_the_agents_own_mapping():
    tables = ports("1/1/1")
    tables.update(entities((1, 0, 3, "Box"), (7, 1, 10, "1/1/1"), (8, 7, 9, "Module"), (9, 8, 8, "Temperature")))
    tables[entity.ALIASES] = {"7.0": "1.3.6.1.2.1.2.2.1.1.1"}
    tables.update(sensor(9, 8, 41))
    assert read(tables)[1]["1/1/1", "Temperature"].value == 41


def test_a_sensor_of_a_port_that_its_entity_s_number_tells():
    tables = ports("Eth1/1", "Eth1/2")
    tables.update(entities((1, 0, 3, "Box"), (1000000200, 1, 10, "Ethernet1"), (1000000210, 1000000200, 8, "DOM RX")))
    tables.update(sensor(1000000210, 8, 29))
    assert read(tables, every_profile()["sonic"])[1]["Eth1/2", "DOM RX"].value == 29


@pytest.mark.parametrize(("status", "reason"), [(2, NoReading.ABSENT), (3, NoReading.FAULTY)])
def test_a_sensor_that_does_not_work_has_no_value(status, reason):
    tables = {**entities((1, 0, 3, "Box"), (2, 1, 8, "Probe")), **sensor(2, 8, 0, status=status)}
    assert read(tables)[1]["Box", "Probe"].value is reason


def test_a_sensor_whose_row_is_gone_is_absent():
    tables = {**entities((1, 0, 3, "Box"), (2, 1, 8, "Probe")), **sensor(2, 8, 30)}
    layout = lay_out(GENERIC, tables)
    assert [one.value for one in readings(layout, {}, AT)] == [NoReading.ABSENT]


def test_thresholds_that_contradict_each_other_are_none():
    arista = every_profile()["arista-eos"]
    _, low, high, high_critical = entity_sensor.ARISTA.beside
    tables = {**entities((1, 0, 3, "Box"), (2, 1, 8, "Probe")), **sensor(2, 8, 300, 9, 1)}
    tables.update({high: {"2": 650}, high_critical: {"2": 750}, low: {"2": -(10**9)}})
    limits = read(tables, arista)[1]["Box", "Probe"].sensor.thresholds
    assert (limits.upper_caution, limits.upper_critical, limits.lower_caution) == (65, 75, None)
    tables[high_critical] = {"2": 600}
    assert not read(tables, arista)[1]["Box", "Probe"].sensor.thresholds


def test_thresholds_in_rows_by_severity_and_side():
    columns = entity_sensor.CISCO
    rows = {"2.1": (10, 4, 70), "2.2": (20, 4, 80), "2.3": (10, 2, 5), "2.4": (20, 1, 0), "2.5": (20, 5, 1)}
    tables = entities((1, 0, 3, "Box"), (2, 1, 8, "Probe"))
    for column, value in (
        (columns.type, 8), (columns.scale, 9), (columns.precision, 0), (columns.value, 31), (columns.status, 1),
    ):  # fmt: skip
        tables[column] = {"2": value}
    for place, column in enumerate((columns.severities, columns.relations, columns.limits)):
        tables[column] = {row: told[place] for row, told in rows.items()}
    limits = read(tables, every_profile()["cisco-nxos"])[1]["Box", "Probe"].sensor.thresholds
    assert (limits.lower_critical, limits.lower_caution, limits.upper_caution, limits.upper_critical) == (0, 5, 70, 80)


def test_alarms_of_an_entity_are_its_health():
    tables = entities((1, 0, 3, "Box"), (2, 1, 7, "Fan 1"), (3, 1, 6, "PSU 1"), (4, 1, 7, "Fan 2"), (5, 1, 6, "PSU 2"))
    tables[entity.OPER] = {"2": 3, "3": 3, "4": 2}
    tables[entity.ALARM] = {"2": b"\x00", "3": b"\x20", "4": b"\x00"}
    found = conditions(tables)
    assert found["Fan 1"] == (Health.OK, "Enabled")
    assert found["PSU 1"] == (Health.CRITICAL, "Enabled")
    assert found["Fan 2"] == (Health.OK, "Disabled")
    assert found["PSU 2"] == (Health.UNKNOWN, "Enabled"), "it is there, and nothing says how it is"


def test_octets_that_are_no_alarms_raise_none():
    tables = entities((1, 0, 3, "Box"), (2, 1, 7, "Fan 1"))
    tables.update({entity.OPER: {"2": 3}, entity.ALARM: {"2": b"00"}})
    assert conditions(tables)["Fan 1"] == (Health.OK, "Enabled")


def test_entities_that_contain_each_other_end():
    tables = {**entities((1, 2, 3, "Box A"), (2, 1, 3, "Box B"), (3, 1, 8, "Probe")), **sensor(3, 8, 20)}
    assert read(tables)[1]["Box A", "Probe"].value == 20


# ---- processors and memory -------------------------------------------------------------------------------------------


def test_memory_that_is_only_cached_is_not_used():
    ram, other = "1.3.6.1.2.1.25.2.1.2", "1.3.6.1.2.1.25.2.1.1"
    tables: dict[str, dict[str, Value]] = {
        host.DESCR: {"1": b"Physical memory", "6": b"Memory buffers", "7": b"Cached memory"},
        host.KIND: {"1": ram, "6": other, "7": other},
        host.UNITS: dict.fromkeys(("1", "6", "7"), 1024),
        host.SIZE: {"1": 1000, "6": 1000, "7": 1000},
        host.USED: {"1": 800, "6": 100, "7": 400},
        host.LOAD: {"196608": 12},
    }
    _, told = read(tables)
    assert told["Physical memory", "Used"].value == 30
    assert told["CPU 1", "Load"].value == 12


def test_a_temperature_below_nought_is_told_without_a_sign():
    names, values = (f"1.3.6.1.4.1.2021.13.16.2.1.{arc}" for arc in (2, 3))
    tables: dict[str, dict[str, Value]] = {names: {"1": b"Board", "2": b"Optic"}, values: {"1": 2**32 - 5500, "2": 0}}
    _, told = read(tables)
    assert told["Chassis", "Board"].value == -5.5
    assert told["Chassis", "Optic"].value is NoReading.ABSENT


# ---- who it is -------------------------------------------------------------------------------------------------------


def test_identity_is_that_of_the_chassis_where_the_profile_knows_no_better():
    tables = entities((1, 0, 11, "Stack"), (2, 1, 3, "Unit 1"))
    tables[entity.SERIAL] = {"2": b"CN1234"}
    tables[entity.MODEL] = {"2": b"S4128F-ON"}
    tables[entity.MAKER] = {"2": b"To be filled by O.E.M."}
    tables["1.3.6.1.2.1.1.5"] = {"0": b"leaf-1"}
    found = identity(GENERIC, tables)
    assert (found.manufacturer, found.model, found.serial_number, found.host_name) == (
        "",
        "S4128F-ON",
        "CN1234",
        "leaf-1",
    )
    assert inventory(GENERIC, lay_out(GENERIC, tables), tables, AT, complete=True).complete


# ---- what is on the wire ---------------------------------------------------------------------------------------------


def test_a_neighbour_by_lldp_is_on_the_port_that_heard_it():
    tables: dict[str, dict[str, Value]] = {
        **ports("swp1", "swp2"),
        wire.LOCAL_KIND: {"77": 5},
        wire.LOCAL_ID: {"77": b"swp2"},
        wire.CHASSIS_KIND: {"0.77.1": 4, "0.1.2": 7},
        wire.CHASSIS: {"0.77.1": bytes.fromhex("001c73b4fd6a"), "0.1.2": b"host-9"},
        wire.PORT_KIND: {"0.77.1": 5, "0.1.2": 3},
        wire.PORT: {"0.77.1": b"Ethernet3", "0.1.2": bytes.fromhex("0a0b0c0d0e0f")},
        wire.SYSTEM: {"0.77.1": b"spine-1"},
        wire.ADDRESSES: {"0.77.1.1.4.10.0.0.7": 2},
    }
    found = {one.port: one for one in neighbours(lay_out(GENERIC, tables), tables)}
    assert found["swp2"].chassis_id == "00:1c:73:b4:fd:6a"
    assert (found["swp2"].port_id, found["swp2"].system_name, found["swp2"].address) == (
        "Ethernet3",
        "spine-1",
        "10.0.0.7",
    )
    assert (found["swp1"].chassis_id, found["swp1"].port_id) == ("host-9", "0a:0b:0c:0d:0e:0f")


def test_stations_are_those_learned_by_vlan_and_port():
    tables: dict[str, dict[str, Value]] = {
        **ports("swp1", "swp2"),
        wire.BASE_PORTS: {"10": 1, "11": 2},
        wire.VLAN_FDB: {"0.40": 7},
        wire.Q_FDB_PORT: {
            "589824.2.0.0.0.0.7": 10,
            "7.0.28.115.180.253.106": 11,
            "7.2.0.0.0.0.1": 11,
            "7.2.0.0.0.0.2": 0,
        },
        wire.Q_FDB_STATUS: {
            "589824.2.0.0.0.0.7": 3,
            "7.0.28.115.180.253.106": 3,
            "7.2.0.0.0.0.1": 4,
            "7.2.0.0.0.0.2": 3,
        },
        wire.FDB_PORT: {"0.28.115.180.253.106": 11, "2.0.0.0.0.9": 10},
        wire.FDB_STATUS: {"0.28.115.180.253.106": 3, "2.0.0.0.0.9": 3},
    }
    found = {(one.port, one.mac, one.vlan) for one in stations(lay_out(GENERIC, tables), tables)}
    assert found == {
        ("swp2", "00:1c:73:b4:fd:6a", 40),
        ("swp1", "02:00:00:00:00:09", None),
        ("swp1", "02:00:00:00:00:07", None),
    }


# ---- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "meant"),
    [(7, 7), (b"23.5", 23.5), (b" 12.1 V", 12.1), (b"-002.3000 dBm", -2.3), (b"18446744073709551615", 2**64 - 1),
     (b"N/A", None), (b"", None), (None, None)],
)  # fmt: skip
def test_a_number_may_be_told_as_text(value, meant):
    assert number(value) == meant


def test_names_that_nobody_gave_are_none():
    assert named(b"  N/A ") == named(b"\x00\x00") == named(b"--") == ""
    assert named(b"b'TW048M8Y'") == "TW048M8Y"
    assert text(b"caf\xc3\xa9\x00\x00") == "café"
    assert mac(b"\x00\x1cs\xb4\xfdj") == mac(b"00-1C-73-B4-FD-6A") == "00:1c:73:b4:fd:6a"
    assert mac(bytes(6)) == mac(b"none") == ""
