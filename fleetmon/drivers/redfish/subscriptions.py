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
    context, destination = body.get("Context"), body.get("Destination")
    marked = isinstance(context, str) and context.startswith(f"{wish.installation}:")
    leads_to_us = isinstance(destination, str) and destination.startswith(f"{wish.receiver}/")
    return marked or leads_to_us


def fits(body: Json, wish: Wish) -> bool:
    """Does it lead where we wish, and is it at work?"""
    destination = body.get("Destination")
    leads = isinstance(destination, str) and destination.rstrip("/") == wish.destination
    return leads and fields.state(body) in _WORKING


def drafts(service: Json, wish: Wish) -> Iterator[Json]:
    """What to POST, best first: a service that refuses one body may take a plainer one.

    Old services (iLO 4 and 5, iDRAC 8) want EventTypes; some new ones (iLO 6 and 7) want RegistryPrefixes; strict ones
    refuse every property they do not know.
    """
    plain: Json = {"Destination": wish.destination, "Protocol": "Redfish", "Context": wish.context}
    old = [word for word in _words(service, "EventTypesForSubscription") if word != "MetricReport"]
    prefixes = _words(service, "RegistryPrefixes")
    modern = {**plain, "SubscriptionType": "RedfishEvent", "DeliveryRetryPolicy": "RetryForever"}
    if "Event" in _words(service, "EventFormatTypes"):
        modern["EventFormatType"] = "Event"
    if service.get("IncludeOriginOfConditionSupported") is True:
        modern["IncludeOriginOfCondition"] = True
    if not is_old(service):
        if _minor(service) >= 7:
            yield {**modern, "SendHeartbeat": True, "HeartbeatIntervalMinutes": HEARTBEAT_MINUTES}
        yield modern
        if prefixes:
            yield {**plain, "RegistryPrefixes": prefixes}
    if old:
        yield {**plain, "EventTypes": old}
    if is_old(service) or not old:
        yield plain


def is_old(service: Json) -> bool:
    """Does it know event types only, as services did before EventService 1.2?"""
    return bool(_words(service, "EventTypesForSubscription")) and not (
        _words(service, "EventFormatTypes") or _words(service, "RegistryPrefixes")
    )


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
