"""The composition root: settings become objects, objects become roles, and all of them start and stop together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import uvicorn
import uvloop

from fleetmon import logs
from fleetmon.access.vault import Vault, open_vault
from fleetmon.api.application import application
from fleetmon.api.parts import Parts
from fleetmon.clock import Clock
from fleetmon.crew import Crew, Reread
from fleetmon.devices import Devices
from fleetmon.doorway import Doorway, admit
from fleetmon.drivers.ipmi.workers import Workers
from fleetmon.drivers.registry import open_driver
from fleetmon.drivers.telling import Wish
from fleetmon.errors import ConfigError, StorageError
from fleetmon.footprint import settle
from fleetmon.ingest.heard import tell
from fleetmon.keeper import StoreKeeper
from fleetmon.metrics import Metrics
from fleetmon.model import Protocol, RoleState
from fleetmon.origins import Origins
from fleetmon.push import Pushing, Room
from fleetmon.pushes import StorePushes
from fleetmon.receiver import Receiver
from fleetmon.settings import Listen, Push, Settings
from fleetmon.storage.rows import Worker
from fleetmon.storage.store import Store, open_store
from fleetmon.storage.vitals import vitals, warnings
from fleetmon.storewatch import StoreWatch
from fleetmon.supervision import Run, Supervisor
from fleetmon.traps import Tell, Traps
from fleetmon.upkeep import Upkeep

T = TypeVar("T")

log = logs.get("app")

BEAT = 10.0
"""Seconds between two signs of life of a worker."""
GOODBYE = 5
"""Seconds that open requests to the API may take when the service ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service, for who started it."""

    url: str
    store: Store
    vault: Vault
    crew: Crew
    roles: asyncio.Task[None]

    async def ended(self) -> None:
        """Wait until the service ends, which it does only by being cancelled."""
        await asyncio.shield(self.roles)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run an asyncio program on uvloop, whose TLS connections take a fifth of the memory."""
    settle()
    return uvloop.run(main)


async def serve(reread: Reread, *, clock: Clock) -> None:
    """Run the service until SIGTERM or SIGINT; SIGHUP has it read its configuration again."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    settings = reread()
    async with running(settings, clock=clock, reread=reread) as service:
        loop.add_signal_handler(signal.SIGHUP, _reload, service.crew)
        log.info("service ready", url=service.url, data=str(settings.data), roles=",".join(settings.roles))
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait({stopped, service.roles}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
    log.info("service ended")


def _reload(crew: Crew) -> None:
    try:
        names = crew.reload()
    except ConfigError as error:
        log.error("configuration not taken, the one before stays", reason=str(error))
    else:
        log.info("configuration taken", changed=",".join(names) or "nothing")


@contextlib.asynccontextmanager
async def running(settings: Settings, *, clock: Clock, reread: Reread | None = None) -> AsyncIterator[Service]:
    """The service with all its roles; they are cancelled and their files closed on the way out.

    `reread` gives the configuration as it is now, for whoever asks that it be read again. Raises ConfigError when the
    address is taken or the key is missing, StorageError when the data cannot be used.
    """
    async with contextlib.AsyncExitStack() as stack:
        listener = stack.enter_context(contextlib.closing(_bind(settings.listen))) if "api" in settings.roles else None
        store = await open_store(settings.data, clock=clock, interval=settings.polling.interval.sensors)
        stack.push_async_callback(store.close)
        vault = await asyncio.to_thread(
            open_vault,
            key_file=settings.master_key_file,
            environment=os.environ,
            configuration=settings.configuration,
            data=settings.data,
        )
        for warning in warnings(vitals(store)):
            log.warning(warning)
        workers = Workers(clock=clock)
        stack.push_async_callback(workers.close)

        async def compose(given: Settings) -> Supervisor:
            with contextlib.suppress(StorageError):  # what summaries say of it is no reason not to run
                await store.use_interval(given.polling.interval.sensors)
            return _compose(
                given, store=store, vault=vault, clock=clock, workers=workers, listener=listener, reload=crew.reload
            )

        crew = Crew(settings, compose=compose, reread=reread or (lambda: settings))
        roles = asyncio.create_task(crew.run(), name="crew")
        try:
            yield Service(url=_url(settings.listen, listener), store=store, vault=vault, crew=crew, roles=roles)
        finally:
            roles.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await roles


def _compose(
    settings: Settings,
    *,
    store: Store,
    vault: Vault,
    clock: Clock,
    workers: Workers,
    listener: socket.socket | None,
    reload: Callable[[], list[str]],
) -> Supervisor:
    supervisor, metrics, changed = Supervisor(clock=clock), Metrics(), asyncio.Event()
    metrics.ipmi_workers.set_function(lambda: len(workers.processes))
    metrics.ipmi_workers_replaced.set_function(lambda: workers.replaced)
    worker = Worker(
        worker_id=uuid.uuid4().hex[:12],
        roles=settings.roles,
        host=socket.gethostname(),
        pid=os.getpid(),
        started_at=clock.now(),
        beat_at=clock.now(),
    )
    keeper = StoreKeeper(
        store=store, vault=vault, polling=settings.polling, worker_id=worker.worker_id, clock=clock, changed=changed
    )
    devices = Devices(
        keeper=keeper,
        open_driver=partial(open_driver, workers=workers),
        polling=settings.polling,
        clock=clock,
        metrics=metrics,
        pushing=Pushing(
            keeper=StorePushes(store, clock, changed),
            stream=settings.push.stream,
            streams=Room(settings.push.streams),
            wish=_wishes(vault, settings.push.url) if settings.push.url else None,
            installation=_installation(vault),
        ),
    )
    receiver = Receiver(devices.hint, clock=clock, metrics=metrics)
    traps = Traps(
        settings.traps,
        origins=Origins(store.lanes.origins, clock=clock),
        hinted=devices.hinted,
        login=partial(devices.login, protocol=Protocol.SNMP),
        tell=_telling(store, clock, changed),
        clock=clock,
        metrics=metrics,
    )
    parts = Parts(
        store=store,
        clock=clock,
        settings=settings,
        vault=vault,
        metrics=metrics.registry,
        roles=supervisor.statuses,
        raw=devices.raw,
        poll_requested=devices.poke,
        changed=changed,
        reload=reload,
    )
    every: dict[str, Run] = {
        "api": lambda: _serve_api(parts, listener),
        "devices": devices.run,
        "receiver": lambda: _serve_receiver(receiver, settings.push),
        "traps": traps.run,
        "upkeep": Upkeep(store=store, retention=settings.retention, clock=clock).run,
        "heartbeat": lambda: _beat(store, worker, supervisor, metrics, clock),
        "store watch": StoreWatch(store=store, retention=settings.retention, metrics=metrics, clock=clock).run,
    }
    for name in (*settings.roles, *_receiving(settings), "heartbeat", "store watch"):
        supervisor.add(name, every[name])
    return supervisor


def _telling(store: Store, clock: Clock, changed: asyncio.Event) -> Tell:
    """Events about what seems to come from devices are stored, and shown at once."""

    async def telling(device_id: str, what: str, name: str, message: str) -> None:
        if await tell(device_id, what, name, message, store=store, at=clock.now()):
            changed.set()

    return telling


def _receiving(settings: Settings) -> tuple[str, ...]:
    """The roles that listen for what devices send to us, where somebody is there to act on it."""
    if "devices" not in settings.roles:
        return ()
    return ("receiver",) * bool(settings.push.url) + ("traps",) * bool(settings.traps.host)


async def _serve_api(parts: Parts, listener: socket.socket | None) -> None:
    assert listener is not None, "the role api has a socket"
    api = application(parts)
    server = _server(api, lifespan="on")
    # A duplicate, so that the role can be started again on the same address.
    with contextlib.closing(listener.dup()) as own:
        await _serve(server, own, api.state.desk.stream.close)


async def _serve_receiver(receiver: Receiver, push: Push) -> None:
    """Listen for what devices send to us; the address is bound here, since the service is of use without it."""
    files = {"ssl_certfile": str(push.certificate), "ssl_keyfile": str(push.key)} if push.certificate else {}
    server = _server(receiver, lifespan="off", **files)
    server.config.load()
    door = partial(Doorway, config=server.config, server_state=server.server_state, app_state={})
    with contextlib.closing(_bind(Listen(host=push.host, port=push.port))) as listener:
        log.info("receiver ready", url=push.url, port=listener.getsockname()[1], tls=bool(files))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(admit(listener, server.config.ssl, door, receiver.clock), name="doorway")
            tasks.create_task(_serve(server, None, lambda: None), name="receiver")


def _server(app: Any, **more: Any) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=GOODBYE,
            **more,
        )
    )


async def _serve(server: _Server, listener: socket.socket | None, goodbye: Callable[[], None]) -> None:
    """Serve until cancelled, then end politely. Without a listener somebody else lets in who comes."""
    serving = asyncio.create_task(server.serve(sockets=[listener] if listener else []), name="uvicorn")
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        goodbye()
        server.should_exit = True
        await serving
        raise


def _installation(vault: Vault) -> str:
    return f"fleetmon-{vault.token('installation')[:12]}"


def _wishes(vault: Vault, url: str) -> Callable[[str], Wish]:
    """Where each device shall send its events: below our receiver, under a token that only it is told."""
    installation = _installation(vault)

    def wish(device_id: str) -> Wish:
        return Wish(
            destination=f"{url}/push/{vault.token(f'push/{device_id}')}",
            context=f"{installation}:{device_id}",
            receiver=f"{url}/push",
            installation=installation,
        )

    return wish


class _Server(uvicorn.Server):
    """uvicorn, leaving signals to the process it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


async def _beat(store: Store, worker: Worker, supervisor: Supervisor, metrics: Metrics, clock: Clock) -> None:
    """Say that this worker lives, and how its roles are."""
    try:
        while True:
            with contextlib.suppress(StorageError):  # the store watch tells; a heart goes on beating
                await store.workers.beat(replace(worker, beat_at=clock.now()))
            for status in supervisor.statuses():
                metrics.role_up.labels(status.role).set(status.state is RoleState.RUNNING)
                metrics.role_restarts.labels(status.role).set(status.restarts)
            await clock.sleep(BEAT)
    finally:
        with contextlib.suppress(StorageError):
            await store.workers.retire(worker.worker_id)


def _bind(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((listen.host, listen.port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {listen.host}:{listen.port}: {error.strerror}",
            cure="end what uses it, or choose another port (listen.port, or --port)",
        ) from None
    listener.listen(256)
    listener.setblocking(False)
    return listener


def _url(listen: Listen, listener: socket.socket | None) -> str:
    if listener is None:
        return ""
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return f"http://{host}:{listener.getsockname()[1]}"
