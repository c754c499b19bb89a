"""What an answer of a device means: a resource, or the DeviceError its status and body stand for; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from redfish.aio import AsyncRestResponse

from fleetmon.drivers.redfish.bodies import BadBody, Json, excerpt, parse
from fleetmon.drivers.redfish.parse.fields import child, items, text
from fleetmon.drivers.redfish.resource import ROOT, Resource, key, local
from fleetmon.errors import AccessDenied, Busy, DeviceError, Garbled, Unsupported

LONGEST_WAIT = 120.0
"""Seconds; what a device may ask us to wait at most (F07)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an answer is the answer to."""

    device: str
    path: str
    now: datetime
    named: bool
    """Did we say who we are?"""


def resource_of(asked: Asked, response: AsyncRestResponse) -> tuple[Resource, tuple[str, ...]]:
    """The resource and the names it gives twice; DeviceError when it is a refusal or cannot be read."""
    if (refused := refusal(asked, response)) is not None:
        raise refused
    content_type = response.getheader("Content-Type") or ""
    where = {"device": asked.device, "resource": asked.path}
    try:
        body = parse(response.read, content_type)
    except BadBody as error:
        raise Garbled(str(error), cure=_html_cure(response), **where) from None
    if "error" in body.json and "@odata.id" not in body.json and "@odata.type" not in body.json:
        raise Garbled(f"an error in place of the resource: {message_of(body.json)}", **where)
    date = response.getheader("Date") or ""
    return Resource(asked.path, body.json, asked.now, date, body.weight), body.repeated_keys


def refusal(asked: Asked, response: AsyncRestResponse) -> DeviceError | None:
    """The DeviceError a status stands for; None for success."""
    status = response.status
    if 200 <= status < 300:
        return None
    body = lenient(response)
    said = message_of(body)
    detail = f": {said}" if said else ""
    where = {"device": asked.device, "resource": asked.path}
    wait = retry_after(response.getheader("Retry-After"), body, asked.now)
    if status in (429, 503) or (status >= 500 and wait is not None):
        return Busy(f"busy (HTTP {status}){detail}", retry_after=wait, **where)
    if status in (401, 403) and asked.named:
        return AccessDenied(
            f"not permitted to this user (HTTP {status}){detail}",
            cure="give the user the right to log in and read",
            **where,
        )
    if status in (401, 403):
        return AccessDenied(f"credentials are wanted (HTTP {status})", cure="name a user and password", **where)
    if 300 <= status < 400:
        place = text({"place": response.getheader("Location")}, "place")[:100]
        to = f" to {place}" if place else ""
        return Unsupported(f"redirects elsewhere{to} (HTTP {status}), which is not followed", **where)
    if status in (404, 405, 406, 410, 501):
        return _missing(status, detail, where)
    return Garbled(f"failed (HTTP {status}){detail}", **where)


def respelled(origin: str, path: str, response: AsyncRestResponse) -> str:
    """The same path as a redirect writes it, with a slash at its end or without (DSP0266 lets a service redirect).

    Empty for every other answer, and for a redirect to any other place: nothing is sent there.
    """
    told = response.getheader("Location") if response.status in (301, 302, 307, 308) else None
    place = local(told) if told and (told[:1] == "/" != told[1:2] or told.startswith(f"{origin}/")) else None
    bare, _, query = path.partition("?")
    if not place or place.partition("?")[0] == bare or key(place.partition("?")[0]) != key(bare):
        return ""
    return f"{place.partition('?')[0]}?{query}" if query else place.partition("?")[0]


def _missing(status: int, detail: str, where: dict[str, str]) -> Unsupported:
    if where["resource"] == ROOT:
        return Unsupported(
            f"there is no Redfish service here (HTTP {status})",
            cure="check that this is the address of a BMC and that Redfish is switched on",
            **where,
        )
    return Unsupported(f"not there (HTTP {status}){detail}", **where)


def _html_cure(response: AsyncRestResponse) -> str:
    kind = (response.getheader("Content-Type") or "").lower()
    return "check that this is the address of a BMC" if "html" in kind or response.read[:1] == b"<" else ""


def lenient(response: AsyncRestResponse) -> Json:
    """The body of an error answer, or nothing: it is only read for words (F20)."""
    try:
        return parse(response.read).json
    except BadBody:
        return {"error": excerpt(response.read, 80)} if response.read else {}


def message_of(body: Json) -> str:
    """What an error body says, ready for a clause after it; empty when it says nothing."""
    return _said(body)[:200].rstrip(" .;")


def _said(body: Json) -> str:
    """Extended info as list or object, a bare string, or nothing: an error body has any shape (F20)."""
    error = body.get("error", body)
    if isinstance(error, str):
        return error
    if not isinstance(error, dict):
        return ""
    for holder in (error, body):
        for _, info in items(holder, "@Message.ExtendedInfo"):
            if said := text(info, "Message", "MessageId"):
                return said
    return text(error, "message", "code")


def retry_after(header: str | None, body: Json, now: datetime) -> float | None:
    """Seconds the device asks us to wait: from the header, else from a body like SYS518; None when it does not."""
    if header:
        if header.strip().isdigit():
            return min(float(header), LONGEST_WAIT)
        try:
            at = parsedate_to_datetime(header)
        except (TypeError, ValueError):
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max((at - now).total_seconds(), 0.0), LONGEST_WAIT)
    for _, info in items(child(body, "error"), "@Message.ExtendedInfo"):
        if re.search(r"SYS518|ServiceTemporarilyUnavailable|ServiceInUnknownState", text(info, "MessageId")):
            arguments = info.get("MessageArgs")
            for argument in arguments if isinstance(arguments, list) else []:
                if isinstance(argument, (str, int)) and str(argument).strip().isdigit():
                    return min(float(argument), LONGEST_WAIT)
    return None
