"""The command line: `python -m emulator --fleet demo`, or `--mockup DIR` for recorded trees."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from emulator.certificates import server_context
from emulator.descriptors import TooFewDescriptorsError, make_room
from emulator.fleet import FleetFileError, FleetPlan, read_fleet
from emulator.mockup import serve_mockup
from emulator.mockup_folder import NoMockupError
from emulator.run import running_fleet
from emulator.shards import running_shards
from emulator.snmp.recorded import NoRecordingError
from emulator.snmp.serve import running_recordings

EPILOG = """\
examples:
  python -m emulator --fleet one_server              one server, control on http://127.0.0.1:8490
  python -m emulator --fleet demo --story            180 servers and a bad Tuesday
  python -m emulator --fleet my.toml --control 127.0.0.1:0 --seed 3
  python -m emulator --fleet ten_thousand --processes 4
  python -m emulator --mockup recordings/tall --listen 127.0.0.1:8000 --tls
  python -m emulator --snmp switch.snmprec pdu.snmpwalk --listen 127.0.0.1:1610

control, once it runs:
  curl http://127.0.0.1:8490/machines                what there is, and where each BMC listens
  curl http://127.0.0.1:8490/catalogue               every fault that can be set
  curl http://127.0.0.1:8490/faults -d '{"machine": "web-01", "fault": "fail_drive", "bay": 2}'
  curl http://127.0.0.1:8490/faults -d '{"machine": "web-01", "fault": {"latency": 8}, "when": {"every": 3}}'
  curl -X DELETE http://127.0.0.1:8490/faults/f1
  curl 'http://127.0.0.1:8490/ledger?since=0&what=login'
  curl http://127.0.0.1:8490/time -d '{"advance": 3600}'
"""


class UsageError(Exception):
    """The command line asks for something impossible."""


def main(arguments: list[str] | None = None) -> int:
    """Runs until told to stop; exit code 0, or 2 when it cannot start."""
    options = _parser().parse_args(arguments)
    try:
        if options.mockup is not None:
            return _run(_mockup(options))
        if options.snmp is not None:
            return _run(_recordings(options))
        plan = read_fleet(options.fleet)
        return _run(_fleet(options, plan))
    except (UsageError, FleetFileError, NoMockupError, NoRecordingError, TooFewDescriptorsError) as error:
        print(f"emulator: {error}", file=sys.stderr)  # noqa: T201  # the command line speaks
        return 2
    except OSError as error:
        print(f"emulator: {error.strerror or error}", file=sys.stderr)  # noqa: T201  # the command line speaks
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulator", description="A fleet of servers that can fail, over Redfish and IPMI, on loopback.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--fleet", metavar="FILE|NAME", help="a fleet file, or one_server, one_rack, demo, two_thousand or ten_thousand"
    )
    what.add_argument("--mockup", metavar="DIR", type=Path, help="serve a DMTF mockup folder, tall or short form")
    what.add_argument(
        "--snmp",
        metavar="FILE",
        type=Path,
        nargs="+",
        help="serve recordings, .snmprec or .snmpwalk, an agent for each",
    )
    fleet = parser.add_argument_group("with --fleet")
    fleet.add_argument(
        "--control",
        metavar="HOST:PORT",
        default="127.0.0.1:8490",
        help="control API (default %(default)s; port 0 takes a free one)",
    )
    fleet.add_argument("--seed", type=int, help="the source of all chance; default: the fleet file's")
    fleet.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="days pass so many times as fast for slow things (load, room, wear); default 1",
    )
    fleet.add_argument("--processes", type=int, default=1, help="spread the racks over so many processes; default 1")
    fleet.add_argument(
        "--base-port", type=int, default=0, help="the n-th server listens on this port + n; default: free ports"
    )
    fleet.add_argument(
        "--story", action=argparse.BooleanOptionalAction, default=False, help="let the scenes of the fleet file happen"
    )
    fleet.add_argument(
        "--traps",
        metavar="HOST:PORT",
        help="send every event of machines that speak IPMI or SNMP there, as a trap; default: none",
    )
    fleet.add_argument(
        "--trap-version", type=int, choices=(2, 3), default=2, help="of the traps of SNMP agents; default 2"
    )
    mockup = parser.add_argument_group("with --mockup or --snmp")
    mockup.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help="where to listen (default 127.0.0.1:8000, for --snmp free ports); further recordings on the ports behind",
    )
    mockup.add_argument("--tls", action="store_true", help="HTTPS with a self-signed certificate")
    parser.add_argument(
        "--exit-with-stdin", action="store_true", help="stop when standard input closes, as when the parent dies"
    )
    parser.add_argument("--shard", help=argparse.SUPPRESS)
    return parser


def _loopback(text: str) -> tuple[str, int]:
    """HOST:PORT, on loopback only."""
    host, colon, port = text.rpartition(":")
    host = host.strip("[]").replace("localhost", "127.0.0.1")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise UsageError(f"{text!r} is no HOST:PORT; write 127.0.0.1:8490")
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise UsageError(f"{host} is not loopback; the emulator has known passwords and listens on 127.0.0.1 only")
    return host, int(port)


async def _mockup(options: argparse.Namespace) -> None:
    host, port = _loopback(options.listen or "127.0.0.1:8000")
    context: ssl.SSLContext | None = server_context("mockup") if options.tls else None
    print(f"mockup {'https' if context else 'http'}://{host}:{port}", flush=True)  # noqa: T201  # the command line speaks
    await _until_stopped(options, serve_mockup(options.mockup, host, port, ssl_context=context))


async def _recordings(options: argparse.Namespace) -> None:
    host, port = _loopback(options.listen or "127.0.0.1:0")
    make_room(0, 1, ports=len(options.snmp))
    async with running_recordings(options.snmp, host=host, port=port) as agents:
        for name, agent in agents.items():
            print(f"agent {agent.address} {name}", flush=True)  # noqa: T201  # the command line speaks
        await _until_stopped(options)


async def _fleet(options: argparse.Namespace, plan: FleetPlan) -> None:
    control = _loopback(options.control)
    if options.processes < 1 or options.speed <= 0:
        raise UsageError("--processes must be at least 1, and --speed above 0")
    number, _, count = (options.shard or "0/1").partition("/")
    spoken = [protocol for server in plan.servers for protocol in server.protocols]
    processes = int(count) if options.shard else options.processes
    agents = len(plan.switches) + len(plan.pdus) + len(plan.upses)
    make_room(spoken.count("redfish"), processes, ports=spoken.count("ipmi") + agents)
    settings: dict[str, Any] = {
        "seed": options.seed,
        "speed": options.speed,
        "base_port": options.base_port,
        "story": options.story,
        "traps": _loopback(options.traps) if options.traps else None,
        "trap_version": options.trap_version,
    }
    if options.processes > 1:
        running = running_shards(options.fleet, control=control, processes=options.processes, **settings)
        async with running as address:
            print(f"emulator {address}", flush=True)  # noqa: T201  # the command line speaks
            await _until_stopped(options)
        return
    async with running_fleet(plan, control=control, shard=(int(number), int(count)), **settings) as fleet:
        print(f"emulator {fleet.control_address}", flush=True)  # noqa: T201  # the command line speaks
        await _until_stopped(options)


async def _until_stopped(options: argparse.Namespace, work: Coroutine[Any, Any, None] | None = None) -> None:
    """Until a signal comes, standard input closes where that is asked for, or the work ends by itself."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if options.exit_with_stdin:
        await loop.connect_read_pipe(lambda: _Stdin(stopped.set), sys.stdin)
    waits = [asyncio.ensure_future(stopped.wait())] + ([asyncio.ensure_future(work)] if work else [])
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    for done in await asyncio.gather(*waits, return_exceptions=True):
        if isinstance(done, Exception):
            raise done


class _Stdin(asyncio.Protocol):
    """Watches standard input for its end."""

    def __init__(self, closed: Callable[[], None]) -> None:
        self._closed = closed

    def eof_received(self) -> None:
        self._closed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed()


def _run(work: Awaitable[None]) -> int:
    async def whole() -> None:
        await work

    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(whole())
    return 0


if __name__ == "__main__":
    sys.exit(main())
