"""A picture that stays: drawn again every two seconds until `q` or Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Awaitable, Callable, Iterator

from rich.console import RenderableType
from rich.live import Live

from fleetmon.cli.output import paper
from fleetmon.clock import Clock

EVERY = 2.0


async def stay(draw: Callable[[], Awaitable[RenderableType]], clock: Clock, *, every: float = EVERY) -> None:
    """Show what `draw` gives, again and again; returns when `q` is pressed."""
    out = paper()
    quit_asked = asyncio.Event()
    with _keys(quit_asked), Live(console=out, screen=out.is_terminal, auto_refresh=False) as live:
        while not quit_asked.is_set():
            live.update(await draw(), refresh=True)
            waiting = asyncio.ensure_future(clock.sleep(every))
            asked = asyncio.ensure_future(quit_asked.wait())
            await asyncio.wait({waiting, asked}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            asked.cancel()


@contextlib.contextmanager
def _keys(quit_asked: asyncio.Event) -> Iterator[None]:
    """Let `q` and Escape set the event while a person sits at the terminal."""
    if not sys.stdin.isatty():
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    loop = asyncio.get_running_loop()

    def pressed() -> None:
        if os.read(descriptor, 16)[:1] in (b"q", b"Q", b"\x1b", b""):
            quit_asked.set()

    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, pressed)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
