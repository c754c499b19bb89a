"""Which events a stream or a subscription wants: the `$filter` of DSP0266 on streams, properties on subscriptions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Facts = Callable[[str], str]
"""What an event is, by property: EventFormatType, EventType, MessageId, MetricReportDefinition, OriginResource,
RegistryPrefix, ResourceType or Severity; empty where it has none."""
Wanted = Callable[[Facts], bool]

PROPERTIES = (
    "EventFormatType", "EventType", "MessageId", "MetricReportDefinition", "OriginResource", "RegistryPrefix",
    "ResourceType",
)  # fmt: skip
"""What `$filter` may speak of."""
TOKEN = re.compile(r"\s*(\(|\)|'[^']*'|[^\s()']+)")
DEEPEST = 16


class FilterError(Exception):
    """A `$filter` that cannot be understood."""


def everything(facts: Facts) -> bool:
    """Wants all."""
    return True


def parse_filter(text: str) -> Wanted:
    """The condition of a `$filter`: `eq`, `ne`, `and`, `or`, `not` and parentheses; values with quotes or without."""
    tokens, at = [], 0
    text = text.strip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise FilterError(text)
        tokens.append(found[1])
        at = found.end()
    reader = _Reader(tokens)
    wanted = reader.either()
    if reader.tokens:
        raise FilterError(text)
    return wanted


class _Reader:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self._depth = 0

    def either(self) -> Wanted:
        left = self._both()
        while self._next_is("or"):
            left = _any_of(left, self._both())
        return left

    def _both(self) -> Wanted:
        left = self._one()
        while self._next_is("and"):
            left = _all_of(left, self._one())
        return left

    def _one(self) -> Wanted:
        if self._next_is("not"):
            refused = self._one()
            return lambda facts: not refused(facts)
        if self._next_is("("):
            self._depth += 1
            if self._depth > DEEPEST:
                raise FilterError("too deep")
            inside = self.either()
            if not self._next_is(")"):
                raise FilterError("a parenthesis is open")
            self._depth -= 1
            return inside
        return self._comparison()

    def _comparison(self) -> Wanted:
        if len(self.tokens) < 3:
            raise FilterError("no comparison")
        name, operator, value = self.tokens[0], self.tokens[1], self.tokens[2].strip("'")
        del self.tokens[:3]
        if name not in PROPERTIES or operator not in ("eq", "ne"):
            raise FilterError(f"{name} {operator}")
        return lambda facts: (_same(facts(name), value)) == (operator == "eq")

    def _next_is(self, token: str) -> bool:
        if self.tokens[:1] != [token]:
            return False
        del self.tokens[0]
        return True


def _any_of(left: Wanted, right: Wanted) -> Wanted:
    return lambda facts: left(facts) or right(facts)


def _all_of(left: Wanted, right: Wanted) -> Wanted:
    return lambda facts: left(facts) and right(facts)


def _same(told: str, value: str) -> bool:
    return told.rstrip("/") == value.rstrip("/")


def wanted_by(subscription: dict[str, Any]) -> Wanted:
    """The condition of an EventDestination: every list that it has must hold the event's word; none wants all."""
    plain = {
        "EventTypes": "EventType", "RegistryPrefixes": "RegistryPrefix", "ResourceTypes": "ResourceType",
        "MessageIds": "MessageId", "Severities": "Severity",
    }  # fmt: skip
    lists = [(fact, set(subscription[name])) for name, fact in plain.items() if subscription.get(name)]
    origins = [entry["@odata.id"].rstrip("/") for entry in subscription.get("OriginResources", ())]
    below = bool(subscription.get("SubordinateResources"))
    reports = {entry["@odata.id"].rstrip("/") for entry in subscription.get("MetricReportDefinitions", ())}
    shape = subscription.get("EventFormatType", "Event")

    def wanted(facts: Facts) -> bool:
        if facts("EventFormatType") != shape:
            return False
        if shape == "MetricReport":
            return not reports or facts("MetricReportDefinition") in reports
        if origins and not _comes_from(facts("OriginResource"), origins, below):
            return False
        return all(facts(fact) in words for fact, words in lists)

    return wanted


def _comes_from(path: str, origins: list[str], below: bool) -> bool:
    return any(path == origin or (below and path.startswith(f"{origin}/")) for origin in origins)
