"""The role that listens for SNMP traps, and believes none of them.

A trap comes over UDP with no more proof than a community string that everybody can read, so anybody could have sent it:
it makes the device that it seems to be from be polled now, and that is all. Nothing is answered, nothing it says is
stored, and what a flood of traps may cost is bounded: in reading (by bytes, of one sender and of all), in polls, and in
memory. Two things are told as events that judge nothing: a storm that is over, and signatures that do not fit.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import closing

from fleetmon import logs
from fleetmon.clock import Clock
from fleetmon.drivers.ipmi.parse import pet
from fleetmon.drivers.snmp.hints import PLAIN, hint
from fleetmon.drivers.snmp.traps import MAX_BYTES, Trap, read
from fleetmon.drivers.snmp.unsealing import is_sealed
from fleetmon.errors import ConfigError, Garbled, StorageError
from fleetmon.metrics import Metrics
from fleetmon.model import Aspect
from fleetmon.origins import Origins
from fleetmon.proofs import Login, Outcome, Proofs
from fleetmon.rates import Rate
from fleetmon.settings import Traps as Listen
from fleetmon.storms import Storms

log = logs.get("traps")

BUFFER = 8 * 1024 * 1024
"""Bytes that we ask the kernel to hold for us: the default holds some 250 traps, and a rack sends more in one blow."""
AT_ONCE, REST = 50, 0.01
"""Datagrams taken from the kernel at once, and seconds until the next when there are more: others use the loop, too.
What comes faster for longer than the kernel's buffer lasts is dropped there, where it costs nothing, and counted."""
ONE_SENDER = (4096.0, 512.0)
"""Bytes of one sender that are read at once, and per second from then on: some forty platform events, then five."""
ALL_SENDERS = (65536.0, 16384.0)
"""The same of all together: with some 4 us a byte that is 7 % of a core."""
POLLS = (200.0, 10.0)
"""Devices that are polled for their traps at once, and per second from then on."""
FOLD = 10.0
"""Seconds within which a device counts once, since its hints are folded into one poll."""
SENDERS = 20_000
"""Senders remembered; the ones heard longest ago are forgotten."""
COUNT = 5.0
"""Seconds between two looks at what the kernel had to drop."""
STRANGERS = (3.0, 1 / 600)
"""Senders that are no device's, told in the service's own log: at once, and per second from then on."""

Tell = Callable[[str, str, str, str], Awaitable[object]]
"""Stores an event of a device once under its name: device, what, name, message."""

_SO_RCVBUFFORCE, _SO_MEMINFO = 33, 55
"""Linux, asm-generic/socket.h."""
_MEMINFO = struct.Struct("32xI")
"""Of its nine numbers the last: datagrams dropped for lack of room (linux/sock_diag.h)."""


class Traps:
    """Takes traps until cancelled.

    `hinted` asks for a poll of a device; False when nobody looks after it. `login` is whom a device is polled as.
    """

    def __init__(
        self,
        listen: Listen,
        *,
        origins: Origins,
        hinted: Callable[[str, frozenset[Aspect]], bool],
        login: Callable[[str], Login | None],
        tell: Tell,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._listen = listen
        self._origins = origins
        self._hinted = hinted
        self._clock = clock
        self._metrics = metrics
        self._reading, self._polls, self._strange = Rate(*ALL_SENDERS), Rate(*POLLS), Rate(*STRANGERS)
        self._senders: OrderedDict[str, Rate] = OrderedDict()
        self._polled: OrderedDict[str, float] = OrderedDict()
        self._dropped = 0
        self._storms, self._tell = Storms(), tell
        self._proofs = Proofs(login, proven=self._proven, judged=self._judged)
        self._refused: OrderedDict[str, str] = OrderedDict()

    async def run(self) -> None:
        """Listen until cancelled; raises ConfigError when the address is taken."""
        loop = asyncio.get_running_loop()
        with closing(_bind(self._listen)) as line:
            log.info("traps are taken", port=line.getsockname()[1], buffer=_buffer(line))
            self._listen_again(loop, line)
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._origins.follow(), name="origins")
                    tasks.create_task(self._look(line), name="dropped traps")
                    tasks.create_task(self._proofs.run(), name="signed traps")
            finally:
                loop.remove_reader(line)

    def _listen_again(self, loop: asyncio.AbstractEventLoop, line: socket.socket) -> None:
        if line.fileno() >= 0:  # it may have been closed during a rest
            loop.add_reader(line, self._drain, loop, line)

    def _drain(self, loop: asyncio.AbstractEventLoop, line: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                datagram, sender = line.recvfrom(MAX_BYTES + 1)
            except OSError:  # nothing more is there
                return
            self.take(datagram, str(sender[0]))
        loop.remove_reader(line)
        loop.call_later(REST, self._listen_again, loop, line)

    def take(self, datagram: bytes, sender: str) -> None:
        """One datagram from somewhere."""
        now = self._clock.monotonic()
        if not self._may_be_read(sender, len(datagram), now):
            # Too much to read; but an address that is one device's is still a reason to look at that one.
            device_id = self._origins.find([sender])
            self._storms.note(sender, device_id, now)
            self._count("slowed" if device_id is None or not self._ask(device_id, PLAIN, now) else "unread")
            return
        if is_sealed(datagram):
            self._take_sealed(datagram, sender, now)
            return
        try:
            trap = read(datagram)
        except Garbled:
            self._count("garbled")
            return
        event = _event(trap)
        wanted = _wanted(trap, event)
        device_id = self._origins.find(_senders(sender, trap), event.guids if event is not None else ())
        if device_id is None:
            self._stranger(sender, now)
            return
        log.debug("trap", device=device_id, sender=sender, told=event or trap)
        asked = self._ask(device_id, wanted, now)
        self._count("taken" if asked else "slowed")

    def _take_sealed(self, datagram: bytes, sender: str, now: float) -> None:
        """A hint at once, and more of one when its signature has been looked at."""
        device_id = self._origins.find([sender])
        if device_id is None:
            self._stranger(sender, now)
            return
        self._ask(device_id, PLAIN, now)
        if not self._proofs.add(device_id, sender, datagram):
            self._count("unread")

    def _proven(self, device_id: str, trap: Trap) -> None:
        self._ask(device_id, hint(trap), self._clock.monotonic())

    async def _judged(self, device_id: str, sender: str, outcome: Outcome, reason: str) -> None:
        self._count(outcome)
        today = f"{self._clock.now():%Y-%m-%d}"
        if outcome != "refused" or self._refused.get(sender) == today:
            return
        self._refused[sender] = today
        if len(self._refused) > SENDERS:
            self._refused.popitem(last=False)
        log.warning("a signed trap was refused", device=device_id, sender=sender, reason=reason)
        message = f"An SNMPv3 trap from {sender} was not taken for this device's: {reason}"
        await self._told(device_id, "TrapRefused", f"{sender} {today}", message)

    async def _told(self, device_id: str, what: str, name: str, message: str) -> None:
        try:
            await self._tell(device_id, what, name, message)
        except StorageError as error:
            log.error("not stored", device=device_id, message=message, reason=str(error))

    def _may_be_read(self, sender: str, size: int, now: float) -> bool:
        rate = self._senders.get(sender)
        if rate is None:
            rate = self._senders[sender] = Rate(*ONE_SENDER)
        self._senders.move_to_end(sender)
        if len(self._senders) > SENDERS:
            self._senders.popitem(last=False)
        return rate.allows(now, size) and self._reading.allows(now, size)

    def _ask(self, device_id: str, aspects: frozenset[Aspect], now: float) -> bool:
        """Have the device polled, unless that would be too many polls."""
        if now - self._polled.get(device_id, float("-inf")) >= FOLD:
            if not self._polls.allows(now):
                return False
            self._polled[device_id] = now
            self._polled.move_to_end(device_id)
            if len(self._polled) > SENDERS:
                self._polled.popitem(last=False)
        return self._hinted(device_id, aspects)

    def _stranger(self, sender: str, now: float) -> None:
        self._count("unknown")
        if self._strange.allows(now):
            log.info("trap of an address that is no device's", sender=sender)

    def _count(self, outcome: str) -> None:
        self._metrics.traps.labels(outcome).inc()

    async def _look(self, line: socket.socket) -> None:
        while True:
            await self._clock.sleep(COUNT)
            self._count_dropped(_dropped(line))
            await self._tell_of_storm()

    def _count_dropped(self, dropped: int) -> None:
        if dropped > self._dropped:
            log.warning("traps dropped", number=dropped - self._dropped, cure="raise net.core.rmem_max")
            self._metrics.traps.labels("dropped").inc(dropped - self._dropped)
            self._storms.drop(dropped - self._dropped, self._clock.monotonic())
        self._dropped = dropped

    async def _tell_of_storm(self) -> None:
        storm = self._storms.ended(self._clock.monotonic())
        if storm is None:
            return
        log.warning("a storm of traps", told=str(storm), device=storm.device_id)
        if storm.device_id is not None:
            await self._told(storm.device_id, "TrapStorm", f"{self._clock.now():%Y-%m-%dT%H:%M:%S}", f"{storm}")


def _event(trap: Trap) -> pet.PlatformEvent | None:
    """The platform event of a trap, where it is one that can be read."""
    octets = trap.octets.get(pet.BINDING)
    if trap.enterprise != pet.ENTERPRISE or octets is None:
        return None
    try:
        return pet.trap(trap.specific, octets)
    except Garbled:
        return None


def _wanted(trap: Trap, event: pet.PlatformEvent | None) -> frozenset[Aspect]:
    """What to ask the device for."""
    if event is not None:
        return pet.hint(event)
    return PLAIN if trap.enterprise == pet.ENTERPRISE else hint(trap)


def _senders(sender: str, trap: Trap) -> tuple[str, ...]:
    """Who it is from: the address it came from, else who a proxy says that it is from."""
    return (sender, trap.agent) if trap.agent else (sender,)


def _bind(listen: Listen) -> socket.socket:
    assert listen.host is not None, "the role runs where an address is given"
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    line = socket.socket(family, socket.SOCK_DGRAM)
    line.setblocking(False)
    try:
        line.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER)
    except OSError:  # not ours to force: as much as net.core.rmem_max permits
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    try:
        line.bind((listen.host, listen.port))
    except OSError as error:
        line.close()
        raise ConfigError(
            f"cannot take traps on {listen.host}:{listen.port}: {error.strerror}",
            cure="choose another port (traps.port); ports below 1024 take a privilege",
        ) from None
    return line


def _buffer(line: socket.socket) -> int:
    """Bytes the kernel holds; it tells twice as many, for its own accounts."""
    return line.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def _dropped(line: socket.socket) -> int:
    """Datagrams the kernel dropped at this socket since it was opened; 0 where it does not say."""
    try:
        (dropped,) = _MEMINFO.unpack(line.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))
    except (OSError, struct.error):
        return 0
    return int(dropped)
