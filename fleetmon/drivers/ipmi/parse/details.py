"""What the second and third byte of an event add, where the standard says so (IPMI v2.0 rev 1.1 table 42-3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

_POST_ERRORS = (
    "", "no memory installed", "all memory failed", "disk failed", "board failed", "diskette drive failed",
    "storage controller failed", "keyboard failed", "no boot medium", "video controller failed", "no video device",
    "firmware corrupt", "processor voltages differ", "processor speeds differ",
)  # fmt: skip
_POST_STEPS = (
    "", "memory", "hard disk", "secondary processors", "user authentication", "setup entered by a person", "USB",
    "PCI resources", "option ROM", "video", "cache", "SMBus", "keyboard controller", "embedded controller",
    "docking station attached", "docking station enabled", "docking station ejected", "docking station disabled",
    "OS wake-up vector", "OS boot started", "baseboard", "", "diskette drive", "keyboard test", "pointing device",
    "primary processor",
)  # fmt: skip
_SUPPLY_ERRORS = (
    "maker differs", "revision differs", "processor missing", "power rating differs", "voltage rating differs",
)  # fmt: skip
_AUXILIARY = (
    "entry added", "entry added, no standard one", "entry added, with standard ones", "log cleared", "log disabled",
    "log enabled",
)  # fmt: skip
_FILTER_ACTIONS = ("alert", "power off", "reset", "power cycle", "OEM action", "NMI")
_RESTARTS = (
    "", "command", "reset button", "power button", "watchdog", "OEM", "power always restored", "power as before",
    "event filter reset", "event filter power cycle", "OS", "clock",
)  # fmt: skip
_SLOTS = (
    "PCI", "drive array", "external connector", "docking", "other", "entity", "AdvancedTCA", "memory", "fan",
    "PCIe", "SCSI", "SATA or SAS", "USB",
)  # fmt: skip
_TIMER_USES = ("", "BIOS FRB2", "BIOS POST", "OS load", "OS", "OEM")
_TIMER_INTERRUPTS = ("", "SMI", "NMI", "messaging interrupt")
_VERSIONS = (
    "", "device id", "controller firmware", "device revision", "manufacturer id", "IPMI version",
    "auxiliary firmware", "firmware boot block", "other firmware", "BIOS", "SMBIOS", "OS", "OS loader", "diagnostics",
    "management software agent", "management software application", "management software middleware",
    "programmable hardware", "board or part", "board or part added or removed", "board or part replaced by an equal",
    "board or part replaced by a newer", "board or part replaced by an older", "board or part settings",
)  # fmt: skip
_FRU_CAUSES = (
    "", "asked for by software", "handle moved", "hot swap button", "by itself", "communication lost",
    "communication lost", "pulled without warning", "asked for by a person", "no address", "deactivated unawares",
)  # fmt: skip


def _one_of(table: tuple[str, ...], place: int) -> str:
    return table[place] if place < len(table) else ""


def _security(offset: int, second: int, third: int) -> str:
    return f"port {second}" if offset == 4 and second != 0xFF else ""


def _supply(offset: int, second: int, third: int) -> str:
    return _one_of(_SUPPLY_ERRORS, third & 0xF) if offset == 6 and third != 0xFF else ""


def _memory(offset: int, second: int, third: int) -> str:
    return f"module {third}" if third != 0xFF else ""


def _post(offset: int, second: int, third: int) -> str:
    return _one_of(_POST_STEPS if offset else _POST_ERRORS, second)


def _log(offset: int, second: int, third: int) -> str:
    match offset:
        case 0 if second != 0xFF:
            return f"module {second}"
        case 1 if second != 0xFF:
            return f"event type {second:02X}h, offset {third & 0xF}"
        case 5 if third <= 100:
            return f"{third} % full"
        case 6 if second != 0xFF:
            return f"processor {second}"
        case _:
            return ""


def _system(offset: int, second: int, third: int) -> str:
    match offset:
        case _ if second == 0xFF:
            return ""
        case 3:
            return _one_of(_AUXILIARY, second >> 4)
        case 4:
            return ", ".join(name for bit, name in enumerate(_FILTER_ACTIONS) if second >> bit & 1)
        case 5:
            return "after" if second & 0x80 else "before"
        case _:
            return ""


def _boot(offset: int, second: int, third: int) -> str:
    return _one_of(_RESTARTS, second & 0xF) if second != 0xFF else ""


def _slot(offset: int, second: int, third: int) -> str:
    kind = _one_of(_SLOTS, second & 0x7F)
    return " ".join(filter(None, (kind, f"{third}" if third != 0xFF else "")))


def _watchdog(offset: int, second: int, third: int) -> str:
    said = (_one_of(_TIMER_USES, second & 0xF), _one_of(_TIMER_INTERRUPTS, second >> 4))
    return ", ".join(filter(None, said))


def _management(offset: int, second: int, third: int) -> str:
    if offset == 4 and second != 0xFF:
        return f"sensor {second:02X}h"
    return f"FRU {third}" if offset == 5 and third != 0xFF else ""


def _session(offset: int, second: int, third: int) -> str:
    user = f"user {second & 0x3F}" if second & 0x3F not in (0, 0x3F) else ""
    channel = f"channel {third & 0xF}" if third != 0xFF else ""
    return ", ".join(filter(None, (user, channel)))


def _version(offset: int, second: int, third: int) -> str:
    return _one_of(_VERSIONS, second)


def _fru_state(offset: int, second: int, third: int) -> str:
    return _one_of(_FRU_CAUSES, second >> 4)


_READERS: Mapping[int, Callable[[int, int, int], str]] = {
    0x05: _security,
    0x08: _supply,
    0x0C: _memory,
    0x0F: _post,
    0x10: _log,
    0x12: _system,
    0x1D: _boot,
    0x21: _slot,
    0x23: _watchdog,
    0x28: _management,
    0x2A: _session,
    0x2B: _version,
    0x2C: _fru_state,
}


def detail(sensor_type: int, offset: int, second: int, third: int) -> str:
    """What the bytes add, in words; a byte that says nothing is FFh. Empty where there is nothing to add."""
    read = _READERS.get(sensor_type)
    return read(offset, second, third) if read else ""
