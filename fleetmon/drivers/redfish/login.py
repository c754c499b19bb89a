"""Who we are to one BMC: one session of ours, opened late, kept over restarts, never multiplied, ended politely.

Login is done with the public calls of `redfish.aio` and not by its `login()`, because every login has to pass the
lane's credential breaker (F05), must be kept over a restart (F02), and must take the answers of services that leave
out the body or the Location (F06).

Plain `http://` is spoken only where the address says so. The token of a session is then never asked for; Basic
credentials are sent only after the device has demanded them with a 401, and the driver tells it as a problem.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from redfish.aio import AsyncRestResponse

from fleetmon.drivers.base import Opening
from fleetmon.drivers.lane import Priority
from fleetmon.drivers.redfish.answers import Asked, lenient, message_of, refusal, resource_of
from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse.fields import instant, items, link, text
from fleetmon.drivers.redfish.resource import ROOT, Resource, key, local
from fleetmon.errors import AccessDenied, DeviceError, Garbled

SESSIONS = "/redfish/v1/SessionService/Sessions"
"""Where DSP0266 puts the session collection; used when the service root does not tell."""
NO_SESSIONS = (404, 405, 501)
"""Answers to a first login that mean: there are no sessions here, only Basic (never once a session worked, F46).

A login that is accepted without a token means the same: sushy-static 2.2 answers 204 to every POST.
"""
GOODBYE = 3.0
"""Seconds a logout may take."""
LOOKED_AT = 16
"""Sessions looked at to find our own among them; in a longer list they are left to expire (F06)."""
MARGIN = timedelta(minutes=1)
"""By which the device may have opened a session before or after we asked for it."""
USELESS_REST = 60.0
"""Seconds without a login after a token that was good for nothing: the login worked, so no lockout threatens."""


class Send(Protocol):
    """One HTTP request in the lane's turn; the answer whatever its status, DeviceError without one."""

    async def __call__(
        self, method: str, path: str, headers: Mapping[str, str], priority: Priority, body: Json | None = None
    ) -> AsyncRestResponse: ...


class Login:
    """What authorizes requests to one device: a session token, or Basic where there are no sessions."""

    def __init__(self, opening: Opening, send: Send, *, secure: bool) -> None:
        self.basic = False
        self.basic_in_the_clear = False
        self.without_location = 0
        """Sessions opened that no answer and no list says how to end: they run out by themselves."""
        self._opening = opening
        self._device = opening.endpoint.address
        self._credentials = opening.credentials
        self._lane, self._clock = opening.lane, opening.clock
        self._send = send
        self._secure = secure
        self._lock = asyncio.Lock()
        self._token = ""
        self._location = ""
        self._sessions = ""
        self._begun: datetime | None = None
        """Since when a login of ours may have been answered without our hearing it."""
        self._replaced = ""
        """Where the session stood that the present one was opened in place of."""
        self._had_token = False
        self._proven = False
        """Was the token ever good for anything?"""
        self._refused_at: set[str] = set()
        """Paths that refuse even a fresh token: no sign of a session's end."""
        self._rest_until = float("-inf")
        self._root: Resource | None = None
        self._recall(opening.memory.session)

    # ---- what a request needs --------------------------------------------------------------------------------

    async def headers(self, priority: Priority) -> dict[str, str]:
        """The header that says who we are, after a login where one is needed; raises DeviceError."""
        credentials = self._credentials
        if credentials is None or (not self._secure and not self.basic):
            return {}
        if not self.basic:
            async with self._lock:
                if not self._token and not self.basic:
                    await self._log_in(priority)
                if self._token and self._replaced:
                    await self._end_replaced(priority)
        if not self.basic:
            return {"X-Auth-Token": self._token}
        self._lane.login_allowed(credentials.version)
        pair = f"{credentials.user}:{credentials.password.reveal()}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode("ascii")}

    def take_root(self) -> Resource | None:
        """The service root, where looking for the sessions has just read it."""
        root, self._root = self._root, None
        return root

    def worked(self, used: Mapping[str, str]) -> None:
        """A request with these headers was not refused."""
        if "Authorization" in used and self._credentials is not None:
            self._lane.login_accepted(self._credentials.version)
        elif used:
            self._proven = True

    def ended(self, used: Mapping[str, str]) -> None:
        """These headers were refused by a request that is not repeated: log in before the next one."""
        if used.get("X-Auth-Token") == self._token and self._proven:
            self._token = self._location = ""

    async def renewed(self, path: str, used: Mapping[str, str], priority: Priority) -> dict[str, str] | None:
        """What to try a read again with after a 401; None where the 401 is an answer. Raises DeviceError.

        One login at most follows a refused request, and none where a fresh token is refused as well: such a path is
        not for this user, and a BMC that honours no token at all must not be flooded with logins.
        """
        credentials = self._credentials
        if credentials is None or key(path.partition("?")[0]) in self._refused_at:
            return None
        if not self._secure and not used:
            self.basic = self.basic_in_the_clear = True
            return await self.headers(priority)
        if "Authorization" in used:
            self._lane.login_refused(credentials.version)
            await self._opening.remember()
            raise self._denied()
        if used.get("X-Auth-Token") == self._token:
            if not self._proven:
                await self._note_refused(path, priority)
                return None
            self._replaced, self._token, self._location = self._location, "", ""
        return await self.headers(priority)

    async def refused_again(self, path: str, used: Mapping[str, str], priority: Priority) -> None:
        """The repeated read was refused too; raises AccessDenied where that says something of the credentials."""
        if "Authorization" in used and self._credentials is not None:
            self._lane.login_refused(self._credentials.version)
            await self._opening.remember()
            raise self._denied()
        await self._note_refused(path, priority)

    async def _end_replaced(self, priority: Priority) -> None:
        """End the session that a 401 had us replace: it has ended by itself, or only one path was closed to it."""
        replaced, self._replaced = self._replaced, ""
        if key(replaced) != key(self._location):
            await self._end(replaced, self._token, priority)

    async def _note_refused(self, path: str, priority: Priority) -> None:
        """A fresh token was refused here; is it good for anything? A service answers for its sessions in any case."""
        self._refused_at.add(key(path.partition("?")[0]))
        if self._proven:
            return
        response = await self._send("GET", self._sessions, {"X-Auth-Token": self._token}, priority)
        if response.status != 401:
            self._proven = True
            return
        self._refused_at.clear()
        self._token = self._location = ""
        self._rest_until = self._clock.monotonic() + USELESS_REST

    # ---- the login -------------------------------------------------------------------------------------------

    async def _log_in(self, priority: Priority) -> None:
        """Open a session; AccessDenied when refused, Busy when the session table is full."""
        credentials = self._credentials
        assert credentials is not None
        self._lane.login_allowed(credentials.version)
        if self._clock.monotonic() < self._rest_until:
            raise AccessDenied("it accepts the login and refuses what it gave for it", device=self._device)
        if not self._sessions:
            await self._find_sessions(priority)
            if self.basic:
                return
        unanswered = self._begun
        self._begun = unanswered or self._clock.now()
        await self._opening.remember()
        response = await self._posted(priority)
        self._begun = unanswered
        token = response.getheader("X-Auth-Token") or ""
        accepted = 200 <= response.status < 300
        if (response.status in NO_SESSIONS or (accepted and not token)) and not self._had_token:
            self.basic = True
        elif accepted and token:
            await self._accept(token, response, priority)
        elif response.status in (400, 401, 403):
            self._lane.login_refused(credentials.version)
            await self._opening.remember()
            raise self._denied(message_of(lenient(response)))
        else:
            refused = refusal(self._asked(self._sessions), response) or Garbled("it gave no token")
            self._sessions = ""
            refused.reason = f"the login failed: {refused.reason}"
            refused.device, refused.resource = self._device, ""
            raise refused

    async def _posted(self, priority: Priority) -> AsyncRestResponse:
        """The answer to the login, asked for at the standard's place where the one told is none."""
        assert self._credentials is not None
        body = {"UserName": self._credentials.user, "Password": self._credentials.password.reveal()}
        response = await self._send("POST", self._sessions, {}, priority, body)
        if response.status in NO_SESSIONS and self._sessions != SESSIONS:
            self._sessions = SESSIONS
            response = await self._send("POST", self._sessions, {}, priority, body)
        return response

    async def _accept(self, token: str, response: AsyncRestResponse, priority: Priority) -> None:
        """Keep the new session at once, before anything can end this process; then look for one of ours left open."""
        assert self._credentials is not None
        self._token, self._had_token, self._proven = token, True, False
        told = response.getheader("Location") or text(lenient(response), "@odata.id")
        self._location = (local(told) if told else None) or ""
        self._lane.login_accepted(self._credentials.version)
        await self._opening.remember()
        if not self._location or self._begun is not None:
            await self._look_through_sessions(priority)

    async def _find_sessions(self, priority: Priority) -> None:
        """Learn from the service root where to log in, or that only Basic is offered."""
        response = await self._send("GET", ROOT, {}, priority)
        if response.status in (401, 403):
            self._sessions = SESSIONS
            return
        self._root, _ = resource_of(self._asked(ROOT), response)
        body = self._root.body
        told = link(body, "Links", "Sessions")
        self._sessions = (local(told) if told else None) or SESSIONS
        self.basic = not told and not link(body, "SessionService") and bool(body.get("RedfishVersion"))

    # ---- other sessions --------------------------------------------------------------------------------------

    async def _look_through_sessions(self, priority: Priority) -> None:
        """Find our session where the login did not name it (F06); end those whose login we did not see end (F02)."""
        assert self._credentials is not None
        user, begun, self._begun = self._credentials.user, self._begun, None
        try:
            members = [link(member) for _, member in items(await self._read(self._sessions, priority), "Members")]
            paths = [path for told in members if told and (path := local(told))]
            if len(paths) <= LOOKED_AT:
                bodies = {path: await self._read(path, priority) for path in paths}
                self._location = self._location or own_session(bodies, user)
                since = self._clock.now() - begun + MARGIN if begun is not None else None
                for path in orphans(bodies, self._location, user, since) if since is not None else ():
                    await self._send("DELETE", path, {"X-Auth-Token": self._token}, priority)
        except DeviceError:
            pass
        self.without_location += not self._location

    async def _read(self, path: str, priority: Priority) -> Json:
        response = await self._send("GET", path, {"X-Auth-Token": self._token}, priority)
        return resource_of(self._asked(path), response)[0].body

    async def _end(self, location: str, token: str, priority: Priority) -> None:
        """End a session of ours; 401 and 404 mean that it has ended already (F04)."""
        with contextlib.suppress(DeviceError):
            await self._send("DELETE", location, {"X-Auth-Token": token}, priority)

    async def log_out(self) -> None:
        """End our session, quickly and without complaint."""
        token, location = self._token, self._location
        self._token = self._location = ""
        if token and location:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE):
                    await self._end(location, token, Priority.POLL)

    # ---- over a restart --------------------------------------------------------------------------------------

    def memory(self) -> dict[str, Any]:
        """What keeps this session alive over a restart; a secret."""
        credentials = self._credentials
        known: dict[str, Any] = {"sessions": self._sessions} if self._sessions else {}
        if self._begun is not None:
            known["begun"] = self._begun.isoformat()
        if self._replaced:
            known["replaced"] = self._replaced
        if self._token and credentials is not None:
            known |= {
                "token": self._token,
                "location": self._location,
                "user": credentials.user,
                "credential_version": credentials.version,
            }
        return known | {"address": self._device} if known else {}

    def _recall(self, remembered: Mapping[str, Any]) -> None:
        """Take up the session of before the restart, unless it belongs to another address, user or password (F24)."""
        credentials = self._credentials
        if remembered.get("address", self._device) != self._device:
            return
        known = {name: value for name, value in remembered.items() if isinstance(value, str)}
        self._sessions = local(known.get("sessions", "")) or ""
        self._begun = instant(known.get("begun"))
        self._replaced = local(known.get("replaced", "")) or ""
        if (
            credentials is not None
            and remembered.get("user") == credentials.user
            and remembered.get("credential_version") == credentials.version
        ):
            self._token = known.get("token", "")
            self._had_token = self._proven = bool(self._token)
            self._location = local(known.get("location", "")) or ""

    def _asked(self, path: str) -> Asked:
        named = self._credentials is not None
        return Asked(device=self._device, path=path, now=self._clock.now(), named=named)

    def _denied(self, said: str = "") -> AccessDenied:
        credentials = self._credentials
        detail = f": {said}" if said else ""
        return AccessDenied(
            f"the user or password was refused for {credentials.user if credentials else 'nobody'!r}{detail}",
            device=self._device,
            cure="correct the user or password of this device's credential set",
        )


def own_session(sessions: Mapping[str, Json], user: str) -> str:
    """Where a session just opened by `user` stands among all; empty where it cannot be told from another's."""
    if len(sessions) == 1:
        return next(iter(sessions))
    ours = {path: body for path, body in sessions.items() if text(body, "UserName") in (user, "")}
    if len(ours) == 1:
        return next(iter(ours))
    begun: dict[str, datetime] = {}
    for path, body in ours.items():
        if (at := instant(body.get("CreatedTime"))) is not None:
            begun[path] = at
    if len(begun) < len(ours) or not begun:
        return ""
    newest = max(begun.values())
    latest = [path for path, at in begun.items() if at == newest]
    return latest[0] if len(latest) == 1 else ""


def orphans(sessions: Mapping[str, Json], own: str, user: str, lately: timedelta) -> list[str]:
    """Sessions opened like `own`, not longer than `lately` before it: by the same user from the same address.

    Times are compared as the device tells them, so its clock may be wrong.
    """
    mine = next((body for path, body in sessions.items() if key(path) == key(own)), {})
    begun, origin = instant(mine.get("CreatedTime")), text(mine, "ClientOriginIPAddress")
    if begun is None or not origin:
        return []
    return [
        path
        for path, body in sessions.items()
        if key(path) != key(own)
        and text(body, "UserName") == user
        and text(body, "ClientOriginIPAddress") == origin
        and (at := instant(body.get("CreatedTime"))) is not None
        and timedelta(0) <= begun - at <= lately
    ]
