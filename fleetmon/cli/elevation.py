"""A rack in the terminal: every unit at its height, free units as gaps, and what the whole adds up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fleetmon.cli.marks import HATCH, HEALTH, POWER, health, health_text, heat, reason
from fleetmon.cli.output import ascii_text
from fleetmon.cli.paints import COLDEST, HOTTEST, Paint, coats
from fleetmon.cli.units import Device, Pen, cells, gap, lone
from fleetmon.cli.words import age, count, instant, number, plain, stated, watts

NARROWEST = 60
SIDE_BY_SIDE = 126
_TOTALS_WIDTH = 44
_GUTTER = 5
_LABEL = 7
_MOST_REASONS = 8
_LEAST_NOTE = 11
"""Cells of the model or reason that longer names leave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a rack is to be drawn."""

    width: int
    paint: Paint = Paint.HEALTH
    face: str = "front"
    ascii: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """Units from `bottom` to `top`: free when nobody is there, shared when there are several."""

    bottom: int
    top: int
    devices: tuple[Device, ...]
    ghost: bool = False

    @property
    def rows(self) -> int:
        return self.top - self.bottom + 1


def elevation(answer: dict[str, Any], look: Look) -> RenderableType:
    """The whole picture of `GET /racks/{id}/elevation`."""
    units = sorted(answer["units"], key=lambda device: (str(device.get("slot") or ""), str(device["name"])))
    wide = look.width >= SIDE_BY_SIDE
    width = max(NARROWEST, look.width - (_TOTALS_WIDTH + 3 if wide else 0))
    pen = _pen(units, width, look, answer.get("now"))
    frame = Group(*_frame(blocks(units, int(answer["rack"].get("height_u") or 42), look.face), pen))
    below = totals(answer, units, look, _TOTALS_WIDTH if wide else width)
    head = [header(answer["rack"], units, look, answer.get("now")), Text("")]
    if not wide:
        return Group(*head, frame, Text(""), below, Text(""), legend(units, look))
    beside = Table.grid(padding=(0, 3, 0, 0))
    beside.add_column(width=width)
    beside.add_column(width=_TOTALS_WIDTH)
    beside.add_row(frame, below)
    return Group(*head, beside, Text(""), legend(units, look))


def blocks(units: Sequence[Device], height_u: int, face: str) -> list[Block]:
    """The rack from top to bottom: what stands where, seen from one face; overlapping devices share a block."""
    placed = [device for device in units if device.get("position_u")]
    seen = [device for device in placed if face == "rear" or device.get("face") != "rear"]
    if face == "rear":
        taken = _units_of(device for device in placed if device.get("face") == "rear")
        seen = [device for device in placed if device.get("face") == "rear" or not taken & _units_of([device])]
    hidden = _units_of(seen)
    ghosts = [device for device in placed if device not in seen and not hidden & _units_of([device])]
    stood = [*_stacked(seen, ghost=False), *_stacked(ghosts, ghost=True)]
    top = max([height_u, *(block.top for block in stood)])
    return list(_with_gaps(sorted(stood, key=lambda block: -block.top), top))


def header(rack: dict[str, Any], units: Sequence[Device], look: Look, now: str | None) -> Text:
    """Name, place, worst health, and how fresh all this is."""
    worst = health(rack.get("health"))
    row = f", row {plain(rack['row'])}" if rack.get("row") else ""
    asked = max((str(device["polled_at"]) for device in units if device.get("polled_at")), default=None)
    at = instant(now)
    polled = f"polled {age(asked, at)} ago" if asked and at else "not polled yet"
    line = Text.assemble(
        (plain(rack.get("name") or rack["rack_id"]), "bold"),
        (f"  {plain(rack.get('site_name') or rack.get('site_id') or '')}{row}", "dim"),
        "   ",
        (f"{worst.ascii if look.ascii else worst.glyph} {worst.word}", worst.style),
        f"   {count(len(units), 'device')}",
        (f"   {polled}", "dim"),
        ("" if look.face == "front" else f"   {look.face}", ""),
        ("" if look.paint is Paint.HEALTH else f"   {look.paint}", ""),
    )
    line.truncate(look.width, overflow="ellipsis")
    return ascii_text(line) if look.ascii else line


def totals(answer: dict[str, Any], units: Sequence[Device], look: Look, width: int) -> Table:
    """Power, temperature, space, and what needs a look, one labelled line each."""
    rack = answer["rack"]
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(style="dim", width=_LABEL)
    drawn.add_column(width=max(20, width - _LABEL - 2))
    rows = [
        ("Power", _power_line(rack, look)),
        *_temperature_lines(answer.get("temperature") or [], look),
        ("Space", _space_line(rack, answer.get("space") or {})),
        *_beside_lines(units, look),
        *_look_lines(units, look),
    ]
    for label, text in rows:
        drawn.add_row(label, ascii_text(text) if look.ascii else text)
    return drawn


def legend(units: Sequence[Device], look: Look) -> Text:
    """What the marks mean, and how many devices carry each."""
    by_health = Counter(str(device.get("health")) for device in units)
    stale = sum(bool(device.get("stale")) for device in units)
    side = 1 if look.ascii else 0
    parts: list[Any] = []
    for word, mark in reversed(HEALTH.items()):
        parts += [((mark.glyph, mark.ascii)[side], mark.style), f" {mark.word} {by_health[word]}   "]
    parts += [(HATCH[side], "dim"), f" stale {stale}   "]
    parts += [
        f"{(POWER['On'].glyph, POWER['On'].ascii)[side]} on  ",
        f"{(POWER['Off'].glyph, POWER['Off'].ascii)[side]} off",
    ]
    match look.paint:
        case Paint.INLET:
            parts.append(f"   inlet {COLDEST:.0f} to {HOTTEST:.0f} C")
        case Paint.WATTS:
            parts.append("   watts against the hungriest here")
        case Paint.AGE:
            parts.append("   a full bar is three intervals: stale")
    line = Text.assemble(*parts)
    line.truncate(look.width, overflow="ellipsis")
    return ascii_text(line) if look.ascii else line


def _pen(units: Sequence[Device], width: int, look: Look, now: str | None) -> Pen:
    """Column widths: names and bays get what they need as far as the terminal is wide enough."""
    inner = width - _GUTTER - 1
    names = max((len(plain(device.get("name") or "")) for device in units), default=8)
    bays = max((_parts(device, look.face) for device in units), default=0)
    strip = min(max(bays, 6), 24 if inner >= 90 else 12)
    left = inner - 2 - 7 - 3 - 1 - strip - 1 - 7 - 1 - 7 - 2
    name = min(names, max(13, min(24, left - _LEAST_NOTE)))
    note = max(0, left - name)
    return Pen(
        width=inner,
        name=name,
        strip=strip,
        note=note,
        ascii=look.ascii,
        rear=look.face == "rear",
        paint=look.paint,
        coat=coats(look.paint, units, instant(now)),
        now=now,
    )


def _parts(device: Device, face: str) -> int:
    if face == "rear":
        return len(device.get("supplies") or []) + len(device.get("fans") or [])
    return len(device.get("bays") or [])


def _frame(stack: Sequence[Block], pen: Pen) -> Iterator[Text]:
    """The rack's posts with every unit between them."""
    corner = "+-+" if pen.ascii else "┌─┐"
    foot = "+-+" if pen.ascii else "└─┘"
    post = "|" if pen.ascii else "│"
    yield Text(f"{'':>4}{corner[0]}{corner[1] * pen.width}{corner[2]}", style="bright_black")
    broken = ":" if pen.ascii else "┊"
    for block in stack:
        side = post if block.devices or block.rows == 1 else broken
        for row, line in enumerate(_lines(block, pen)):
            yield Text.assemble((f"{block.top - row:>3} ", "dim"), (side, "bright_black"), line, (side, "bright_black"))
    yield Text(f"{'':>4}{foot[0]}{foot[1] * pen.width}{foot[2]}", style="bright_black")


def _lines(block: Block, pen: Pen) -> list[Text]:
    match block.devices:
        case ():
            return [gap(block.bottom, block.top, pen)]
        case (device,):
            return lone(device, block.rows, pen, ghost=block.ghost)
    return cells(block.devices, block.rows, pen)


def _stacked(devices: Sequence[Device], *, ghost: bool) -> list[Block]:
    """Devices in blocks of units that overlap."""
    made: list[Block] = []
    for device in sorted(devices, key=lambda device: int(device["position_u"])):
        bottom = int(device["position_u"])
        top = bottom + max(1, int(device.get("height_u") or 1)) - 1
        if made and bottom <= made[-1].top:
            last = made.pop()
            made.append(Block(last.bottom, max(last.top, top), (*last.devices, device), ghost))
        else:
            made.append(Block(bottom, top, (device,), ghost))
    return made


def _units_of(devices: Any) -> set[int]:
    return {
        unit
        for device in devices
        for unit in range(int(device["position_u"]), int(device["position_u"]) + int(device.get("height_u") or 1))
    }


def _with_gaps(stack: Sequence[Block], top: int) -> Iterator[Block]:
    free_from = top
    for block in stack:
        if block.top < free_from:
            yield Block(block.top + 1, free_from, ())
        yield block
        free_from = block.bottom - 1
    if free_from >= 1:
        yield Block(1, free_from, ())


def _power_line(rack: dict[str, Any], look: Look) -> Text:
    total = rack.get("watts") or {}
    value, budget = number(total), rack.get("feed_budget_watts")
    said = f"{watts(value)}" + (f"; one feed alone carries {watts(budget)}" if budget else "")
    missing = int(total.get("of") or 0) - int(total.get("devices") or 0)
    line = Text(said, style="")
    if value is not None and budget:
        full, empty = ("#", ".") if look.ascii else ("━", "─")
        filled = round(min(1.0, value / budget) * 12)
        line.append(f"  {full * filled}{empty * (12 - filled)}", style="#e69f00" if value > 0.8 * budget else "")
    if missing > 0:
        line.append(f"  {missing} not measured", style="dim")
    return line


def _temperature_lines(zones: Sequence[dict[str, Any]], look: Look) -> Iterator[tuple[str, Text]]:
    for zone in zones:
        value = number(zone.get("inlet"))
        block = "#" if look.ascii else "■"
        style = "dim" if value is None else heat((value - COLDEST) / (HOTTEST - COLDEST))
        yield (
            "Inlet" if zone is zones[0] else "",
            Text.assemble(
                (block, style),
                f" {plain(zone['zone']):<7}{stated(zone.get('inlet'), '.1f', '°C'):>8}",
                (f"  out {stated(zone.get('outlet'), '.1f', '°C')}", "dim"),
            ),
        )


def _space_line(rack: dict[str, Any], space: dict[str, Any]) -> Text:
    free = space.get("free_u", rack.get("free_u"))
    if free is None:
        return Text("–")
    largest = space.get("largest_gap")
    said = f"{free} of {rack.get('height_u', 42)} units free"
    if not largest:
        return Text(said)
    size = largest["to_u"] - largest["from_u"] + 1
    return Text(f"{said}, largest gap {count(size, 'unit')}, U{largest['from_u']} to U{largest['to_u']}")


def _beside_lines(units: Sequence[Device], look: Look) -> Iterator[tuple[str, Text]]:
    """Devices that take no units: upright PDUs and the like."""
    beside = [device for device in units if not device.get("position_u")]
    for device in beside:
        status = health_text(device, ascii_only=look.ascii)
        drawn = number(device.get("watts"))
        said = f"  {watts(drawn)}" if drawn is not None else ""
        why = reason(device)
        yield (
            "Beside" if device is beside[0] else "",
            Text.assemble(status, "  ", plain(device["name"]), (said, "dim"), (f"  {why}" if why else "", "dim")),
        )


def _look_lines(units: Sequence[Device], look: Look) -> Iterator[tuple[str, Text]]:
    """The worst first, with all of the reason the unit itself had no room for."""
    worst = sorted(
        (device for device in units if device.get("health") in ("Critical", "Warning") or device.get("stale")),
        key=lambda device: (-["OK", "Unknown", "Warning", "Critical"].index(str(device.get("health"))), device["name"]),
    )
    alike: dict[tuple[str, str], list[str]] = {}
    for device in worst:
        said = reason(device) or ("no answer lately" if device.get("stale") else "the device does not say why")
        alike.setdefault((str(device.get("health")), said), []).append(plain(device["name"]))
    for place, ((word, said), names) in enumerate(alike.items()):
        if place == _MOST_REASONS:
            yield "", Text(f"and {count(len(alike) - place, 'more reason')}", style="dim")
            return
        mark = health(word)
        glyph = mark.ascii if look.ascii else mark.glyph
        named = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        yield "" if place else "Look at", Text.assemble((glyph, mark.style), f" {named}  ", (said, "dim"))
