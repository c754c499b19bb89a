"""The plan of an import, as a person reads it before agreeing."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from fleetmon.cli.output import Column, Row, ascii_text
from fleetmon.cli.words import count, plain

SIGNS = {"add": ("+", "#009e73"), "change": ("~", "#e69f00"), "remove": ("-", "#e8651a")}

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
    return [head, *(_change(key, pair, step["action"]) for key, pair in step["changes"].items())]


def _change(key: str, pair: Any, action: str) -> Text:
    before, after = pair
    said = _said(after) if action == "add" else f"{_said(before)} → {_said(after)}"
    return Text.assemble((f"    {plain(key):<14}", "dim"), said)


def _said(value: Any) -> str:
    if value in (None, "", [], {}):
        return "–"
    return plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
