"""What the verbs of `fleetmon device` share: naming a device, finding it, having it polled."""

from __future__ import annotations

import asyncio
import difflib
from typing import Annotated, Any

import typer

from fleetmon.cli.outcome import ServiceError
from fleetmon.cli.service import Service, Tagged, segment
from fleetmon.clock import Clock
from fleetmon.errors import NotFound, RequestRefused

DeviceId = Annotated[
    str, typer.Argument(metavar="DEVICE", help="Id of the device, as `fleetmon device list` prints it.")
]
LOOK = 0.3
"""Seconds between two looks at a poll that is under way."""
LONGEST = 90.0
"""Seconds a poll asked for by a person is waited for."""


def found_device(service: Service, device: str) -> Tagged:
    """The device; when there is none of that id, the error names the nearest there are."""
    try:
        return service.tagged(f"/devices/{segment(device)}")
    except NotFound as error:
        names = [str(row["device_id"]) for row in service.items("/devices", limit=2000)]
        near = difflib.get_close_matches(device, names, n=3, cutoff=0.5)
        cure = f"there is {', '.join(near)}" if near else "`fleetmon device list` prints those there are"
        raise NotFound(f"there is no device {device}", cure=cure) from error


async def poll_now(service: Service, device: str, clock: Clock) -> dict[str, Any]:
    """Ask for a poll and wait until it is done or failed; the request's row with the device's id."""
    try:
        request = await asyncio.to_thread(service.send, "POST", f"/devices/{segment(device)}/poll")
        deadline = clock.monotonic() + LONGEST
        while request["state"] not in ("done", "failed"):
            if clock.monotonic() > deadline:
                said = f"{device}: the poll is still under way after {LONGEST:g} s"
                raise ServiceError(said, cure="see `fleetmon top`")
            await clock.sleep(LOOK)
            request = await asyncio.to_thread(service.get, f"/polls/{segment(str(request['poll_request_id']))}")
    except (NotFound, RequestRefused) as error:
        return {"device_id": device, "state": "refused", "reason": str(error)}
    return {**request, "device_id": device}
