"""Fleet files, TOML and CSV, read into wishes; pure. What is wrong is told with its line and the cure."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fleetmon.errors import ConfigError
from fleetmon.integrations.wishes import ENDPOINT_FIELDS, FIELDS, IPMI_FIELDS, What, Wish, read_fields
from fleetmon.model import Protocol


class Format(StrEnum):
    """How a fleet file is written."""

    TOML = "toml"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a fleet file; `line` counts from 1, None where no line is to blame."""

    field: str
    reason: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.field}: {self.reason}" if self.field else f"{where}{self.reason}"


class FleetFileError(ConfigError):
    """A fleet file says something impossible; `faults` are all that were found, the first is the message."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.line or 0, fault.field)))
        more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
        super().__init__(f"{self.faults[0]}{more}")


SECTIONS = {"sites": What.SITE, "racks": What.RACK, "devices": What.DEVICE}
"""Tables of a TOML fleet file."""

CSV_COLUMNS = (
    *(name for name in FIELDS[What.DEVICE] if name not in ("endpoints", "cables")),
    *ENDPOINT_FIELDS,
    *IPMI_FIELDS,
)


def read(form: Format, text: str) -> list[Wish]:
    """The wishes of a fleet file, sites first; raises FleetFileError with every fault that was found."""
    wishes, faults = _read_toml(text) if form is Format.TOML else _read_csv(text)
    seen: dict[tuple[What, str, str], Wish] = {}
    for wish in wishes:
        key = (wish.what, wish.name, wish.fields.get("site", "") if wish.what is What.RACK else "")
        if key in seen and not wish.implied:
            reason = f"{wish.what} {wish.name!r} is here twice, first on line {seen[key].line}"
            faults.append(Fault("name", reason, wish.line))
        seen.setdefault(key, wish)
    if faults:
        raise FleetFileError(faults)
    return list(seen.values())


# TOML


def _read_toml(text: str) -> tuple[list[Wish], list[Fault]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        reason = re.sub(r"\s*\(at .*\)$", "", str(error))
        raise FleetFileError(
            [Fault("", f"this is no TOML: {reason}", int(found[1]) if found else _last_line(text))]
        ) from None
    lines = _Lines(text)
    faults = [
        Fault(name, f"is no table of a fleet file; there are {', '.join(SECTIONS)}", lines.of_key(name))
        for name in document
        if name not in SECTIONS
    ]
    wishes: list[Wish] = []
    for section, what in SECTIONS.items():
        entries = document.get(section, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            faults.append(Fault(section, f"write each as a table [[{section}]]", lines.of_key(section)))
            continue
        for number, entry in enumerate(entries):
            wish, wrong = _wish(what, _with_endpoints(entry) if what is What.DEVICE else entry)
            faults += [Fault(field, reason, lines.of_field(section, number, field)) for field, reason in wrong]
            if wish is not None:
                wishes.append(Wish(what=what, name=wish.name, fields=wish.fields, line=lines.of_entry(section, number)))
    return wishes, faults


def _wish(what: What, given: Mapping[str, Any]) -> tuple[Wish | None, list[tuple[str, str]]]:
    fields, wrong = read_fields(what, given)
    name = fields.pop("name", None)
    return (Wish(what=what, name=name, fields=fields) if name else None), wrong


def _with_endpoints(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A device with its endpoints written out flat, as a device with a list of endpoints."""
    if "endpoints" in entry:
        return dict(entry)
    flat = {name: value for name, value in entry.items() if name in ENDPOINT_FIELDS}
    rest = {name: value for name, value in entry.items() if name not in (*ENDPOINT_FIELDS, *IPMI_FIELDS)}
    over_ipmi = _over_ipmi(entry)
    if over_ipmi and flat.keys() <= {"credential"}:
        flat = {}
    endpoints = [endpoint for endpoint in (flat, over_ipmi) if endpoint]
    return {**rest, "endpoints": endpoints} if endpoints else dict(entry)


def _over_ipmi(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The IPMI endpoint beside the first one; BMCs have one list of users, so its credential is that of the first."""
    if not any(name in entry for name in IPMI_FIELDS):
        return {}
    credential = entry.get("ipmi_credential", entry.get("credential"))
    endpoint = {"protocol": Protocol.IPMI.value, "address": entry.get("ipmi"), "credential": credential}
    return {name: value for name, value in endpoint.items() if value is not None}


class _Lines:
    """Where in a TOML text things stand; an approximation by the look of lines, for error messages."""

    _HEADER = re.compile(r"^\s*\[\[?\s*([A-Za-z0-9_.\"' -]+?)\s*\]\]?")

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._headers = [
            (number, found[1].strip("\"' "))
            for number, line in enumerate(self._lines, start=1)
            if (found := self._HEADER.match(line))
        ]

    def of_entry(self, section: str, number: int) -> int | None:
        starts = [line for line, name in self._headers if name == section]
        return starts[number] if number < len(starts) else self.of_key(section)

    def of_field(self, section: str, number: int, field: str) -> int | None:
        start = self.of_entry(section, number)
        if start is None:
            return None
        end = next((line for line, name in self._headers if line > start and name == section), len(self._lines) + 1)
        names = (*ENDPOINT_FIELDS, *IPMI_FIELDS, field) if field == "endpoints" else (field,)
        return self._line_of_keys(names, start, end) or start

    def of_key(self, name: str) -> int | None:
        header = next((line for line, header in self._headers if header.split(".")[0] == name), None)
        return header or self._line_of_keys((name,), 1, len(self._lines) + 1)

    def _line_of_keys(self, names: Iterable[str], start: int, end: int) -> int | None:
        key = re.compile(rf"^\s*[\"']?({'|'.join(map(re.escape, names))})[\"']?\s*=")
        return next((line for line in range(start, end) if key.match(self._lines[line - 1])), None)


def _last_line(text: str) -> int:
    return max(1, len(text.splitlines()))


# CSV


def _read_csv(text: str) -> tuple[list[Wish], list[Fault]]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    header: list[str] = []
    wishes: list[Wish] = []
    faults: list[Fault] = []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header, found = _header(row, reader.line_num)
                faults += found
                if found:
                    break
                continue
            made, found = _row(header, row, reader.line_num)
            wishes += made
            faults += found
    except csv.Error as error:
        faults.append(Fault("", f"this is no CSV: {error}", reader.line_num))
    if not header and not faults:
        faults.append(Fault("", f"the first line must name the columns; there are {', '.join(CSV_COLUMNS)}", 1))
    return wishes, faults


def _header(row: list[str], line: int) -> tuple[list[str], list[Fault]]:
    names = [cell.strip().lower() for cell in row]
    faults = [
        Fault(name, f"is no column of a fleet file; there are {', '.join(CSV_COLUMNS)}", line)
        for name in names
        if name not in CSV_COLUMNS
    ]
    faults += [Fault(name, "is there twice", line) for name in sorted(set(names)) if names.count(name) > 1]
    if "name" not in names:
        faults.append(Fault("name", "the first line must name the columns, name among them", line))
    return names, faults


def _row(header: list[str], row: list[str], line: int) -> tuple[list[Wish], list[Fault]]:
    if len(row) != len(header):
        return [], [Fault("", f"has {len(row)} cells where the first line names {len(header)} columns", line)]
    given = {name: cell.strip() for name, cell in zip(header, row, strict=True) if cell.strip()}
    wish, wrong = _wish(What.DEVICE, _with_endpoints(given))
    faults = [Fault(field, reason, line) for field, reason in wrong]
    if wish is None:
        return [], faults
    return [*_implied(wish, line), Wish(what=wish.what, name=wish.name, fields=wish.fields, line=line)], faults


def _implied(device: Wish, line: int) -> list[Wish]:
    """The site and the rack a CSV row names, should they be missing: a table of devices has no place for them."""
    site, rack = device.fields.get("site"), device.fields.get("rack")
    wishes = [Wish(what=What.SITE, name=site, fields={}, line=line, implied=True)] if site else []
    if site and rack:
        wishes.append(Wish(what=What.RACK, name=rack, fields={"site": site}, line=line, implied=True))
    return wishes
