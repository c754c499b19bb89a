"""`fleetmon demo`: an emulated fleet and the service in one go."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Annotated

import typer

from fleetmon import logs
from fleetmon.app import run
from fleetmon.cli.options import examples, verb
from fleetmon.cli.output import counting, note, write
from fleetmon.clock import SystemClock
from fleetmon.demo import Options
from fleetmon.demo import demo as start

app = verb("An emulated fleet and the service, alive in the browser.")


@app.command(
    epilog=examples(
        ("fleetmon demo", "180 servers, 26 switches, PDUs and UPSes, http://127.0.0.1:8480"),
        ("fleetmon demo --devices 30 --no-story", "a smaller fleet in which nothing is made to happen"),
        ("fleetmon demo --port 9000 --control-port 9010", "beside another one"),
    )
)
def demo(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Of the dashboard.", show_default=True)] = 8480,
    control_port: Annotated[
        int, typer.Option("--control-port", min=1, max=65535, help="Of the emulator's control.", show_default=True)
    ] = 8490,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same fleet.", show_default=True)] = 7,
    speed: Annotated[
        float, typer.Option("--speed", min=0.1, max=3600, help="How fast the machines' time runs.", show_default=True)
    ] = 1.0,
    devices: Annotated[
        int | None, typer.Option("--devices", metavar="N", min=1, help="Watch so many; over 206, a fleet of 10,000.")
    ] = None,
    story: Annotated[
        bool, typer.Option("--story/--no-story", help="Let things go wrong as the story has it.", show_default=True)
    ] = True,
    fleet: Annotated[
        str, typer.Option("--fleet", metavar="FILE", help="Another fleet file of the emulator.", show_default=True)
    ] = "demo",
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Keep the databases there; else the next demo empties them."),
    ] = None,
    emulator: Annotated[
        str | None,
        typer.Option("--emulator", metavar="URL", help="Watch the fleet of an emulator that runs already."),
    ] = None,
) -> None:
    """Start an emulated fleet and a service that watches it, with a month of history; Ctrl-C ends both.

    Needs no hardware, no network and no configuration. Prints both addresses once both answer.
    """
    options = Options(
        port=port,
        control_port=control_port,
        seed=seed,
        speed=speed,
        devices=devices,
        story=story,
        fleet=fleet,
        data=data,
        emulator=emulator,
    )
    logs.configure(level="error")
    run(_until_stopped(options))


async def _until_stopped(options: Options) -> None:
    """Run the demo until Ctrl-C or SIGTERM, both of which are the regular end."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        async with contextlib.AsyncExitStack() as stack:
            with counting("filling the charts", None) as told:
                running = start(options, clock=SystemClock(), say=_say, progress=told)
                service = await stack.enter_async_context(running)
            note("Ctrl-C ends it")
            await service.ended()


def _say(line: str) -> None:
    write(line + "\n")
