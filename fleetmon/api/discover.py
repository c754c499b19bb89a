"""Discovery: what answers in ranges of addresses, told while it is looked for. Nothing is added or kept."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import Response
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.types import Receive, Scope, Send

from fleetmon.api.given import Body, Label
from fleetmon.api.parts import Desk, Here
from fleetmon.api.problems import not_found
from fleetmon.api.roles import Role
from fleetmon.api.routes import Route
from fleetmon.api.wire import encoded
from fleetmon.discovery import (
    PORTS_MOST,
    RATE,
    RATE_MOST,
    Found,
    Known,
    Search,
    Step,
    devices,
    discover,
    knocks,
    places,
)
from fleetmon.drivers.base import Credentials, Secret
from fleetmon.drivers.snmp.address import target_of
from fleetmon.drivers.snmp.keys import community_of
from fleetmon.drivers.snmp.knock import SnmpKnock
from fleetmon.errors import ConfigError, Conflict, Unaskable
from fleetmon.model import Protocol

NDJSON = "application/x-ndjson"
V3_FORM = "say how SNMPv3 is spoken, as snmp=auth=sha256&priv=aes128, or name a credential without a user"
TOLD_EVERY = 16
"""Probes between two lines of progress."""

Port = Annotated[int, Field(ge=1, le=65535)]
Ports = Annotated[tuple[Port, ...], Field(max_length=PORTS_MOST)]


class DiscoveryDraft(Body):
    """Where to look, and as whom to ask SNMP agents; a protocol without ports is not asked for."""

    ranges: Annotated[
        list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=64, examples=[["10.0.0.0/24"]])
    ]
    redfish_ports: Ports = (443,)
    ipmi_ports: Ports = (623,)
    snmp_ports: Ports = (161,)
    snmp_credential: Label | None = Field(
        None, description="sent to every address of the ranges; without it only SNMPv3 engines are found, namelessly"
    )
    snmp: Annotated[str, Field(max_length=60)] = Field(
        "",
        description="as after the ? of an SNMP address: version=1, or auth=sha256&priv=aes128",
        examples=["version=1"],
    )
    rate: Annotated[float, Field(ge=1, le=RATE_MOST, allow_inf_nan=False)] = Field(RATE, description="probes a second")
    multicast: bool = Field(True, description="also search by SSDP for Redfish services at other ports")


async def discover_devices(here: Here, draft: DiscoveryDraft) -> Response:
    """Look for devices: lines of JSON, `progress` while it goes on and `devices` at the end. Ends with the request.

    Nobody is logged in to; only `snmp_credential` is sent, to every address. One search at a time.
    """
    search = Search(
        ranges=tuple(draft.ranges),
        ports={
            Protocol.REDFISH: draft.redfish_ports,
            Protocol.IPMI: draft.ipmi_ports,
            Protocol.SNMP: draft.snmp_ports,
        },
        rate=draft.rate,
        multicast=draft.multicast,
    )
    places(search)
    snmp = await _snmp(here, draft)
    if here.parts.discovering.locked():
        raise Conflict("a search is going on already", cure="wait for its end")
    return _Lines(_search(here, search, snmp))


async def _snmp(here: Desk, draft: DiscoveryDraft) -> SnmpKnock:
    try:
        target = target_of(f"snmp://192.0.2.1?{draft.snmp}" if draft.snmp else "snmp://192.0.2.1")
    except ConfigError as error:
        raise Unaskable(f"snmp: {error.reason}", cure=error.cure) from None
    if draft.snmp_credential is None:
        return SnmpKnock(clock=here.clock)
    row = await here.store.fleet.credential(draft.snmp_credential)
    if row is None:
        raise not_found("credential", draft.snmp_credential)
    password = here.parts.vault.open_password(row.name, row.sealed)
    if target.version < 3:
        _mind_the_clear(row.name, row.user, password)
    return SnmpKnock(
        clock=here.clock,
        credentials=Credentials(user=row.user, password=Secret(password), version=row.version),
        form=draft.snmp,
    )


def _mind_the_clear(name: str, user: str, password: str) -> None:
    """A community is sent unencrypted to every address: what belongs to a user is none. Raises Unaskable."""
    try:
        community_of(password)
    except ValueError as error:
        raise Unaskable(f"credential {name!r}: {error}", cure=V3_FORM) from None
    if user:
        raise Unaskable(f"credential {name!r} has a user: its password is not sent as a community", cure=V3_FORM)


async def _search(here: Desk, search: Search, snmp: SnmpKnock) -> AsyncGenerator[bytes, None]:
    async with here.parts.discovering, aclosing(discover(search, knocks(snmp), here.clock)) as steps:
        seen = []
        async for step in steps:
            if step.sighting is not None:
                seen.append(step.sighting)
            if step.sighting is not None or step.done % TOLD_EVERY == 0 or step.done == step.of:
                yield _line({"progress": _progress(step, len(seen))})
        yield _line({"devices": [_found(one) for one in devices(seen, await _known(here))]})


async def _known(here: Desk) -> list[Known]:
    uuids = await here.store.links.uuids()
    return [Known.of(device, uuids.get(device.device_id, "")) for device in await here.store.fleet.devices()]


def _progress(step: Step, answers: int) -> dict[str, int]:
    return {"done": step.done, "of": step.of, "answers": answers}


def _found(found: Found) -> dict[str, Any]:
    return {
        "name": found.name,
        "host": found.host,
        "kind": found.kind,
        "manufacturer": found.manufacturer,
        "model": found.model,
        "uuid": found.uuid,
        "known": found.known,
        "news": found.news,
        "endpoints": [
            {"protocol": one.protocol, "address": one.address, "detail": one.detail, "hindrance": one.hindrance}
            for one in found.sightings
        ],
        "more": found.more,
    }


def _line(told: dict[str, Any]) -> bytes:
    return encoded(told) + b"\n"


class _Lines(StreamingResponse):
    """Lines as they come; whoever made them is ended with the answer, whatever way that ended."""

    def __init__(self, lines: AsyncGenerator[bytes, None]) -> None:
        super().__init__(lines, media_type=NDJSON, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._lines.aclose()


ROUTES = (Route("POST", "/discover", discover_devices, Role.ADMIN, tag="fleet", media_type=NDJSON),)
