"""A device over SNMP: what one poll asks for.

The first look finds out which family the device is of, walks that family's columns and draws from them where each value
stands. From then on a poll gets known OIDs, sixty at a time, and with them what tells that the agent began anew or that
its tables are others; then, or where values are missing, the device is walked again. An inventory's walk has the time
that a poll's readings leave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fleetmon.drivers.base import Memory, Opening, Request
from fleetmon.drivers.lane import Priority
from fleetmon.drivers.look import SHARE
from fleetmon.drivers.snmp.clockwork import Clockwork
from fleetmon.drivers.snmp.doubts import doubted
from fleetmon.drivers.snmp.family import INSTANCE, WATCHES, Profile
from fleetmon.drivers.snmp.known import Drawn, Known, draw
from fleetmon.drivers.snmp.look import Look
from fleetmon.drivers.snmp.parse.interfaces import ADDRESS
from fleetmon.drivers.snmp.parse.layout import flat, health, inventory, neighbours, power, readings, stations
from fleetmon.drivers.snmp.parse.wire import BRIDGE_COLUMNS, CDP_COLUMNS, LLDP_COLUMNS
from fleetmon.drivers.snmp.profiles import probes_for, profile_for
from fleetmon.drivers.snmp.session import Session
from fleetmon.drivers.snmp.values import Tables, Value, text
from fleetmon.errors import Unaskable
from fleetmon.model import (
    DEVICE,
    Aspect,
    DeviceKind,
    Observation,
    Power,
    PowerState,
    ReadingType,
)

SYS_DESCR, SYS_OBJECT_ID = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0"
CHANGES = ("1.3.6.1.2.1.31.1.5.0", "1.3.6.1.2.1.47.1.4.1.0")
"""ifTableLastChange and entLastChangeTime."""
MOST_ROWS = 4096
"""Rows of one column read at most (F99)."""
MOST_VALUES = 100_000
"""Values of one walk at most; a device that tells more is lying, or counts its flows."""
MANY_VALUES = 5_000
"""Values from which a layout is drawn beside the loop, which has other devices to ask meanwhile."""
MOST_SHOWN = 1000
"""Rows of a raw look."""
SECRET = ("1.3.6.1.6.3.18.1.1.", "1.3.6.1.2.1.47.1.2.1.1.4.")
"""snmpCommunityTable and entLogicalCommunity: what opens the device to whoever knows it is shown to nobody."""
AT_EASE = 600.0
"""Seconds before a device is walked again because values are missing or it says that its tables changed: some say so
at every poll. A restart, or ports by other names, does not wait."""
HEARD, LEARNED = frozenset({*LLDP_COLUMNS, *CDP_COLUMNS}), frozenset(BRIDGE_COLUMNS)
"""Columns of neighbours, and of addresses that a bridge has learned."""
WIRE = HEARD | LEARNED
MOST_WIRED = 2000
"""Values of these that are read with the states; where there are more, with the inventory alone."""
ITSELF = frozenset({DeviceKind.SWITCH, DeviceKind.PDU, DeviceKind.UPS})
"""Kinds whose agent runs on the device itself: where it answers, the device is on."""


class SnmpDriver:
    """One device over SNMP."""

    def __init__(self, opening: Opening, session: Session | None = None) -> None:
        self._lane, self._clock = opening.lane, opening.clock
        self._session = session or Session(opening)
        self._known = Known.recalled(opening.memory.plan)
        self._one_at_a_time = asyncio.Lock()

    # ---- the contract ----------------------------------------------------------------------------------------

    async def observe(self, request: Request) -> Observation:
        """Ask once; whatever the device does becomes an observation."""
        look = self._look(request)
        async with look.under_way(self._session), self._lane.deadline(), self._one_at_a_time:
            await self._ask(look)
        if self._session.problem:
            look.tell("SNMP engine", self._session.problem)
        return look.observation()

    def memory(self) -> Memory:
        """What to remember over a restart, as of now."""
        return Memory(plan=self._known.to_json(), session=self._session.memory())

    @property
    def memory_version(self) -> int:
        """Grows whenever `memory` has something new to say."""
        return self._session.memory_version + self._known.version

    @property
    def seen_spki(self) -> str | None:
        """None: SNMP knows no certificates."""
        return None

    async def raw(self, resource: str) -> Any:
        """What stands below an OID, as the device tells it; raises DeviceError or Unaskable."""
        oid = resource.strip().strip("/.")
        if not oid or not all(arc.isdecimal() and int(arc) < 2**32 for arc in oid.split(".")) or "." not in oid:
            raise Unaskable(f"{resource!r} is no OID; give one like 1.3.6.1.2.1.1, the system group")
        async with self._lane.deadline():
            found = await self._session.get([oid], Priority.PERSON)
            walk = await self._session.walk(oid, most=MOST_SHOWN, priority=Priority.PERSON)
        told = found | {f"{oid}.{index}": value for index, value in walk.rows.items()}
        told = {name: value for name, value in told.items() if not f"{name}.".startswith(SECRET)}
        shown = {name: value if isinstance(value, int) else text(value) for name, value in told.items()}
        return {"oid": oid, "values": shown, "complete": walk.complete, "reason": walk.reason}

    async def close(self) -> None:
        """Let the socket go."""
        await self._session.close()

    async def suspend(self) -> None:
        """As `close`: an agent keeps no login."""
        await self._session.close()

    # ---- one poll --------------------------------------------------------------------------------------------

    def _look(self, request: Request) -> Look:
        limit = self._clock.monotonic() + SHARE * self._lane.pace.poll_deadline.total_seconds()
        return Look(request=request, at=self._clock.now(), clock=self._clock, limit=limit)

    async def _ask(self, look: Look) -> None:
        known = self._known
        look.at = self._clock.now()
        everything = look.wants(Aspect.INVENTORY) or known.owes_inventory
        steady = not everything or (known.fits and look.wants(Aspect.HEARTBEAT, Aspect.SENSORS))
        if known.profile is not None and steady:
            look.learn(await self._session.get(self._wanted(look), look.priority))
        if not look.values:
            await self._meet(look)
        look.done(Aspect.HEARTBEAT, Aspect.EVENTS)
        known.fits = not self._mind_time(look) and known.fits and not self._changed(look)
        if known.fits and steady:
            self._tell(look)
        if everything or not known.fits:
            await self._meet(look)
            if not await self._walk(look, everything=everything):
                return
            self._tell(look)
        if look.wants(Aspect.COMPONENTS) and not everything:
            await self._follow_cables(look)

    def _wanted(self, look: Look) -> list[str]:
        """The OIDs of a steady poll."""
        known, wanted = self._known, list(WATCHES)
        wanted += known.layout.watched_oids
        if look.wants(Aspect.SENSORS):
            wanted += known.layout.reading_oids
        if look.wants(Aspect.COMPONENTS):
            wanted += [*known.layout.state_oids, *known.names, SYS_OBJECT_ID]
        return list(dict.fromkeys(wanted))

    def _mind_time(self, look: Look) -> bool:
        """Did the agent begin anew? Its time is noted."""
        known, now, monotonic = self._known, Clockwork.told(look.values, look.at.timestamp()), self._clock.monotonic()
        met_before = known.clockwork.at > 0
        elapsed = now.at - known.clockwork.at if known.told_at is None else monotonic - known.told_at
        look.restarted = met_before and now.began_anew(known.clockwork, elapsed)
        known.anew |= look.restarted
        if look.restarted or not met_before:
            known.version += 1
        known.clockwork, known.told_at = now, monotonic
        return look.restarted

    def _changed(self, look: Look) -> bool:
        """Does what the poll brought no longer fit the layout?"""
        known, values = self._known, look.values
        if values.get(SYS_OBJECT_ID, known.object_id) != known.object_id:
            return True
        if any(oid in values and values[oid] != name for oid, name in known.names.items()):
            return True
        others = any(oid in values and values[oid] != known.changes.get(oid) for oid in CHANGES)
        missing = look.wants(Aspect.SENSORS) and any(oid not in values for oid in known.layout.reading_oids)
        if not (others or missing) or self._clock.monotonic() - known.eased_at < AT_EASE:
            return False
        known.eased_at = self._clock.monotonic()
        return True

    # ---- walking ---------------------------------------------------------------------------------------------

    async def _meet(self, look: Look) -> None:
        """Who is it, and of which family?"""
        known = self._known
        if SYS_DESCR in look.values:
            return
        look.learn(await self._session.get([SYS_DESCR, SYS_OBJECT_ID, *WATCHES], look.priority))
        object_id, description = text(look.values.get(SYS_OBJECT_ID)), text(look.values.get(SYS_DESCR))
        if known.profile is not None and (object_id, description) == (known.object_id, known.description):
            return
        present = [
            oid
            for oid in probes_for(object_id, description)
            if (await self._session.walk(oid, most=1, priority=look.priority)).rows
        ]
        profile = profile_for(object_id, description, present)
        if profile is not known.profile:
            known.fetched, known.unfinished, known.fits = {}, {}, False
        known.object_id, known.description, known.profile = object_id, description, profile
        known.version += 1

    async def _walk(self, look: Look, *, everything: bool) -> bool:
        """Every column of the profile; was there time? What is left is walked by the next polls."""
        known, profile = self._known, self._known.profile
        assert profile is not None, "it has been met"
        if look.restarted:
            known.fetched, known.unfinished = {}, {}
        known.owes_inventory = everything
        aspect = Aspect.INVENTORY if everything else Aspect.COMPONENTS
        if not await self._fetch(look, profile, aspect):
            return False
        look.walked = known.fetched | await self._scalars(look, profile, aspect)
        look.learn(flat(look.walked))
        for column, reason in known.unfinished.items():
            look.tell(column, reason)
        drawn = frozenset(profile.columns(Aspect.COMPONENTS))
        drawn |= {oid.removesuffix(INSTANCE) for oid in profile.scalars(Aspect.COMPONENTS)}
        tables = {column: rows for column, rows in look.walked.items() if column in drawn}
        known.lay_out(profile, tables, await _drawn(profile, tables), whole=drawn.isdisjoint(known.unfinished))
        known.changes = {oid: look.values[oid] for oid in CHANGES if oid in look.values}
        if everything:
            self._take_stock(look, profile)
        known.fetched, known.unfinished, known.owes_inventory = {}, {}, False
        await self._count(look)
        return True

    async def _count(self, look: Look) -> None:
        """The counters at one instant: a walk takes its time, which would be missing in their rates."""
        counters = [point.oid for point in self._known.layout.points if point.sensor.type is ReadingType.COUNTER]
        if counters and look.wants(Aspect.SENSORS) and not look.readings:
            look.at = self._clock.now()
            look.learn(await self._session.get(counters, look.priority))

    async def _fetch(self, look: Look, profile: Profile, aspect: Aspect) -> bool:
        """The columns not fetched yet; were all of them?"""
        known = self._known
        columns = profile.columns(aspect)
        room = MOST_VALUES - sum(map(len, known.fetched.values()))
        for column in columns:
            if column in known.fetched:
                continue
            if not look.has_time():
                done = sum(one in known.fetched for one in columns)
                look.tell("SNMP", f"{done} of {len(columns)} columns read; the next poll goes on")
                return False
            walk = await self._session.walk(column, most=max(1, min(MOST_ROWS, room)), priority=look.priority)
            known.fetched[column] = walk.rows
            room -= len(walk.rows)
            if not walk.complete:
                known.unfinished[column] = walk.reason
        return True

    async def _scalars(self, look: Look, profile: Profile, aspect: Aspect) -> dict[str, Mapping[str, Value]]:
        found = await self._session.get(profile.scalars(aspect), look.priority)
        return {oid.removesuffix(INSTANCE): {"0": value} for oid, value in found.items()}

    # ---- what it comes to ------------------------------------------------------------------------------------

    def _tell(self, look: Look) -> None:
        """What the values of this poll mean; readings that were told before a walk stand."""
        known, layout = self._known, self._known.layout
        if look.wants(Aspect.SENSORS) and not look.readings:
            told = zip(layout.points, readings(layout, look.values, look.at), strict=True)
            look.readings += doubted(told, known.last, restarted=known.anew, moved=known.moved)
            known.last = {oid: look.values[oid] for oid in layout.reading_oids if oid in look.values}
            known.moved, known.anew = frozenset(), False
        everyone = look.walked is not None or look.wants(Aspect.COMPONENTS)
        watched = {one.component for one in layout.conditions if everyone or one.watched}
        found = [one for one in health(layout, look.values, look.at) if one.component in watched]
        look.health = tuple(one for one in found if one.component != DEVICE)
        look.overall = next((one for one in found if one.component == DEVICE), None)
        if look.wants(Aspect.COMPONENTS):
            has_all = look.walked is not None or all(oid in look.values for oid in layout.state_oids)
            look.components_complete = known.whole and has_all
        look.done(Aspect.SENSORS, Aspect.COMPONENTS)
        look.problems += layout.problems
        if known.profile is not None and known.profile.kind in ITSELF:
            look.power = Power(state=PowerState.ON, taken_at=look.at, source=f"it answers ({WATCHES[0]})")
        elif (told_power := power(layout, look.values, look.at)) is not None:
            look.power = told_power

    def _take_stock(self, look: Look, profile: Profile) -> None:
        """What it is made of, and what is at the other ends of its cables."""
        known, tables = self._known, look.walked or {}
        found = inventory(profile, known.layout, tables, look.at, known.whole)
        look.inventory, look.identity = found, found.identity
        self._tell_cables(look, tables, known.unfinished)
        look.done(Aspect.INVENTORY)

    async def _follow_cables(self, look: Look) -> None:
        """Who is at the other ends, between two inventories, where that is not too much to ask for."""
        known = self._known
        assert known.profile is not None, "it has been met"
        columns = [column for column in known.profile.columns(Aspect.INVENTORY) if column in WIRE]
        if not columns or known.wired > MOST_WIRED:
            return
        tables: dict[str, Mapping[str, Value]] = {ADDRESS: known.addresses}
        broken: dict[str, str] = {}
        for column in columns:
            if not look.has_time():
                return
            walk = await self._session.walk(column, most=MOST_ROWS, priority=look.priority)
            tables[column] = walk.rows
            broken |= {} if walk.complete else {column: walk.reason}
        self._tell_cables(look, tables, broken)

    def _tell_cables(self, look: Look, tables: Mapping[str, Mapping[str, Value]], broken: Mapping[str, str]) -> None:
        layout = self._known.layout
        self._known.wired = sum(len(rows) for column, rows in tables.items() if column in WIRE)
        if broken.keys().isdisjoint(HEARD):
            look.neighbours = tuple(neighbours(layout, tables))
        if broken.keys().isdisjoint(LEARNED):
            look.stations = tuple(stations(layout, tables))


async def _drawn(profile: Profile, tables: Tables) -> Drawn:
    if sum(map(len, tables.values())) < MANY_VALUES:
        return draw(profile, tables)
    return await asyncio.to_thread(draw, profile, tables)
