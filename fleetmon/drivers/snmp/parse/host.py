"""Processors and memory as HOST-RESOURCES-MIB (RFC 2790) tells them."""

from __future__ import annotations

import re

from fleetmon.drivers.snmp.parse.points import Draft, Point, Terms
from fleetmon.drivers.snmp.values import arcs, integer, named, number, text
from fleetmon.model import Component, Part, ReadingType, Sensor

LOAD = "1.3.6.1.2.1.25.3.3.1.2"
"""hrProcessorLoad: percent of the last minute."""
DEVICE_DESCR = "1.3.6.1.2.1.25.3.2.1.3"
_STORAGE = "1.3.6.1.2.1.25.2.3.1."
KIND, DESCR, UNITS, SIZE, USED = (_STORAGE + arc for arc in ("2", "3", "4", "5", "6"))
UCD_TOTAL = "1.3.6.1.4.1.2021.4.5"
"""memTotalReal: an agent that has it tells of its memory better, without what is only cached."""
_RECLAIMED = re.compile(r"\b(?:buffers?|cached?)\b", re.IGNORECASE)
"""Rows beside the memory's own: what of it is given back at once when it is needed."""
_RAM = "1.3.6.1.2.1.25.2.1.2"

COLUMNS = (LOAD, DEVICE_DESCR, KIND, DESCR, UNITS, SIZE, USED)


def draw(draft: Draft) -> None:
    """The load of each processor and how full each memory is."""
    for place, index in enumerate(sorted(draft.column(LOAD), key=arcs), start=1):
        processor = Component("Processor", f"CPU {place}")
        oid = f"{LOAD}.{index}"
        draft.measure(
            Point(
                Sensor(
                    component=processor, name="Load", type=ReadingType.PERCENT, source=oid, range_min=0, range_max=100
                ),
                oid,
            )
        )
        model = named(draft.column(DEVICE_DESCR).get(index))
        draft.describe(Part(component=processor, slot=processor.name, source=oid, model=model))
    if not draft.column(UCD_TOTAL):
        _draw_memory(draft)


def _draw_memory(draft: Draft) -> None:
    given_back = {
        index: integer(draft.column(UNITS).get(index)) or 1
        for index, told in draft.column(DESCR).items()
        if _RECLAIMED.search(text(told)) and index in draft.column(USED)
    }
    for index in sorted(draft.column(SIZE), key=arcs):
        size = number(draft.column(SIZE).get(index)) or 0
        if text(draft.column(KIND).get(index)).lstrip(".") != _RAM or size <= 0 or index not in draft.column(USED):
            continue
        if index in given_back:
            continue
        memory = Component("Memory", text(draft.column(DESCR).get(index)) or f"Memory {index}")
        oid = f"{USED}.{index}"
        sensor = Sensor(component=memory, name="Used", type=ReadingType.PERCENT, source=oid, range_min=0, range_max=100)
        unit = integer(draft.column(UNITS).get(index)) or 1
        less = tuple((f"{USED}.{other}", -1) for other, its_unit in given_back.items() if its_unit == unit)
        draft.measure(Point(sensor, oid, terms=Terms(added=less, of=(f"{SIZE}.{index}", float(size)))), apart=index)
        draft.describe(Part(component=memory, slot=memory.name, source=oid, capacity_bytes=int(size) * unit))
