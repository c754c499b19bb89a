"""What anybody who reaches the receiver's port can do to the process that polls: next to nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator

import pytest

from fleetmon import doorway
from fleetmon.app import _serve_receiver
from fleetmon.clock import ManualClock
from fleetmon.metrics import Metrics
from fleetmon.receiver import Receiver
from fleetmon.settings import Push

MESSAGE = b"POST /push/known HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


@contextlib.asynccontextmanager
async def door() -> AsyncIterator[int]:
    """A receiver at work; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    receiver = Receiver(lambda token, _: token == "known", clock=ManualClock(), metrics=Metrics())
    serving = asyncio.create_task(_serve_receiver(receiver, Push(host="127.0.0.1", port=port)))
    try:
        await answers(port)
        yield port
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


async def answers(port: int) -> None:
    """Returns once a message is taken."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(OSError):
                if (await told(port, MESSAGE)).startswith(b"HTTP/1.1 204"):
                    return
            await asyncio.sleep(0.01)


async def told(port: int, content: bytes) -> bytes:
    """The beginning of what is answered; nothing when the connection is closed without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
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
            return await reader.read(1) == b""
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
