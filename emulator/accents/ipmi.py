"""How makers' firmware speaks IPMI: names that two sensors share, records of its own, short reads, odd clocks."""

from __future__ import annotations

from emulator.ipmi.manner import LEFT_OUT, PLAIN_NAMES, Manner

NO_DIMM_TEMPERATURES = "DIMM.*"
ENERGY_AND_WATTS = ("Energy", "AirFlow", "MemoryPower", "StoragePower", r"CPU\d+Power", r"PSU\d+Output.*")

# What is told apart by entity alone: Temp is 3.1 and 3.2, Status is of processors and of power supplies.
IDRAC = Manner(
    evidence="a recorded PowerEdge R630 repository: Temp and Status twice, record id 0",
    manufacturer=674, product=256,
    left_out=(*ENERGY_AND_WATTS, NO_DIMM_TEMPERATURES, "Pcie.*", "Nic", "Chipset", "Bmc"),
    names=(
        ("Exhaust1", "Exhaust Temp"), (r"CPU\d+", "Temp"), (r"Fan(\d+)", r"Fan\1"), ("TotalPower", "Pwr Consumption"),
        (r"PSU(\d+)InputCurrent", r"Current \1"), (r"PSU(\d+)InputVoltage", r"Voltage \1"), ("CpuUsage", "CPU Usage"),
        ("MemoryUsage", "MEM Usage"), ("IoUsage", "IO Usage"), (r"#Supply\d+", "Status"), (r"#Cpu\d+", "Status"),
        (r"#Drive(\d+)", r"Drive \1"), ("#Memory", "ECC Corr Err"), ("#Intrusion", "Intrusion"), *PLAIN_NAMES,
    ),
    entities=((r"Rail.*", 0x07, 1), (r"Battery", 0x07, 1), ("Exhaust1", 0x07, 1), ("Inlet", 0x07, 1)),
    dimm_sensors=False, when_off="unscanned", first_record=0, guid="smbios",
    oem_records=(bytes.fromhex("a20200 0b0004000000"),),
)  # fmt: skip

# Sensors that the host's power feeds are `ns` while it is off; drives are not told at all; OEM records in SDR and SEL.
SUPERMICRO = Manner(
    evidence="ipmi_exporter#374, check_ipmi_sensor_v3#67 (F89); what OEM records hold: derived",
    manufacturer=10_876, product=2_404,
    left_out=(*LEFT_OUT, "Exhaust.*", r"CPU\d+VR", "#Drive.*", "#Volume.*", "#Dimm.*", "#FanRedundancy"),
    names=(
        (r"CPU(\d+)", r"CPU\1 Temp"), ("Chipset", "PCH Temp"), ("Bmc", "System Temp"), ("Pcie1", "Peripheral Temp"),
        (r"DIMM([A-H])(\d+)", r"P1-DIMM\1\2 Temp"), (r"Fan(\d+)", r"FAN\1"), ("Rail12V", "12V"), ("Rail5V", "5VCC"),
        ("Rail3V3", "3.3VCC"), ("Battery", "VBAT"), (r"CPU(\d+)Vcore", r"Vcpu\1"), (r"#Supply(\d+)", r"PS\1 Status"),
        *PLAIN_NAMES,
    ),
    when_off="unscanned", zone=-480, oem_events=True, supply_frus=False, fru_most=16,
    oem_records=(bytes.fromhex("7c2a00 010203"), bytes.fromhex("7c2a00 0a0b0c0d0e0f")),
)  # fmt: skip

# Names with a number in front; no reading at all of what is off; a clear that leaves ids and timestamps as they were.
ILO = Manner(
    evidence="names as iLO has them; refusal while off and a clear without a trace: derived",
    manufacturer=11, product=8_224,
    names=(
        ("Inlet", "01-Inlet Ambient"), (r"CPU(\d+)", r"02-CPU \1"), ("Bmc", "18-BMC"), ("Chipset", "19-Chipset"),
        ("Nic", "22-LOM"), ("TotalPower", "Power Meter"), (r"#Supply(\d+)", r"Power Supply \1"),
        (r"#Drive(\d+)", r"Disk \1"), ("#Redundancy", "Power Supplies"), ("#FanRedundancy", "Fans"), *PLAIN_NAMES,
    ),
    when_off="refused", settable_thresholds=False, ids_restart=False, tells_clear=False, guid="smbios",
)  # fmt: skip

# Every part that has a light has a sensor; the SEL's clock is the local one, and nothing says so.
XCC = Manner(
    evidence="names as XCC has them; local clock and spaced record ids: derived (F50)", manufacturer=19_046,
    product=1_026,
    names=(
        ("Inlet", "Ambient Temp"), (r"Fan(\d+)", r"Fan \1 Tach"), ("TotalPower", "Sys Power"),
        (r"#Supply(\d+)", r"Power Supply \1"), (r"#Drive(\d+)", r"Drive \1"), (r"#Cpu(\d+)", r"CPU \1 Status"),
        *PLAIN_NAMES,
    ),
    zone=120, record_step=4,
)  # fmt: skip

# Sixteen bytes of an SDR at a time, whole records refused, record 0 the first, sensors called as their D-Bus objects.
OPENBMC = Manner(
    evidence="phosphor-host-ipmid; openbmc#1241, #1810; pyghmi af815ee (F88)", manufacturer=49_871, product=1,
    left_out=(*LEFT_OUT, "#Watchdog", "#Volume.*"),
    names=(
        ("Inlet", "inlet_temp"), (r"CPU(\d+)", r"cpu\1_temp"), (r"Fan(\d+)", r"fan\1_tach"),
        (r"DIMM(\w+)", r"dimm\1_temp"), ("TotalPower", "total_power"), (r"PSU(\d+)Input", r"psu\1_input_power"),
        (r"#Drive(\d+)", r"drive\1"), (r"#Supply(\d+)", r"psu\1_status"), *PLAIN_NAMES,
    ),
    first_record=0, sdr_most=16, whole_sdr=False, fru_most=32, clear_seconds=2.0, guid="rfc4122",
)  # fmt: skip

IBMC = Manner(
    evidence="F89 (a reading of 0 while off); which maker: derived",
    manufacturer=2_011, product=1, when_off="zero", zone=480,
    names=((r"Fan(\d+)", r"FAN\1 Speed"), (r"#Drive(\d+)", r"DISK\1"), (r"#Supply(\d+)", r"PS\1 Status"), *PLAIN_NAMES),
)  # fmt: skip
CIMC = Manner(
    evidence="names as UCS has them; ids that go on after a clear: derived", manufacturer=5_771, product=1,
    names=(
        ("Inlet", "FP_TEMP_SENSOR"), (r"CPU(\d+)", r"P\1_TEMP_SENS"), (r"Fan(\d+)", r"FAN\1_SPEED"),
        (r"#Drive(\d+)", r"HDD_\1"), *PLAIN_NAMES,
    ),
    ids_restart=False, fru_most=32,
)  # fmt: skip
IRMC = Manner(
    evidence="erasure that takes its time, six-bit serial numbers: derived", manufacturer=10_368, product=1,
    clear_seconds=4.0, packed_serials=True, names=(("Inlet", "Ambient"), (r"#Drive(\d+)", r"HDD \1"), *PLAIN_NAMES),
)  # fmt: skip
MEGARAC = Manner(
    evidence="names as MegaRAC boards have them; short SDR reads: derived", manufacturer=15_370, product=3_072,
    sdr_most=32, names=((r"CPU(\d+)", r"CPU\1_TEMP"), (r"Fan(\d+)", r"CHA_FAN\1"), *PLAIN_NAMES),
)  # fmt: skip

# BMCs of before Redfish: cipher suite 3, 22 bytes at a time, temperatures above -40 Cel, one sensor for all memory.
BEFORE_REDFISH = Manner(
    evidence="IPMI v2.0 33.12 (partial reads), 36.3 (offset), 43.17 (six-bit ASCII)",
    left_out=(*LEFT_OUT, r"CPU\d+VR", "Nic", "#Volume.*"), dimm_sensors=False, shifted=True, sdr_most=22,
    whole_sdr=False, packed_serials=True, when_off="unscanned", dcmi=False, ciphers=(3,),
)  # fmt: skip
BEFORE_REDFISH_WITH_POWER = Manner(
    evidence="IPMI v2.0; DCMI 1.5", left_out=(*LEFT_OUT, r"CPU\d+VR", "Nic", "#Volume.*"), dimm_sensors=False,
    settable_thresholds=False,
)  # fmt: skip
