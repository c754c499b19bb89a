"""What the libraries do that would hurt: each trap stays closed, and is looked at again with each new version."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import logging
import re
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from gufo.snmp import Sha256Key, SnmpAuthError, SnmpDecodeError, User
from gufo.snmp.aio import SnmpSession as GufoSession
from pyghmi.ipmi.private import session as pyghmi_session

from fleetmon import app, devices
from fleetmon.drivers.ipmi.messages import Command
from fleetmon.drivers.ipmi.wire import Wire
from fleetmon.drivers.lane import Pace, Priority
from fleetmon.drivers.redfish.bodies import MAX_BYTES, BadBody, parse, unpack
from fleetmon.drivers.redfish.transport import CappedResponse, Pin, context_of, open_pipe
from fleetmon.drivers.snmp import conversation
from fleetmon.errors import Garbled, Unreachable
from fleetmon.model import Endpoint, Protocol
from fleetmon.storage.engine import sqlite3
from tests import ber, snmp_agent
from tests.bench import device, head_of, http, opened, wire
from tests.ipmi_bench import bmc, hurried, read
from tests.observations import START, reading
from tests.observations import opened as opened_store

HOUSE = Path(__file__).parents[2]
SERVICE = sorted((HOUSE / "fleetmon").rglob("*.py"))


def endpoint(**more: Any) -> Endpoint:
    return Endpoint(protocol=Protocol.REDFISH, address="https://bmc", **more)


# ---- aiohttp and TLS -------------------------------------------------------------------------------------------------


async def test_a_thousand_pipes_share_one_context_and_load_the_authorities_once(monkeypatch):
    loaded: list[int] = []
    real = ssl.SSLContext.load_default_certs
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda self: (loaded.append(1), real(self)))
    context_of.cache_clear()
    pipes = [open_pipe(endpoint(verify="ca"), Pace(), Pin(None, enforced=False)) for _ in range(1000)]
    assert len({id(pipe._context) for pipe in pipes}) == 1
    assert len(loaded) == 1
    await asyncio.gather(*(pipe.close() for pipe in pipes))


async def test_the_environment_is_not_trusted_and_nothing_is_unpacked_without_a_bound():
    pipe = open_pipe(endpoint(), Pace(), Pin(None, enforced=True))
    session = pipe._session
    assert session.trust_env is False
    assert session.auto_decompress is False
    assert session._response_class is CappedResponse
    assert isinstance(session.cookie_jar, aiohttp.DummyCookieJar)
    await pipe.close()


def test_authorities_named_by_the_environment_reach_no_context_of_a_pinned_device(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    context_of.cache_clear()
    assert context_of("modern", authorities=False).cert_store_stats()["x509_ca"] == 0
    context_of.cache_clear()


def test_uvloop_runs_the_service_because_its_tls_takes_a_fifth_of_the_memory():
    async def loop_name() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert app.run(loop_name()).startswith("uvloop")


async def test_a_pin_is_asked_before_the_first_byte_although_the_context_is_our_own():
    """aiohttp takes the fingerprint of the connector and the context of the request; were that to change, a login
    would reach whoever answers."""
    sent: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.append(await reader.read(100))

    async with wire(listen) as address:
        driver, _, _ = opened(address, pinned="cd" * 32)
        with pytest.raises(Exception, match="expected is cdcd"):
            await driver.raw("/redfish/v1/")
        await driver.close()
    assert b"".join(sent) == b""


# ---- redfish.aio -----------------------------------------------------------------------------------------------------


async def test_the_library_never_logs_in_by_itself():
    """Its own login has no breaker in front, raises without Location and leaves the session open."""
    async with device() as bench:
        await bench.poll()
        client = bench.driver._session._client
        assert client is not None
        assert client._username is None
        assert client._session_key is None
        source = "".join(path.read_text() for path in SERVICE)
        assert not re.search(r"client\.(login|logout)\(", source)


async def test_a_body_ends_at_our_cap_whatever_the_library_would_read():
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(http(b"", length=10 * MAX_BYTES))
        chunk = b" " * 65_536
        for _ in range(2 * MAX_BYTES // len(chunk)):
            writer.write(chunk)
            await writer.drain()

    async with wire(endless) as address:
        driver, _, _ = opened(address)
        with pytest.raises(Exception, match="larger than"):
            await driver.raw("/redfish/v1/")
        await driver.close()


# ---- parsers ---------------------------------------------------------------------------------------------------------


HOSTILE = {
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "beyond a double": b'{"a": 1e999}',
    "deep": b"[" * 100_000,
    "5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_other_parsers_let_through_ours_refuses(body):
    """F30, F112, F114: looked at again with each parser and each of its versions."""
    with pytest.raises(BadBody):
        parse(body)


def test_a_name_given_twice_is_noticed():
    assert parse(b'{"a": 1, "b": {"c": 1, "c": 2}}').repeated_keys == ("c",)


def test_unpacking_has_a_bound():
    with pytest.raises(BadBody, match="unpacks to more"):
        unpack(gzip.compress(b"0" * (2 * MAX_BYTES), 1), "gzip")


# ---- APScheduler -----------------------------------------------------------------------------------------------------


async def test_a_loop_that_stood_still_drops_no_tick_and_nobody_warns(caplog):
    """The default grace of a second drops what was due, and the default executor warns of instances still running."""
    struck: list[float] = []
    scheduler = devices.clockwork(lambda: struck.append(time.monotonic()))
    scheduler.start()
    await asyncio.sleep(0)
    time.sleep(2.3)
    over = time.monotonic()
    async with asyncio.timeout(1):
        while not struck:
            await asyncio.sleep(0.01)
    scheduler.shutdown(wait=False)
    await asyncio.sleep(0)
    assert len(struck) == 1
    assert struck[0] - over < 0.5
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_one_job_ticks_for_the_whole_fleet():
    """A job a device costs 9 MiB and a herd that holds the loop; slots are spread by device instead."""
    assert inspect.getsource(devices).count(".add_job(") == 1


# ---- SQLite ----------------------------------------------------------------------------------------------------------


def test_the_sqlite_in_use_is_free_of_the_corruption_by_wal_reset():
    """F111: fixed in 3.51.3; the wheel of pysqlite3 brings a newer one than most systems."""
    assert tuple(map(int, sqlite3.sqlite_version.split("."))) >= (3, 51, 3)


@pytest.mark.parametrize("value", [2.0**63, 2.0**64 - 1, -(2.0**63) - 2048, 1e308, 5e-324])
async def test_a_reading_beyond_64_bits_is_kept_as_it_is(tmp_path, value):
    """SQLite's INTEGER is signed 64-bit (F101); readings are floats in packed rows and never pass through one."""
    one = reading("Octets", value)
    async with opened_store(tmp_path) as store:
        await store.telemetry.append("web-01", START, [one])
        (kept,) = (await store.telemetry.latest("web-01")).values()
        assert kept.number == pytest.approx(value, rel=1e-6)


# ---- FastAPI ---------------------------------------------------------------------------------------------------------


def test_no_route_leaves_the_encoding_to_the_framework():
    """A list of a thousand devices as plain dicts costs 57 times what encoded bytes do."""
    handlers = [
        (path.name, name, returned)
        for path in SERVICE
        if path.parent.name == "api"
        for name, returned in re.findall(r"async def ((?:get|list)_\w+)\([^)]*\) -> ([\w.]+):", path.read_text())
    ]
    assert len(handlers) > 10
    assert [handler for handler in handlers if not handler[2].endswith("Response")] == []


# ---- pyghmi ----------------------------------------------------------------------------------------------------------


def test_pyghmi_is_used_for_its_protocol_alone_and_in_one_file():
    users = {
        path.relative_to(HOUSE).as_posix(): re.findall(r"^from (pyghmi\S*) import (.+)$", text, re.MULTILINE)
        for path in SERVICE
        if "pyghmi" in (text := path.read_text()) and re.search(r"^\s*(from|import) pyghmi", text, re.MULTILINE)
    }
    assert users == {
        "fleetmon/drivers/ipmi/wire.py": [
            ("pyghmi.ipmi.private.constants", "payload_types"),
            ("pyghmi.ipmi.private.session", "Session"),
        ]
    }


def test_every_private_name_of_pyghmi_that_is_replaced_or_used_is_still_there():
    ours = {name for name, what in vars(Wire).items() if inspect.isfunction(what)}
    overridden = {name for name in ours if hasattr(pyghmi_session.Session, name)} - {"__init__"}
    assert overridden == {
        "_parse_ipmi_payload", "_open_rmcpplus_request", "_got_rmcp_response", "_send_rakp1", "_send_rakp3",
        "_got_rakp2", "_got_rakp4", "_req_priv_level", "onlogon", "_get_session_challenge", "_xmit_packet",
    }  # fmt: skip
    used = (
        "_initsession", "_get_channel_auth_cap", "_make_ipmi_payload", "send_payload", "_handle_ipmi2_packet",
        "_got_channel_auth_cap", "_parse_payload",
    )  # fmt: skip
    assert all(callable(getattr(pyghmi_session.Session, name, None)) for name in used)


async def test_pyghmi_starts_no_thread_takes_no_socket_and_keeps_no_table_of_sessions():
    async with bmc() as bench:
        assert await read(bench.session, *range(1, 41)) == [*range(1, 41)]
        await bench.session.close()
        assert await read(bench.session, 1) == [1]
        kept = pyghmi_session.Session
        assert (pyghmi_session.iothread, list(pyghmi_session.iosockets)) == (None, [])
        tables = (kept.socketpool, kept.bmc_handlers, kept.waiting_sessions, kept.keepalive_sessions)
        assert (*tables, kept.initting_sessions) == ({}, {}, {}, {}, {})


async def test_pyghmi_is_given_bytes_and_logs_in_again_as_often_as_wished():
    async with bmc() as bench:
        for _ in range(5):
            assert await read(bench.session, 1) == [1]
            await bench.session.close()
        assert (bench.tally.logins, bench.tally.sessions.now) == (5, 0)


async def test_pyghmi_asks_no_name_service(monkeypatch):
    looked_up: list[str] = []
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: (looked_up.append(str(k)), real(host, *a, **k))[1])
    async with bmc() as bench:
        assert await read(bench.session, 1) == [1]
    assert [said for said in looked_up if str(int(socket.AI_NUMERICHOST)) not in said] == []


async def test_pyghmi_repeats_no_command_after_a_new_login(monkeypatch):
    hurried(monkeypatch)
    async with bmc() as bench:
        await read(bench.session, 1)
        bench.lan.sessions.forget()
        with pytest.raises(Unreachable):
            await bench.session.ask(Command(0x00, 0x02, b"\x00"), priority=Priority.COMMAND)
        await asyncio.sleep(0.1)
        assert await read(bench.session, 2) == [2]
        assert bench.asked("IPMI 00h/02h") == 0


def test_pyghmis_reading_of_the_event_log_which_can_clear_it_is_never_called():
    assert not [path for path in SERVICE if "get_event_log" in path.read_text()]


# ---- gufo-snmp -------------------------------------------------------------------------------------------------------

COLUMN = "1.3.6.1.2.1.2.2.1.2"


def agent_with(twist: Any = None) -> Any:
    """An agent with thirty rows in one column and nothing else."""
    return snmp_agent.agent(snmp_agent.column(COLUMN, 30), twist)


def bare(device: snmp_agent.Agent, **more: Any) -> GufoSession:
    return GufoSession("127.0.0.1", device.port, community=snmp_agent.COMMUNITY, timeout=0.2, **more)


def test_gufo_has_one_door():
    assert [path.name for path in SERVICE if re.search(r"^(?:from|import) gufo", path.read_text(), re.MULTILINE)] == [
        "keys.py",
        "wire.py",
    ]


async def test_gufo_takes_too_big_for_the_end_of_a_column():
    async with agent_with(lambda asked, honest: snmp_agent.Failed(snmp_agent.TOO_BIG)) as device:
        assert [row async for row in bare(device).getbulk(COLUMN)] == []
        with pytest.raises(Garbled):
            await snmp_agent.with_agent(device).walk(COLUMN, most=99)


async def test_gufo_follows_rows_that_go_in_circles():
    row = (*snmp_agent.name(COLUMN), 7)
    async with agent_with(lambda asked, honest: [(row, ber.integer(7))]) as device:
        rows = bare(device).getnext(COLUMN).__aiter__()
        assert {await rows.__anext__() for _ in range(50)} == {(f"{COLUMN}.7", 7)}
        assert not (await snmp_agent.with_agent(device, "?version=1").walk(COLUMN, most=99)).complete


async def test_gufo_reads_an_answer_nobody_signed(monkeypatch):
    monkeypatch.setattr(conversation, "FEW_TRIES", (0.05,))
    user = User(name=snmp_agent.USER, auth_key=Sha256Key(snmp_agent.PASSPHRASE.encode()))
    async with agent_with() as device:
        device.engine.signed = False
        async with bare(device, user=user) as session:
            assert await session.get(f"{COLUMN}.7") == 7
        ours = snmp_agent.with_agent(device, "?auth=sha256")
        with pytest.raises(Unreachable):
            await ours.get([f"{COLUMN}.7"])


async def test_gufo_says_one_word_for_every_report():
    said = set()
    for what in (snmp_agent.NOT_IN_TIME, snmp_agent.UNKNOWN_USER, snmp_agent.WRONG_DIGEST):
        async with agent_with(lambda asked, honest, what=what: snmp_agent.Reports(what)) as device:
            async with bare(device, user=User(name=snmp_agent.USER)) as session:
                with pytest.raises(SnmpAuthError) as refused:
                    await session.get(f"{COLUMN}.7")
            said.add(str(refused.value))
    assert len(said) == 1


async def test_gufo_has_room_for_4080_bytes():
    table = {(*snmp_agent.name(COLUMN), row): ber.octets(bytes(800)) for row in range(1, 7)}
    async with snmp_agent.agent(table) as device:
        assert len(await bare(device).get_many([f"{COLUMN}.{row}" for row in range(1, 5)])) == 4
        with pytest.raises(SnmpDecodeError):
            await bare(device).get_many([f"{COLUMN}.{row}" for row in range(1, 7)])


async def test_gufo_leaves_no_reader_on_the_loop_and_no_socket_behind():
    async with agent_with() as device:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            ours = snmp_agent.with_agent(device)
            await ours.get([f"{COLUMN}.7"])
            await ours.close()
        assert len(list(Path("/proc/self/fd").iterdir())) == before
