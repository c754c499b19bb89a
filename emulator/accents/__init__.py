"""What machines are made of and how their BMCs speak, as rows: the families of every vendor, invented or real.

Real vendors are named here and nowhere else in the emulator. What a row says was seen in a recording or is told in
public; its `evidence` says where.
"""

from __future__ import annotations

from emulator.accents.model import Accent, DriveKind, Family, Shape
from emulator.accents.plain import PLAIN_FAMILIES

FAMILIES: dict[str, Family] = {family.name: family for family in (*PLAIN_FAMILIES,)}

__all__ = ["FAMILIES", "Accent", "DriveKind", "Family", "Shape"]
