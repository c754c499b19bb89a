"""AccountService: the account that everybody uses, those that clients add, and what each role may do."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from emulator.accents.model import Family
from emulator.redfish.errors import Answer, Json, refuse
from emulator.redfish.places import ROOT, SESSIONS, collection, ref, resource, status
from emulator.redfish.resource import Resource, Tree
from emulator.server import Request

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

SERVICE = f"{ROOT}/AccountService"
ACCOUNTS, ROLES_PATH = f"{SERVICE}/Accounts", f"{SERVICE}/Roles"
ROLES = {
    "Administrator": ("Login", "ConfigureManager", "ConfigureUsers", "ConfigureSelf", "ConfigureComponents"),
    "Operator": ("Login", "ConfigureSelf", "ConfigureComponents"),
    "ReadOnly": ("Login", "ConfigureSelf"),
}
"""DSP0266's own roles and their privileges."""
COMPONENTS = (f"{ROOT}/Systems", f"{ROOT}/Chassis")
"""What an operator may change."""
MOST = 15
SHORTEST_PASSWORD = 8


@dataclass(slots=True)
class Account:
    """One account; the first, number 1, is the one of the fleet file and cannot go away."""

    id: str
    user: str
    password: str
    role: str
    enabled: bool = True
    changes: int = 0
    """Makes its ETag another after every change, even of what is never told."""


def accounts_branch(family: Family, tree: Tree) -> None:
    """AccountService and what is below."""
    fixed = tree.fixed
    fixed[SERVICE] = Resource(get=_service)
    fixed[ACCOUNTS] = Resource(
        get=lambda bmc: collection(ACCOUNTS, "ManagerAccount", [f"{ACCOUNTS}/{key}" for key in bmc.accounts]),
        post=_add,
    )
    tree.members[ACCOUNTS] = _account
    fixed[ROLES_PATH] = Resource(
        get=lambda bmc: collection(ROLES_PATH, "Role", [f"{ROLES_PATH}/{name}" for name in ROLES])
    )
    for name in ROLES:
        fixed[f"{ROLES_PATH}/{name}"] = Resource(get=partial(_role, name))


def account_of(bmc: Bmc, user: str) -> Account | None:
    """The account of a user, if it may sign in at all."""
    return next((account for account in bmc.accounts.values() if account.user == user and account.enabled), None)


def basic_of(request: Request) -> tuple[str, str] | None:
    """User and password of a Basic header; None where there is none that can be read."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user, password


def may(bmc: Bmc, request: Request, path: str) -> bool:
    """Whether the one who asks has the privilege for it; reading needs none but to be signed in."""
    if len(bmc.accounts) == 1 or request.method in ("GET", "HEAD"):
        return True
    session = bmc.sessions.get(request.headers.get("x-auth-token", ""))
    basic = basic_of(request)
    user = session.user if session is not None else basic[0] if basic is not None else ""
    account = account_of(bmc, user)
    if account is None or account.role == "Administrator":
        return account is not None
    own = [f"{SESSIONS}/{s.id}" for s in bmc.sessions.values() if s.user == user] + [f"{ACCOUNTS}/{account.id}"]
    return path in own or (account.role == "Operator" and path.startswith(COMPONENTS))


def _service(bmc: Bmc) -> Json:
    threshold, seconds, _ = bmc.policy("lockout", (0, 0, False))
    return resource(
        SERVICE, "AccountService.v1_13_0.AccountService", "Account Service", ServiceEnabled=True, Status=status(),
        AccountLockoutThreshold=threshold, AccountLockoutDuration=int(seconds), MinPasswordLength=SHORTEST_PASSWORD,
        Accounts=ref(ACCOUNTS), Roles=ref(ROLES_PATH),
    )  # fmt: skip


def _role(name: str, bmc: Bmc) -> Json:
    return resource(
        f"{ROLES_PATH}/{name}", "Role.v1_3_1.Role", name, RoleId=name, IsPredefined=True,
        AssignedPrivileges=list(ROLES[name]),
    )  # fmt: skip


def _account(bmc: Bmc, key: str) -> Resource | None:
    account = bmc.accounts.get(key)
    if account is None:
        return None
    return Resource(
        get=partial(_document, account),
        patch=partial(_change, account),
        delete=partial(_remove, account) if key != "1" else None,
    )


def _document(account: Account, bmc: Bmc) -> Json:
    document = resource(
        f"{ACCOUNTS}/{account.id}", "ManagerAccount.v1_11_0.ManagerAccount", "User Account", UserName=account.user,
        Password=None, Enabled=account.enabled, Locked=False, RoleId=account.role, AccountTypes=["Redfish"],
        Links={"Role": ref(f"{ROLES_PATH}/{account.role}")},
    )  # fmt: skip
    return document | {"@odata.etag": f'"{account.id}-{account.changes}"'}


def _add(bmc: Bmc, body: Json, request: Request) -> Answer:
    for name in ("UserName", "Password", "RoleId"):
        if name not in body:
            return refuse("create_missing", name)
    refused = _refused(bmc, body)
    if refused is not None:
        return refused
    if len(bmc.accounts) >= MOST:
        return refuse("accounts_full")
    key = str(max(map(int, bmc.accounts)) + 1)
    account = Account(key, body["UserName"], body["Password"], body["RoleId"], bool(body.get("Enabled", True)))
    bmc.accounts[key] = account
    path = f"{bmc.tree.told(ACCOUNTS)}/{key}"
    return Answer(201, bmc.lookup(path), {"Location": path})


def _refused(bmc: Bmc, body: Json) -> Answer | None:
    """What is wrong with the properties of an account; None where nothing is."""
    for name, value in body.items():
        if name not in ("UserName", "Password", "RoleId", "Enabled"):
            return refuse("property_unknown", name)
        if not isinstance(value, bool if name == "Enabled" else str):
            return refuse("property_type", "***" if name == "Password" else str(value), name)
    if len(body.get("Password", "*" * SHORTEST_PASSWORD)) < SHORTEST_PASSWORD:
        return refuse("property_type", "***", "Password")
    if body.get("RoleId", "Administrator") not in ROLES:
        return refuse("property_value", str(body["RoleId"]), "RoleId")
    if not body.get("UserName", "somebody") or account_of(bmc, body.get("UserName", "")) is not None:
        return refuse("property_value", str(body["UserName"]), "UserName")
    return None


def _change(account: Account, bmc: Bmc, body: Json) -> Answer | None:
    """Changes what may be changed; a new password signs that user's sessions out."""
    refused = _refused(bmc, body)
    if refused is not None:
        return refused
    account.changes += 1
    account.user, account.role = body.get("UserName", account.user), body.get("RoleId", account.role)
    account.enabled = body.get("Enabled", account.enabled)
    if "Password" in body:
        account.password = body["Password"]
        bmc.drop_sessions(account.user)
    return None


def _remove(account: Account, bmc: Bmc) -> Answer:
    del bmc.accounts[account.id]
    bmc.drop_sessions(account.user)
    return Answer(204)
