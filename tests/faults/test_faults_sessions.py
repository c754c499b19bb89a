"""Sessions of ours on a BMC: one, found again, ended, and never a storm of logins."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from fleetmon.drivers.base import Memory, Opening, Request
from fleetmon.drivers.lane import Lane, Priority
from fleetmon.drivers.redfish.login import SESSIONS, orphans, own_session
from fleetmon.drivers.redfish.session import Session
from fleetmon.errors import AccessDenied, DeviceError
from fleetmon.model import Reachability
from tests.bench import EVERYTHING, MACHINE, STEADY, SYSTEM, device, head_of, http, opened, wire

ROOT_BODY = {
    "@odata.id": "/redfish/v1/",
    "RedfishVersion": "1.6.0",
    "Links": {"Sessions": {"@odata.id": SESSIONS}},
}


@dataclass
class Service:
    """A session service of few words; `refuse` are paths that no token opens, `dead` are tokens that ended."""

    location: bool = True
    refuse: set[str] = field(default_factory=set)
    honours_tokens: bool = True
    logins: int = 0
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, user: str = "operator", origin: str = "127.0.0.1", created: str = "") -> str:
        self.logins += 1
        name = f"S{self.logins}"
        self.sessions[name] = {
            "@odata.id": f"{SESSIONS}/{name}",
            "UserName": user,
            "ClientOriginIPAddress": origin,
            "CreatedTime": created or f"2026-01-06T08:00:{self.logins:02}Z",
        }
        return name

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await head_of(reader)
            method, path, _ = head.split(" ", 2)
            length = head.lower().partition("content-length: ")[2].split("\r\n")[0]
            await reader.readexactly(int(length or 0))
            self.asked.append(f"{method} {path}")
            writer.write(self.answer(method, path, head.partition("X-Auth-Token: ")[2].split("\r\n")[0]))
            await writer.drain()

    def answer(self, method: str, path: str, token: str) -> bytes:
        name = path.rpartition("/")[2]
        if method == "POST":
            name = self.open()
            where = f"Location: {SESSIONS}/{name}\r\n" if self.location else ""
            return http(b"", status="201 Created", headers=f"X-Auth-Token: {name}\r\n{where}")
        if path == "/redfish/v1/" and not token:
            return http(json.dumps(ROOT_BODY).encode())
        if token not in self.sessions or path in self.refuse or not self.honours_tokens:
            return http(b"", status="401 Unauthorized")
        if method == "DELETE":
            self.deleted.append(name)
            return http(b"", status="204 No Content" if self.sessions.pop(name, None) else "404 Not Found")
        if path == SESSIONS:
            members = [{"@odata.id": body["@odata.id"]} for body in self.sessions.values()]
            return http(json.dumps({"@odata.id": SESSIONS, "Members": members}).encode())
        body = self.sessions.get(name, {"@odata.id": path, "Name": "x"})
        return http(json.dumps(body).encode())


@pytest.fixture
async def service():
    return Service()


# ---- where a session stands ------------------------------------------------------------------------------------------


async def test_F06_a_session_without_location_is_found_among_the_others_and_ended(service):
    service.location = False
    service.open("somebody")
    service.open(created="2026-01-06T07:00:00Z")
    async with wire(service) as address:
        driver, _, _ = opened(address)
        await driver.raw("/redfish/v1/Chassis")
        assert driver._session.login.without_location == 0
        await driver.close()
    assert service.deleted == ["S3"]
    assert set(service.sessions) == {"S1", "S2"}


async def test_F06_a_session_that_cannot_be_told_from_another_is_left_to_expire_and_that_is_told(service):
    service.location = False
    service.open(created="2026-01-06T08:00:02Z")
    async with wire(service) as address:
        driver, _, _ = opened(address)
        seen = await driver.observe(Request(aspects=STEADY))
        await driver.close()
    assert service.deleted == []
    assert any("runs out by itself" in problem.reason for problem in seen.problems)


@pytest.mark.parametrize(
    ("sessions", "found"),
    [
        ({"/s/1": {}}, "/s/1"),
        ({"/s/1": {"UserName": "other"}, "/s/2": {"UserName": "us"}}, "/s/2"),
        ({"/s/1": {"UserName": "us"}, "/s/2": {"UserName": "us"}}, ""),
        (
            {
                "/s/1": {"UserName": "us", "CreatedTime": "2026-01-06T08:00:00Z"},
                "/s/2": {"UserName": "us", "CreatedTime": "2026-01-06T09:00:00+02:00"},
            },
            "/s/1",
        ),
        ({}, ""),
    ],
)
def test_F06_our_session_is_the_only_one_of_ours_or_the_newest(sessions, found):
    assert own_session(sessions, "us") == found


# ---- sessions left behind --------------------------------------------------------------------------------------------


async def test_F02_a_login_that_a_kill_interrupted_is_swept_by_the_next_one(service):
    remembered: list[dict[str, Any]] = []
    async with wire(service) as address:
        driver, lane, clock = opened(address)

        async def remember() -> None:
            remembered.append(driver.memory().session)
            if len(remembered) == 2:
                raise asyncio.CancelledError  # as a kill: the answer is here, and nothing else happens

        opening = driver._session._opening
        killed = Session(
            Opening(
                endpoint=opening.endpoint, credentials=opening.credentials, lane=lane, clock=clock, remember=remember
            )
        )
        driver._session = killed
        with pytest.raises(asyncio.CancelledError):
            await killed.get(SYSTEM)
        await killed.suspend()
        assert "begun" in remembered[0]
        assert "token" not in remembered[0]
        service.open("somebody")
        await clock.advance(timedelta(seconds=10))
        again, _, _ = opened(address, memory=Memory(session=remembered[0]), lane=lane)
        await again.raw(SYSTEM)
        assert set(service.sessions) == {"S2", "S3"}
        assert service.deleted == ["S1"]
        await again.close()


async def test_F02_a_token_is_kept_before_anything_else_is_asked(service):
    remembered: list[tuple[list[str], dict[str, Any]]] = []
    async with wire(service) as address:
        driver, lane, clock = opened(address)
        opening = driver._session._opening

        async def remember() -> None:
            remembered.append((list(service.asked), session.memory()))

        session = Session(
            Opening(
                endpoint=opening.endpoint, credentials=opening.credentials, lane=lane, clock=clock, remember=remember
            )
        )
        await session.get(SYSTEM)
        await session.close()
    (before, intent), (after, kept) = remembered
    assert before == ["GET /redfish/v1/"]
    assert set(intent) == {"sessions", "begun", "address"}
    assert after == ["GET /redfish/v1/", f"POST {SESSIONS}"]
    assert kept["token"] == "S1"
    assert "begun" not in kept


@pytest.mark.parametrize(
    ("other", "swept"),
    [
        ({"UserName": "us", "ClientOriginIPAddress": "10.0.0.1", "CreatedTime": "2026-01-06T07:59:30Z"}, True),
        ({"UserName": "us", "ClientOriginIPAddress": "10.0.0.2", "CreatedTime": "2026-01-06T07:59:30Z"}, False),
        ({"UserName": "other", "ClientOriginIPAddress": "10.0.0.1", "CreatedTime": "2026-01-06T07:59:30Z"}, False),
        ({"UserName": "us", "ClientOriginIPAddress": "10.0.0.1", "CreatedTime": "2026-01-06T07:50:00Z"}, False),
        ({"UserName": "us", "ClientOriginIPAddress": "10.0.0.1", "CreatedTime": "2026-01-06T08:00:01Z"}, False),
        ({"UserName": "us", "ClientOriginIPAddress": "10.0.0.1"}, False),
        ({"UserName": "us"}, False),
    ],
)
def test_F02_only_what_looks_like_our_own_lost_login_is_swept(other, swept):
    own = {"UserName": "us", "ClientOriginIPAddress": "10.0.0.1", "CreatedTime": "2026-01-06T08:00:00Z"}
    found = orphans({"/s/1": other, "/s/2": own}, "/s/2", "us", timedelta(minutes=2))
    assert found == (["/s/1"] if swept else [])


# ---- no storm of logins ----------------------------------------------------------------------------------------------


async def test_F03_a_path_that_is_not_for_us_costs_one_login_and_leaves_no_session(service):
    service.refuse.add("/redfish/v1/Secret")
    async with wire(service) as address:
        driver, _, _ = opened(address)
        await driver.raw("/redfish/v1/Chassis")
        for _ in range(10):
            with pytest.raises(AccessDenied):
                await driver.raw("/redfish/v1/Secret")
            await driver.raw("/redfish/v1/Chassis")
        assert (service.logins, len(service.sessions)) == (2, 1)
        await driver.close()
    assert service.sessions == {}


async def test_F05_a_bmc_that_honours_no_token_gets_two_logins_a_minute_at_most(service):
    service.honours_tokens = False
    async with wire(service) as address:
        driver, _, clock = opened(address)
        for minute in range(10):
            for path in ("Chassis", "Systems", "Managers", "Chassis"):
                with pytest.raises(DeviceError):
                    await driver.raw(f"/redfish/v1/{path}")
            assert service.logins <= minute + 1
            await clock.advance(timedelta(seconds=61))
        await driver.close()


async def test_F05_refusals_are_remembered_before_the_poll_ends():
    kept: list[int] = []
    async with device(password="wrong") as bench:

        async def remember() -> None:
            kept.append(bench.lane.breaker.refusals)

        opening = bench.driver._session._opening
        session = Session(
            Opening(
                endpoint=opening.endpoint, credentials=opening.credentials, lane=bench.lane, clock=bench.clock,
                remember=remember,
            )
        )  # fmt: skip
        for _ in range(3):
            with pytest.raises(AccessDenied):
                await session.get(SYSTEM)
        await session.suspend()
        assert kept == [0, 1, 1, 2]


async def test_F05_whoever_asks_shares_one_breaker():
    """A poll, a person, a change: two refusals are two, over all of them and over restarts."""
    async with device(password="wrong") as bench:
        bench.strike("F05")
        await bench.poll()
        with pytest.raises(AccessDenied):
            await bench.driver.raw(SYSTEM)
        with pytest.raises(AccessDenied, match="not trying again before"):
            await bench.driver._session.change("POST", "/redfish/v1/EventService/Subscriptions", {}, Priority.COMMAND)
        restarted = Lane(device=bench.address, clock=bench.clock, breaker=bench.lane.breaker)
        again, _, _ = opened(bench.address, password="wrong", lane=restarted)
        seen = await again.observe(Request(aspects=EVERYTHING))
        assert seen.reachability is Reachability.ACCESS_DENIED
        assert bench.noted("login_refused") == 2
        for _ in range(3):
            await bench.clock.advance(timedelta(minutes=10, seconds=1))
            bench.fleet.advance(601)
            for _ in range(3):
                await again.observe(Request(aspects=STEADY))
        assert bench.noted("login_refused") == 5
        assert bench.noted("locked_out") == 0
        await again.close()


# ---- changes ---------------------------------------------------------------------------------------------------------


async def test_F13_a_change_is_never_sent_twice():
    async with device() as bench:
        await bench.poll()
        bench.strike("F13")
        sent = bench.requests
        session = bench.driver._session
        with pytest.raises(DeviceError):
            await session.change("POST", f"{SYSTEM}/Actions/ComputerSystem.Reset", {"ResetType": "Nmi"})
        assert bench.requests - sent <= 1
        rows = bench.fleet.ledger.since(0, machine=MACHINE, what="power_command")
        assert len(rows) <= 1


async def test_a_change_that_finds_the_session_ended_is_not_repeated_and_the_next_request_logs_in(service):
    async with wire(service) as address:
        driver, _, _ = opened(address)
        await driver.raw("/redfish/v1/Chassis")
        service.sessions.clear()
        with pytest.raises(AccessDenied):
            await driver._session.change("DELETE", "/redfish/v1/EventService/Subscriptions/1")
        assert [asked for asked in service.asked if asked.startswith("DELETE")] == [
            "DELETE /redfish/v1/EventService/Subscriptions/1"
        ]
        await driver.raw("/redfish/v1/Chassis")
        assert service.logins == 2
        await driver.close()


# ---- when a BMC asks for time ----------------------------------------------------------------------------------------


async def test_F07_a_bmc_that_asks_for_time_gets_it():
    async with device() as bench:
        await bench.poll()
        fault = bench.strike({"status": 503, "retry_after": 90}, match={"method": "GET", "path": SYSTEM})
        assert (await bench.steady()).requests > 0
        bench.fleet.heal(fault)
        before = bench.requests
        await bench.clock.advance(timedelta(seconds=60))
        waiting = await bench.poll()
        assert any("it asked for 30 s more" in problem.reason for problem in waiting.problems) or (
            "it asked for 30 s more" in waiting.reason
        )
        rows = bench.fleet.ledger.since(0, machine=MACHINE, what="request")
        assert not [row for row in rows[before:] if row["target"] == SYSTEM]
        await bench.clock.advance(timedelta(seconds=31))
        assert (await bench.steady()).power is not None
