"""Push is sooner than a poll and never instead of one: when it is tried, left alone, given up and believed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.telling import Subscribed, Wish
from fleetmon.errors import AccessDenied, Busy, Garbled, StorageError, Unreachable, Unsupported
from fleetmon.metrics import Metrics
from fleetmon.model import Aspect, Health, LogRecord, Observation, Pushed, PushedRecord
from fleetmon.push import DAY, DEAF, SILENCE, VERIFY, Links, Push, Pushing, is_news, pause_after
from fleetmon.pushes import Pushes
from fleetmon.storage.rows import PushRow, PushState, PushWay

EVENTS = frozenset({Aspect.EVENTS})
RECORD = PushedRecord(record=LogRecord(record_id="1", severity=Health.OK, message="x", source="/x"), sent_as="1")
HEARD = Pushed()


class Shelf:
    """Keeps rows in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[str, PushRow] = {}
        self.taken: list[PushedRecord] = []
        self.logged: list[datetime] = []
        self.broken = False

    async def recall(self, device_id: str) -> PushRow | None:
        return self.rows.get(device_id)

    async def keep(self, device_id: str, row: PushRow) -> None:
        self.rows[device_id] = row

    async def unheard(self, device_id: str, since: datetime) -> int:
        return sum(at > since for at in self.logged)

    async def take(self, device_id: str, records: Sequence[PushedRecord], row: PushRow) -> PushRow:
        if self.broken:
            raise StorageError("disk I/O error")
        self.taken += records
        self.rows[device_id] = replace(row, events=row.events + len(records))
        return self.rows[device_id]


class Talker:
    """A device that tells what a test puts into its stream."""

    def __init__(self) -> None:
        self.stream = True
        self.error: Exception | None = None
        self.told: asyncio.Queue[Pushed | Exception | None] = asyncio.Queue()
        self.after: list[str] = []
        self.open = self.most_open = 0
        self.subscribed: list[str] = []
        self.there = ""

    async def stream_offered(self) -> bool:
        if self.error:
            raise self.error
        return self.stream

    async def listen(self, after: str) -> AsyncGenerator[Pushed, None]:
        self.after.append(after)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            yield HEARD
            while (one := await self.told.get()) is not None:
                if isinstance(one, Exception):
                    raise one
                yield one
        finally:
            self.open -= 1

    async def subscribe(self, wish: Wish, known: str) -> Subscribed:
        if self.error:
            raise self.error
        self.subscribed.append(known)
        made = not self.there
        self.there = self.there or f"/s/{len(self.subscribed)}"
        return Subscribed(path=self.there, made=made)

    async def unsubscribe(self, path: str, installation: str) -> None:
        self.there = ""

    def hinted(self, content: bytes) -> frozenset[Aspect]:
        return EVENTS if content else frozenset()


class Bench:
    """One push with all it needs, and polls on request."""

    def __init__(self, *, receiver: bool = False) -> None:
        self.clock, self.shelf, self.talker = ManualClock(), Shelf(), Talker()
        self.hurried: list[frozenset[Aspect]] = []
        self.learned: list[Observation] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.receiver = receiver
        self.push = self.made()

    def made(self) -> Push:
        async def learn(observation: Observation) -> None:
            self.learned.append(observation)

        wish = Wish(destination="https://us/push/t", context="us:web", receiver="https://us/push", installation="us")
        return Push(
            "web",
            self.talker,
            pushing=Pushing(keeper=self.shelf, wish=(lambda _: wish) if self.receiver else None),
            links=Links(hurry=self.hurried.append, learn=learn, spawn=self.spawn),
            clock=self.clock,
            metrics=Metrics(),
        )

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self.tasks.add(task)
        return task

    async def poll(self, *, reachable: bool = True, news: bool = False, after: float = 60.0) -> None:
        """Let time pass, as the role would see it, up to the end of a poll."""
        await self.clock.advance(after)
        self.push.look(self.clock.monotonic())
        await self.clock.advance(0)
        self.shelf.logged += [self.clock.now()] * news
        self.push.polled(reachable=reachable, news=news)
        await self.clock.advance(0)

    async def say(self, *told: Pushed | Exception | None) -> None:
        for one in told:
            self.talker.told.put_nowait(one)
        await self.clock.advance(0)

    @property
    def state(self) -> tuple[PushState, str]:
        row = self.shelf.rows["web"]
        return row.state, row.reason

    @property
    def opened(self) -> int:
        return len(self.talker.after)


@contextlib.asynccontextmanager
async def bench(**options: Any) -> AsyncIterator[Bench]:
    one = Bench(**options)
    try:
        yield one
    finally:
        await one.push.close()
        await asyncio.gather(*one.tasks, return_exceptions=True)
        assert one.talker.open == 0
        assert one.talker.most_open <= 1


async def test_a_stream_is_opened_after_a_poll_that_went_well_and_the_log_is_looked_at():
    async with bench() as one:
        await one.poll(reachable=False)
        assert one.opened == 0
        await one.poll()
        await one.poll()
        assert (one.opened, one.state) == (1, (PushState.OPEN, ""))
        assert one.hurried == [EVENTS]


async def test_a_restart_goes_on_after_the_last_event_that_was_stored():
    async with bench() as one:
        await one.poll()
        await one.say(Pushed(event_id="7", records=(RECORD,)), Pushed(event_id="8", records=(RECORD,)))
        await one.push.close()
        one.push = one.made()
        await one.poll()
        assert one.talker.after == ["", "8"]
        assert one.shelf.rows["web"].events == 2


async def test_what_could_not_be_stored_is_asked_for_again():
    async with bench() as one:
        await one.poll()
        await one.say(Pushed(event_id="7", records=(RECORD,)))
        one.shelf.broken = True
        await one.say(Pushed(event_id="8", records=(RECORD,)))
        one.shelf.broken = False
        await one.poll()
        assert one.talker.after == ["", "7"]


async def test_a_stream_that_ends_is_opened_again_after_pauses_that_grow():
    async with bench() as one:
        await one.poll()
        opened_at = []
        for _ in range(60):
            before = one.opened
            await one.say(None)
            await one.poll(after=10)
            if one.opened > before:
                opened_at.append(one.clock.monotonic())
        gaps = [later - earlier for earlier, later in itertools.pairwise(opened_at)]
        assert gaps == sorted(gaps)
        assert gaps[-1] >= 160


async def test_a_stream_that_lived_long_is_opened_again_at_once():
    async with bench() as one:
        await one.poll()
        for _ in range(5):
            for _ in range(10):
                await one.poll()
                await one.say(HEARD)
            await one.say(None)
            before = one.opened
            await one.poll(after=6)
            assert one.opened == before + 1


@pytest.mark.parametrize(
    ("error", "state", "seconds"),
    [
        (Unsupported("no stream"), PushState.GIVEN_UP, DAY),
        (Busy("full"), PushState.RESTING, 600),
        (Busy("full", retry_after=3600), PushState.RESTING, 3600),
        (AccessDenied("no"), PushState.RESTING, 300),
        (Garbled("floods"), PushState.RESTING, 5),
        (StorageError("locked"), PushState.RESTING, 30),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_fails_is_left_alone_for_as_long_as_fits_it(error, state, seconds):
    async with bench() as one:
        one.talker.error = error
        await one.poll()
        assert one.state == (state, error.reason)
        one.talker.error = None
        await one.poll(after=seconds - 1)
        assert one.opened == 0
        await one.poll(after=2)
        assert one.opened == 1


def test_pauses_double_up_to_their_longest():
    assert [pause_after(Busy("x"), number) for number in (0, 1, 2, 3, 99)] == [600, 1200, 2400, 3600, 3600]
    assert pause_after(Unreachable("x"), 50) == 600


async def test_a_wait_the_stream_asked_for_is_kept():
    async with bench() as one:
        await one.poll()
        await one.say(Pushed(retry=900.0), None)
        await one.poll(after=890)
        assert one.opened == 1
        await one.poll(after=20)
        assert one.opened == 2


async def test_a_stream_that_lost_its_beat_is_opened_again():
    async with bench() as one:
        await one.poll()
        for _ in range(6):
            await one.poll(after=30)
            await one.say(HEARD)
        await one.poll(after=80)
        assert one.opened == 1
        await one.poll(after=15)
        assert one.opened == 2


async def test_a_stream_that_never_beat_is_opened_again_after_an_hour():
    async with bench() as one:
        await one.poll()
        await one.poll(after=SILENCE - 10)
        assert one.opened == 1
        await one.poll(after=20)
        assert one.opened == 2


async def test_a_stream_that_tells_nothing_of_what_the_log_shows_is_given_up_for_a_day():
    async with bench() as one:
        await one.poll()
        for _ in range(DEAF):
            await one.poll(news=True)
        assert one.push.is_open
        await one.poll(news=True)
        assert one.state == (PushState.GIVEN_UP, "it takes the stream and tells nothing")
        for _ in range(30):
            await one.poll(after=DAY / 31, news=True)
        assert one.opened == 1
        await one.poll(after=DAY / 10)
        assert one.opened == 2


async def test_a_stream_that_stopped_telling_is_opened_once_more_before_it_is_given_up():
    async with bench() as one:
        await one.poll()
        await one.say(Pushed(records=(RECORD,)))
        for _ in range(DEAF + 1):
            await one.poll(news=True)
        await one.poll()
        assert one.opened == 2
        for _ in range(DEAF + 1):
            await one.poll(news=True)
        assert one.state[0] is PushState.GIVEN_UP


async def test_a_device_that_comes_back_is_listened_to_anew():
    async with bench() as one:
        await one.poll()
        await one.poll(reachable=False)
        await one.poll(reachable=False)
        await one.poll()
        await one.poll()
        assert one.opened == 2


async def test_what_is_lost_or_named_is_asked_for_soon_and_reports_are_learned():
    async with bench() as one:
        await one.poll()
        one.hurried.clear()
        await one.say(Pushed(lost=3), Pushed(due=frozenset({Aspect.HEARTBEAT})))
        assert one.hurried == [EVENTS, {Aspect.HEARTBEAT}]
        assert one.learned == []


async def test_without_receiver_a_device_with_subscriptions_alone_is_left_alone_and_told_why():
    async with bench() as one:
        one.talker.stream = False
        await one.poll()
        assert one.state == (PushState.GIVEN_UP, "it offers no stream, and no receiver is configured for subscriptions")


async def test_a_subscription_is_looked_at_every_hour_and_no_more():
    async with bench(receiver=True) as one:
        one.talker.stream = False
        for _ in range(int(2 * VERIFY / 60) + 1):
            await one.poll()
        assert len(one.talker.subscribed) == 3
        assert one.shelf.rows["web"].way is PushWay.SUBSCRIPTION
        assert one.hurried == [EVENTS]


async def test_F58_after_a_reset_the_subscription_is_made_again_at_the_first_poll_and_the_gap_is_read():
    async with bench(receiver=True) as one:
        one.talker.stream = False
        await one.poll()
        one.talker.there = ""
        await one.poll(reachable=False)
        await one.poll()
        assert one.talker.subscribed == ["", "/s/1"]
        assert one.shelf.rows["web"].subscription == "/s/2"
        assert one.hurried == [EVENTS, EVENTS]


async def test_a_subscription_that_brings_nothing_is_looked_at_and_then_given_up_for_a_day():
    async with bench(receiver=True) as one:
        one.talker.stream = False
        await one.poll()
        for _ in range(2 * (DEAF + 1) - 1):
            await one.poll(news=True)
        assert len(one.talker.subscribed) == 2
        await one.poll(news=True)
        assert one.state == (PushState.GIVEN_UP, "it takes our subscription and tells nothing")
        one.push.hint(b"{}")
        await one.poll()
        assert one.state == (PushState.OPEN, "")


async def test_a_thousand_hints_are_few_looks_at_what_they_say():
    async with bench(receiver=True) as one:
        await one.poll()
        seen = []
        one.talker.hinted = lambda content: seen.append(content) or EVENTS  # type: ignore[method-assign]
        for _ in range(1000):
            one.push.hint(b"{}")
        assert len(seen) <= 5
        assert one.push.row is not None
        assert one.push.row.hints == 1000


async def test_there_are_no_more_streams_than_there_is_room_for():
    async with bench() as one, bench() as other:
        other.push._pushing = one.push._pushing
        one.push._pushing.streams.most = 1
        await one.poll()
        await other.poll()
        assert (one.opened, other.opened) == (1, 0)
        assert other.push.row is not None
        assert "as many streams are open as push.streams permits" in other.push.row.reason
        await one.push.close()
        await other.poll(after=3600)
        assert other.opened == 1


async def test_a_mistake_of_our_own_costs_one_device_its_push():
    async with bench() as one:
        one.talker.error = RuntimeError("bug")
        await one.poll()
        assert one.state == (PushState.GIVEN_UP, "an error of our own: RuntimeError: bug")


async def test_tokens_lead_to_their_own_device_alone_and_drivers_that_cannot_tell_have_no_push():
    wish = lambda device: Wish(destination=f"https://us/push/{device}-t", context="c", receiver="r", installation="i")  # noqa: E731
    pushes = Pushes(Pushing(keeper=Shelf(), wish=wish), clock=ManualClock(), metrics=Metrics())

    class Telling:
        telling = Talker()

    one = Bench()
    links = Links(hurry=one.hurried.append, learn=one.learned.append, spawn=one.spawn)  # type: ignore[arg-type]
    for driver, device in ((object(), "mute"), (Telling(), "web")):
        pushes.polled((device, "redfish"), driver, lambda: links, reachable=True, news=False)
    assert [pushes.hint(token, b"{}") for token in ("web-t", "mute-t", "web", "")] == [True, False, False, False]
    await one.clock.advance(timedelta(0))
    await pushes.close()
    assert not pushes.hint("web-t", b"{}")


def test_news_is_what_moved_in_a_log_that_was_read_before():
    assert not is_news({}, {"SEL": 1})
    assert not is_news({"SEL": 1}, {"SEL": 1, "IML": 2})
    assert is_news({"SEL": 1}, {"SEL": 2})
