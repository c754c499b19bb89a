"""What anybody who reaches the receiver's port can do to the process that polls: next to nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from emulator.certificates import pem
from fleetmon import doorway
from fleetmon.app import _serve_receiver
from fleetmon.clock import ManualClock
from fleetmon.metrics import Metrics
from fleetmon.receiver import Receiver
from fleetmon.settings import Push

MESSAGE = b"POST /push/known HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


ANY = ssl.create_default_context()
ANY.check_hostname, ANY.verify_mode = False, ssl.CERT_NONE


@contextlib.asynccontextmanager
async def door(certificate: Path | None = None) -> AsyncIterator[int]:
    """A receiver at work; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    receiver = Receiver(lambda token, _: token == "known", clock=ManualClock(), metrics=Metrics())
    serving = asyncio.create_task(_serve_receiver(receiver, _push(port, certificate)))
    try:
        await answers(port, tls=certificate is not None)
        yield port
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


def _push(port: int, certificate: Path | None) -> Push:
    if certificate is not None:
        certificate.write_bytes(pem("receiver"))
    return Push(host="127.0.0.1", port=port, certificate=certificate, key=certificate)


async def answers(port: int, *, tls: bool = False) -> None:
    """Returns once a message is taken."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(OSError):
                if (await told(port, MESSAGE, tls=tls)).startswith(b"HTTP/1.1 204"):
                    return
            await asyncio.sleep(0.01)


async def told(port: int, content: bytes, *, tls: bool = False) -> bytes:
    """The beginning of what is answered; nothing when the connection is closed without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ANY if tls else None)
    try:
        with contextlib.suppress(ConnectionError):
            writer.write(content)
            await writer.drain()
            return await reader.read(200)
        return b""
    finally:
        writer.transport.abort()


async def is_closed(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(5):
            while await reader.read(100):
                pass
    return True


@pytest.mark.parametrize("begun", [b"", b"POST /push/known HT"])
async def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch, begun):
    async with door() as port:
        monkeypatch.setattr(doorway, "PATIENCE", 0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        assert await is_closed(reader)
        writer.close()


async def test_a_second_message_has_no_longer_for_its_head_than_the_first(monkeypatch):
    async with door() as port:
        monkeypatch.setattr(doorway, "PATIENCE", 0.2)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(MESSAGE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
        writer.write(b"POST")
        assert await is_closed(reader)
        writer.close()


async def test_a_head_without_end_is_cut_off():
    async with door() as port:
        head = b"POST /push/known HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 500_000
        assert await told(port, head) == b""


async def test_a_crowd_keeps_neither_files_open_nor_others_out_for_long(monkeypatch):
    async with door() as port:
        monkeypatch.setattr(doorway, "CROWD", 5)
        monkeypatch.setattr(doorway, "PATIENCE", 0.3)
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        assert all([await is_closed(reader) for reader, _ in idle[5:]])
        assert not idle[0][0].at_eof()
        await answers(port)
        for _, writer in idle:
            writer.close()


async def test_what_is_no_http_makes_no_line_in_the_log(caplog):
    async with door() as port:
        with caplog.at_level(logging.WARNING):
            assert (await told(port, b"garbage\r\n\r\n")).startswith(b"HTTP/1.1 400")
        assert caplog.records == []


async def test_the_body_of_a_refused_message_is_not_read_to_its_end():
    async with door() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /elsewhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 404")
        assert await is_closed(reader)
        writer.close()


def on(loop: str, work: Coroutine[Any, Any, None]) -> None:
    """Done on the loop of the service, or on that of the other tests."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        runner.run(work)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_over_tls_messages_are_taken_in_one_piece_or_in_many(tmp_path, loop):
    async def sent() -> None:
        async with door(tmp_path / "receiver.pem") as port:
            for _ in range(5):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ANY)
                for part in (MESSAGE, MESSAGE[:20], MESSAGE[20:60], MESSAGE[60:]):
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0)
                for _ in range(2):
                    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
                writer.transport.abort()

    on(loop, sent())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01", b"POST /push/known HTTP/1.1\r\n\r\n"])
def test_a_crowd_that_does_not_shake_hands_keeps_no_files_open(monkeypatch, tmp_path, loop, begun):
    async def crowd() -> None:
        async with door(tmp_path / "receiver.pem") as port:
            monkeypatch.setattr(doorway, "CROWD", 5)
            monkeypatch.setattr(doorway, "PATIENCE", 0.2)
            idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
            for _, writer in idle:
                writer.write(begun)
            assert all([await is_closed(reader) for reader, _ in idle])
            await answers(port, tls=True)
            for _, writer in idle:
                writer.transport.abort()

    on(loop, crowd())
