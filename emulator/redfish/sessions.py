"""Who may come in: SessionService, sign-in with password or token, and the lockout after too many refusals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from emulator.accents.model import Family
from emulator.redfish.accounts import account_of, basic_of
from emulator.redfish.errors import Answer, Json, refuse
from emulator.redfish.places import ROOT, SESSIONS, collection, ref, resource, status
from emulator.redfish.resource import Resource, Tree
from emulator.server import Request

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

SERVICE = f"{ROOT}/SessionService"


@dataclass(slots=True)
class Session:
    """A signed-in client."""

    id: str
    token: str
    user: str
    client: str
    created: float
    used: float


def sessions_branch(family: Family, tree: Tree) -> None:
    """SessionService and what is below."""
    tree.fixed[SERVICE] = Resource(get=_service, patch=_set_timeout)
    tree.fixed[SESSIONS] = Resource(
        get=lambda bmc: collection(SESSIONS, "Session", [f"{SESSIONS}/{s.id}" for s in bmc.living_sessions().values()])
    )
    tree.members[SESSIONS] = _session


def admitted(bmc: Bmc, request: Request) -> bool:
    """Whether the request carries a living session or the right password."""
    token = request.headers.get("x-auth-token")
    if token is not None:
        session = bmc.living_sessions().get(token)
        if session is not None:
            session.used = bmc.plant.clock.now()
        return session is not None
    basic = basic_of(request)
    return basic is not None and _knows(bmc, *basic, request.peer, how="basic")


def sign_in(bmc: Bmc, request: Request) -> Answer:
    """A new session, where user and password are right and there is room for it."""
    body = bmc.body_of(request)
    if isinstance(body, Answer):
        return body
    user, password = body.get("UserName"), body.get("Password")
    if not isinstance(user, str) or not isinstance(password, str):
        return refuse("parameter_missing", "SessionCollection.Insert", "UserName, Password")
    if not _knows(bmc, user, password, request.peer, how="session"):
        return refuse("locked" if bmc.plant.clock.now() < bmc.locked_until else "unauthorized")
    if len(bmc.living_sessions()) >= int(bmc.policy("max_sessions", bmc.shape.max_sessions)):
        bmc.plant.ledger.note(bmc.machine.name, "login_full", client=request.peer, sessions=len(bmc.sessions))
        return refuse("sessions_full")
    return _welcome(bmc, user, request.peer)


def _welcome(bmc: Bmc, user: str, peer: str) -> Answer:
    now = bmc.plant.clock.now()
    session = Session(bmc.new_id(), bmc.new_token(), user, peer, now, now)
    bmc.sessions[session.token] = session
    bmc.tally.logins += 1
    bmc.count_sessions()
    bmc.plant.ledger.note(bmc.machine.name, "login", id=session.id, client=peer, sessions=len(bmc.sessions))
    bmc.machine.log("SessionOpened", user, peer.rpartition(":")[0])
    path = f"{bmc.sessions_path}/{session.id}"
    return Answer(201, bmc.lookup(path), {"X-Auth-Token": session.token, "Location": path})


def _knows(bmc: Bmc, user: str, password: str, peer: str, *, how: str) -> bool:
    """Whether user and password are right; a wrong one counts, and may lock the account."""
    account = account_of(bmc, user)
    right = account is not None and account.password == password and not bmc.rejects
    if right and not locked_out(bmc):
        bmc.refused_at.clear()
        return True
    refused(bmc, user, peer, how=how)
    return False


def locked_out(bmc: Bmc) -> bool:
    """Whether nobody is let in just now, over whatever protocol."""
    return bmc.plant.clock.now() < bmc.locked_until


def refused(bmc: Bmc, user: str, peer: str, *, how: str) -> None:
    """Counts a refused login, over whatever protocol; too many of them lock the account."""
    now, locked = bmc.plant.clock.now(), locked_out(bmc)
    threshold, seconds, sliding = bmc.policy("lockout", (0, 0.0, False))
    bmc.tally.refuse(now)
    bmc.plant.ledger.note(bmc.machine.name, "login_refused", user=user, client=peer, how=how, locked=locked)
    bmc.machine.log("LoginRefused", user, peer.rpartition(":")[0])
    bmc.refused_at = [at for at in bmc.refused_at if now - at < max(seconds, 60.0)] + [now]
    if (threshold and len(bmc.refused_at) >= threshold and not locked) or (locked and sliding):
        bmc.locked_until = now + seconds
        bmc.plant.ledger.note(bmc.machine.name, "locked_out", seconds=seconds)


def _service(bmc: Bmc) -> Json:
    return resource(
        SERVICE, "SessionService.v1_1_8.SessionService", "Session Service", ServiceEnabled=True, Status=status(),
        SessionTimeout=int(bmc.policy("session_ttl", bmc.settings["SessionTimeout"])), Sessions=ref(SESSIONS),
    )  # fmt: skip


def _set_timeout(bmc: Bmc, body: Json) -> Answer | None:
    for name, value in body.items():
        if name != "SessionTimeout":
            return refuse("property_unknown", name)
        if not isinstance(value, int) or not 30 <= value <= 86_400:
            return refuse("property_type", str(value), name)
        bmc.settings[name] = value
    return None


def _session(bmc: Bmc, name: str) -> Resource | None:
    session = next((s for s in bmc.living_sessions().values() if s.id == name), None)
    return Resource(get=partial(_document, session), delete=partial(_sign_out, session)) if session else None


def _document(session: Session, bmc: Bmc) -> Json:
    return resource(
        f"{SESSIONS}/{session.id}", "Session.v1_6_0.Session", "User Session", UserName=session.user,
        ClientOriginIPAddress=session.client.rpartition(":")[0], CreatedTime=bmc.told_time(session.created),
        SessionType="Redfish",
    )  # fmt: skip


def _sign_out(session: Session, bmc: Bmc) -> Answer:
    bmc.end_session(session)
    return Answer(204)
