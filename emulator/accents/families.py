"""Every family there is, by name."""

from __future__ import annotations

from emulator.accents.dell import DELL_FAMILIES
from emulator.accents.hpe import HPE_FAMILIES
from emulator.accents.model import Family
from emulator.accents.plain import PLAIN_FAMILIES

FAMILIES: dict[str, Family] = {family.name: family for family in (*PLAIN_FAMILIES, *DELL_FAMILIES, *HPE_FAMILIES)}
