"""Which sensors a family has: at least sixty on a two-socket server."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from emulator.accents.families import FAMILIES
from emulator.accents.model import Family
from emulator.sensors import NOMINAL_INLET, Limits, SensorRow

STANDBY_WATTS = 14.0
EFFICIENCY = 0.93
MAINS_VOLTS = 230.0

INLET = Limits(lower_critical=5, lower_caution=10, upper_caution=32, upper_critical=38, upper_fatal=42)
CPU = Limits(upper_caution=88, upper_critical=95, upper_fatal=100)
GPU = Limits(upper_caution=85, upper_critical=92, upper_fatal=96)
BOARD = Limits(upper_caution=75, upper_critical=85)
MAINS = Limits(lower_caution=200, upper_caution=250, upper_critical=264)


@cache
def rows_of(family_name: str) -> tuple[SensorRow, ...]:
    """The sensors of a family, in the order in which its BMC lists them."""
    family = FAMILIES[family_name]
    if not family.processors:
        return tuple(_kind_rows(family))
    return (*_temperatures(family), *_fans(family), *_powers(family), *_electrics(family), *_rest(family))


def _temperature(
    key: str, name: str, context: str, above: float, load: float, limits: Limits = BOARD, **more: object
) -> SensorRow:
    """Degrees above the inlet at rest, and what full work adds."""
    row: dict[str, object] = {
        "key": key, "name": name, "type": "Temperature", "unit": "Cel", "context": context, "level": above,
        "load": load,
        "inlet": 1.0, "wiggle": 0.5, "spread": 1.2, "digits": 1, "limits": limits,
    }  # fmt: skip
    return SensorRow(**(row | more))  # type: ignore[arg-type]  # a row is written once, here


def _temperatures(family: Family) -> Iterator[SensorRow]:
    yield _temperature("Inlet", "Inlet Temp", "Intake", 0, 0, INLET, spread=0.4, wiggle=0.2, lives_off=True)
    yield _temperature("Exhaust1", "Exhaust Temp 1", "Exhaust", 7.5, 13, Limits(upper_caution=65, upper_critical=72))
    yield _temperature("Exhaust2", "Exhaust Temp 2", "Exhaust", 8.0, 14, Limits(upper_caution=65, upper_critical=72))
    for cpu in range(family.processors):
        part = ("Processor", cpu)
        yield _temperature(f"CPU{cpu + 1}", f"CPU {cpu + 1} Temp", "CPU", 16, 34, CPU, wiggle=1.4, part=part)
        yield _temperature(
            f"CPU{cpu + 1}VR", f"CPU {cpu + 1} VR Temp", "VoltageRegulator", 13, 19, Limits(upper_caution=95)
        )
    for dimm in range(family.dimms):
        name = dimm_name(family, dimm)
        limits = Limits(upper_caution=78, upper_critical=85)
        yield _temperature(f"DIMM{name}", f"DIMM {name} Temp", "Memory", 8.5, 12, limits, part=("Memory", dimm))
    for gpu in range(family.gpus):
        part = ("Gpu", gpu) if family.shape.baseboard_id else ("Processor", family.processors + gpu)
        yield _temperature(f"GPU{gpu + 1}", f"GPU {gpu + 1} Temp", "GPU", 14, 44, GPU, wiggle=1.8, part=part)
        yield _temperature(f"GPU{gpu + 1}Memory", f"GPU {gpu + 1} Memory Temp", "GPUSubsystem", 18, 46, GPU, part=part)
    yield _temperature("Chipset", "Chipset Temp", "SystemBoard", 17, 6)
    yield _temperature("Bmc", "BMC Temp", "SystemBoard", 14, 3, lives_off=True)
    yield _temperature("Nic", "Network Adapter Temp", "NetworkingDevice", 22, 8)
    for zone in range(2):
        yield _temperature(f"Pcie{zone + 1}", f"PCIe Zone {zone + 1} Temp", "ExpansionBay", 12, 7)
    for zone in range(max(1, family.bays // 6)):
        yield _temperature(
            f"Backplane{zone + 1}", f"Drive Backplane {zone + 1} Temp", "Backplane", 4.5, 4, Limits(upper_caution=58)
        )
    yield from _supply_temperatures(family)


def _supply_temperatures(family: Family) -> Iterator[SensorRow]:
    for supply in range(family.supplies):
        yield _temperature(
            f"PSU{supply + 1}Temp",
            f"PSU {supply + 1} Temp",
            "PowerSupply",
            9,
            16,
            lives_off=True,
            part=("PowerSupply", supply),
        )


def _fans(family: Family) -> Iterator[SensorRow]:
    idle, span = family.fan_rpm * 0.38, family.fan_rpm * 0.42
    for fan in range(family.fans):
        yield SensorRow(
            key=f"Fan{fan + 1}", name=f"Fan {fan + 1}", type="Rotational", unit="{rev}/min", context="SystemBoard",
            level=idle - NOMINAL_INLET * family.fan_rpm * 0.012, load=span, inlet=family.fan_rpm * 0.012,
            wiggle=family.fan_rpm * 0.006, spread=family.fan_rpm * 0.01, part=("Fan", fan),
            limits=Limits(lower_critical=round(family.fan_rpm * 0.1), lower_caution=round(family.fan_rpm * 0.16)),
        )  # fmt: skip


def _power(key: str, name: str, context: str, level: float, load: float, **more: object) -> SensorRow:
    row: dict[str, object] = {
        "key": key, "name": name, "type": "Power", "unit": "W", "context": context, "level": level, "load": load,
        "wiggle": load * 0.02, "off": 0.0,
    }  # fmt: skip
    return SensorRow(**(row | more))  # type: ignore[arg-type]  # a row is written once, here


def _powers(family: Family) -> Iterator[SensorRow]:
    idle, span, count = family.idle_watts, family.peak_watts - family.idle_watts, family.supplies
    yield _power("TotalPower", "Total Power", "Chassis", idle, span, off=STANDBY_WATTS, wiggle=0)
    for cpu in range(family.processors):
        share = 0.3 / family.processors if family.gpus else 0.72 / family.processors
        part = ("Processor", cpu)
        yield _power(f"CPU{cpu + 1}Power", f"CPU {cpu + 1} Power", "CPU", idle * 0.2, span * share, part=part)
    yield _power("MemoryPower", "Memory Power", "Memory", family.dimms * 1.6, family.dimms * 2.2)
    yield _power("StoragePower", "Storage Power", "StorageSubsystem", family.bays * 3.5, family.bays * 4.5)
    for gpu in range(family.gpus):
        part = ("Gpu", gpu) if family.shape.baseboard_id else ("Processor", family.processors + gpu)
        yield _power(f"GPU{gpu + 1}Power", f"GPU {gpu + 1} Power", "GPU", 55, span * 0.6 / family.gpus, part=part)
    for supply in range(count):
        part = ("PowerSupply", supply)
        label, standby = f"PSU {supply + 1}", STANDBY_WATTS / count
        yield _power(
            f"PSU{supply + 1}Input",
            f"{label} Input Power",
            "PowerSupply",
            idle / count,
            span / count,
            part=part,
            off=standby,
        )
        output = EFFICIENCY / count
        yield _power(
            f"PSU{supply + 1}Output", f"{label} Output Power", "PowerSupply", idle * output, span * output, part=part
        )


def _electric(key: str, name: str, type_: str, unit: str, context: str, level: float, **more: object) -> SensorRow:
    row: dict[str, object] = {
        "key": key, "name": name, "type": type_, "unit": unit, "context": context, "level": level,
        "wiggle": level * 0.002,
        "spread": level * 0.004, "digits": 3,
    }  # fmt: skip
    return SensorRow(**(row | more))  # type: ignore[arg-type]  # a row is written once, here


def _electrics(family: Family) -> Iterator[SensorRow]:
    for key, name, volts in (("12V", "12V Rail", 12.08), ("5V", "5V Rail", 5.03), ("3V3", "3.3V Rail", 3.31)):
        limits = Limits(
            lower_critical=round(volts * 0.9, 2), lower_caution=round(volts * 0.94, 2),
            upper_caution=round(volts * 1.06, 2), upper_critical=round(volts * 1.1, 2),
        )  # fmt: skip
        yield _electric(f"Rail{key}", name, "Voltage", "V", "SystemBoard", volts, limits=limits)
    battery = Limits(lower_critical=2.5, lower_caution=2.7)
    yield _electric("Battery", "CMOS Battery", "Voltage", "V", "SystemBoard", 3.04, limits=battery, lives_off=True)
    for cpu in range(family.processors):
        part = ("Processor", cpu)
        yield _electric(
            f"CPU{cpu + 1}Vcore", f"CPU {cpu + 1} Vcore", "Voltage", "V", "CPU", 1.79, load=-0.03, part=part
        )
        yield _electric(f"CPU{cpu + 1}Vddq", f"CPU {cpu + 1} VDDQ", "Voltage", "V", "Memory", 1.11)
    share = max(1, family.supplies)
    idle, span = family.idle_watts / share, (family.peak_watts - family.idle_watts) / share
    for supply in range(family.supplies):
        part, label = ("PowerSupply", supply), f"PSU {supply + 1}"
        yield _electric(
            f"PSU{supply + 1}InputVoltage", f"{label} Input Voltage", "Voltage", "V", "PowerSupply", MAINS_VOLTS,
            digits=1,
            limits=MAINS, lives_off=True, part=part,
        )  # fmt: skip
        yield _electric(
            f"PSU{supply + 1}OutputVoltage", f"{label} Output Voltage", "Voltage", "V", "PowerSupply", 12.21, digits=2,
            off=0.0, part=part,
        )  # fmt: skip
        yield _electric(
            f"PSU{supply + 1}InputCurrent", f"{label} Input Current", "Current", "A", "PowerSupply", idle / MAINS_VOLTS,
            load=span / MAINS_VOLTS, digits=2, off=STANDBY_WATTS / family.supplies / MAINS_VOLTS, part=part,
        )  # fmt: skip
        yield _electric(
            f"PSU{supply + 1}OutputCurrent", f"{label} Output Current", "Current", "A", "PowerSupply",
            idle * EFFICIENCY / 12.21, load=span * EFFICIENCY / 12.21, digits=2, off=0.0, part=part,
        )  # fmt: skip


def _rest(family: Family) -> Iterator[SensorRow]:
    for key, name, context, level in (
        ("CpuUsage", "CPU Usage", "CPU", 2.0),
        ("MemoryUsage", "Memory Usage", "Memory", 24.0),
        ("IoUsage", "IO Usage", "StorageSubsystem", 1.0),
    ):
        yield SensorRow(
            key=key,
            name=name,
            type="Percent",
            unit="%",
            context=context,
            level=level,
            load=0.7 * (100 - level),
            wiggle=1.0,
            off=0.0,
        )
    yield SensorRow(
        key="AirFlow", name="System Air Flow", type="AirFlow", unit="[cft_i]/min", context="Chassis",
        level=18.0 * family.height_u,
        load=34.0 * family.height_u, wiggle=0.6, digits=1, off=0.0,
    )  # fmt: skip
    yield SensorRow(
        key="Energy", name="Total Energy", type="EnergykWh", unit="kW.h", context="Chassis", level=family.idle_watts,
        load=family.peak_watts - family.idle_watts, digits=3, counts_energy=True,
    )  # fmt: skip


# ---- what is no server ----


def _kind_rows(family: Family) -> Iterator[SensorRow]:
    """Sensors of a power shelf, a rack PDU, a coolant distribution unit or a box of drives."""
    idle, span = family.idle_watts, family.peak_watts - family.idle_watts
    yield _temperature("Inlet", "Inlet Temp", "Intake", 0, 0, INLET, spread=0.4, wiggle=0.2, lives_off=True)
    if family.supplies:
        yield _temperature("Exhaust1", "Exhaust Temp", "Exhaust", 6, 9, Limits(upper_caution=65, upper_critical=72))
    yield from _supply_temperatures(family)
    yield from _fans(family)
    yield from (row for row in _powers(family) if row.level or row.load)
    yield from (row for row in _electrics(family) if row.part)
    yield from _outlets(family, idle, span)
    if family.pumps:
        yield from _coolant(family)
    yield SensorRow(
        key="Energy", name="Total Energy", type="EnergykWh", unit="kW.h", context="Chassis", level=idle, load=span,
        digits=3, counts_energy=True,
    )  # fmt: skip


def _outlets(family: Family, idle: float, span: float) -> Iterator[SensorRow]:
    if not family.outlets:
        return
    yield _electric("Frequency", "Mains Frequency", "Frequency", "Hz", "PowerSupply", 50.0, digits=1, lives_off=True)
    yield _electric("Mains", "Mains Voltage", "Voltage", "V", "PowerSupply", MAINS_VOLTS, digits=1, limits=MAINS)
    yield _electric("MainsCurrent", "Mains Current", "Current", "A", "PowerSupply", idle / MAINS_VOLTS,
        load=span / MAINS_VOLTS, digits=2)  # fmt: skip
    for index in range(family.outlets):
        part, key, share = ("Outlet", index), f"Outlet{index + 1}", 1 / family.outlets
        yield _power(f"{key}Power", f"Outlet {index + 1} Power", "PowerOutlet", idle * share, span * share, part=part)
        yield _electric(f"{key}Current", f"Outlet {index + 1} Current", "Current", "A", "PowerOutlet",
            idle * share / MAINS_VOLTS, load=span * share / MAINS_VOLTS, digits=2, part=part,
            limits=Limits(upper_caution=12.8, upper_critical=16))  # fmt: skip


def _coolant(family: Family) -> Iterator[SensorRow]:
    supply, back = Limits(upper_caution=38, upper_critical=45), Limits(upper_caution=55, upper_critical=62)
    for loop, above in (("Primary", -4.0), ("Secondary", 3.0)):
        yield _temperature(f"{loop}Supply", f"{loop} Supply Temp", "CoolantConnector", above, 2, supply)
        yield _temperature(f"{loop}Return", f"{loop} Return Temp", "CoolantConnector", above + 6, 12, back)
        yield _electric(f"{loop}Flow", f"{loop} Flow", "LiquidFlowLPM", "L/min", "CoolantConnector", 120.0, load=140.0,
            digits=1)  # fmt: skip
        yield _electric(f"{loop}Pressure", f"{loop} Pressure", "PressurekPa", "kPa", "CoolantConnector", 210.0,
            load=35.0, digits=1, limits=Limits(upper_caution=320, upper_critical=380))  # fmt: skip
    for index in range(family.pumps):
        yield SensorRow(
            key=f"Pump{index + 1}", name=f"Pump {index + 1} Speed", type="Rotational", unit="{rev}/min", context="Pump",
            level=2_200.0, load=1_400.0, wiggle=15.0, spread=40.0, part=("Pump", index),
            limits=Limits(lower_critical=400, lower_caution=800),
        )  # fmt: skip


def dimm_name(family: Family, index: int) -> str:
    """`A1`, `B3`: the processor's letter and the slot."""
    per_processor = max(1, family.dimms // family.processors)
    return f"{'ABCDEFGH'[index // per_processor]}{index % per_processor + 1}"
