"""A signed trap is known by the keys its device is polled with; net-snmp signs and encrypts it here."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
from contextlib import suppress

import pytest

from fleetmon.drivers.base import Credentials, Secret
from fleetmon.drivers.snmp.address import target_of
from fleetmon.drivers.snmp.traps import read
from fleetmon.drivers.snmp.unsealing import is_sealed, unseal
from fleetmon.errors import AccessDenied, Garbled

LINK_DOWN = ["4711", "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.31.1.1.1.1.3", "s", "eth3"]
USER = Credentials(user="operator", password=Secret("signing phrase\nsecret phrase"))
WAYS = [("md5", "des"), ("sha", "aes128"), ("sha224", ""), ("sha256", "aes128"), ("sha384", "aes192"),
        ("sha512", "aes256"), ("sha256", "aes256c")]  # fmt: skip

NAMES = {"md5": "MD5", "sha": "SHA", "des": "DES", "aes128": "AES", "aes192": "AES-192", "aes256": "AES-256",
         "aes256c": "AES-256-C"} | {f"sha{bits}": f"SHA-{bits}" for bits in (224, 256, 384, 512)}  # fmt: skip
"""As net-snmp calls them."""


def sent(
    auth: str,
    priv: str,
    *,
    user: str = "operator",
    phrases: tuple[str, str] = ("signing phrase", "secret phrase"),
    at: tuple[int, int] = (1, 1000),
) -> bytes:
    """What net-snmp's snmptrap sends, signed and encrypted so."""
    snmptrap = shutil.which("snmptrap")
    if snmptrap is None:
        pytest.skip("snmptrap is not installed (Debian: snmp)")
    level = "noAuthNoPriv" if not auth else "authPriv" if priv else "authNoPriv"
    keys = ["-a", NAMES[auth], "-A", phrases[0]] if auth else []
    keys += ["-x", NAMES[priv], "-X", phrases[1]] if priv else []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))
        door.settimeout(10)
        where = f"127.0.0.1:{door.getsockname()[1]}"
        command = [snmptrap, "-v3", "-e", "0x80001f880411223344", "-u", user, "-l", level, *keys,
                   "-Z", "{},{}".format(*at), where]  # fmt: skip
        subprocess.run([*command, *LINK_DOWN], check=True, timeout=20, capture_output=True)
        return door.recv(4096)


def target(auth: str, priv: str):
    return target_of(f"snmp://10.0.0.1?auth={auth}" + (f"&priv={priv}" if priv else ""))


@pytest.mark.parametrize(("auth", "priv"), WAYS)
def test_a_trap_is_read_with_the_keys_of_its_user_and_with_no_others(auth, priv):
    datagram = sent(auth, priv)
    trap, outside = unseal(datagram, target(auth, priv), USER)
    assert (trap.generic, trap.octets) == (2, {(1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1, 3): b"eth3"})
    assert (is_sealed(datagram), outside.engine.hex()) == (True, "80001f880411223344")
    for user, words in (("operator", "another phrase\nsecret phrase"), ("visitor", "signing phrase\nsecret phrase")):
        with pytest.raises(AccessDenied):
            unseal(datagram, target(auth, priv), Credentials(user=user, password=Secret(words)))
    with pytest.raises(AccessDenied):
        unseal(datagram, target_of("snmp://10.0.0.1"), USER)


def test_a_trap_that_nobody_signed_is_read_as_one_of_version_2():
    datagram = sent("", "")
    assert (is_sealed(datagram), read(datagram).generic) == (False, 2)


def test_whatever_becomes_of_a_signed_trap_it_is_never_taken_for_signed():
    datagram, dice, way = sent("sha256", "aes128"), random.Random(105), target("sha256", "aes128")
    for _ in range(3000):
        damaged = bytearray(datagram)
        for _ in range(dice.randrange(1, 4)):
            damaged[dice.randrange(len(damaged))] ^= dice.randrange(1, 256)
        cut = bytes(damaged[: dice.choice([len(damaged), dice.randrange(len(damaged))])])
        with suppress(AccessDenied, Garbled):
            pytest.fail(f"taken: {unseal(cut, way, USER)}") if cut != datagram else None
        with suppress(Garbled):
            read(cut)
