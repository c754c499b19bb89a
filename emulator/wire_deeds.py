"""Deeds: what a fault does to a BMC once and for all, or for as long as it is set."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from emulator import wire_effects as does
from emulator.doors import wrong_of
from emulator.ipmi import effects as over_lan
from emulator.wire import Effect, Undo, WireFault

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

Settings = dict[str, Any]


# ---- logs ----


def clear_log(bmc: Bmc, settings: Settings) -> Undo | None:
    bmc.machine.logs[settings["clear_log"]].clear(bmc.plant.clock.now(), restart_ids=settings.get("restart_ids", True))
    return None


def fill_log(bmc: Bmc, settings: Settings) -> Undo | None:
    """The event log is full, and stays as it is: what is new is dropped, until someone clears it or it is healed."""
    log = bmc.machine.logs["event"]
    for _ in range(log.capacity - len(log.entries)):
        log.append("TemperatureNormal", bmc.plant.clock.now(), "Inlet Temp")
    log.keeps_oldest = True

    def undo() -> None:
        log.keeps_oldest = False

    return undo


def rotate(bmc: Bmc, settings: Settings) -> Undo | None:
    entries = bmc.machine.logs["event"].entries
    for _ in range(min(settings["rotate"], len(entries))):
        entries.popleft()
    return None


# ---- who may come in ----


def change_password(bmc: Bmc, settings: Settings) -> Undo | None:
    bmc.accounts["1"].password = settings["change_password"]
    return None


def tls(name: str) -> Any:
    """A deed that puts another certificate or another TLS before the BMC, until healed."""

    def deed(bmc: Bmc, settings: Settings) -> Undo | None:
        endpoint, door = bmc.endpoint, bmc.door
        if endpoint is None or door is None:
            return None
        wrong = wrong_of(name, settings[name], door)
        endpoint.present(door.spoil(wrong))
        return lambda: endpoint.present(door.mend(wrong))

    return deed


# ---- push ----


def drop_subscriptions(bmc: Bmc, settings: Settings) -> Undo | None:
    bmc.push.forget(by="fault")
    return None


def drop_stream(bmc: Bmc, settings: Settings) -> Undo | None:
    bmc.push.drop_streams(clean=settings["drop_stream"] == "end")
    return None


def flood_stream(bmc: Bmc, settings: Settings) -> Undo | None:
    flood: asyncio.Task[None] = bmc.push.courier.start(bmc.push.flood(settings["flood_stream"]))

    def undo() -> None:
        flood.cancel()

    return undo


# ---- the BMC itself ----

BUSY = Effect(
    name="status",
    stage="before",
    check=bool,
    wants="a status",
    act=does.status,
    lan=over_lan.initialising,
    payloads=("command",),
)
SLOW = Effect(name="latency", stage="before", check=bool, wants="seconds", act=does.latency)


def bmc_reset(bmc: Bmc, settings: Settings) -> Undo | None:
    """Away for so long; then, where a profile says so, busy for a while and slow at the first login (F14)."""
    told = settings["bmc_reset"]
    profile = told if isinstance(told, dict) else {"down": told}
    down, busy, login = (float(profile.get(key, 0.0)) for key in ("down", "busy", "login"))
    bmc.restart(down)
    later: list[WireFault] = []

    def wake(_: float) -> None:
        now = bmc.plant.clock.now()
        chance = random.Random(0)
        if busy:
            settings = {"status": 503, "retry_after": 5}
            later.append(WireFault("reset", BUSY, settings, {}, {"until_s": busy}, bmc, chance, now))
        if login:
            match, when = {"method": "POST", "path": "/Sessions"}, {"first": 1, "after_s": busy}
            later.append(WireFault("reset", SLOW, {"latency": login}, match, when, bmc, chance, now))
        bmc.wire.extend(later)
        bmc.plant.agenda.after(busy + login + 600.0, lambda _: over())

    def over() -> None:
        for fault in later:
            fault.end()
        later.clear()

    if busy or login:
        bmc.plant.agenda.after(down, wake)
    return over
