"""The live stream, spoken to over ASGI with time in hand, and once over a real socket."""

import asyncio
import contextlib
import socket

import httpx
import orjson
import pytest
import uvicorn

from fleetmon.api.live import MOST_WATCHERS, Frame
from tests.contract.api_seed import BASE, look, server, service, silence


class Viewer:
    """A browser's EventSource, as far as the stream can tell."""

    def __init__(self, app, query: str = "", headers: dict[str, str] | None = None) -> None:
        self.status = 0
        self.text = ""
        self._gone = asyncio.Event()
        self._task = asyncio.ensure_future(app(self._scope(query, headers or {}), self._receive, self._send))

    def _scope(self, query, headers):
        every = {"host": "127.0.0.1:8480", **headers}
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": f"{BASE}/stream",
            "raw_path": f"{BASE}/stream".encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in every.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8480),
        }

    async def _receive(self):
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])
        else:
            self.text += message.get("body", b"").decode()

    @property
    def events(self) -> list[tuple[str, int, dict]]:
        """Name, id and data of each event so far."""
        blocks = [block for block in self.text.split("\n\n") if block.startswith("event:")]
        lines = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
        return [(line["event"], int(line["id"]), orjson.loads(line["data"])) for line in lines]

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.events]

    async def leave(self) -> None:
        self._gone.set()
        await self._task


async def settle(*_ignored) -> None:
    """Real threads read the store; give them a moment of real time, not of the clock."""
    for _ in range(10):
        await asyncio.sleep(0.005)


async def pass_time(fleet, seconds: float) -> None:
    """Time in steps shorter than a frame, with room for the store's threads between them."""
    for _ in range(int(seconds / 0.25)):
        await fleet.clock.advance(0.25)
        await settle()


@pytest.fixture
async def fleet(tmp_path):
    async with service(tmp_path) as running:
        yield running


@contextlib.asynccontextmanager
async def viewing(fleet, query: str = "", headers: dict[str, str] | None = None):
    viewer = Viewer(fleet.app, query, headers)
    await settle()
    try:
        yield viewer
    finally:
        await viewer.leave()


async def test_whoever_comes_is_greeted_with_the_revision(fleet):
    async with viewing(fleet) as viewer:
        revision = await fleet.store.summaries.revision()
        assert viewer.status == 200
        assert viewer.headers[b"content-type"].startswith(b"text/event-stream")
        assert viewer.events == [
            ("hello", revision, {"revision": revision, "version": "0.1.0", "now": viewer.events[0][2]["now"]})
        ]


async def test_a_change_reaches_every_viewer_as_the_list_tells_it(fleet):
    async with viewing(fleet) as one, viewing(fleet) as other:
        await fleet.clock.advance(30)
        await fleet.observe("web-2", look(fleet.clock))
        await pass_time(fleet, 1)
        for viewer in (one, other):
            name, revision, data = viewer.events[-1]
            assert (name, revision) == ("devices", data["revision"])
            assert data["removed"] == []
            assert data["devices"] == (await fleet.told("/devices", q="web-2"))["items"]


@pytest.fixture
def looks(fleet, monkeypatch):
    """The revisions from which the store was asked for what is newer."""
    asked = []
    newer = fleet.store.summaries.newer

    async def counted(_self, revision, **more):
        asked.append(revision)
        return await newer(revision, **more)

    monkeypatch.setattr(type(fleet.store.summaries), "newer", counted)
    return asked


async def test_one_reader_serves_all_viewers(fleet, looks):
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(10):
            await stack.enter_async_context(viewing(fleet))
        looks.clear()
        await pass_time(fleet, 2)
        assert 3 <= len(looks) <= 6


async def test_the_store_is_read_at_a_steady_pace_however_much_changes(fleet, looks):
    async with viewing(fleet):
        looks.clear()
        for step in range(20):
            await fleet.observe("web-2", look(fleet.clock, inlet=20 + step))
            await fleet.clock.advance(0.1)
            await settle()
        assert len(looks) <= 7


async def test_no_viewer_gets_more_than_two_frames_a_second_and_none_misses_the_last_word(fleet):
    async with viewing(fleet) as viewer:
        for step in range(20):
            await fleet.clock.advance(0.1)
            await fleet.observe("web-2", look(fleet.clock, inlet=20 + step))
            await settle()
        await pass_time(fleet, 1)
        frames = [data for name, _, data in viewer.events if name == "devices"]
        assert len(frames) <= 7
        assert frames[-1]["devices"][0]["inlet"]["value"] == 39


async def test_a_viewer_that_returns_gets_only_what_it_missed(fleet):
    before = await fleet.store.summaries.revision()
    await fleet.observe("web-2", look(fleet.clock))
    for how in ({"query": f"since={before}"}, {"headers": {"Last-Event-ID": str(before)}}):
        async with viewing(fleet, **how) as viewer:
            assert viewer.names == ["hello", "devices"]
            assert viewer.events[0][1] == before, "a hello must not claim what was not told yet"
            assert [device["device_id"] for device in viewer.events[1][2]["devices"]] == ["web-2"]


async def test_last_event_id_wins_over_since(fleet):
    revision = await fleet.store.summaries.revision()
    async with viewing(fleet, "since=0", {"Last-Event-ID": str(revision)}) as viewer:
        assert viewer.names == ["hello"]


@pytest.mark.parametrize("last", ["999999", "not-a-number", "99999999999999999999999"])
async def test_a_viewer_from_another_time_is_told_to_fetch_everything_again(fleet, last):
    async with viewing(fleet, headers={"Last-Event-ID": last}) as viewer:
        revision = await fleet.store.summaries.revision()
        assert viewer.names == ["hello", "reset"]
        assert viewer.events[1][1:] == (revision, {"revision": revision})
        await fleet.clock.advance(1)
        await fleet.observe("web-2", look(fleet.clock))
        await pass_time(fleet, 1)
        assert viewer.names[-1] == "devices"


async def test_a_device_that_leaves_and_one_that_comes_are_told(fleet):
    async with viewing(fleet) as viewer:
        await fleet.client.delete(f"{BASE}/devices/web-6", headers={"If-Match": "*"})
        await fleet.store.fleet.add_device(server(30))
        await pass_time(fleet, 1)
        told = [data for name, _, data in viewer.events if name == "devices"]
        assert [gone for data in told for gone in data["removed"]] == ["web-6"]
        assert [device["device_id"] for data in told for device in data["devices"]] == ["web-30"]


async def test_silence_and_staleness_are_changes_too(fleet):
    async with viewing(fleet) as viewer:
        await fleet.clock.advance(60)
        await fleet.observe("web-1", silence(fleet.clock))
        await pass_time(fleet, 1)
        assert viewer.events[-1][2]["devices"][0]["reachability"] == "unreachable"
        await fleet.clock.advance(300)
        await fleet.store.summaries.mark_stale(fleet.clock.now())
        await pass_time(fleet, 1)
        stale = {device["device_id"]: device["stale"] for device in viewer.events[-1][2]["devices"]}
        assert stale["web-1"] is True


async def test_a_quiet_stream_says_it_is_still_there(fleet):
    async with viewing(fleet) as viewer:
        await fleet.clock.advance(14)
        assert ": still here" not in viewer.text
        await fleet.clock.advance(2)
        assert viewer.text.endswith(": still here\n\n")


async def test_a_viewer_that_leaves_leaves_nothing_behind(fleet):
    stream = fleet.app.state.desk.stream
    async with viewing(fleet), viewing(fleet):
        assert stream.watchers == 2
    assert stream.watchers == 0
    assert stream._reader is None
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert "stream reader" not in names


async def test_one_viewer_too_many_is_told_to_come_back(fleet):
    fleet.app.state.desk.stream._most = 2
    assert MOST_WATCHERS == 200
    async with viewing(fleet), viewing(fleet), viewing(fleet) as third:
        assert third.status == 503
        assert third.headers[b"retry-after"] == b"5"
        assert orjson.loads(third.text)["type"].endswith("#too-many-streams")
    async with viewing(fleet) as again:
        assert again.status == 200


async def test_the_end_of_the_service_ends_the_streams(fleet):
    async with viewing(fleet) as viewer:
        fleet.app.state.desk.stream.close()
        await settle()
        assert viewer._task.done()


async def test_since_that_is_no_revision_is_refused(fleet):
    answer = await fleet.client.get(f"{BASE}/stream?since=yesterday")
    assert answer.status_code == 400


def test_frames_that_wait_become_one_with_the_later_word():
    first = Frame(1, {"a": b"1", "b": b"1"}, frozenset({"c"}))
    both = first.and_then(Frame(2, {"b": b"2", "c": b"2"}, frozenset({"a"})))
    assert both == Frame(2, {"b": b"2", "c": b"2"}, frozenset({"a"}))
    assert first.and_then(Frame(3, reset=True)) == Frame(3, reset=True)
    assert Frame(3, reset=True).and_then(first) == Frame(3, reset=True)


async def test_a_browser_that_vanishes_from_a_real_socket_is_forgotten(tmp_path):
    async with service(tmp_path) as fleet, served(fleet.app) as url, httpx.AsyncClient(base_url=url) as client:
        stream = fleet.app.state.desk.stream
        async with client.stream("GET", f"{BASE}/stream") as answer:
            first = await anext(answer.aiter_text())
            assert first.startswith("event: hello\n")
            assert stream.watchers == 1
        for _ in range(100):
            if stream.watchers == 0:
                break
            await asyncio.sleep(0.02)
        assert stream.watchers == 0


@contextlib.asynccontextmanager
async def served(app):
    """The application behind a real server on a free port of loopback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server_ = uvicorn.Server(uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_config=None))
        running = asyncio.ensure_future(server_.serve(sockets=[listener]))
        while not server_.started:
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server_.should_exit = True
            await running
