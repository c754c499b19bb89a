"""Every family there is, by name."""

from __future__ import annotations

from emulator.accents.dell import DELL_FAMILIES
from emulator.accents.hpe import HPE_FAMILIES
from emulator.accents.kinds import KIND_FAMILIES
from emulator.accents.lenovo import LENOVO_FAMILIES
from emulator.accents.model import Family
from emulator.accents.openbmc import OPENBMC_FAMILIES
from emulator.accents.others import OTHER_FAMILIES
from emulator.accents.plain import PLAIN_FAMILIES
from emulator.accents.supermicro import SUPERMICRO_FAMILIES

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        *PLAIN_FAMILIES,
        *DELL_FAMILIES,
        *HPE_FAMILIES,
        *LENOVO_FAMILIES,
        *SUPERMICRO_FAMILIES,
        *OPENBMC_FAMILIES,
        *OTHER_FAMILIES,
        *KIND_FAMILIES,
    )
}
