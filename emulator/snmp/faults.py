"""Faults of agents and of what they speak for, as rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.mains import Pdu, Ups
from emulator.named_fault import SECONDS, FaultRefusedError, Field, Heal, NamedFault, Wanted
from emulator.network import Line, Switch
from emulator.snmp.device import Device
from emulator.snmp.recorded import arcs

if TYPE_CHECKING:
    from emulator.faults import Fleet
    from emulator.snmp.traps import Herald

WRAP_SECONDS = 0xFFFF_FFFF / 100
"""After so long sysUpTime begins again."""
HALF, FULL = 1 << 63, 1 << 64
Strike = Callable[["Fleet", Device, Wanted], Heal]


def _trouble(name: str, field: str | None = None, setting: Any = True) -> Strike:
    """A fault that is a trouble of the agent; its setting is a field of the fault or always the same."""

    def strike(fleet: Fleet, device: Device, f: Wanted) -> Heal:
        troubles = device.agent.troubles
        before = getattr(troubles, name)
        setattr(troubles, name, setting if field is None else f[field])
        return partial(setattr, troubles, name, before)

    return strike


def _in_walks(name: str) -> Strike:
    """A trouble of the walks of one column."""

    def strike(fleet: Fleet, device: Device, f: Wanted) -> Heal:
        try:
            column = arcs(f["oid"])
        except ValueError:
            raise FaultRefusedError(f"{f['oid']!r} is no object identifier; write 1.3.6.1.2.1.2.2.1.2") from None
        setattr(device.agent.troubles, name, column)
        return partial(setattr, device.agent.troubles, name, None)

    return strike


def _restart(fleet: Fleet, device: Device, f: Wanted) -> Heal:
    """The agent starts anew; interface counters begin again where it is told so."""
    device.engine.restart(device.engine.boots + 1 if f["boots"] is None else f["boots"])
    if f["counters"] and isinstance(device.state, Switch):
        for line in device.state.lines:
            line.reset(device.plant.clock.now())
    device.state.on_event("restarted", "0")
    return lambda: None


def _uptime(fleet: Fleet, device: Device, f: Wanted) -> Heal:
    engine = device.engine
    before = engine.uptime_ahead
    elapsed = device.plant.clock.now() - engine.booted_at
    engine.uptime_ahead = WRAP_SECONDS - f["left"] - elapsed
    return partial(setattr, engine, "uptime_ahead", before)


def _wrong_time(fleet: Fleet, device: Device, f: Wanted) -> Heal:
    device.engine.off_by = f["by"]
    return partial(setattr, device.engine, "off_by", 0)


def _name(fleet: Fleet, device: Device, f: Wanted) -> Heal:
    try:
        device.itself.name = bytes.fromhex(f["hex"])
    except ValueError:
        raise FaultRefusedError(f"name_bytes: {f['hex']!r} is no hexadecimal") from None
    return partial(setattr, device.itself, "name", None)


def _switch_of(device: Device, fault: str) -> Switch:
    if not isinstance(device.state, Switch):
        raise FaultRefusedError(f"{fault}: {device.name} is a {device.state.kind}, no switch")
    return device.state


def _line_of(device: Device, fault: str, port: int) -> Line:
    lines = _switch_of(device, fault).lines
    if not 1 <= port <= len(lines):
        raise FaultRefusedError(f"{fault}: {device.name} has ports 1 to {len(lines)}, not {port}")
    return lines[port - 1]


def _swap(fleet: Fleet, device: Device, f: Wanted) -> Heal:
    switch = _switch_of(device, "swap_ifindex")
    one, other = (_line_of(device, "swap_ifindex", f[key]).number for key in ("port", "other"))
    switch.swap(one, other)
    device.changed()

    def heal() -> None:
        switch.swap(one, other)
        device.changed()

    return heal


def _count_anew(fleet: Fleet, device: Device, f: Wanted) -> Heal:
    _line_of(device, "counter_reset", f["port"]).reset(device.plant.clock.now())
    return lambda: None


def _count_high(fleet: Fleet, device: Device, f: Wanted) -> Heal:
    """A port's octets are `left` below the end of 32, 63 or 64 bits."""
    ends = {32: 1 << 32, 63: HALF, 64: FULL}
    if f["bits"] not in ends:
        raise FaultRefusedError(f"counter_near: bits are 32, 63 or 64, not {f['bits']}")
    line, now = _line_of(device, "counter_near", f["port"]), device.plant.clock.now()
    line.ahead = 0
    line.ahead = ends[f["bits"]] - f["left"] - max(line.octets(0, now), line.octets(1, now))
    if line.ahead < 0 and f["bits"] == 32:
        line.ahead %= 1 << 32
    return lambda: line.reset(device.plant.clock.now())


def _stop_fan(fleet: Fleet, device: Device, f: Wanted) -> Heal:
    switch = _switch_of(device, "stop_fan")
    count = switch.family.fans if switch.family is not None else 0
    if not 1 <= f["fan"] <= count:
        raise FaultRefusedError(f"stop_fan: {device.name} has fans 1 to {count}, not {f['fan']}")
    switch.stopped_fans.add(f["fan"] - 1)
    switch.on_event("fan_stopped", str(f["fan"]))

    def heal() -> None:
        switch.stopped_fans.discard(f["fan"] - 1)
        switch.on_event("fan_runs", str(f["fan"]))

    return heal


def _cut_outlet(fleet: Fleet, device: Device, f: Wanted) -> Heal:
    pdu = device.state
    if not isinstance(pdu, Pdu) or not 1 <= f["outlet"] <= len(pdu.sockets):
        raise FaultRefusedError(f"cut_outlet: {device.name} has no outlet {f['outlet']}")
    pdu.switch(f["outlet"], False)
    return partial(pdu.switch, f["outlet"], True)


def _lose_mains(fleet: Fleet, device: Device, f: Wanted) -> Heal:
    ups = _ups_of(device, "lose_mains")
    ups.mains_are(False)
    return partial(ups.mains_are, True)


def _old_battery(fleet: Fleet, device: Device, f: Wanted) -> Heal:
    ups = _ups_of(device, "old_battery")
    ups.battery_old = True
    return partial(setattr, ups, "battery_old", False)


def _ups_of(device: Device, fault: str) -> Ups:
    if not isinstance(device.state, Ups):
        raise FaultRefusedError(f"{fault}: {device.name} is a {device.state.kind}, no UPS")
    return device.state


def _row(name: str, strike: Strike, happens: str, **fields: Field) -> NamedFault:
    return NamedFault(name=name, target="agent", fields=fields | {"seconds": SECONDS}, strike=strike, happens=happens)


def _trap_storm(fleet: Fleet, device: Device, f: Wanted) -> Heal:
    _herald(device, "trap_storm").storm(f["count"])
    return lambda: None


def _wrong_key(fleet: Fleet, device: Device, f: Wanted) -> Heal:
    herald = _herald(device, "trap_wrong_key")
    herald.password = f["password"]
    return partial(setattr, herald, "password", None)


def _herald(device: Device, fault: str) -> Herald:
    if device.herald is None:
        raise FaultRefusedError(f"{fault}: nobody wants traps; start the emulator with --traps HOST:PORT")
    return device.herald


SNMP_FAULTS = (
    _row("agent_silent", _trouble("silent"), "the agent answers nothing"),
    _row("agent_slow", _trouble("delay", "delay"), "every answer comes `delay` seconds late", delay=Field(float, 3.0)),
    _row("agent_drops", _trouble("lost", "prob"), "requests are lost this often (F97)", prob=Field(float, 0.3)),
    _row("agent_misses", _trouble("lost_next", "count"), "the next `count` requests are lost (F97)",
         count=Field(int, 1)),
    _row("too_big", _trouble("most_names", "most"), "requests for more than `most` values are tooBig (F96)",
         most=Field(int, 20)),
    _row("max_rep_bug", _trouble("most_repetitions", "most"),
         "bulks of more than `most` rows leave rows out in silence (F96)", most=Field(int, 25)),
    _row("oid_loop", _in_walks("loop"), "behind the last row of a column comes its first again (F95)",
         oid=Field(str, "1.3.6.1.2.1.2.2.1.2")),
    _row("grow_table", _in_walks("grows"), "a column never ends (F99)", oid=Field(str, "1.3.6.1.2.1.2.2.1.2")),
    _row("tell_zeros", _in_walks("zeros"), "numbers of a column are told as 0 (F98)",
         oid=Field(str, "1.3.6.1.2.1.31.1.1.1")),
    _row("trap_storm", _trap_storm, "`count` traps are sent at once (F103)", count=Field(int, 1_000)),
    _row("trap_wrong_key", _wrong_key, "traps of version 3 are signed with another password (F105)",
         password=Field(str, "another-password")),
    _row("restart_agent", _restart, "engine boots grow by one or become `boots`, uptime and with `counters` counters"
         " begin again (F91, F93)", boots=Field(int), counters=Field(int, 1)),
    _row("uptime_near_end", _uptime, "sysUpTime wraps in `left` seconds (F92)", left=Field(float, 100.0)),
    _row("engine_time", _wrong_time, "the engine's time is off by so many seconds (F93)", by=Field(int, 10_000)),
    _row("name_bytes", _name, "sysName is these bytes (F100)", hex=Field(str, "ff003c7363726970743e")),
    _row("swap_ifindex", _swap, "two ports exchange their ifIndex (F94)", port=Field(int, 3), other=Field(int, 7)),
    _row("counter_reset", _count_anew, "the counters of a port begin again, uptime goes on (F91)",
         port=Field(int, 1)),
    _row("counter_near", _count_high, "octets of a port are `left` below the end of 32, 63 or 64 bits (F91, F101)",
         port=Field(int, 1), bits=Field(int, 64), left=Field(int, 1_000_000)),
    _row("stop_fan", _stop_fan, "a switch's fan stops, the others hurry", fan=Field(int, 1)),
    _row("cut_outlet", _cut_outlet, "an outlet is switched off; the supply on it loses its input",
         outlet=Field(int, 1)),
    _row("lose_mains", _lose_mains, "a UPS lives on its battery; when that is empty its feed is lost"),
    _row("old_battery", _old_battery, "a UPS wants a new battery"),
)  # fmt: skip
