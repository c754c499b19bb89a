"""The plan of an import, as a person reads it before agreeing."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fleetmon.cli.output import Column, Row, ascii_text
from fleetmon.cli.words import count, plain

SIGNS = {"add": ("+", "#009e73"), "change": ("~", "#e69f00"), "remove": ("-", "#e8651a")}

_USUAL = {"face": "front", "enabled": True, "height_u": 1}

STEPS = (
    Column(key="action", value=lambda row: row["action"]),
    Column(key="what", value=lambda row: row["what"]),
    Column(key="name", value=lambda row: row["name"]),
    Column(key="changes", value=lambda row: json.dumps(row["changes"], ensure_ascii=False) if row["changes"] else ""),
)


def plan_page(planned: dict[str, Any], *, in_ascii_only: bool = False) -> RenderableType:
    """Every step that changes something, with before and after, then warnings and the sum."""
    lines = [line for step in planned["plan"] if step["action"] in SIGNS for line in _step(step)]
    warned = [Text(f"! {plain(warning)}", style="#e69f00") for warning in planned.get("warnings") or []]
    kept = sum(step["action"] == "keep" for step in planned["plan"])
    end = [Text(f"nothing to change; {count(kept, 'thing')} as the file has them" if not lines else summary(planned))]
    drawn = [*lines, *([Text("")] if lines else []), *warned, *end]
    return Group(*(ascii_text(line) if in_ascii_only else line for line in drawn))


def summary(planned: dict[str, Any]) -> str:
    """`add 2 racks and 12 devices, change 1 device`."""
    said = []
    for action in SIGNS:
        counted = {
            what: number
            for what in ("site", "rack", "device")
            if (number := sum(step["action"] == action and step["what"] == what for step in planned["plan"]))
        }
        if counted:
            said.append(f"{action} " + " and ".join(count(number, what) for what, number in counted.items()))
    return ", ".join(said) or "nothing"


def _step(step: Row) -> list[Text]:
    sign, style = SIGNS[step["action"]]
    head = Text.assemble((f"{sign} {step['action']} {step['what']} ", style), (plain(step["name"]), "bold"))
    if step["action"] == "remove":
        return [head]
    told = {key: pair for key, pair in step["changes"].items() if step["action"] != "add" or _tells(key, pair[1], step)}
    return [head, *(_change(key, pair, step["action"]) for key, pair in told.items())]


def _tells(key: str, value: Any, step: Row) -> bool:
    """Of something new only what is not as it would be anyway."""
    usual: Any = step["name"] if key == "name" else _USUAL.get(key)
    return bool(value != usual)


def _change(key: str, pair: Any, action: str) -> Text:
    before, after = pair
    said = _said(after) if action == "add" else f"{_said(before)} → {_said(after)}"
    return Text.assemble((f"    {plain(key):<14}", "dim"), said)


def _said(value: Any) -> str:
    if value in (None, "", [], {}):
        return "–"
    if isinstance(value, list) and all(isinstance(entry, dict) and "address" in entry for entry in value):
        return "; ".join(map(_endpoint, value))
    return plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _endpoint(endpoint: dict[str, Any]) -> str:
    """`https://10.0.0.7, credentials lab`, and what is not as it would be anyway."""
    credential = endpoint.get("credential")
    said = [
        str(endpoint["address"]),
        f"credentials {credential}" if credential else "no credentials",
        *([endpoint["protocol"]] if endpoint.get("protocol", "redfish") != "redfish" else []),
        *([f"verify {endpoint['verify']}"] if endpoint.get("verify", "pin") != "pin" else []),
        *([f"tls {endpoint['tls']}"] if endpoint.get("tls", "modern") != "modern" else []),
    ]
    return plain(", ".join(said))
