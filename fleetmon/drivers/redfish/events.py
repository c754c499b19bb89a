"""The Redfish side of push: where a device tells by itself, what its messages mean, and our one subscription.

DSP0266, clause Eventing: a service tells over a stream at `ServerSentEventUri`, or to the destinations of its
subscriptions. Everything here goes through the device's session and lane; nothing is asked twice that is known.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace

from fleetmon.drivers.base import Opening
from fleetmon.drivers.lane import Priority
from fleetmon.drivers.redfish import reports
from fleetmon.drivers.redfish.bodies import BadBody, Json, parse
from fleetmon.drivers.redfish.known import Known
from fleetmon.drivers.redfish.parse import events, fields
from fleetmon.drivers.redfish.resource import ROOT, Resource, is_resource, key, local
from fleetmon.drivers.redfish.session import Session
from fleetmon.drivers.redfish.sse import Message, MessageReader
from fleetmon.drivers.redfish.stream import messages, opened
from fleetmon.drivers.redfish.subscriptions import MOST, crowded, drafts, fits, is_marked, is_on, sort_out
from fleetmon.drivers.telling import Subscribed, Wish
from fleetmon.errors import Busy, DeviceError, Garbled, Unsupported
from fleetmon.model import Aspect, Observation, Protocol, Pushed, Reachability

SERVICE = "/redfish/v1/EventService"
HEARD = Pushed()
"""Something came that says no more than that the stream lives."""


class EventSource:
    """One device's event service."""

    def __init__(self, opening: Opening, session: Session, known: Known) -> None:
        self._opening = opening
        self._session = session
        self._known = known
        self._service: Json | None = None

    async def stream_offered(self) -> bool:
        """Is there a stream? Raises Unsupported when there is none, and no subscriptions either or not now.

        A stream counts as offered even while `ServiceEnabled` is false, which on some services speaks of alerts alone.
        """
        service = await self._read_service()
        if _stream(service):
            return True
        if not is_on(service):
            raise Unsupported("its event service is switched off", device=self._device, resource=SERVICE)
        if not _subscriptions(service):
            raise Unsupported("its event service offers no push", device=self._device, resource=SERVICE)
        return False

    async def listen(self, after: str) -> AsyncGenerator[Pushed, None]:
        """What the device tells over its stream; `HEARD` says that it lives, first of all when it was opened."""
        path = _stream(await self._read_service())
        self._service = None  # what is known is known for this once: the next stream may find another firmware
        async with opened(self._opening, self._session, path, after) as response:
            yield HEARD
            reader = MessageReader(after)
            told = messages(response, reader, self._opening.clock, device=self._device)
            async with contextlib.aclosing(told):
                async for message, lost in told:
                    pushed = self._understood(message, lost) if message is not None else _heard(lost)
                    yield pushed if reader.retry is None else replace(pushed, retry=reader.retry)

    async def subscribe(self, wish: Wish, known: str) -> Subscribed:
        """Our one subscription, made where it is missing; raises Busy when the table is full, naming whose they are."""
        if known and await self._still_there(known, wish):
            return Subscribed(path=known, made=False)
        service = await self._read_service()
        self._service = None
        if not is_on(service) or not (path := _subscriptions(service)):
            raise Unsupported("its event service takes no subscriptions", device=self._device, resource=SERVICE)
        found = sort_out(await self._subscriptions_at(path), wish)
        for stale in found.stale:
            with contextlib.suppress(Unsupported):  # gone already
                await self._session.change("DELETE", stale, None, Priority.POLL)
        if found.own:
            return Subscribed(path=found.own, made=False, pruned=len(found.stale))
        made = await self._make(path, service, wish, crowded(found.foreign))
        return Subscribed(path=made, made=True, pruned=len(found.stale))

    async def unsubscribe(self, path: str, installation: str) -> None:
        """End the subscription at `path`; what stands there now may be somebody else's, and is left alone."""
        with contextlib.suppress(Unsupported):  # gone already
            if is_marked((await self._session.get(path)).body, installation):
                await self._session.change("DELETE", path, None, Priority.POLL)

    def hinted(self, content: bytes) -> frozenset[Aspect]:
        """What a message to our receiver is a reason to ask now: nothing in it is believed."""
        try:
            body = parse(content).json
        except BadBody:
            return frozenset()
        return frozenset() if events.is_report(body) else events.hinted(body)

    # ---- what a message means --------------------------------------------------------------------------------

    def _understood(self, message: Message, lost: int) -> Pushed:
        try:
            body = parse(message.data).json
        except BadBody:
            return Pushed(event_id=message.event_id, lost=lost + 1)
        if events.is_report(body):
            return Pushed(event_id=message.event_id, observation=self._report(body), lost=lost)
        return Pushed(
            event_id=message.event_id,
            records=tuple(events.records(body, message.event_id, self._known.components.components)),
            due=events.due(body),
            lost=lost,
        )

    def _report(self, body: Json) -> Observation | None:
        """The readings of a report that polls read, too; of any other the plan knows nothing to make of it."""
        plan, now = self._known.plan, self._opening.clock.now()
        path = next((known for known in plan.reports if key(known) == key(fields.link(body) or "")), None)
        if path is None:
            return None
        readings = tuple(reports.readings(Resource(path, body, now), plan.catalog, self._known.clock_offset))
        if not readings:
            return None
        alone = plan.sources == (path,) and not plan.singles
        aspects = frozenset({Aspect.SENSORS}) if alone else frozenset()
        return Observation(
            protocol=Protocol.REDFISH,
            asked=aspects,
            answered=aspects,
            taken_at=now,
            seconds=0.0,
            requests=0,
            reachability=Reachability.REACHABLE,
            readings=readings,
        )

    # ---- the service -----------------------------------------------------------------------------------------

    @property
    def _device(self) -> str:
        return self._opening.endpoint.address

    async def _read_service(self) -> Json:
        """The EventService, as the service root names it."""
        if self._service is None:
            root = (await self._session.get(ROOT)).body
            path = local(fields.link(root, "EventService") or "")
            if path is None:
                raise Unsupported("it has no event service", device=self._device, resource=ROOT)
            self._service = (await self._session.get(path)).body
        return self._service

    async def _still_there(self, path: str, wish: Wish) -> bool:
        try:
            return fits((await self._session.get(path)).body, wish)
        except Unsupported:
            return False

    async def _subscriptions_at(self, path: str) -> dict[str, Json]:
        """Every subscription by its path; one that cannot be read is nobody's we know, and is left alone."""
        found: dict[str, Json] = {}
        for _, member in fields.items((await self._session.get(path)).body, "Members"):
            target = local(fields.link(member) or "")
            if target is None or len(found) >= MOST:
                continue
            try:
                found[target] = member if is_resource(member) else (await self._session.get(target)).body
            except (Unsupported, Garbled):
                found[target] = {}
        return found

    async def _make(self, path: str, service: Json, wish: Wish, others: str) -> str:
        """Subscribe; a body the service refuses is followed by a plainer one, and then it is enough."""
        refused: DeviceError = Unsupported("it takes no subscription of ours", device=self._device, resource=path)
        for draft in drafts(service, wish):
            try:
                resource, location = await self._session.change("POST", path, draft, Priority.POLL)
            except (Garbled, Unsupported) as error:
                refused = error
                continue
            except Busy as error:
                refused = error
                break
            return location or local(fields.link(resource.body) or "" if resource else "") or ""
        raise Busy(f"no subscription: {refused.reason}{others}", device=self._device, resource=path)


def _heard(lost: int) -> Pushed:
    return Pushed(lost=lost) if lost else HEARD


def _stream(service: Json) -> str:
    """Where the stream is, with the query a service may have put there; empty when it offers none."""
    return local(fields.text(service, "ServerSentEventUri")) or ""


def _subscriptions(service: Json) -> str:
    return local(fields.link(service, "Subscriptions") or "") or ""
