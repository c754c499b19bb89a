"""What a machine's BMC says over IPMI, by its own tables: for whoever compares clients with it."""

from __future__ import annotations

from typing import Any

from emulator.ipmi.chassis import status
from emulator.ipmi.commands import RefusedError
from emulator.ipmi.controller import MachineController
from emulator.ipmi.reading import SCANNING, UNAVAILABLE, read
from emulator.ipmi.sel import Record
from emulator.ipmi.sensors import UNITS, Analog, Sensor
from emulator.ipmi.states import Discrete


def over_ipmi(controller: MachineController) -> dict[str, Any]:
    """Identity, chassis bits, sensors as they read now, and the SEL."""
    power, _, misc = status(controller)[:3]
    return {
        "guid": controller.guid.hex(), "manufacturer": controller.manner.manufacturer,
        "product": controller.manner.product,
        "chassis": {
            "on": bool(power & 0x01), "power_fault": bool(power & 0x08), "intrusion": bool(misc & 0x01),
            "drive_fault": bool(misc & 0x04), "fan_fault": bool(misc & 0x08),
        },
        "sensors": [_sensor(controller, sensor) for sensor in controller.catalogue.sensors],
        "sel": [_record(record) for record in controller.sel.records],
    }  # fmt: skip


def sdr_name(controller: MachineController, sensor: Sensor) -> str:
    """`sdr/0012`: the record of a sensor, in hexadecimal."""
    return f"sdr/{controller.record_id(sensor):04x}"


def _sensor(controller: MachineController, sensor: Sensor) -> dict[str, Any]:
    row: dict[str, Any] = {
        "number": sensor.number, "record": controller.record_id(sensor), "name": sensor.name, "key": sensor.key,
        "part": sensor.part, "type": sensor.type, "event_type": sensor.event_type, "entity": list(sensor.entity),
    }  # fmt: skip
    if isinstance(sensor, Discrete) and sensor.event_only:
        return row | {"kind": "event-only"}
    try:
        raw, flags, states = read(controller, sensor)
    except RefusedError as refused:
        return row | {"kind": _kind(sensor), "refused": refused.code}
    offsets = [bit for bit in range(15) if states >> bit & 1]
    row |= {"kind": _kind(sensor), "raw": raw, "flags": flags, "states": offsets}
    if isinstance(sensor, Discrete):
        return row
    there = bool(flags & SCANNING) and not flags & UNAVAILABLE
    limits = controller.thresholds_of(sensor)._asdict()
    return row | {
        "value": sensor.scale.value(raw) if there else None, "unit": UNITS[sensor.unit],
        "thresholds": {name: sensor.scale.value(step & 0xFF) for name, step in limits.items() if step is not None},
    }  # fmt: skip


def _kind(sensor: Sensor) -> str:
    return "full" if isinstance(sensor, Analog) else "compact"


def _record(record: Record) -> dict[str, Any]:
    entry = record.entry
    return {
        "id": record.id, "record": record.data.hex(), "at": entry.instant, "message_id": entry.message_id,
        "message": entry.message, "part": entry.part, "severity": entry.severity,
    }  # fmt: skip
