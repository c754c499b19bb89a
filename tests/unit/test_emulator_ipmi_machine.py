"""The emulated machine behind IPMI: its answers agree with its own truth, and with IPMI v2.0, DCMI 1.5 and PET 1.0."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from uuid import UUID

import pytest
from pyasn1.codec.ber import decoder
from pysnmp.proto import api

from emulator.accents import ipmi as manners
from emulator.accents.families import FAMILIES
from emulator.clock import Clock
from emulator.faults import Fleet
from emulator.fleet import parse_fleet
from emulator.hardware import Machine
from emulator.ipmi.controller import COMMANDS, MachineController
from emulator.ipmi.fru import areas_of, field
from emulator.ipmi.manner import PLAIN_MANNER, Manner
from emulator.ipmi.message import Code, NetFn, Privilege, Reply, Request
from emulator.ipmi.sensors import Analog
from emulator.logs import KINDS
from emulator.plant import Plant

EPOCH = 1_790_000_000.0
SERVERS = [name for name, family in FAMILIES.items() if family.kind == "server" and not family.blades]
WAYS = [name for name in vars(manners) if isinstance(getattr(manners, name), Manner) and name != "PLAIN_MANNER"]
WITHOUT_EVENT = {
    "DriveMediaErrors", "DriveLifeLow", "PumpFailed", "PumpRestored", "LeakDetected", "LeakCleared", "OutletSwitched",
}  # fmt: skip
"""Kinds of entries for which IPMI has no event, or a server no sensor."""
RECORD = bytes(7) + bytes.fromhex("81 00 04 0c 00 6f 01 ff ff")


class Bench:
    """One machine, its BMC, and a client that asks as whom it likes."""

    def __init__(self, family: str = "halden-w1") -> None:
        rack = {"name": "R1", "servers": [f"m = {family} @ 1 over ipmi"]}
        self.fleet = Fleet(Plant(parse_fleet({"site": [{"name": "s"}], "rack": [rack]}), Clock(lambda: EPOCH)))
        self.bmc = self.fleet.bmcs["m"]
        self.controller = MachineController(self.bmc)

    @property
    def machine(self) -> Machine:
        return self.bmc.machine

    def reply(self, netfn: int, command: int, data: bytes = b"", *, as_: int = Privilege.ADMINISTRATOR) -> Reply:
        return self.controller.answer(Request(netfn, 0, command, data, as_, "somebody@127.0.0.1:9"))

    def ask(self, netfn: int, command: int, data: bytes = b"") -> bytes:
        """The data of an answer that must not be a refusal."""
        reply = self.reply(netfn, command, data)
        assert reply.code == Code.OK, f"{netfn:02x}h/{command:02x}h: {reply.code:02x}h"
        return reply.data

    def strike(self, fault: str, **fields: object) -> None:
        self.fleet.strike({"machine": "m", "fault": fault, **fields})

    def advance(self, seconds: float) -> None:
        self.fleet.plant.agenda.advance(seconds)

    def number(self, key: str) -> bytes:
        return bytes((self.controller.catalogue.by_key[key].number,))

    def reading(self, key: str) -> bytes:
        return self.ask(0x04, 0x2D, self.number(key))

    def states(self, key: str) -> set[int]:
        """The states that a discrete sensor says hold."""
        states = int.from_bytes(self.reading(key)[2:4], "little")
        return {bit for bit in range(15) if states >> bit & 1}

    def repository(self, size: int) -> list[bytes]:
        """The SDR records, read `size` bytes at a time after their heads."""
        reservation, wanted, records = self.ask(0x0A, 0x22), b"\x00\x00", []
        while wanted != b"\xff\xff":
            record = self.ask(0x0A, 0x23, reservation + wanted + b"\x00\x05")[2:]
            while len(record) < 5 + record[4]:
                count = min(size, 5 + record[4] - len(record))
                told = self.ask(0x0A, 0x23, reservation + wanted + bytes((len(record), count)))
                record += told[2:]
            records.append(record)
            wanted = told[:2]
        return records

    def sel(self) -> list[bytes]:
        """The SEL's records, oldest first."""
        wanted, records = b"\x00\x00", []
        while wanted != b"\xff\xff":
            reply = self.reply(0x0A, 0x43, b"\x00\x00" + wanted + b"\x00\xff")
            if reply.code == Code.NOT_PRESENT:
                return []
            records.append(reply.data[2:])
            wanted = reply.data[:2]
        return records

    def clear(self) -> None:
        self.ask(0x0A, 0x47, self.ask(0x0A, 0x42) + b"CLR\xaa")

    def chassis(self) -> tuple[int, int]:
        """Power and misc state of Get Chassis Status."""
        told = self.ask(0x00, 0x01)
        return told[0], told[2]


@pytest.fixture
def bench() -> Bench:
    return Bench()


# ---- the repository and the sensors ----


@pytest.mark.parametrize("family", SERVERS)
def test_every_sensor_has_a_record_whose_fields_are_where_the_standard_has_them(family: str) -> None:
    controller = Bench(family).controller
    records = {}
    for _, record in controller.records:
        assert len(record) == 5 + record[4] <= 64
        assert record[2] == 0x51
        if record[3] in (0x01, 0x02, 0x03):
            records[record[7]] = record
    assert list(records) == [sensor.number for sensor in controller.catalogue.sensors]
    for sensor in controller.catalogue.sensors:
        record = records[sensor.number]
        name_at = {0x01: 47, 0x02: 31, 0x03: 16}[record[3]]
        kind_at = 10 if record[3] == 0x03 else 12
        assert record[5:7] == b"\x20\x00"
        assert tuple(record[8:10]) == sensor.entity
        assert tuple(record[kind_at : kind_at + 2]) == (sensor.type, sensor.event_type)
        assert record[name_at] == 0xC0 | len(sensor.name)
        assert record[name_at + 1 :].decode() == sensor.name
        assert 1 <= len(sensor.name) <= 16


@pytest.mark.parametrize("family", SERVERS)
def test_a_reading_is_the_truth_to_half_a_step_of_its_record(family: str) -> None:
    bench = Bench(family)
    for sensor in bench.controller.catalogue.sensors:
        if not isinstance(sensor, Analog):
            continue
        record = next(
            record for _, record in bench.controller.records if record[3] == 0x01 and record[7] == sensor.number
        )
        raw, flags, reached = bench.reading(sensor.key)
        m, b, exponents = record[24], int.from_bytes(record[26:27], "little", signed=True), record[29]
        m |= (record[25] & 0xC0) << 2
        result, b_exponent = (nibble - 16 if nibble > 7 else nibble for nibble in (exponents >> 4, exponents & 0x0F))
        number = raw - 256 if record[20] >> 6 == 0b10 and raw > 127 else raw
        value = (m * number + b * 10**b_exponent) * 10.0**result
        truth = bench.machine.reading(sensor.key)
        assert truth is not None
        assert abs(value - truth) <= m * 10.0**result / 2 + 1e-9, sensor.name
        assert (flags, reached) == (0xC0, 0xC0)


def test_a_record_may_be_read_in_pieces_of_any_size(bench: Bench) -> None:
    whole = [record for _, record in bench.controller.records]
    assert bench.repository(7) == bench.repository(22) == bench.repository(64) == whole


def test_a_piece_from_the_middle_needs_the_reservation_that_is_held(bench: Bench) -> None:
    first = bench.ask(0x0A, 0x22)
    bench.ask(0x0A, 0x22)
    assert bench.reply(0x0A, 0x23, first + b"\x01\x00\x05\x05").code == Code.RESERVATION_LOST
    assert bench.reply(0x0A, 0x23, b"\x00\x00\x01\x00\x00\x05").code == Code.OK
    assert bench.reply(0x0A, 0x23, b"\x00\x00\xfe\x7f\x00\x05").code == Code.NOT_PRESENT


@pytest.mark.parametrize("family", ["openbmc", "quill-m2"])
def test_firmware_of_short_reads_refuses_longer_ones(family: str) -> None:
    bench = Bench(family)
    most = bench.controller.manner.sdr_most
    first = bench.controller.records[0][0].to_bytes(2, "little")
    reserved = bench.ask(0x0A, 0x22)
    assert bench.reply(0x0A, 0x23, reserved + first + b"\x00\xff").code == Code.CANNOT_RETURN_COUNT
    assert bench.reply(0x0A, 0x23, reserved + first + bytes((0, most + 1))).code == Code.CANNOT_RETURN_COUNT
    assert bench.repository(most) == [record for _, record in bench.controller.records]


def test_a_fan_that_stands_still_is_below_its_thresholds_by_the_bits_too(bench: Bench) -> None:
    bench.strike("fail_fan", name="Fan 2")
    raw, _, reached = bench.reading("Fan2")
    assert (raw, reached & 0x3F) == (0, 0b000011)
    assert bench.states("#FanRedundancy") == {1}
    assert bench.chassis()[1] & 0x0C == 0x08


def test_thresholds_that_were_set_are_told_and_hold(bench: Bench) -> None:
    inlet = bench.number("Inlet")
    mask, *told = bench.ask(0x04, 0x27, inlet)
    assert (mask, told) == (0b111011, [10, 5, 0, 32, 38, 42])
    now = bench.reading("Inlet")[0]
    bench.ask(0x04, 0x26, inlet + bytes((0b001000, 0, 0, 0, now - 1, 0, 0)))
    assert bench.ask(0x04, 0x27, inlet)[4] == now - 1
    assert bench.reading("Inlet")[2] & 0x3F == 0b001000
    assert bench.reply(0x04, 0x26, inlet + bytes((0b000100, 0, 0, 9, 0, 0, 0))).code == Code.INVALID_FIELD


def test_a_reading_that_is_at_a_threshold_has_reached_it_from_either_side(bench: Bench) -> None:
    inlet, now = bench.number("Inlet"), bench.reading("Inlet")[0]
    bench.ask(0x04, 0x26, inlet + bytes((0b010001, now, 0, 0, 0, now, 0)))
    assert bench.reading("Inlet")[2] & 0x3F == 0b010001
    bench.ask(0x04, 0x26, inlet + bytes((0b010001, now - 1, 0, 0, 0, now + 1, 0)))
    assert bench.reading("Inlet")[2] & 0x3F == 0


def test_a_sensor_that_is_not_scanned_has_no_reading(bench: Bench) -> None:
    bench.ask(0x04, 0x28, bench.number("Inlet") + b"\x80")
    assert bench.reading("Inlet")[1] == 0xA0
    assert bench.ask(0x04, 0x29, bench.number("Inlet"))[0] == 0x80


@pytest.mark.parametrize(
    ("family", "flags"), [("halden-w1", 0xE0), ("dell-idrac9", 0xA0), ("huawei-ibmc", 0xC0), ("hpe-ilo5", None)]
)
def test_what_is_said_of_a_sensor_without_power_is_each_makers_own(family: str, flags: int | None) -> None:
    bench = Bench(family)
    bench.ask(0x00, 0x02, b"\x00")
    bench.advance(10)
    reply = bench.reply(0x04, 0x2D, bench.number("CPU1"))
    assert (reply.code, reply.data[1:2]) == ((Code.OK, bytes((flags,))) if flags else (Code.STATE, b""))
    assert bench.reading("Inlet")[1] == 0xC0


def test_sensors_of_another_kind_or_of_nothing_are_refused(bench: Bench) -> None:
    assert bench.reply(0x04, 0x2D, b"\xfe").code == Code.NOT_PRESENT
    assert bench.reply(0x04, 0x2D, bench.number("#Port1")).code == Code.NOT_PRESENT
    assert bench.reply(0x04, 0x27, bench.number("#Drive0")).code == Code.ILLEGAL_FOR_SENSOR
    assert bench.reply(0x04, 0x2D).code == Code.LENGTH_INVALID


# ---- parts and their states ----


def test_a_drive_slot_follows_its_drive(bench: Bench) -> None:
    assert bench.states("#Drive1") == {0}
    bench.strike("predict_drive", bay=1)
    assert bench.states("#Drive1") == {0, 2}
    bench.strike("fail_drive", bay=1)
    assert bench.states("#Drive1") == {0, 1, 2, 5}
    assert bench.states("#Drive0") == {0, 5}
    assert bench.states("#Volume0") == {1}
    assert bench.chassis()[1] & 0x0C == 0x04
    bench.fleet.heal("f2")
    assert bench.states("#Drive1") == {0, 5, 7}
    bench.advance(300)
    assert bench.states("#Drive1") == {0}
    bench.strike("pull_drive", bay=1)
    assert bench.states("#Drive1") == set()


def test_a_volume_that_can_lose_two_drives_is_degraded_before_its_redundancy_is_lost() -> None:
    bench = Bench("borealis-s4")
    told = []
    for bay in (3, 4, 5):
        bench.strike("fail_drive", bay=bay)
        told.append((bench.states("#Volume0"), bench.states("#Drive0"), bench.sel()[-1][13]))
    assert told == [({2}, {0}, 0x02), ({1}, {0, 5}, 0x01), ({5}, {0, 6}, 0x05)]


def test_power_supplies_memory_and_the_lid_are_told_by_their_sensors(bench: Bench) -> None:
    bench.strike("fail_power_supply", name="PSU 2")
    bench.strike("ecc_errors", name="DIMM B3", count=128, uncorrected=1)
    bench.strike("open_chassis")
    assert (bench.states("#Supply1"), bench.states("#Supply2"), bench.states("#Redundancy")) == ({0}, {0, 1}, {1})
    assert bench.states("#Dimm10") == {0, 1, 5, 6}
    assert bench.states("#Intrusion") == {0}
    assert bench.states("#Health") == {2}
    assert (bench.chassis()[0] & 0x08, bench.chassis()[1] & 0x01) == (0x08, 0x01)


def test_a_lost_feed_is_the_input_of_every_supply_on_it(bench: Bench) -> None:
    bench.fleet.strike({"rack": "R1", "fault": "lose_feed", "feed": "A"})
    assert (bench.states("#Supply1"), bench.states("#Supply2")) == ({0, 3}, {0})


# ---- the SEL ----


def test_the_sel_has_the_entries_of_the_event_log_at_their_instants(bench: Bench) -> None:
    bench.strike("fail_drive", bay=1)
    bench.advance(30)
    bench.strike("fail_fan", name="Fan 3")
    entries = bench.machine.logs["event"].entries
    told = bench.sel()
    assert [int.from_bytes(record[:2], "little") for record in told] == [entry.number for entry in entries]
    assert [int.from_bytes(record[3:7], "little") for record in told] == [int(entry.instant) for entry in entries]
    drive, _, fan = told[-3:]
    assert drive[10:14] == b"\x0d" + bench.number("#Drive1") + b"\x6f\x01"
    assert fan[10:14] == b"\x04" + bench.number("Fan3") + b"\x01\x52"
    assert (fan[14], fan[15]) == (0, bench.ask(0x04, 0x27, bench.number("Fan3"))[2])


@pytest.mark.parametrize("short", [name for name, kind in KINDS.items() if not kind.lifecycle_only])
def test_every_kind_of_entry_has_an_event_of_its_own(bench: Bench, short: str) -> None:
    machine = bench.machine
    of_drive = {"RebuildStarted": ("Volume 0", "Drive Bay 2")}
    part = next(
        (name for word, name in (("Drive", "Drive Bay 2"), ("Volume", "Volume 0"), ("Rebuild", "Volume 0"),
            ("PowerS", "PSU 2"), ("Power", "PSU 2"), ("Fan", "Fan 2"), ("Temp", "Inlet Temp"), ("Link", "NIC Port 2"),
            ("Correct", "DIMM A2"), ("Uncorrect", "DIMM A2")) if short.startswith(word)), "")  # fmt: skip
    args = of_drive.get(short, (part, "41"))
    machine.log(short, *((RECORD.hex(),) if short == "EventReceived" else args), part=part)
    entry = machine.logs["event"].entries[-1]
    made = bench.controller.sel.record_of(entry)
    if short in WITHOUT_EVENT:
        assert made is None
        return
    assert made is not None
    sensor = bench.controller.catalogue.by_number.get(made.data[11])
    if short != "EventReceived":
        assert sensor is not None
        assert (sensor.type, sensor.event_type) == (made.data[10], made.data[12] & 0x7F)
        if not isinstance(sensor, Analog):
            assert sensor.offsets >> (made.data[13] & 0x0F) & 1, "an offset that its record does not name"


def test_what_the_standard_has_no_event_for_is_an_oem_record_of_some_firmware() -> None:
    bench = Bench("supermicro-x11")
    bench.strike("wear_drive", bay=3, percent=4, media_errors=7)
    errors, life = (record for record in bench.sel() if record[2] == 0xC1)
    assert {errors[10:14], life[10:14]} == {b"\x01\x03\x07\x00", b"\x02\x03\x04\x00"}
    assert errors[7:10] == (10_876).to_bytes(3, "little")


def test_clearing_needs_its_reservation_and_the_three_letters(bench: Bench) -> None:
    held = bench.ask(0x0A, 0x42)
    assert bench.reply(0x0A, 0x47, b"\x77\x77CLR\xaa").code == Code.RESERVATION_LOST
    assert bench.reply(0x0A, 0x47, held + b"CLS\xaa").code == Code.INVALID_FIELD
    assert bench.reply(0x0A, 0x47, held + b"CLR\xaa", as_=Privilege.USER).code == Code.PRIVILEGE
    assert bench.ask(0x0A, 0x47, held + b"CLR\xaa") == b"\x01"
    (record,) = bench.sel()
    assert record[10:14] == b"\x10" + bench.number("#Sel") + b"\x6f\x02"
    row = bench.fleet.plant.ledger.since(0, what="log_cleared")[-1]
    assert (row["log"], row["source"]) == ("event", "somebody@127.0.0.1:9")


def test_ids_and_the_erase_time_after_a_clear_are_each_makers_own() -> None:
    plain, quiet = Bench(), Bench("hpe-ilo5")
    for bench in (plain, quiet):
        bench.strike("fail_fan")
        bench.clear()
    assert (plain.sel()[0][:2], quiet.sel()[0][:2]) == (b"\x01\x00", b"\x05\x00")
    assert plain.ask(0x0A, 0x40)[9:13] == int(EPOCH).to_bytes(4, "little")
    assert quiet.ask(0x0A, 0x40)[9:13] == b"\xff\xff\xff\xff"


def test_an_erasure_takes_its_time_where_the_firmware_says_so() -> None:
    bench = Bench("fujitsu-irmc")
    held = bench.ask(0x0A, 0x42)
    assert bench.ask(0x0A, 0x47, held + b"CLR\xaa") == b"\x00"
    assert bench.reply(0x0A, 0x43, b"\x00\x00\x00\x00\x00\xff").code == 0x81
    bench.advance(10)
    assert bench.ask(0x0A, 0x47, held + b"CLR\x00") == b"\x01"


def test_a_record_that_somebody_adds_is_in_every_protocols_log(bench: Bench) -> None:
    number = bench.ask(0x0A, 0x44, b"\x00\x00\x02" + RECORD[3:])
    record = bench.sel()[-1]
    assert record[:2] == number
    assert record[3:7] == int(EPOCH).to_bytes(4, "little")
    assert record[7:] == RECORD[7:]
    assert bench.machine.logs["event"].entries[-1].message_id.endswith("EventReceived")


def test_setting_the_clock_moves_what_is_written_from_then_on(bench: Bench) -> None:
    bench.strike("fail_fan", name="Fan 1")
    bench.advance(1)
    bench.ask(0x0A, 0x49, (1_000).to_bytes(4, "little"))
    bench.strike("fail_fan", name="Fan 2")
    before, after = bench.sel()[-2:]
    assert int.from_bytes(before[3:7], "little") == int(EPOCH)
    assert int.from_bytes(after[3:7], "little") == 1_000
    bench.advance(60)
    assert bench.ask(0x0A, 0x48) == (1_060).to_bytes(4, "little")


def test_a_full_sel_wraps_or_says_that_it_lost_what_is_new(bench: Bench) -> None:
    log = bench.machine.logs["event"]
    for _ in range(log.capacity + 5):
        bench.machine.log("LinkDown", "NIC Port 1", part="NIC Port 1")
    assert len(bench.sel()) == log.capacity
    assert bench.ask(0x0A, 0x40)[1:5] + bench.ask(0x0A, 0x40)[13:] == b"\x00\x02\x00\x00\x0b"
    assert 4 in bench.states("#Sel")
    log.keeps_oldest = True
    assert bench.ask(0x0A, 0x40)[13] == 0x8B


# ---- power ----


def test_a_soft_shutdown_takes_its_time_and_is_in_the_ledger_with_who_asked(bench: Bench) -> None:
    bench.ask(0x00, 0x02, b"\x05")
    assert bench.chassis()[0] & 1 == 1
    bench.advance(20)
    assert (bench.chassis()[0] & 1, bench.machine.power.state) == (0, "Off")
    assert bench.states("#PowerUnit") == {0}
    row = bench.fleet.plant.ledger.since(0, what="power_command")[-1]
    assert (row["reset_type"], row["source"]) == ("GracefulShutdown", "somebody@127.0.0.1:9")


def test_power_is_for_operators_and_for_states_in_which_it_makes_sense(bench: Bench) -> None:
    assert bench.reply(0x00, 0x02, b"\x00", as_=Privilege.USER).code == Code.PRIVILEGE
    assert bench.machine.power.state == "On"
    assert bench.reply(0x00, 0x02, b"\x00", as_=Privilege.OPERATOR).code == Code.OK
    bench.advance(10)
    for code in b"\x02\x03\x04\x05":
        assert bench.reply(0x00, 0x02, bytes((code,))).code == Code.STATE
    assert bench.reply(0x00, 0x02, b"\x09").code == Code.INVALID_FIELD
    bench.ask(0x00, 0x02, b"\x01")
    bench.advance(10)
    power, event = bench.ask(0x00, 0x01)[:2]
    assert (power & 1, event) == (1, 0x10)
    assert bench.ask(0x00, 0x07)[0] == 0x01


def test_a_machine_does_after_a_blackout_what_its_policy_says(bench: Bench) -> None:
    assert bench.chassis()[0] >> 5 == 1
    bench.ask(0x00, 0x06, b"\x00")
    assert bench.chassis()[0] >> 5 == 0
    for alive in (False, True):
        for feed in "AB":
            bench.machine.feed(feed, alive)
        bench.advance(120)
    assert bench.machine.power.state == "Off"


def test_the_locate_light_goes_out_by_itself(bench: Bench) -> None:
    bench.ask(0x00, 0x04, b"\x1e")
    assert bench.chassis()[1] & 0x70 == 0x50
    bench.advance(31)
    assert (bench.chassis()[1] & 0x70, bench.machine.led) == (0x40, False)
    bench.ask(0x00, 0x04, b"\x00\x01")
    bench.advance(1_000)
    assert bench.chassis()[1] & 0x70 == 0x60


def test_a_boot_override_is_the_same_in_every_protocol(bench: Bench) -> None:
    bench.ask(0x00, 0x08, b"\x05\xa0\x04\x00\x00\x00")
    assert bench.machine.boot_override == {"enabled": "Once", "target": "Pxe", "mode": "UEFI"}
    assert bench.ask(0x00, 0x09, b"\x05\x00\x00") == b"\x01\x05\xa0\x04\x00\x00\x00"
    bench.ask(0x00, 0x02, b"\x03")
    bench.advance(1)
    assert bench.ask(0x00, 0x09, b"\x05\x00\x00")[2] & 0x80 == 0


def test_a_watchdog_that_nobody_resets_acts_and_says_so(bench: Bench) -> None:
    assert bench.reply(0x06, 0x22).code == 0x80
    bench.ask(0x06, 0x24, b"\x04\x01\x00\x10\x64\x00")
    bench.ask(0x06, 0x22)
    bench.advance(5)
    bench.ask(0x06, 0x22)
    bench.advance(6)
    assert bench.machine.power.boots == 1
    bench.advance(5)
    assert bench.machine.power.boots == 2
    assert bench.sel()[-1][10:14] == b"\x23" + bench.number("#Watchdog") + b"\x6f\x01"
    assert bench.ask(0x06, 0x25)[3] == 0x10


# ---- who may, and what is known ----


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: f"{command.netfn:02x}-{command.code:02x}")
def test_a_command_is_refused_to_who_may_less_and_never_breaks(bench: Bench, command: object) -> None:
    netfn, code, privilege = command.netfn, command.code, command.privilege  # type: ignore[attr-defined]  # a row
    group = b"\xdc" if netfn == NetFn.GROUP else b""
    if privilege > Privilege.NONE:
        assert bench.reply(netfn, code, group + bytes(30), as_=privilege - 1).code == Code.PRIVILEGE
    for data in (b"", *(bytes((byte,)) * length for byte in (0x00, 0x01, 0x7F, 0xFF) for length in (1, 2, 4, 9, 24))):
        reply = bench.reply(netfn, code, group + data)
        assert 0 <= reply.code <= 0xFF
        assert reply.data[: len(group)] == group


def test_what_nobody_knows_is_invalid(bench: Bench) -> None:
    assert bench.reply(0x06, 0x99).code == Code.INVALID_COMMAND
    assert bench.reply(0x2C, 0x02, b"\x00\x01\x00\x00").code == Code.INVALID_COMMAND
    assert Bench("quill-m2").reply(0x2C, 0x02, b"\xdc\x01\x00\x00").code == Code.INVALID_COMMAND


def test_the_guid_is_the_uuid_of_the_other_protocol(bench: Bench) -> None:
    assert UUID(bytes=bench.ask(0x06, 0x37)[::-1]) == UUID(bench.machine.uuid)
    dell = Bench("dell-idrac9")
    assert UUID(bytes_le=dell.ask(0x06, 0x08)) == UUID(dell.machine.uuid)


def test_the_reset_of_the_bmc_leaves_the_machine_on(bench: Bench) -> None:
    assert bench.reply(0x06, 0x02, as_=Privilege.OPERATOR).code == Code.PRIVILEGE
    bench.ask(0x06, 0x02)
    away = [bench.bmc.away]
    for seconds in (2, 90):
        bench.advance(seconds)
        away.append(bench.bmc.away)
    assert away == [False, True, False]
    assert bench.machine.power.state == "On"


@pytest.mark.parametrize("way", WAYS)
def test_every_departure_says_where_it_is_from_and_is_of_some_family(way: str) -> None:
    manner = getattr(manners, way)
    assert manner.evidence != PLAIN_MANNER.evidence
    assert any(family.ipmi == manner and "ipmi" in family.speaks for family in FAMILIES.values())


# ---- inventory ----


@pytest.mark.parametrize("family", ["halden-w1", "quill-m2", "fujitsu-irmc", "gpu-hgx"])
def test_every_area_of_an_inventory_sums_to_nothing(family: str) -> None:
    bench = Bench(family)
    for device in range(len(bench.machine.parts.supplies) + 1):
        told = areas_of(bench.controller, device)
        assert told is not None
        assert sum(told[:8]) & 0xFF == 0
        for eights in told[2:5]:
            start = 8 * eights
            assert not eights or sum(told[start : start + 8 * told[start + 1]]) & 0xFF == 0
        start = 8 * told[5]
        if start:
            assert sum(told[start : start + 5]) & 0xFF == 0
            assert sum(told[start + 5 : start + 5 + told[start + 2]]) + told[start + 3] & 0xFF == 0
    assert areas_of(bench.controller, 99) is None


def test_an_inventory_is_read_in_pieces_and_not_beyond_its_end(bench: Bench) -> None:
    size = int.from_bytes(bench.ask(0x0A, 0x10, b"\x01")[:2], "little")
    told = b"".join(
        bench.ask(0x0A, 0x11, b"\x01" + at.to_bytes(2, "little") + b"\x10")[1:] for at in range(0, size, 16)
    )
    assert told == areas_of(bench.controller, 1)
    assert bench.machine.parts.supplies[0].serial.encode() in told
    assert bench.reply(0x0A, 0x11, b"\x01" + size.to_bytes(2, "little") + b"\x10").code == Code.OUT_OF_RANGE
    assert bench.reply(0x0A, 0x10, b"\x09").code == Code.NOT_PRESENT


def test_the_three_codings_of_a_field() -> None:
    assert field("IPMI", 0x80) == bytes((0x83, 0x29, 0xDC, 0xA6))
    assert field("1-23", 0x40) == b"\x42\x1b\x23"
    assert field("x") == b"\xc2x "


# ---- DCMI ----


def test_power_over_dcmi_is_the_machines_own(bench: Bench) -> None:
    told = bench.ask(0x2C, 0x02, b"\xdc\x01\x00\x00")
    now, least, most, mean = (int.from_bytes(told[at : at + 2], "little") for at in (1, 3, 5, 7))
    assert now == round(bench.machine.reading("TotalPower") or 0)
    assert least <= mean <= most
    assert least < most
    assert int.from_bytes(told[13:17], "little") == 3_600_000
    assert told[17] == 0x40


def test_temperatures_over_dcmi_name_the_records_they_are_in(bench: Bench) -> None:
    told = bench.ask(0x2C, 0x10, b"\xdc\x01\x41\x00\x01")
    assert (told[1:3], told[4], told[6]) == (b"\x02\x02", 1, 2)
    assert abs(told[3] - (bench.machine.reading("CPU1") or 0)) <= 0.5
    ids = bench.ask(0x2C, 0x07, b"\xdc\x01\x41\x00\x01")
    record = dict(bench.controller.records)[int.from_bytes(ids[5:7], "little")]
    assert record[48:] == b"CPU 2 Temp"


def test_an_asset_tag_is_written_in_pieces(bench: Bench) -> None:
    bench.ask(0x2C, 0x08, b"\xdc\x00\x10" + b"rack R01, unit 1")
    assert bench.ask(0x2C, 0x08, b"\xdc\x10\x01" + b"7") == b"\xdc\x11"
    assert bench.machine.asset_tag == "rack R01, unit 17"
    assert bench.ask(0x2C, 0x06, b"\xdc\x10\x10") == b"\xdc\x117"


# ---- traps ----


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))
        door.setblocking(False)
        yield door


def traps(receiver: socket.socket) -> list[tuple[int, bytes]]:
    """(specific trap, octets) of every trap that came, by an independent reader of SNMPv1."""
    told: list[tuple[int, bytes]] = []
    while True:
        try:
            raw = receiver.recv(2_000)
        except BlockingIOError:
            return told
        message, rest = decoder.decode(raw, asn1Spec=api.v1.Message())
        assert not rest
        body = api.v1.apiMessage.get_pdu(message)
        assert str(api.v1.apiTrapPDU.get_enterprise(body)) == "1.3.6.1.4.1.3183.1.1"
        ((name, value),) = api.v1.apiTrapPDU.get_varbinds(body)
        assert str(name) == "1.3.6.1.4.1.3183.1.1.1"
        told.append((int(api.v1.apiTrapPDU.get_specific_trap(body)), bytes(value)))


def test_an_event_is_a_trap_to_whoever_was_set(bench: Bench, receiver: socket.socket) -> None:
    bench.strike("fail_fan", name="Fan 1")
    assert traps(receiver) == []
    bench.controller.alerts.send_to(*receiver.getsockname())
    bench.strike("fail_drive", bay=2)
    (specific, octets), _ = traps(receiver)
    assert specific == 0x0D6F01
    assert len(octets) == 47
    assert octets[:16] == bench.controller.guid
    assert int.from_bytes(octets[18:22], "big") == int(EPOCH) - 883_612_800
    assert octets[26] == 0x10
    assert octets[28:29] == bench.number("#Drive2")
    assert tuple(octets[29:31]) == (0x04, 3)
    assert (octets[31], octets[-1]) == (0x01, 0xC1)


def test_a_trap_that_must_be_acknowledged_is_sent_again_until_it_is(bench: Bench, receiver: socket.socket) -> None:
    bench.controller.alerts.send_to(*receiver.getsockname())
    bench.ask(0x0C, 0x01, bytes((0x01, 18, 1, 0x80, 5, 3)))
    bench.strike("fail_fan", name="Fan 1")
    bench.advance(6)
    first, again = traps(receiver)
    assert first == again
    bench.ask(0x04, 0x17, first[1][16:18][::-1])
    bench.advance(60)
    assert traps(receiver) == []


def test_filters_and_policies_say_what_is_sent(bench: Bench, receiver: socket.socket) -> None:
    host, port = receiver.getsockname()
    bench.controller.alerts.port = port
    bench.ask(0x04, 0x12, b"\x01\x01")
    bench.ask(0x04, 0x12, b"\x02\x01")
    bench.ask(0x04, 0x12, bytes((6, 1, 0x80, 0x01, 2, 0x20, 0xFF, 0xFF, 0x08, 0xFF, 0xFF, 0xFF, 0xFF)) + bytes(9))
    bench.ask(0x04, 0x12, bytes((9, 1, 0x28, 0x11, 0)))
    bench.ask(0x0C, 0x01, bytes((0x01, 19, 1, 0, 0)) + socket.inet_aton(host) + bytes(6))
    bench.strike("fail_fan")
    bench.strike("fail_power_supply")
    ((specific, octets),) = traps(receiver)
    assert (specific, octets[26]) == (0x086F01, 0x20)


def test_traps_go_to_loopback_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(bench.controller.alerts, "_post", lambda message, host: sent.append(host))
    bench.controller.alerts.send_to("127.0.0.1", 9)
    bench.ask(0x0C, 0x01, bytes((0x01, 19, 1, 0, 0, 192, 0, 2, 7)) + bytes(6))
    bench.strike("fail_fan")
    assert sent == []


# ---- vendors stay where they belong ----


def test_dell_like_names_are_shared_and_told_apart_by_entity() -> None:
    sensors = Bench("dell-idrac9").controller.catalogue.sensors
    assert [sensor.entity for sensor in sensors if sensor.name == "Temp"] == [(3, 1), (3, 2)]
    assert len([sensor for sensor in sensors if sensor.name == "Status"]) == 4


def test_names_of_records_are_words_that_a_person_can_read() -> None:
    for family in SERVERS:
        for sensor in Bench(family).controller.catalogue.sensors:
            assert re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z ._~-]{1,15}", sensor.name), (family, sensor.name)
