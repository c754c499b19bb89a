"""A device over IPMI: what one poll asks for.

A heartbeat is one command: power and fault bits of the chassis. When these change, the same poll reads what tells why.
Numbers are read in every poll of the sensors; states, and the records that describe both, seldom. The event log says
in one answer whether there is anything new in it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from fleetmon.drivers.base import Memory, Opening, Request
from fleetmon.drivers.ipmi import chassis, commands, dcmi, sdr, sel, sensors
from fleetmon.drivers.ipmi.catalog import catalog
from fleetmon.drivers.ipmi.completion import DONE, UNSUPPORTED, complaint
from fleetmon.drivers.ipmi.identity import device_id, guid
from fleetmon.drivers.ipmi.known import Known
from fleetmon.drivers.ipmi.look import Look
from fleetmon.drivers.ipmi.raw import read_raw
from fleetmon.drivers.ipmi.session import Session
from fleetmon.drivers.ipmi.stocktaking import take_stock
from fleetmon.drivers.ipmi.workers import Workers
from fleetmon.drivers.lane import Priority
from fleetmon.drivers.look import SHARE
from fleetmon.model import Aspect, Health, Observation, Power


class IpmiDriver:
    """One device over IPMI."""

    def __init__(self, opening: Opening, workers: Workers | None = None, session: Session | None = None) -> None:
        self._lane = opening.lane
        self._clock = opening.clock
        if session is None:
            assert workers is not None, "a session lives in a worker"
            session = Session(replace(opening, memory=Memory(session=opening.memory.session)), workers)
        self._session = session
        self._known = Known.recalled(opening.memory.plan)
        self._one_at_a_time = asyncio.Lock()
        self._met = 0
        """The login behind which it was looked at last who answers."""

    # ---- the contract ----------------------------------------------------------------------------------------

    async def observe(self, request: Request) -> Observation:
        """Ask once; whatever the device does becomes an observation."""
        look = self._look(request)
        async with look.under_way(self._session), self._lane.deadline(), self._one_at_a_time:
            await self._ask(look)
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
        """None: IPMI knows no certificates."""
        return None

    async def raw(self, resource: str) -> Any:
        """`sdr`, `sel`, `fru/N` or a command that reads, in the device's own bytes; raises DeviceError or Unaskable."""
        async with self._lane.deadline():
            return await read_raw(self._look(Request(aspects=frozenset()), Priority.PERSON), resource)

    async def close(self) -> None:
        """Close the session on the BMC."""
        await self._session.close()

    async def suspend(self) -> None:
        """As `close`: a session's keys die with the worker that has them."""
        await self._session.close()

    # ---- one poll --------------------------------------------------------------------------------------------

    def _look(self, request: Request, priority: Priority = Priority.POLL) -> Look:
        limit = self._clock.monotonic() + SHARE * self._lane.pace.poll_deadline.total_seconds()
        return Look(
            request=request,
            at=self._clock.now(),
            clock=self._clock,
            limit=limit,
            session=self._session,
            priority=priority,
            lacking=self._known.lacking,
        )

    async def _ask(self, look: Look) -> None:
        known = self._known
        everything = look.wants(Aspect.COMPONENTS, Aspect.INVENTORY)
        changed = False
        if look.wants(Aspect.HEARTBEAT, Aspect.SENSORS) or known.chassis is None:
            changed = await self._heartbeat(look) or known.owes_reason
        if not look.request.aspects - {Aspect.HEARTBEAT} and (look.request.witness or not changed):
            return
        known.owes_reason = changed
        login = self._session.logins
        check = everything or login != self._met
        if check or not known.device:
            await self._meet(look)
        if not look.request.aspects <= {Aspect.HEARTBEAT, Aspect.EVENTS}:
            await self._read_records(look, check=check)
            self._met = login
        asked = everything and await self._ask_states(look)
        if look.wants(Aspect.SENSORS):
            await self._read_numbers(look)
        news = await self._read_log(look, changed=changed)
        if (changed or news) and not everything:
            asked = await self._ask_states(look)
        if asked or everything:
            await self._judge(look, asked=asked)
        if look.wants(Aspect.INVENTORY) or (known.owes_inventory and look.request.aspects - {Aspect.HEARTBEAT}):
            await self._take_stock(look)
        known.owes_reason = known.owes_reason and look.failed is not None

    async def _heartbeat(self, look: Look) -> bool:
        """Power and fault bits; are they others than last time?"""
        known = self._known
        (answer,) = await look.ask(commands.CHASSIS_STATUS)
        look.done(Aspect.HEARTBEAT)
        if answer.code != DONE:
            if answer.code not in UNSUPPORTED:
                look.tell(chassis.SOURCE, complaint(commands.CHASSIS_STATUS, answer.code))
            return False
        status, now = answer.data, look.now()
        look.power = Power(state=chassis.power_of(status), taken_at=now, source=chassis.SOURCE)
        look.overall = chassis.overall(status, now)
        groups = chassis.groups(status, now, known.watched)
        known.watch(*(one.component for one in groups if one.health is not Health.OK))
        look.told(*groups)
        before, signature = known.chassis, chassis.signature(status)
        known.change(chassis=signature)
        if before is not None and (before[:1] or b"\0")[0] & 1 != (signature[:1] or b"\0")[0] & 1:
            known.resting = {}  # what was not there while the host was dark may be there now
        return before is not None and before != signature

    async def _meet(self, look: Look) -> None:
        """Who answers here; another firmware is learned afresh."""
        known = self._known
        told = await look.one(commands.DEVICE_ID)
        if told is None or told == known.device:
            return
        if known.device:
            known.forget()
        known.change(device=told)
        for command in (commands.SYSTEM_GUID, commands.DEVICE_GUID):
            if found := guid(await look.optional(command) or b""):
                known.change(guid=found)
                break
        me = device_id(told)
        if me is not None and me.updating:
            look.tell("Get Device ID", "the firmware of the BMC is being updated, or it is still starting")

    async def _read_records(self, look: Look, *, check: bool) -> None:
        """The sensor data records, read when they are not known or no longer those of before."""
        known = self._known
        if known.fetching is None and (check or (known.stamp is None and not known.sensorless)):
            stamp = await sdr.stamp_of(look)
            if stamp is not None:
                known.change(sensorless=not stamp.records)
            if stamp is not None and stamp.records and stamp != known.stamp:
                known.fetching = sdr.Fetching(stamp, piece=known.sdr_piece)
        if known.fetching is None:
            return
        await sdr.read_on(look, known.fetching)
        known.sdr_piece = known.fetching.piece
        if known.fetching.whole:
            fetched, known.fetching = known.fetching, None
            known.adopt(catalog(b"".join(fetched.records), known.maker, {}), fetched.stamp)
            known.change(limits_wanted=True)
            known.limits = {}

    async def _read_numbers(self, look: Look) -> None:
        """Numbers under the names of the records they belong to; while these are read anew there are none."""
        known = self._known
        if known.catalog is not None and known.fetching is None:
            await sensors.read_numbers(known, look)
        elif known.sensorless:
            look.done(Aspect.SENSORS)
        await dcmi.read_power(known, look)

    async def _read_log(self, look: Look, *, changed: bool) -> bool:
        """What is new in the event log; is there anything? Its first reading waits until it is asked for."""
        known = self._known
        asked = look.wants(Aspect.EVENTS)
        empty = known.sel.stamp is not None and not known.sel.last
        follows = sel.LOG in look.request.marks or empty or known.unread_sel is not None
        if not look.has_time() or not (asked or (follows and (changed or look.wants(Aspect.SENSORS)))):
            return False
        info = await sel.info_of(look)
        if info is None:
            look.done(Aspect.EVENTS)
            return False
        news = sel.is_news(known, look, info)
        if news or asked:
            await sel.read_sel(known, look, info)
        return news and follows

    async def _ask_states(self, look: Look) -> bool:
        known = self._known
        return known.catalog is not None and known.fetching is None and await sensors.ask_states(known, look)

    async def _judge(self, look: Look, *, asked: bool) -> None:
        """How the components are, by states and by numbers that are still fresh."""
        known = self._known
        if known.catalog is None:
            if known.sensorless:
                look.done(Aspect.COMPONENTS)
            return
        if not sensors.is_fresh(known, look):
            await sensors.read_numbers(known, look)
        look.components_complete = sensors.judge_all(known, look) and asked
        if look.components_complete:
            look.done(Aspect.COMPONENTS)
        if look.wants(Aspect.COMPONENTS, Aspect.INVENTORY):
            for address in sorted(known.catalog.elsewhere):
                look.tell("SDR", f"the controller at {address:02X}h has sensors of its own, which are not read")
            if look.wants(Aspect.INVENTORY) and sensors.limits_are_old(known, look):
                known.change(limits_wanted=True)  # whoever sets a threshold does not tell us
            if known.limits_wanted:
                await sensors.read_limits(known, look)

    async def _take_stock(self, look: Look) -> None:
        known = self._known
        known.dcmi = known.dcmi or None
        if known.fetching is None:
            await take_stock(known, look, self._session.cipher)
