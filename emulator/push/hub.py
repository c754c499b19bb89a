"""What one BMC pushes: its events in order, and the streams and subscriptions that hear of them.

A BMC to which nobody listens keeps nothing and computes nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from emulator.logs import KINDS, Entry
from emulator.push import happenings
from emulator.push.deliveries import Courier, Destination
from emulator.push.filters import Wanted
from emulator.push.happenings import Happening
from emulator.push.streams import Stream

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

Json = dict[str, Any]
EASY = 256 << 10
"""Bytes in a stream's backlog from which a flood waits for the client."""


class Hub:
    """The pushing side of one BMC."""

    __slots__ = (
        "_commenting", "_events", "_number", "_reporting", "_word", "bmc", "courier", "destinations", "settings",
        "streams",
    )  # fmt: skip

    def __init__(self, bmc: Bmc, courier: Courier) -> None:
        self.bmc, self.courier = bmc, courier
        self.streams: dict[str, Stream] = {}
        self.destinations: dict[str, Destination] = {}
        self.settings: dict[str, Any] = {
            "ServiceEnabled": True,
            "DeliveryRetryAttempts": 3,
            "DeliveryRetryIntervalSeconds": 30,
        }
        self._events: deque[Happening] | None = None
        """None until somebody has listened for the first time."""
        self._number = 0
        self._word = ""
        self._commenting = self._reporting = False

    # ---- what happens ----

    def logged(self, purpose: str, entry: Entry) -> None:
        """A log entry was written; of twins in both logs only one counts."""
        if self._events is None or not self.settings["ServiceEnabled"]:
            return
        kind = KINDS.get(entry.message_id.rpartition(".")[2])
        only_there = purpose == "lifecycle" and kind is not None and kind.lifecycle_only
        if purpose != self.bmc.shape.push.of_log and not only_there:
            return
        happening = happenings.of_entry(self.bmc, self._number + 1, purpose, entry)
        if happening is not None:
            self._happen(happening)
        self._look_at_health()

    def test(self, wish: Json) -> None:
        """SubmitTestEvent."""
        self._happen(happenings.of_test(self.bmc, self._number + 1, wish))

    def _look_at_health(self) -> None:
        """An event of its own when the whole system fares otherwise than before."""
        word = self.bmc.machine.health()["System"]
        if self._word and word != self._word:
            self._happen(happenings.of_status(self.bmc, self._number + 1, word))
        self._word = word

    def _happen(self, happening: Happening) -> None:
        self._number = happening.number
        bmc = self.bmc
        bmc.next_turn()
        if not happening.is_report and self._events is not None:
            self._events.append(happening)
            self.note("event", id=str(happening.number), message_id=happening.document.get("MessageId"))
        every = bmc.policy("lose_event", 0)
        if every and happening.number % every == 0:
            return
        late = float(bmc.policy("late_event", 0.0))
        if late:
            bmc.plant.agenda.after(late, lambda _: self._tell(happening))
        else:
            self._tell(happening)

    def _tell(self, happening: Happening) -> None:
        listeners: list[Stream | Destination] = [] if self._hangs() else [*self.destinations.values()]
        listeners += [] if self._silent() else self.streams.values()
        for _ in range(1 + int(self.bmc.policy("duplicate_event", 0))):
            for listener in listeners:
                listener.tell(happening)

    # ---- streams ----

    @property
    def streams_full(self) -> bool:
        """Whether one stream more is too many."""
        return len(self.streams) >= self.bmc.shape.push.streams

    def stream(self, wanted: Wanted, user: str, client: str, after: int | None) -> Stream:
        """A stream that waits for its line."""
        return Stream(self, self.bmc.new_id(), wanted, user, client, after)

    def stream_opened(self, stream: Stream) -> None:
        """A stream has its line: it hears what it missed, and all that comes."""
        self._listen()
        self.streams[stream.id] = stream
        tally = self.bmc.tally
        tally.streams.set(len(self.streams), self.bmc.plant.clock.now())
        tally.streams_opened += 1
        self.note("stream_opened", id=stream.id, client=stream.client, user=stream.user, streams=len(self.streams))
        if self._silent():
            return
        for happening in self._missed(stream.after):
            stream.tell(happening)
        self._keep_commenting()
        self._keep_reporting()

    def stream_closed(self, stream: Stream) -> None:
        """A stream has lost its line."""
        if self.streams.pop(stream.id, None) is not None:
            self.bmc.tally.streams.set(len(self.streams), self.bmc.plant.clock.now())
            self.note("stream_closed", id=stream.id, client=stream.client, streams=len(self.streams))

    def _missed(self, after: int | None) -> Iterator[Happening]:
        if after is not None and self._events is not None:
            yield from (happening for happening in tuple(self._events) if happening.number > after)

    def _keep_commenting(self) -> None:
        push = self.bmc.shape.push
        every = push.comment_every or push.ends_after
        if every and not self._commenting:
            self._commenting = True
            self.bmc.plant.agenda.after(every, self._comment)

    def _comment(self, _: float) -> None:
        self._commenting = False
        if not self.streams:
            return
        push, now = self.bmc.shape.push, self.bmc.plant.clock.now()
        for stream in tuple(self.streams.values()):
            if push.ends_after and now - stream.told_at >= push.ends_after:
                stream.end(clean=True)
        if push.comment_every and not self._silent():
            for stream in tuple(self.streams.values()):
                stream.push(b": %b\n\n" % push.comment.encode())
        self._keep_commenting()

    def _keep_reporting(self) -> None:
        every = self.bmc.shape.push.reports_every
        if every and not self._reporting:
            self._reporting = True
            self.bmc.plant.agenda.after(every, self._report)

    def _report(self, _: float) -> None:
        self._reporting = False
        if not self.streams and not self.destinations:
            return
        document = self.bmc.report()
        if document is not None:
            self._happen(Happening(number=self._number + 1, document=document, is_report=True))
        self._keep_reporting()

    def drop_streams(self, *, clean: bool) -> None:
        """Ends every stream."""
        for stream in tuple(self.streams.values()):
            stream.end(clean=clean)

    async def flood(self, count: int) -> None:
        """Many events that are in no log, as fast as the clients take them."""
        wish = {"MessageId": "Platform.1.0.ClockSynchronised", "Message": "The clock was set by its time server."}
        for _ in range(count):
            self._number += 1
            happening = happenings.of_test(self.bmc, self._number, wish)
            for stream in tuple(self.streams.values()):
                stream.tell(happening)
            slow = any(stream.backlog > EASY for stream in self.streams.values())
            if slow or self._number % 50 == 0:
                await asyncio.sleep(0.05 if slow else 0)

    # ---- subscriptions ----

    def subscribe(self, told: Json, headers: dict[str, str], policy: str, *, by: str) -> str:
        """Keeps a subscription; its id."""
        self._listen()
        key = self.bmc.new_id()
        self.destinations[key] = Destination(self, key, told, headers, policy)
        self.note(
            "subscription_created", id=key, destination=told["Destination"], context=told.get("Context"), by=by,
            subscriptions=len(self.destinations),
        )  # fmt: skip
        self._keep_reporting()
        return key

    def drop(self, key: str, *, by: str) -> None:
        """Forgets a subscription, or ends a stream."""
        if key in self.streams:
            self.streams[key].end(clean=True)
        destination = self.destinations.pop(key, None)
        if destination is None:
            return
        self.note(
            "subscription_deleted", id=key, destination=destination.told["Destination"],
            context=destination.told.get("Context"), by=by, subscriptions=len(self.destinations),
        )  # fmt: skip
        destination.end()

    def forget(self, *, by: str) -> None:
        """Forgets every subscription."""
        for key in tuple(self.destinations):
            self.drop(key, by=by)

    def restarted(self) -> None:
        """The BMC starts anew: streams are cut with its connections, its numbers begin again."""
        self._number = 0
        if self._events is not None:
            self._events.clear()
        if not self.bmc.shape.push.kept_over_reset:
            self.forget(by="restart")

    # ---- small things ----

    def _hangs(self) -> bool:
        """Whether the whole BMC hangs: nobody hears anything, whoever listens."""
        wire = self.bmc.wire
        return bool(wire) and any(f.effect.name == "hang" and not f.match and f.in_time() for f in wire)

    def _silent(self) -> bool:
        """Whether nothing goes out on streams."""
        return self._hangs() or bool(self.bmc.policy("silent_stream", False))

    def note(self, what: str, **particulars: Any) -> None:
        """Writes a row into the ledger."""
        self.bmc.plant.ledger.note(self.bmc.machine.name, what, **particulars)

    async def pause(self, seconds: float) -> None:
        """Waits by the fleet's clock."""
        over = asyncio.Event()
        self.bmc.plant.agenda.after(seconds, lambda _: over.set())
        await over.wait()

    def _listen(self) -> None:
        if self._events is None:
            self._events = deque(maxlen=self.bmc.shape.push.replayed)
            self._word = self.bmc.machine.health()["System"]
