"""Commands of sensors: readings, thresholds, hysteresis, events (IPMI v2.0, 35)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.ipmi.commands import Command, RefusedError
from emulator.ipmi.message import Code, NetFn, Privilege, Request
from emulator.ipmi.sdr import threshold_masks
from emulator.ipmi.sensors import Analog, Sensor, Thresholds, measured
from emulator.ipmi.states import Discrete

if TYPE_CHECKING:
    from emulator.ipmi.controller import MachineController

EVENTS, SCANNING, UNAVAILABLE = 0x80, 0x40, 0x20
"""Flags of a reading: event messages and scanning are on; there is no reading."""


def read(controller: MachineController, sensor: Sensor) -> tuple[int, int, int]:
    """(raw reading, flags, comparison or states) as Get Sensor Reading has them; D5h where the firmware refuses."""
    switches = controller.switches.get(sensor.number, EVENTS | SCANNING)
    if isinstance(sensor, Discrete):
        return 0, switches, 0 if not switches & SCANNING else sensor.follow(controller.bmc.machine, sensor.index)
    count = measured(controller.bmc.machine, sensor)
    if not switches & SCANNING:
        return 0, switches | UNAVAILABLE, 0
    if count is None:
        return _unread(controller)
    return count & 0xFF, switches, controller.thresholds_of(sensor).reached(count)


def _unread(controller: MachineController) -> tuple[int, int, int]:
    """What this firmware says of a sensor whose power is off."""
    match controller.manner.when_off:
        case "unavailable":
            return 0, EVENTS | SCANNING | UNAVAILABLE, 0
        case "unscanned":
            return 0, EVENTS | UNAVAILABLE, 0
        case "zero":
            return 0, EVENTS | SCANNING, 0
    raise RefusedError(Code.STATE)


def _sensor(controller: MachineController, request: Request) -> Sensor:
    """The sensor that a command names; CBh where there is none, or it has no reading."""
    sensor = controller.catalogue.by_number.get(request.data[0]) if not request.lun else None
    if sensor is None or (isinstance(sensor, Discrete) and sensor.event_only):
        raise RefusedError(Code.NOT_PRESENT)
    return sensor


def _analog(controller: MachineController, request: Request) -> Analog:
    sensor = _sensor(controller, request)
    if not isinstance(sensor, Analog):
        raise RefusedError(Code.ILLEGAL_FOR_SENSOR)
    return sensor


def _reading(controller: MachineController, request: Request) -> bytes:
    sensor = _sensor(controller, request)
    raw, flags, states = read(controller, sensor)
    if isinstance(sensor, Analog):
        return bytes((raw, flags, 0xC0 | states))
    return bytes((raw, flags, states & 0xFF, 0x80 | states >> 8))


def _thresholds(controller: MachineController, request: Request) -> bytes:
    thresholds = controller.thresholds_of(_analog(controller, request))
    return bytes((thresholds.mask, *((step or 0) & 0xFF for step in thresholds)))


def _set_thresholds(controller: MachineController, request: Request) -> bytes:
    sensor, mask, told = _analog(controller, request), request.data[1], request.data[2:8]
    before = controller.thresholds_of(sensor)
    if not controller.manner.settable_thresholds:
        raise RefusedError(Code.ILLEGAL_FOR_SENSOR)
    if mask & ~before.mask:
        raise RefusedError(Code.INVALID_FIELD)
    steps = [byte - 256 if sensor.scale.signed and byte > 127 else byte for byte in told]
    controller.thresholds[sensor.number] = Thresholds(
        *(steps[index] if mask >> index & 1 else step for index, step in enumerate(before))
    )
    return b""


def _hysteresis(controller: MachineController, request: Request) -> bytes:
    sensor = _analog(controller, request)
    return bytes(controller.hysteresis.get(sensor.number, (sensor.hysteresis, sensor.hysteresis)))


def _set_hysteresis(controller: MachineController, request: Request) -> bytes:
    sensor = _analog(controller, request)
    controller.hysteresis[sensor.number] = (request.data[2], request.data[3])
    return b""


def _events_enabled(controller: MachineController, request: Request) -> bytes:
    sensor = _sensor(controller, request)
    switches = controller.switches.get(sensor.number, EVENTS | SCANNING)
    asserted, deasserted = event_masks(sensor)
    return bytes((switches,)) + asserted.to_bytes(2, "little") + deasserted.to_bytes(2, "little")


def event_masks(sensor: Sensor) -> tuple[int, int]:
    """(assertion, deassertion) events that a sensor may send, one bit each."""
    if isinstance(sensor, Discrete):
        return sensor.offsets, sensor.offsets
    asserted, deasserted, _ = threshold_masks(sensor)
    return asserted & 0x0FFF, deasserted & 0x0FFF


def _set_events_enabled(controller: MachineController, request: Request) -> bytes:
    """Events and scanning of a whole sensor are switched; single events always are as the sensor is (35.10)."""
    sensor = _sensor(controller, request)
    controller.switches[sensor.number] = request.data[1] & (EVENTS | SCANNING)
    return b""


def _event_status(controller: MachineController, request: Request) -> bytes:
    """The events that hold now, deassertions never (35.13)."""
    sensor = _sensor(controller, request)
    _, flags, states = read(controller, sensor)
    if isinstance(sensor, Analog):
        states = sum(1 << (2 * bit if bit < 3 else 2 * bit + 1) for bit in range(6) if states >> bit & 1)
    return bytes((flags,)) + states.to_bytes(2, "little") + bytes(2)


def _factors(controller: MachineController, request: Request) -> bytes:
    """Get Sensor Reading Factors: the same for every reading, since all are linear (35.5)."""
    scale = _analog(controller, request).scale
    return bytes((
        (request.data[1] + 1) & 0xFF, scale.m & 0xFF, scale.m >> 2 & 0xC0, scale.b & 0xFF, scale.b >> 2 & 0xC0, 0,
        (scale.exponent & 0x0F) << 4 | scale.b_exponent & 0x0F,
    ))  # fmt: skip


def _type(controller: MachineController, request: Request) -> bytes:
    sensor = _sensor(controller, request)
    return bytes((sensor.type, sensor.event_type))


def _rearm(controller: MachineController, request: Request) -> bytes:
    _sensor(controller, request)
    return b""


SENSOR, USER, OPERATOR = NetFn.SENSOR, Privilege.USER, Privilege.OPERATOR

COMMANDS = (
    Command(SENSOR, 0x23, USER, _factors, 2),
    Command(SENSOR, 0x24, OPERATOR, _set_hysteresis, 4),
    Command(SENSOR, 0x25, USER, _hysteresis, 1),
    Command(SENSOR, 0x26, OPERATOR, _set_thresholds, 8),
    Command(SENSOR, 0x27, USER, _thresholds, 1),
    Command(SENSOR, 0x28, OPERATOR, _set_events_enabled, 2),
    Command(SENSOR, 0x29, USER, _events_enabled, 1),
    Command(SENSOR, 0x2A, OPERATOR, _rearm, 1),
    Command(SENSOR, 0x2B, USER, _event_status, 1),
    Command(SENSOR, 0x2D, USER, _reading, 1),
    Command(SENSOR, 0x2F, USER, _type, 1),
)
