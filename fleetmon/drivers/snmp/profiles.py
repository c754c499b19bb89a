"""Which profile a device gets, by what it says of itself. Nothing here speaks to a device."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources

from fleetmon.drivers.snmp.family import Profile
from fleetmon.drivers.snmp.language import read_profile

GENERIC = "generic"
"""The profile of a device that no other knows."""


def profile_for(sys_object_id: str, sys_descr: str = "", probes: Collection[str] = ()) -> Profile:
    """The profile of a device by what it says of itself, and by which `probes` hold anything; at least the generic."""
    best, found = -1, every_profile()[GENERIC]
    for profile in every_profile().values():
        claim = profile.claims(sys_object_id.lstrip("."), sys_descr)
        if claim is None or (profile.probes and not set(profile.probes) & set(probes)):
            continue
        surety = 2 * claim + bool(profile.probes)
        if surety > best:
            best, found = surety, profile
    return found


def probes_for(sys_object_id: str, sys_descr: str = "") -> tuple[str, ...]:
    """The subtrees whose presence tells which of several profiles is the device's; each is asked for once."""
    claims = [
        (claim, profile)
        for profile in every_profile().values()
        if (claim := profile.claims(sys_object_id.lstrip("."), sys_descr)) is not None
    ]
    surest = max((claim for claim, profile in claims if not profile.probes), default=0)
    return tuple(dict.fromkeys(oid for claim, profile in claims if claim >= surest for oid in profile.probes))


@cache
def every_profile() -> Mapping[str, Profile]:
    """Every profile by its name."""
    files = {
        file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8"))
        for file in sorted(resources.files(__package__).joinpath("profiles").iterdir(), key=lambda file: file.name)
        if file.name.endswith(".toml")
    }
    found = [read_profile(name, files) for name in files if not name.startswith("_")]
    return {profile.name: profile for profile in found}
