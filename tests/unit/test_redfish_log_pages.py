"""A log that grows between looks is told whole, whatever its pages do; what is lost is told as a gap."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetmon.drivers.redfish.logbook import SINGLE_ENTRIES, TRIES, read_log
from fleetmon.drivers.redfish.paging import MAX_PAGES, Trail
from fleetmon.drivers.redfish.parse.logs import record
from fleetmon.drivers.redfish.plan import LogPlan
from fleetmon.drivers.redfish.resource import Resource
from fleetmon.errors import AccessDenied, Busy, Garbled, Unreachable, Unsupported
from fleetmon.ingest.logs import follow, mark_of
from fleetmon.storage.events import LogState, identity_of
from tests.redfish_service import NOW, collection, link, log_entries

SEL = LogPlan("SEL", "/redfish/v1/Managers/1/LogServices/SEL", "/redfish/v1/Managers/1/LogServices/SEL/Entries")
EPOCH = NOW + timedelta(days=1)


@dataclass
class Log:
    """A service's log: records `first` to `last` in pages of `size`, in an order of its own."""

    size: int = 50
    order: str = "oldest first"
    references: bool = False
    honours_skip: bool = True
    counts: bool = True
    first: int = 1
    last: int = 0
    erased: int = 0
    """How often it was cleared; what is written then is other records under the same ids."""
    broken: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def entry(self, number):
        told = log_entries(number, number)[0]
        return told | {"Message": f"event {number} of round {self.erased}", "Created": self._created(number)}

    def _created(self, number):
        at = NOW + timedelta(days=self.erased, minutes=number)
        return at.isoformat().replace("+00:00", "Z")

    def record_of(self, number):
        return record(self.entry(number), "/x", {})

    async def get(self, path):
        self.asked.append(path)
        bare, _, query = path.partition("?")
        if bare != SEL.entries:
            number = int(bare.rpartition("/")[2])
            self._fail(f"entry {number}", path)
            return Resource(path, self.entry(number), NOW)
        if query and not self.honours_skip and not query.startswith("$skiptoken="):
            query = ""
        start = int(query.partition("=")[2] or 0)
        numbers = self.numbers()
        shown = numbers[start : start + self.size]
        if path != SEL.entries:
            for number in shown:
                self._fail(f"page {number}", path)
        body = {**collection(SEL.entries, "LogEntry", []), "Members": [self.member(number) for number in shown]}
        if self.counts:
            body["Members@odata.count"] = len(numbers)
        else:
            del body["Members@odata.count"]
        if start + self.size < len(numbers):
            word = "$skip" if self.honours_skip else "$skiptoken"
            body["Members@odata.nextLink"] = f"{SEL.entries}?{word}={start + self.size}"
        return Resource(path, body, NOW)

    def _fail(self, what, path):
        if (error := self.broken.get(what)) is not None:
            error.resource = error.resource and path
            raise error

    def numbers(self):
        numbers = list(range(self.first, self.last + 1))
        if "newest" in self.order:
            numbers.reverse()
        if "shuffled" in self.order:
            pages = [numbers[at : at + self.size] for at in range(0, len(numbers), self.size)]
            for number, page in enumerate(pages):
                random.Random(number).shuffle(page)
            numbers = [number for page in pages for number in page]
        return numbers

    def member(self, number):
        return link(f"{SEL.entries}/{number}") if self.references else self.entry(number)


class Reader:
    """What the driver and the store make of one log over many looks."""

    def __init__(self, log):
        self.log = log
        self.state: LogState | None = None
        self.stored: dict[tuple[int, bytes], str] = {}
        self.own: list[str] = []
        self.tries = 0
        self.trail = Trail()
        self.requests = 0

    async def look(self):
        self.log.asked.clear()
        mark = self.state.mark if self.state else None
        before = self.trail.path
        reading = await read_log(self.log, SEL, mark, {}, last_try=self.tries + 1 >= TRIES, trail=self.trail)
        self.requests = len(self.log.asked)
        in_vain = bool(reading.unread) and not reading.gap and self.trail.path == before
        self.tries = self.tries + 1 if in_vain else 0
        if mark is None and reading.unread and not reading.gap:
            return reading
        followed = follow(self.state, reading, self._seen, generation=1, received_at=NOW + timedelta(days=2))
        self.state = followed.state
        for event in followed.events:
            if event.record.message_id.startswith("Fleetmon."):
                self.own.append(event.record.message_id)
            assert (
                event.generation,
                identity_of(event.record),
            ) not in self.stored or "Fleetmon" in event.record.message_id
            self.stored[event.generation, identity_of(event.record)] = event.record.message
        return reading

    def _seen(self, generation, records):
        return {identity_of(one): (generation, identity_of(one)) in self.stored for one in records}

    def lost(self, first, last):
        told = set(self.stored.values())
        return [n for n in range(first, last + 1) if self.log.entry(n)["Message"] not in told]


async def grown(log, *lengths):
    """A reader that has looked at the log at each of these lengths."""
    reader = Reader(log)
    for length in lengths:
        log.last = length
        await reader.look()
    return reader


ORDERS = ["oldest first", "newest first", "oldest first, shuffled", "newest first, shuffled"]


@pytest.mark.parametrize("references", [False, True])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("order", ORDERS)
async def test_a_log_that_grows_over_a_page_boundary_is_read_on(order, skip, references):
    reader = await grown(Log(10, order, references, skip), 10, 11, 13, 20, 21, 45, 48)
    assert reader.lost(1, 48) == []
    assert reader.own == []


@pytest.mark.parametrize("order", ORDERS)
async def test_a_steady_look_at_a_long_log_takes_two_requests_where_the_order_allows(order):
    log = Log(50, order)
    reader = await grown(log, 900, 900, 903)
    assert reader.lost(750, 903) == []
    assert reader.requests <= 3
    log.last += 7
    await reader.look()
    assert reader.requests <= (1 if order == "newest first" else 2)


async def test_a_log_with_the_oldest_first_that_knows_no_skip_is_followed_to_its_end():
    log = Log(50, honours_skip=False)
    reader = await grown(log, 400, 403)
    assert reader.lost(1, 403) == []
    assert reader.requests <= 2 + 8


async def test_of_a_long_log_with_the_oldest_first_old_records_never_come_back_as_news():
    log = Log(50)
    reader = await grown(log, 1000)
    for _ in range(3):
        log.first, log.last = log.first + 60, log.last + 5
        before = len(reader.stored)
        await reader.look()
        assert len(reader.stored) == before + 5


@pytest.mark.parametrize("order", ["oldest first", "newest first"])
async def test_a_log_that_outgrows_a_look_tells_the_gap(order):
    log = Log(10, order)
    reader = await grown(log, 20, 20 + 10 * (MAX_PAGES + 20))
    assert reader.own == ["Fleetmon.LogGap"]
    assert reader.requests <= MAX_PAGES + 2
    assert reader.lost(20 + 10 * 30, log.last) == []


async def test_a_log_longer_than_a_look_is_read_on_by_the_next_from_where_the_last_one_ended():
    log = Log(10, honours_skip=False, counts=False)
    reader = await grown(log, 20, 10 * (2 * MAX_PAGES + 20))
    for _ in range(2):
        assert reader.requests <= MAX_PAGES + 2
        reading = await reader.look()
    assert (reader.lost(1, log.last), reader.own, reading.unread) == ([], [], ())
    log.last += 15
    await reader.look()
    assert (reader.lost(1, log.last), reader.requests) == ([], 4)


async def test_a_trail_is_left_when_the_log_is_no_longer_what_it_was():
    log = Log(10, honours_skip=False, counts=False)
    reader = await grown(log, 200, 215)
    log.erased, log.last = 1, 190
    await reader.look()
    assert reader.lost(1, 190) == []
    assert reader.own == ["Fleetmon.LogCleared"]


async def test_an_entry_that_fails_once_is_asked_for_again():
    log = Log(50, "newest first", references=True)
    reader = await grown(log, 10)
    log.last, log.broken = 12, {"entry 11": Garbled("failed (HTTP 500)", resource="x")}
    reading = await reader.look()
    assert [problem.resource for problem in reading.unread] == [f"{SEL.entries}/11"]
    assert reader.lost(1, 12) == [11]
    assert reader.state.mark == mark_of(log.record_of(10))
    log.broken.clear()
    await reader.look()
    assert reader.lost(1, 12) == []
    assert reader.state.mark == mark_of(log.record_of(12))
    assert reader.own == []


async def test_an_entry_that_never_can_be_read_is_given_up_and_told():
    log = Log(50, "newest first", references=True)
    reader = await grown(log, 10)
    log.last, log.broken = 12, {"entry 11": Garbled("failed (HTTP 500)", resource="x")}
    for _ in range(TRIES):
        assert reader.own == []
        await reader.look()
    assert reader.own == ["Fleetmon.LogGap"]
    reading = await reader.look()
    assert (reader.own, reading.unread, reader.requests) == (["Fleetmon.LogGap"], (), 2)


async def test_the_marks_own_entry_has_been_read_and_may_fail():
    log = Log(50, "newest first", references=True)
    reader = await grown(log, 10)
    log.last, log.broken = 11, {"entry 10": Garbled("failed (HTTP 500)", resource="x")}
    for _ in range(TRIES):
        await reader.look()
        assert (reader.own, reader.lost(1, 11)) == ([], [])
    assert reader.state.mark == mark_of(log.record_of(11))


@pytest.mark.parametrize("order", ["oldest first", "newest first"])
async def test_a_page_that_fails_once_is_asked_for_again(order):
    log = Log(50, order)
    reader = await grown(log, 60)
    log.last, log.broken = 210, {"page 120": Garbled("failed (HTTP 500)", resource="x")}
    reading = await reader.look()
    assert reading.unread
    assert reader.state.mark == mark_of(log.record_of(60))
    log.broken.clear()
    await reader.look()
    assert (reader.lost(1, 210), reader.own) == ([], [])


async def test_a_page_that_never_can_be_read_costs_only_itself():
    log = Log(50)
    reader = await grown(log, 60)
    log.last, log.broken = 210, {"page 75": Garbled("failed (HTTP 500)", resource="x")}
    for _ in range(TRIES):
        await reader.look()
    assert reader.own == ["Fleetmon.LogGap"]
    assert set(reader.lost(1, 210)) <= set(range(61, 111))
    log.last = 215
    await reader.look()
    assert (reader.lost(111, 215), reader.own) == ([], ["Fleetmon.LogGap"])


async def test_a_first_look_that_cannot_be_whole_is_made_again():
    log = Log(50, broken={"page 120": Unreachable("no answer within 30 s", resource="x")})
    reader = await grown(log, 150)
    assert not reader.stored
    log.broken.clear()
    await reader.look()
    assert reader.lost(1, 150) == []


@pytest.mark.parametrize("error", [Unreachable("closed"), AccessDenied("refused"), Busy("full")])
@pytest.mark.parametrize("references", [False, True])
async def test_a_failure_of_the_device_is_no_failure_of_a_page(error, references):
    what = {"entry 45": error} if references else {"page 60": error}
    log = Log(50, references=references, last=120, broken=what)
    if references:
        log.last = 45
    with pytest.raises(type(error)):
        await read_log(log, SEL, None, {})


async def test_a_bmc_that_stops_answering_is_asked_for_no_more_entries():
    log = Log(50, references=True, last=40, broken={"entry 38": Unreachable("no answer within 30 s", resource="x")})
    reading = await read_log(log, SEL, None, {})
    assert len(log.asked) == 4
    assert reading.unread


@pytest.mark.parametrize("answer", [Unsupported("not there (HTTP 501)", resource="x"), None])
async def test_a_skip_that_is_not_honoured_is_seen_by_its_content(answer):
    class Refusing(Log):
        async def get(self, path):
            if "$skip=" in path:
                self.asked.append(path)
                if answer is not None:
                    raise answer
            return await super().get(path)

    log = Refusing(50, honours_skip=False)
    reader = await grown(log, 50, 60, 180)
    assert (reader.lost(1, 180), reader.own) == ([], [])


@pytest.mark.parametrize("order", ORDERS)
async def test_F52_a_cleared_log_that_has_grown_over_a_page_is_read_anew(order):
    log = Log(10, order)
    reader = await grown(log, 35)
    log.erased, log.last = 1, 25
    await reader.look()
    assert reader.lost(1, 25) == []
    assert reader.own == ["Fleetmon.LogCleared"]


@st.composite
def lives(draw):
    """A log and what happens to it between looks."""
    log = Log(
        size=draw(st.integers(1, 12)),
        order=draw(st.sampled_from(ORDERS)),
        references=draw(st.booleans()),
        honours_skip=draw(st.booleans()),
        counts=draw(st.booleans()),
        last=draw(st.integers(0, 30)),
    )
    grow = st.tuples(st.just("grow"), st.integers(0, 25))
    fail = st.tuples(st.just("fail"), st.integers(1, 80))
    clear = st.tuples(st.just("clear"), st.integers(1, 20))
    return log, draw(st.lists(st.one_of(grow, grow, fail, clear), min_size=1, max_size=6))


@given(lives())
@settings(max_examples=300, deadline=None)
async def test_nothing_is_lost_without_a_gap_told(life):
    log, steps = life
    reader = Reader(log)
    await reader.look()
    for what, number in steps:
        if what == "grow":
            log.last += number
        elif what == "fail":
            failure = Garbled("failed (HTTP 500)", resource="x")
            log.broken = {f"page {number}": failure, f"entry {number}": failure}
        elif log.last:
            log.erased, log.last = log.erased + 1, number
        before = reader.state.mark if reader.state else None
        reading = await reader.look()
        assert reader.requests <= 2 + MAX_PAGES + SINGLE_ENTRIES
        after = reader.state.mark if reader.state else None
        if after != before and log.last:
            passed = [n for n in range(1, log.last + 1) if mark_of(log.record_of(n)) == after]
            assert reader.own or not reading.unread
            assert reader.own or not passed or reader.lost(1, passed[0]) == []
        if what == "fail":
            log.broken = {}
    await reader.look()
    await reader.look()
    assert reader.lost(1, log.last) == [] or "Fleetmon.LogGap" in reader.own
    newest = reader.state.mark if reader.state else None
    assert not log.last or newest == mark_of(log.record_of(log.last)) or "Fleetmon.LogGap" in reader.own
