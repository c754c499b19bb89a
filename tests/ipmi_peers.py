"""What ipmitool and FreeIPMI read of a BMC, in one form that can be held against ours.

Passwords go by a file or the environment, never by the command line. Debian: ipmitool, freeipmi-tools.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

LIMITS = ("LNR", "LCR", "LNC", "UNC", "UCR", "UNR")
"""Lower and upper, non-recoverable, critical, non-critical."""
IPMITOOL_LIMITS = {
    "Lower Non-Recoverable": "LNR",
    "Lower Critical": "LCR",
    "Lower Non-Critical": "LNC",
    "Upper Non-Critical": "UNC",
    "Upper Critical": "UCR",
    "Upper Non-Recoverable": "UNR",
}
PROGRAM_SECONDS = 60
WITH_CACHE = frozenset({"ipmi-sensors", "ipmi-sel", "ipmi-fru"})
"""Programs of FreeIPMI that keep the SDRs."""
ELSEWHERE = -1
"""The number of an inventory that another controller keeps."""
NUMBER = re.compile(r"-?\d+(\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldSensor:
    """One sensor as another program tells it; None where it gives no value."""

    name: str
    number: int = 0
    record: int = 0
    entity: tuple[int, int] = (0, 0)
    value: float | None = None
    unit: str = ""
    limits: dict[str, float] = field(default_factory=dict)
    state: str = ""
    """Nominal, Warning or Critical where the program judges it."""
    of_presence: bool = False
    """Does it only say whether a part is there?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldFru:
    """One FRU inventory as another program tells it: its fields by the program's own words."""

    number: int
    name: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Ipmitool:
    """ipmitool over RMCP+ with one cipher suite."""

    address: str
    user: str
    password: str
    cipher: int = 3

    def run(self, *command: str) -> str:
        """What it prints; skips where it is not installed."""
        host = urlsplit(self.address)
        place = ("-H", str(host.hostname), "-p", str(host.port), "-U", self.user, "-E", "-C", str(self.cipher))
        return _said([installed("ipmitool"), "-I", "lanplus", *place, *command], IPMI_PASSWORD=self.password)

    def sensors(self) -> list[ToldSensor]:
        """Every sensor with a number for a value (`-v sensor`), in the order of the SDR."""
        blocks = [dict(_fields(block)) for block in self.run("-v", "sensor").split("\n\n")]
        return [
            _told_by_ipmitool(block) for block in blocks if any(name.startswith("Sensor Type (T") for name in block)
        ]

    def records(self, folder: Path) -> list[bytes]:
        """The SEL, sixteen bytes a record, as the BMC sent it."""
        file = folder / "sel.raw"
        self.run("sel", "writeraw", str(file))
        raw = file.read_bytes() if file.is_file() else b""
        return [raw[start : start + 16] for start in range(0, len(raw), 16)]

    def frus(self) -> list[ToldFru]:
        """Every FRU inventory that can be read."""
        return [
            _fru(block, r"FRU Device Description : (.*?)(?: \(ID (\d+)\))?$", 10)
            for block in _blocks(self.run("fru", "print"), "FRU Device Desc")
        ]


@dataclass(frozen=True, slots=True)
class FreeIpmi:
    """FreeIPMI's tools over RMCP+, with a cache of SDRs and a file for the password in `folder`."""

    address: str
    user: str
    password: str
    folder: Path
    cipher: int = 3
    workarounds: str = ""

    def run(self, program: str, *options: str) -> str:
        """What one of its programs prints; skips where it is not installed."""
        self.folder.chmod(0o700)
        login = self.folder / "login"
        login.touch(0o600)
        login.write_text(f"username {self.user}\npassword {self.password}\n")
        host = urlsplit(self.address)
        line = ["-h", f"{host.hostname}:{host.port}", "-D", "LAN_2_0", "-I", str(self.cipher)]
        line += ["-W", self.workarounds] if self.workarounds else []
        line += [f"--config-file={login}"]
        line += [f"--sdr-cache-directory={self.folder}", "--quiet-cache"] if program in WITH_CACHE else []
        return _said([installed(program), *line, *options])

    def sensors(self) -> list[ToldSensor]:
        """Every sensor of the SDR; those without a number have no value."""
        return [
            _told_by_freeipmi(row)
            for row in self._table("ipmi-sensors", "--output-sensor-thresholds", "--output-sensor-state")
        ]

    def events(self) -> list[dict[str, str]]:
        """The SEL in its words, a row a record."""
        return list(self._table("ipmi-sel", "--output-event-state"))

    def frus(self) -> list[ToldFru]:
        """Every FRU inventory, also those it cannot read."""
        return [
            _fru(block, r"FRU Inventory Device: (.*) \(ID ([0-9A-F]+)h\)$", 16)
            for block in _blocks(self.run("ipmi-fru"), "FRU Inventory Dev")
        ]

    def _table(self, program: str, *options: str) -> Iterator[dict[str, str]]:
        yield from csv.DictReader(self.run(program, "--comma-separated-output", *options).splitlines())


def _told_by_ipmitool(block: dict[str, str]) -> ToldSensor:
    name, _, number = block["Sensor ID"].rpartition(" (")
    entity, _, instance = block["Entity ID"].partition(".")
    limits = {short: float(told) for long, short in IPMITOOL_LIMITS.items() if _is_number(told := block.get(long, ""))}
    value, unit = _ipmitool_value(block.get("Sensor Reading", ""))
    return ToldSensor(
        name=name,
        number=int(number.rstrip(")"), 16),
        entity=(int(entity), int(instance)),
        value=value,
        unit=unit,
        limits=limits,
    )


def _ipmitool_value(told: str) -> tuple[float | None, str]:
    """`48 (+/- 1) degrees C`; anything else is no value."""
    found = re.match(r"(-?\d+(?:\.\d+)?) \(\+/- \S+\)\s*(.*)", told)
    return (float(found[1]), found[2]) if found else (None, "")


def _told_by_freeipmi(row: dict[str, str]) -> ToldSensor:
    names = dict(zip(("Lower NR", "Lower C", "Lower NC", "Upper NC", "Upper C", "Upper NR"), LIMITS, strict=True))
    limits = {short: float(row[long]) for long, short in names.items() if _is_number(row[long])}
    value = float(row["Reading"]) if _is_number(row["Reading"]) else None
    return ToldSensor(
        name=row["Name"],
        record=int(row["ID"]),
        value=value,
        unit=row["Units"],
        limits=limits,
        state=row["State"],
        of_presence=row["Type"] == "Entity Presence",
    )


def _fru(block: str, title: str, base: int) -> ToldFru:
    found = re.match(title, block, re.MULTILINE)
    assert found, block[:80]
    return ToldFru(
        number=int(found[2], base) if found[2] else ELSEWHERE,
        name=found[1].strip(),
        fields=dict(_fields(block.partition("\n")[2])),
    )


def _blocks(text: str, title: str) -> list[str]:
    return [title + block for block in text.split(title)[1:]]


def _fields(block: str) -> Iterator[tuple[str, str]]:
    for line in block.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip(), value.strip()


def _is_number(told: str) -> bool:
    return NUMBER.fullmatch(told.strip()) is not None


def _said(command: Sequence[str], **environment: str) -> str:
    done = subprocess.run(
        command, env={**os.environ, **environment}, check=False, capture_output=True, timeout=PROGRAM_SECONDS
    )  # fmt: skip
    said = done.stdout.decode(errors="replace")
    assert said or not done.returncode, f"{command[0]} failed: {done.stderr.decode(errors='replace')[-300:]}"
    return said


def installed(name: str) -> str:
    """Where a program is; skips where it is not installed."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: ipmitool, freeipmi-tools)")
    return found
