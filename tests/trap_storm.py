"""A storm of traps from many addresses of loopback, each with a socket of its own, at a steady rate.

`python -m tests.trap_storm PORT RATE SECONDS SOURCES` is the sender as a process; it prints how many it sent. Its first
source is 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import random
import socket
import sys
import time
from collections.abc import Iterator, Sequence

from tests.ber import octets, trap_v1, trap_v2c

LINK_DOWN = trap_v2c((1, 3, 6, 1, 6, 3, 1, 1, 5, 3), [((1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1, 3), octets(b"eth3"))])
_MAKER = (1, 3, 6, 1, 4, 1, 318)
MAKERS = trap_v1(_MAKER, 5, [((*_MAKER, 2, 3, 3, 0), octets(b"<script>alert(1)</script>"))])
STEP = 0.005
"""Seconds between two handfuls."""


def sources(many: int) -> list[str]:
    """So many addresses that this machine has without asking."""
    return [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(many)]


def storm(
    port: int, rate: float, seconds: float, senders: Sequence[str], traps: Sequence[bytes] = (LINK_DOWN, MAKERS)
) -> int:
    """Send them; how many were sent. Slower than wished when this machine is."""
    sent, started = 0, time.monotonic()
    with contextlib.ExitStack() as doors:
        sockets = [doors.enter_context(_door(source, port)) for source in senders]
        order = random.Random(9).choices(sockets, k=9973)  # in turn, the same ones would always be read
        while (gone := time.monotonic() - started) < seconds:
            while sent < rate * gone:
                with contextlib.suppress(ConnectionRefusedError):
                    order[sent % len(order)].send(traps[sent % len(traps)])
                sent += 1
            time.sleep(STEP)
    return sent


@contextlib.contextmanager
def _door(source: str, port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind((source, 0))
        door.connect(("127.0.0.1", port))
        yield door


def damaged(trap: bytes, dice: random.Random) -> bytes:
    """A trap with some of its bytes changed, cut off, doubled, or none of it left."""
    if dice.random() < 0.05:
        return dice.randbytes(dice.randrange(0, 200))
    content = bytearray(trap)
    for _ in range(dice.randrange(1, 6)):
        content[dice.randrange(len(content))] = dice.randrange(256)
    if dice.random() < 0.2:
        place = dice.randrange(len(content))
        content[place:] = content[place:] * dice.randrange(3)
    return bytes(content)


if __name__ == "__main__":
    _, port, rate, seconds, many = sys.argv
    print(storm(int(port), float(rate), float(seconds), ["127.0.0.1", *sources(int(many) - 1)]))
