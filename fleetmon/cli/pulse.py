"""The service's metrics as a person wants them: rates between two looks, and how long things take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class Look:
    """All samples of one look at `/metrics`, summed over labels that do not matter here."""

    at: float
    """Seconds of a clock that does not go back."""
    values: Mapping[str, float] = field(default_factory=dict)
    by_label: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By the value of `reachability` or `role`."""
    buckets: Mapping[str, Mapping[float, float]] = field(default_factory=dict)
    """Of histograms: how many were at most so long."""


def look(text: str, at: float) -> Look:
    """The samples of the exposition format."""
    values: dict[str, float] = {}
    by_label: dict[str, dict[str, float]] = {}
    buckets: dict[str, dict[float, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.endswith("_bucket"):
                bound = float(sample.labels["le"])
                of = buckets.setdefault(sample.name.removesuffix("_bucket"), {})
                of[bound] = of.get(bound, 0.0) + sample.value
                continue
            values[sample.name] = values.get(sample.name, 0.0) + sample.value
            for label in ("reachability", "role"):
                if label in sample.labels:
                    of_label = by_label.setdefault(sample.name, {})
                    of_label[sample.labels[label]] = of_label.get(sample.labels[label], 0.0) + sample.value
    return Look(at, values, by_label, buckets)


def rate(before: Look | None, now: Look, name: str) -> float | None:
    """Per second between two looks; None without two, or when the counter began anew."""
    if before is None or now.at <= before.at or name not in now.values:
        return None
    grown = now.values[name] - before.values.get(name, 0.0)
    return grown / (now.at - before.at) if grown >= 0 else None


def quantile(before: Look | None, now: Look, name: str, share: float) -> float | None:
    """The bound that `share` of the values since the look before (else since ever) lie under; None without values."""
    since = before.buckets.get(name, {}) if before else {}
    grown = {bound: count - since.get(bound, 0.0) for bound, count in now.buckets.get(name, {}).items()}
    total = max(grown.values(), default=0.0)
    if total <= 0:
        return quantile(None, now, name, share) if before else None
    return next(bound for bound in sorted(grown) if grown[bound] >= share * total)


def bound(seconds: float | None) -> str:
    """A quantile in words: under which of the histogram's bounds it lies."""
    if seconds is None:
        return "–"
    if math.isinf(seconds):
        return "over a minute"
    return f"≤ {seconds * 1000:g} ms" if seconds < 1 else f"≤ {seconds:g} s"


def per_second(value: float | None) -> str:
    """A rate, as short as it can be said."""
    if value is None:
        return "–"
    return f"{value:,.0f}/s" if value >= 10 else f"{value:.1f}/s"


def total(looked: Look, names: Iterable[str]) -> float:
    """The sum of several values; what is missing counts nothing."""
    return sum(looked.values.get(name, 0.0) for name in names)
