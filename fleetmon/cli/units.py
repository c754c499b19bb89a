"""One unit of a rack as lines of text: marks, name, bays, readings and, where something is wrong, why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from fleetmon.cli.marks import HEALTH, Mark, health, health_text, power, reason, seen
from fleetmon.cli.paints import Coat, Paint
from fleetmon.cli.words import in_ascii, plain, stated

Device = dict[str, Any]
EMPTY_BAY = Mark("·", ".", "empty", "dim")
_FILLED_BAY = Mark("▪", "o", "OK", "#6f9387")
_SWATCH = Mark("■", "#", "", "")
_BRACKETS = {"only": "╶╺[", "top": "┌┏/", "middle": "│┃|", "bottom": "└┗\\"}
"""Of a device that is well, of one that is not, and in ASCII: what keeps neighbours apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pen:
    """What every unit is drawn with. Widths are in cells."""

    width: int
    name: int
    strip: int
    note: int
    ascii: bool
    rear: bool
    paint: Paint
    coat: Callable[[Device], Coat]
    now: str | None

    def say(self, text: str, width: int, style: str = "", *, right: bool = False) -> Text:
        """Text in exactly `width` cells."""
        fitted = fit(in_ascii(text) if self.ascii else text, width, ellipsis="." if self.ascii else "…")
        return Text(" " * (width - cell_len(fitted)) + fitted if right else set_cell_size(fitted, width), style=style)

    def glyph(self, mark: Mark) -> str:
        return mark.ascii if self.ascii else mark.glyph


def fit(text: str, width: int, *, ellipsis: str) -> str:
    """The text, cut to `width` cells with an ellipsis where it is longer."""
    return text if cell_len(text) <= width else set_cell_size(text, max(0, width - 1)).rstrip() + ellipsis[:width]


def lone(device: Device, rows: int, pen: Pen, *, ghost: bool) -> list[Text]:
    """A device that fills its units, as one line a unit."""
    first = _ghost(device, pen) if ghost else _first(device, rows, pen)
    more = [] if ghost else _more(device, rows, pen)
    lines = [first, *more][:rows]
    lines += [Text(" " * (pen.width - 1))] * (rows - len(lines))
    style = "dim" if ghost else _edge_style(device, pen)
    loud = not ghost and _loud(device, pen)
    return [Text.assemble((_bracket(row, rows, pen, loud), style), line) for row, line in enumerate(lines)]


def cells(devices: Sequence[Device], rows: int, pen: Pen) -> list[Text]:
    """Devices that share their units, side by side as one row of cells."""
    shares = _shares(pen.width, len(devices))
    columns = [_cell(device, width, rows, pen) for device, width in zip(devices, shares, strict=True)]
    return [Text.assemble(*(column[row] for column in columns)) for row in range(rows)]


def gap(from_u: int, to_u: int, pen: Pen) -> Text:
    """Free units, however many, as one quiet line."""
    units = to_u - from_u + 1
    words = "free, 1 unit" if units == 1 else f"free, {units} units, U{from_u} to U{to_u}"
    return pen.say(f"{'':12}{words}", pen.width, "bright_black")


def strip(device: Device, pen: Pen) -> list[Text]:
    """The bays (from behind: power supplies and fans) as they sit, in lines of the strip's width."""
    parts = [*(device.get("supplies") or []), *(device.get("fans") or [])] if pen.rear else device.get("bays") or []
    marks = [_part_mark(part) for part in parts]
    if not marks:
        return []
    lines = -(-len(marks) // pen.strip)
    if lines > int(device.get("height_u") or 1):
        return [_counted(marks, pen)]
    per_line = -(-len(marks) // lines)
    return [
        Text.assemble(*((pen.glyph(mark), mark.style) for mark in marks[start : start + per_line]))
        for start in range(0, len(marks), per_line)
    ]


def _first(device: Device, rows: int, pen: Pen) -> Text:
    """Status, power, name, bays or gauge, inlet, watts, and as much of the reason or model as there is room."""
    mark = health(device.get("health"))
    stale = bool(device.get("stale"))
    painted = pen.coat(device)
    status = health_text(device, ascii_only=pen.ascii, colour=pen.paint is Paint.HEALTH)
    status.pad_right(7 - status.cell_len)
    quiet = "dim" if stale else ""
    named = quiet or ("bold" if mark.word in ("WARN", "CRIT") else "")
    off = (device.get("power") or {}).get("value") == "Off"
    why = reason(device)
    told = _age_note(device, pen) if stale else why if why and rows == 1 else plain(device.get("model") or "")
    middle = strip(device, pen)[:1] if pen.paint is Paint.HEALTH else [_gauge(painted, pen)]
    lane = middle[0] if middle else Text("")
    lane.pad_right(pen.strip - lane.cell_len)
    parts = [
        Text(" "),
        status,
        Text(" "),
        Text(pen.glyph(power(device))),
        Text(" "),
        pen.say(plain(device.get("name") or ""), pen.name, named),
        Text(" "),
        lane,
        Text(" "),
        pen.say(stated(device.get("inlet"), ".1f", "°C"), 7, quiet or _painted(pen, Paint.INLET), right=True),
        Text(" "),
        pen.say(
            "Off" if off else stated(device.get("watts"), ".0f", "W"),
            7,
            quiet or _painted(pen, Paint.WATTS),
            right=True,
        ),
        Text("  "),
        pen.say(told, pen.note, mark.style if why and rows == 1 and not stale and pen.paint is Paint.HEALTH else "dim"),
    ]
    return _exactly(Text.assemble(*parts), pen.width - 1)


def _more(device: Device, rows: int, pen: Pen) -> list[Text]:
    """What a taller device has room for: why it is not well, and further lines of bays."""
    lead = 12
    why = reason(device)
    further = strip(device, pen)[1:] if pen.paint is Paint.HEALTH else []
    mark = health(device.get("health"))
    lines = []
    for row in range(rows - 1):
        beside = further[row].copy() if row < len(further) else Text("")
        said = why if row == 0 else ""
        if beside.cell_len or not said:
            beside.pad_right(pen.strip - beside.cell_len)
            room = pen.width - 1 - lead - pen.name - pen.strip - 2
            line = Text.assemble(
                " " * (lead - 1 + pen.name + 1), beside, "  ", pen.say(said, room, _why_style(mark, pen))
            )
        else:
            line = Text.assemble(" " * (lead - 1), pen.say(said, pen.width - lead, _why_style(mark, pen)))
        lines.append(_exactly(line, pen.width - 1))
    return lines


def _why_style(mark: Mark, pen: Pen) -> str:
    return mark.style if pen.paint is Paint.HEALTH else "dim"


def _ghost(device: Device, pen: Pen) -> Text:
    """A device that faces the other way: there, but not seen from here."""
    side = plain(device.get("face") or "other side")
    line = Text.assemble(
        pen.say("", 11), pen.say(f"{plain(device.get('name') or '')}  faces {side}", pen.width - 12, "dim")
    )
    return _exactly(line, pen.width - 1)


def _cell(device: Device, width: int, rows: int, pen: Pen) -> list[Text]:
    """A device in a part of its units' width."""
    mark = health(device.get("health"))
    stale = bool(device.get("stale"))
    painted = pen.coat(device)
    status = health_text(device, ascii_only=pen.ascii, colour=pen.paint is Paint.HEALTH)
    status.pad_right(6 - status.cell_len)
    power_glyph = pen.glyph(power(device))
    name = plain(device.get("name") or "")
    head = Text.assemble(status, " ", power_glyph, " ", (in_ascii(name) if pen.ascii else name, "dim" if stale else ""))
    off = (device.get("power") or {}).get("value") == "Off"
    drawn = "Off" if off else stated(device.get("watts"), ".0f", "W")
    inlet = stated(device.get("inlet"), ".0f", "°C")
    numbers = _age_note(device, pen) if stale else f"{inlet}  {drawn}"
    why = reason(device)
    first = Text.assemble("  ", pen.say(numbers, width - 3, "dim" if stale else ""))
    if pen.paint is not Paint.HEALTH:
        first = Text.assemble("  ", (pen.glyph(_SWATCH) * 2, painted.style or "dim"), " ", painted.words)
    body = [first, pen.say(f"  {why}", width - 1, mark.style if pen.paint is Paint.HEALTH else "dim")]
    lines = [head, *body][:rows] + [Text("")] * max(0, rows - 3)
    edge, loud = _edge_style(device, pen), _loud(device, pen)
    return [
        Text.assemble((_bracket(row, rows, pen, loud), edge), _exactly(line.copy(), width - 1))
        for row, line in enumerate(lines)
    ]


def _part_mark(part: Device) -> Mark:
    if part.get("state") == "Absent":
        return EMPTY_BAY
    found = health(part.get("health"))
    if part.get("failure_predicted") and found is HEALTH["OK"]:
        return HEALTH["Warning"]
    return _FILLED_BAY if found is HEALTH["OK"] else found


def _counted(marks: Sequence[Mark], pen: Pen) -> Text:
    """More parts than there is room for: how many of each mark, worst first."""
    by_mark = Counter(marks)
    order = sorted(by_mark, key=lambda mark: ["CRIT", "WARN", "UNKN", "OK", "empty"].index(mark.word))
    counted = Text(" ").join(Text(f"{by_mark[mark]}{pen.glyph(mark)}", style=mark.style) for mark in order)
    return _exactly(counted, min(pen.strip, counted.cell_len))


def _gauge(painted: Coat, pen: Pen) -> Text:
    """The paint's share of its scale as a bar; dashes where nothing is known."""
    full, empty, unknown = ("#", ".", "?") if pen.ascii else ("■", "·", "╌")
    if painted.share is None:
        return Text(unknown * pen.strip, style="bright_black")
    filled = round(painted.share * pen.strip)
    return Text.assemble((full * filled, painted.style), (empty * (pen.strip - filled), "bright_black"))


def _painted(pen: Pen, paint: Paint) -> str:
    """The number itself stays readable on any background: its colour is in the gauge beside it."""
    return "bold" if pen.paint is paint else ""


def _age_note(device: Device, pen: Pen) -> str:
    at = seen(device, pen.now)
    return "never seen" if at == "never" else f"seen {at} ago"


def _edge_style(device: Device, pen: Pen) -> str:
    return health(device.get("health")).style if pen.paint is Paint.HEALTH else pen.coat(device).style


def _loud(device: Device, pen: Pen) -> bool:
    """Something is wrong, and health is what the picture is about."""
    return pen.paint is Paint.HEALTH and device.get("health") in ("Warning", "Critical")


def _bracket(row: int, rows: int, pen: Pen, loud: bool) -> str:
    place = "only" if rows == 1 else "top" if row == 0 else "bottom" if row == rows - 1 else "middle"
    return _BRACKETS[place][2 if pen.ascii else int(loud)]


def _shares(width: int, parts: int) -> list[int]:
    """`width` in `parts` nearly equal shares, none lost."""
    return [width * (part + 1) // parts - width * part // parts for part in range(parts)]


def _exactly(line: Text, width: int) -> Text:
    """The line in exactly `width` cells."""
    line.truncate(width)
    line.pad_right(max(0, width - line.cell_len))
    return line
