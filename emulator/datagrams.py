"""A UDP port of an emulated device, whatever it speaks there."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar


class Port(asyncio.DatagramProtocol):
    """Binds, sends and closes; what comes in is answered by who extends it."""

    scheme: ClassVar[str]
    """Of the address a client is told."""
    port = 0
    _transport: asyncio.DatagramTransport | None = None

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Binds its port, which it keeps while the device is away: one that is away is silent. OSError where taken."""
        loop = asyncio.get_running_loop()
        try:
            await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        except OSError as error:
            raise OSError(error.errno, f"cannot bind UDP {host}:{port}: {error.strerror}") from None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def send(self, datagram: bytes, peer: tuple[str, int]) -> None:
        """Sends, if the port is open."""
        if self._transport is not None:
            self._transport.sendto(datagram, peer)

    def close(self) -> None:
        """Gives the port back."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
