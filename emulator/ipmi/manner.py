"""How a firmware speaks IPMI, as a row of its family."""

from __future__ import annotations

from dataclasses import dataclass

LEFT_OUT = ("Energy", ".*Usage", "AirFlow", "MemoryPower", "StoragePower", r"CPU\d+Power", r"PSU\d+Output.*")
"""Sensors that few BMCs tell over IPMI, by their keys."""

PLAIN_NAMES = (
    (r"PSU(\d+)Input", r"PSU\1 Input Power"),
    (r"PSU(\d+)InputVoltage", r"PSU\1 Input Volt"),
    (r"PSU(\d+)InputCurrent", r"PSU\1 Input Curr"),
    (r"PSU(\d+)OutputVoltage", r"PSU\1 Out Volt"),
    (r"PSU(\d+)OutputCurrent", r"PSU\1 Out Curr"),
    (r"PSU(\d+)Temp", r"PSU\1 Temp"),
    (r"Nic", "NIC Temp"),
    (r"Backplane(\d+)", r"Backplane \1 Temp"),
    (r"GPU(\d+)Memory", r"GPU \1 Mem Temp"),
)
"""What is too long for the sixteen bytes of an SDR's ID string, by key; the rest is called as in the other protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What a generation of firmware tells over IPMI, and how."""

    evidence: str = "IPMI v2.0 rev 1.1"
    manufacturer: int = 0
    """IANA enterprise number in Get Device ID; 0 is unspecified."""
    product: int = 1
    left_out: tuple[str, ...] = LEFT_OUT
    """Patterns of keys of sensors that the firmware has not; those of discrete ones begin with #."""
    names: tuple[tuple[str, str], ...] = PLAIN_NAMES
    """(pattern of a key, template of a name); the first that fits."""
    entities: tuple[tuple[str, int, int], ...] = ()
    """(pattern of a key, entity id, instance) where the firmware says another than the part's own."""
    dimm_sensors: bool = True
    """A sensor for every DIMM; else one for all, which says in its event data which it means."""
    shifted: bool = False
    """Temperatures count from -40 Cel in unsigned bytes, rather than in two's complement."""
    when_off: str = "unavailable"
    """A sensor that needs the host's power says while it is off: `unavailable` or `unscanned` in its flags, `refused`
    by completion code D5h, or `zero`, a reading of 0 with all flags as if it were one."""
    first_record: int = 1
    record_step: int = 1
    """SDR record ids go up in such steps."""
    oem_records: tuple[bytes, ...] = ()
    """Bodies of type C0h records at the end of the repository, from the manufacturer's id on."""
    sdr_most: int = 255
    """Bytes that a Get SDR gives at most; CAh to whoever wants more."""
    fru_most: int = 128
    """Bytes that a Read FRU Data gives at most."""
    whole_sdr: bool = True
    """FFh for the length reads a whole record; else it is CAh."""
    settable_thresholds: bool = True
    ids_restart: bool = True
    """Record ids of the SEL begin again at 1 once it was cleared."""
    tells_clear: bool = True
    """Clearing moves the erase timestamp."""
    clear_seconds: float = 0.0
    """How long an erasure is in progress."""
    oem_events: bool = False
    """What the standard has no event for is logged in OEM records (C1h), rather than not at all."""
    zone: int = 0
    """Minutes east of UTC at which the SEL clock runs, without saying so."""
    guid: str = "ipmi"
    """Order of a GUID's bytes: `ipmi` (last first), `smbios` (the first three fields turned round) or `rfc4122`."""
    dcmi: bool = True
    packed_serials: bool = False
    """FRU serial numbers are in six-bit ASCII and part numbers in BCD plus."""
    supply_frus: bool = True
    sessions: int = 4
    """IPMI sessions at once."""
    ciphers: tuple[int, ...] = (3, 17)
    """Cipher suites that are open."""


PLAIN_MANNER = Manner()
