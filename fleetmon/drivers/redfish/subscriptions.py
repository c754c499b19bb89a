"""Subscriptions: what to ask an EventService for, and which of those it has are ours; no I/O.

The decision is in docs/decisions: what bears our context, or leads to our own receiver, is ours and there is at most
one of it; everything else belongs to somebody and is left alone, even when the table is full.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.telling import Wish

HEARTBEAT_MINUTES = 10
"""How often a service that can is asked to say that it still sends."""
HEARTBEATS_SINCE = 7
"""Minor version of EventService 1 from which on EventDestinations (1.11, release 2021.2) may send heartbeats."""
MOST = 64
"""Subscriptions looked at; more than any BMC keeps."""
_WORKING = frozenset({"", "Enabled", "Starting", "StandbyOffline"})
_VERSION = re.compile(r"\.v(\d+)_(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """Whose the subscriptions of a device are, by path."""

    own: str = ""
    """The one that does what we wish; empty when there is none."""
    stale: tuple[str, ...] = ()
    """Ours, and of no use any more: an earlier token, an earlier installation, suspended, or one too many."""
    foreign: tuple[str, ...] = ()
    """Where those of others lead to, as hosts."""


def sort_out(told: Mapping[str, Json], wish: Wish) -> Sorted:
    """Whose each of them is, by its Destination and Context."""
    own, stale, foreign = "", [], []
    for path, body in told.items():
        if not is_ours(body, wish):
            foreign.append(_owner(body))
        elif not own and fits(body, wish):
            own = path
        else:
            stale.append(path)
    return Sorted(own=own, stale=tuple(stale), foreign=tuple(sorted(foreign)))


def is_ours(body: Json, wish: Wish) -> bool:
    """Did this installation make it, or one before it with the same receiver?"""
    destination = body.get("Destination")
    leads_to_us = isinstance(destination, str) and destination.startswith(f"{wish.receiver}/")
    return is_marked(body, wish.installation) or leads_to_us


def is_marked(body: Json, installation: str) -> bool:
    """Does it bear this installation's context?"""
    context = body.get("Context")
    return isinstance(context, str) and context.startswith(f"{installation}:")


def fits(body: Json, wish: Wish) -> bool:
    """Does it lead where we wish, and is it at work?"""
    destination = body.get("Destination")
    leads = isinstance(destination, str) and destination.rstrip("/") == wish.destination
    return leads and fields.state(body) in _WORKING


def drafts(service: Json, wish: Wish) -> Iterator[Json]:
    """What to POST, best first by what the service says it knows; one that refuses a body may take a plainer one.

    A service that names event types alone wants EventTypes, as did all before EventService 1.2; one that names
    registries and no formats wants RegistryPrefixes; and a strict one refuses every property it does not know.
    """
    plain: Json = {"Destination": wish.destination, "Protocol": "Redfish", "Context": wish.context}
    types = [word for word in _words(service, "EventTypesForSubscription") if word != "MetricReport"]
    prefixes, formats = _words(service, "RegistryPrefixes"), _words(service, "EventFormatTypes")
    by_type, by_registry = {**plain, "EventTypes": types}, {**plain, "RegistryPrefixes": prefixes}
    if formats:
        modern = {**plain, "SubscriptionType": "RedfishEvent", "DeliveryRetryPolicy": "RetryForever"}
        modern |= {"EventFormatType": "Event"} if "Event" in formats else {}
        if service.get("IncludeOriginOfConditionSupported") is True:
            modern["IncludeOriginOfCondition"] = True
        if _minor(service) >= HEARTBEATS_SINCE:
            yield {**modern, "SendHeartbeat": True, "HeartbeatIntervalMinutes": HEARTBEAT_MINUTES}
        yield modern
    if prefixes:
        yield by_registry
    if types:
        yield by_type
    yield plain


def is_on(service: Json) -> bool:
    """Does the event service work? One that does not say, does; some say it as a word."""
    return fields.boolean(service.get("ServiceEnabled")) is not False and fields.state(service) in _WORKING


def crowded(foreign: tuple[str, ...]) -> str:
    """Whose subscriptions fill the table, for a person who could end some of them."""
    if not foreign:
        return ""
    rest = f" and {len(foreign) - 5} more" if len(foreign) > 5 else ""
    return f"; it has {len(foreign)} of others: {', '.join(foreign[:5])}{rest}"


def _owner(body: Json) -> str:
    destination = body.get("Destination")
    try:
        host = urlsplit(destination).hostname if isinstance(destination, str) else None
    except ValueError:
        host = None
    kind = body.get("SubscriptionType", body.get("Protocol"))
    return host or (f"a {kind[:30]} subscription" if isinstance(kind, str) else "one without destination")


def _words(service: Json, name: str) -> list[str]:
    value = service.get(name)
    return [word[:100] for word in value[:100] if isinstance(word, str)] if isinstance(value, list) else []


def _minor(service: Json) -> int:
    declared = service.get("@odata.type")
    found = _VERSION.search(declared) if isinstance(declared, str) else None
    return int(found[2]) if found and found[1] == "1" and len(found[2]) < 4 else 0
