"""Work asked for: poll now, credentials, imports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response

from fleetmon.api.given import CredentialDraft, Cursor, ImportDraft, Key, Label, Limit
from fleetmon.api.parts import Desk, Here
from fleetmon.api.problems import CONFLICT, INVALID, FieldError, Problem, not_found
from fleetmon.api.roles import Role
from fleetmon.api.routes import BASE, Route
from fleetmon.api.shapes import Page
from fleetmon.api.shapes import PollRequest as PollRequestShape
from fleetmon.api.shapes_fleet import Credential, ImportPlan
from fleetmon.api.wire import LIMIT_DEFAULT, fresh, list_answer, page_of, told_at
from fleetmon.integrations import fleet_plan
from fleetmon.integrations.fleet_file import FleetFileError, Format, read
from fleetmon.integrations.fleet_plan import Plan, Present
from fleetmon.storage.rows import CredentialRow, PollRequest


async def poll_device(here: Here, device_id: Key) -> Response:
    """Ask the device now, for everything; the answer says where to see what became of it."""
    request = await here.store.polls.request(await here.device_id(device_id))
    here.parts.poll_requested(request.device_id)
    location = f"{BASE}/polls/{request.poll_request_id}"
    return fresh(_poll_request(request), status=202, headers={"Location": location})


async def get_poll(here: Here, poll_request_id: int) -> Response:
    """What became of a wish to poll now; forgotten a day after it was settled."""
    known = 0 < poll_request_id < 2**63
    request = await here.store.polls.requested(poll_request_id) if known else None
    if request is None:
        raise not_found("poll request", str(poll_request_id))
    return fresh(_poll_request(request))


async def list_credentials(
    here: Here, request: Request, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Response:
    """All credential sets by name; secrets never come back."""
    rows = await here.store.fleet.credentials()
    page, following = page_of(rows, lambda row: (row.name,), cursor=cursor, limit=limit)
    revision = await here.store.summaries.revision()
    return list_answer(request, [_credential(row) for row in page], next_cursor=following, revision=revision)


async def put_credential(here: Here, name: Label, draft: CredentialDraft) -> Response:
    """Add a credential set or change its user and password; sessions opened with the old one are given up."""
    sealed = here.parts.vault.seal_password(name, draft.password.get_secret_value())
    return fresh(_credential(await here.store.fleet.put_credential(name, user=draft.user, sealed=sealed)))


async def remove_credential(here: Here, name: Label) -> Response:
    """Remove a credential set that no endpoint names."""
    await here.store.fleet.remove_credential(name)
    return Response(status_code=204)


async def import_fleet(here: Here, draft: ImportDraft) -> Response:
    """What a fleet file would change, and with `apply` the change itself: all of it or nothing."""
    try:
        wishes = read(Format(draft.format), draft.text)
        plan = fleet_plan.plan(await _present(here), wishes, prune=draft.prune)
    except FleetFileError as error:
        raise _bad_file(error) from error
    if draft.apply:
        if draft.plan_hash not in {None, plan.hash}:
            raise Problem(CONFLICT, "the fleet has changed since that plan was made; look at the new plan first")
        await here.store.fleet.apply(sites=plan.sites, racks=plan.racks, devices=plan.devices, remove=plan.remove)
        here.parts.changed.set()
        here.parts.poll_requested("")
    return fresh(_plan(plan, applied=draft.apply))


# Told.


async def _present(here: Desk) -> Present:
    fleet = here.store.fleet
    return Present(
        sites=await fleet.sites(),
        racks=await fleet.racks(),
        devices=await fleet.devices(),
        credentials=[row.name for row in await fleet.credentials()],
    )


def _bad_file(error: FleetFileError) -> Problem:
    errors = [FieldError(fault.field, fault.reason, fault.line) for fault in error.faults]
    return Problem(INVALID, str(error), errors=errors[:100])


def _plan(plan: Plan, *, applied: bool) -> dict[str, Any]:
    return {
        "plan": [_step(step) for step in plan.steps],
        "plan_hash": plan.hash,
        "applied": applied,
        "summary": plan.counts,
        "warnings": list(plan.warnings),
    }


def _step(step: fleet_plan.Step) -> Mapping[str, Any]:
    changes = {name: list(change) for name, change in step.changes.items()}
    return {"action": step.action, "what": step.what, "name": step.name, "changes": changes}


def _credential(row: CredentialRow) -> dict[str, Any]:
    return {"name": row.name, "user": row.user, "version": row.version, "used_by": row.used_by}


def _poll_request(request: PollRequest) -> dict[str, Any]:
    return {
        "poll_request_id": request.poll_request_id,
        "device_id": request.device_id,
        "state": request.state,
        "reason": request.reason,
        "requested_at": told_at(request.requested_at),
        "done_at": told_at(request.done_at),
        "aspects": sorted(request.aspects),
    }


ROUTES = (
    Route("POST", "/devices/{device_id}/poll", poll_device, Role.RESPONDER, PollRequestShape, tag="device", status=202),
    Route("GET", "/polls/{poll_request_id}", get_poll, Role.VIEWER, PollRequestShape, tag="device"),
    Route("GET", "/credentials", list_credentials, Role.ADMIN, Page[Credential], tag="administration"),
    Route("PUT", "/credentials/{name}", put_credential, Role.ADMIN, Credential, tag="administration"),
    Route("DELETE", "/credentials/{name}", remove_credential, Role.ADMIN, tag="administration", status=204),
    Route("POST", "/import", import_fleet, Role.ADMIN, ImportPlan, tag="administration"),
)
