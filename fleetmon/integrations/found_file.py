"""What discovery found, written as a fleet file for a person to complete; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleetmon.integrations.wishes import NAME_MOST

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the file shall say of every new device; empty: nothing."""

    site: str = ""
    rack: str = ""
    credential: str = ""
    """Of Redfish and IPMI endpoints."""
    snmp_credential: str = ""


def fleet_file(found: Sequence[Row], wanted: Wanted) -> str:
    """A TOML fleet file with every new device; the known ones, and those that cannot be polled, as comments."""
    parts = ["# Found by `fleetmon device discover`. Complete it, then: fleetmon device import FILE"]
    if wanted.site:
        parts.append(f"[[sites]]\nname = {_quoted(wanted.site)}")
    if wanted.site and wanted.rack:
        parts.append(f"[[racks]]\nname = {_quoted(wanted.rack)}\nsite = {_quoted(wanted.site)}")
    parts += [_device(row, wanted) for row in found]
    return "\n\n".join(parts) + "\n"


def pollable(row: Row) -> list[Row]:
    """The endpoints to ask the device by: nothing that is hindered, and no SNMP beside Redfish, which tells more."""
    fit = [one for one in row["endpoints"] if not one["hindrance"]]
    redfish = any(one["protocol"] == "redfish" for one in fit)
    return [one for one in fit if not (redfish and one["protocol"] == "snmp")]


def _device(row: Row, wanted: Wanted) -> str:
    if row["known"]:
        more = f"; it also answers over {', '.join(row['news'])}" if row["news"] else ""
        return _comment(f"{row['host']} is known as {row['known']}{more}")
    endpoints = pollable(row)
    if not endpoints:
        why = "; ".join(f"{one['address']}: {one['detail']}: {one['hindrance']}" for one in row["endpoints"])
        return _comment(f"{row['host']} answers, and cannot be polled as it is: {why}")
    told = " ".join(str(row[name]) for name in ("manufacturer", "model") if row[name])
    lines = [_comment(told)] if told else []
    lines += ["[[devices]]", f"name = {_quoted(_name(str(row['name'])))}", f"kind = {_quoted(str(row['kind']))}"]
    if wanted.rack:
        lines += [f"site = {_quoted(wanted.site)}"] if wanted.site else []
        lines.append(f"rack = {_quoted(wanted.rack)}")
    lines += [_comment(f"also at {address}") for address in row["more"]]
    return "\n".join([*lines, "endpoints = [", *(f"    {_endpoint(one, wanted)}," for one in endpoints), "]"])


def _endpoint(endpoint: Row, wanted: Wanted) -> str:
    credential = wanted.snmp_credential if endpoint["protocol"] == "snmp" else wanted.credential
    said = {"protocol": endpoint["protocol"], "address": endpoint["address"]}
    if credential:
        said["credential"] = credential
    inside = ", ".join(f"{name} = {_quoted(str(value))}" for name, value in said.items())
    return f"{{ {inside} }}"


def _name(text: str) -> str:
    """The name as a device may have it."""
    plain = "".join(letter if letter.isprintable() and letter != "/" else "-" for letter in text).strip()
    return plain[:NAME_MOST].strip() or "unnamed"


def _comment(text: str) -> str:
    return "# " + "".join(letter if letter.isprintable() else " " for letter in text)


def _quoted(text: str) -> str:
    """A basic string of TOML, which escapes as JSON does, and DEL besides."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
