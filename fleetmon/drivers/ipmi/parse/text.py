"""The type/length fields of SDR and FRU as text (IPMI v2.0 rev 1.1 section 43.15, FRU v1.0 rev 1.3 section 13).

Not pyghmi's: its 6-bit decoder in `sdr` does not end, and `fru` takes every text of another language for UTF-16.
"""

from __future__ import annotations

from fleetmon.drivers.placeholders import PLACEHOLDERS

ENGLISH = frozenset({0, 25})
"""FRU language codes whose text is ISO 8859-1."""
_BCD_PLUS = "0123456789 -.:,_"
_FILLING = "\x00\x03\x10\xfe\xff \t\r\n"
"""What fills the end of fields, or ends them against the standard."""


def spelled(kind: int, octets: bytes, language: int = 0) -> str:
    """A field's text; `kind` is the two high bits of its type/length byte. What is no text is told in hexadecimal."""
    match kind:
        case 1:
            text = "".join(_BCD_PLUS[byte >> 4] + _BCD_PLUS[byte & 0xF] for byte in octets)
        case 2:
            text = six_bit(octets)
        case _:
            text = _eight_bit(octets, language, binary=kind == 0)
    return " ".join(text.split())


def six_bit(octets: bytes) -> str:
    """Packed 6-bit ASCII: characters from 20h on, the lowest bits first; an incomplete last one is no character."""
    packed = int.from_bytes(octets, "little")
    return "".join(chr(0x20 + (packed >> shift & 0x3F)) for shift in range(0, len(octets) * 8 - 5, 6))


def _eight_bit(octets: bytes, language: int, *, binary: bool) -> str:
    plain = octets.decode("latin-1").strip(_FILLING)
    if plain.isascii() and plain.isprintable():
        return plain
    if not binary and language not in ENGLISH:
        wide = octets[: len(octets) & ~1].decode("utf-16-le", "replace").strip(_FILLING)
        if wide.isprintable():
            return wide
    if "\x00" in plain and (first := plain.partition("\x00")[0]).isprintable() and first.isascii():
        return first
    if binary and not _is_utf8(octets):
        return octets.hex().upper() if any(octets) else ""
    text = octets.decode() if binary else plain
    return "".join(letter for letter in text.strip(_FILLING) if letter.isprintable())


def _is_utf8(octets: bytes) -> bool:
    try:
        return octets.decode().strip(_FILLING).isprintable()
    except UnicodeDecodeError:
        return False


def meant(text: str) -> str:
    """The text, or nothing where it is a placeholder or one sign over and over (F77)."""
    lowered = text.lower()
    letters = set(lowered) - set(" -.:")
    repeated = len(letters) == 1 and not lowered.isalpha() and len(lowered) > 2
    return "" if lowered in PLACEHOLDERS or not letters or repeated else text
