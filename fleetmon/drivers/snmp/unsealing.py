"""What stands in a signed or encrypted trap, and whether it was signed by who knows the user's key (RFC 3414).

The keys are those of the credential set the sender is polled with. Its engine is the sender's own, so the master keys
are enough and nothing has to be known of the engine before. pysnmp decrypts; its engine is not used, because it would
remember each engine that anybody names, and knows one user of a name where we may know several.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from pyasn1.codec.ber import decoder
from pyasn1.type.univ import OctetString
from pysnmp.proto.error import StatusInformation
from pysnmp.proto.secmod.rfc3414 import service as usm

from fleetmon.drivers.base import Credentials
from fleetmon.drivers.snmp.address import Target
from fleetmon.drivers.snmp.envelope import ENCRYPTED, SIGNED, Envelope, look
from fleetmon.drivers.snmp.keys import SHORTEST, master_key, passphrases, seal_of
from fleetmon.drivers.snmp.traps import MAX_BYTES, Oid, Trap, message_of, only_garbled, read, read_scoped
from fleetmon.errors import AccessDenied, Garbled

_AUTH: Mapping[str, Oid] = MappingProxyType(
    {
        "md5": usm.hmacmd5.HmacMd5.SERVICE_ID,
        "sha": usm.hmacsha.HmacSha.SERVICE_ID,
        "sha224": usm.hmacsha2.HmacSha2.SHA224_SERVICE_ID,
        "sha256": usm.hmacsha2.HmacSha2.SHA256_SERVICE_ID,
        "sha384": usm.hmacsha2.HmacSha2.SAH384_SERVICE_ID,
        "sha512": usm.hmacsha2.HmacSha2.SHA512_SERVICE_ID,
    }
)
_PRIV: Mapping[str, Oid] = MappingProxyType(
    {
        "des": usm.des.Des.SERVICE_ID,
        "aes128": usm.aes.Aes.SERVICE_ID,
        "aes192": usm.aes192.AesBlumenthal192.SERVICE_ID,
        "aes256": usm.aes256.AesBlumenthal256.SERVICE_ID,
        "aes192c": usm.aes192.Aes192.SERVICE_ID,
        "aes256c": usm.aes256.Aes256.SERVICE_ID,
    }
)


def is_sealed(datagram: bytes) -> bool:
    """Is it signed, or says so? Cheap: nothing is decoded."""
    return bool(look(datagram).level & SIGNED)


def unseal(datagram: bytes, target: Target, credentials: Credentials) -> tuple[Trap, Envelope]:
    """The trap, whose signature fits, and when its engine sent it.

    Raises AccessDenied where it was signed by nobody we know, and Garbled. The first use of a passphrase takes some
    milliseconds.
    """
    if len(datagram) > MAX_BYTES:
        raise Garbled(f"{len(datagram)} bytes are no trap")
    outside = look(datagram)
    with only_garbled():
        message = message_of(datagram)
        parameters, _ = decoder.decode(message[2], asn1Spec=usm.UsmSecurityParameters())
    if not target.auth or bytes(parameters[3]) != credentials.user.encode():
        raise AccessDenied("signed for a user that is not the one it is polled as")
    signing, encrypting = passphrases(credentials.password.reveal())
    if min(len(signing), len(encrypting)) < SHORTEST:
        raise AccessDenied("its passphrase is too short to sign with")
    seal = seal_of(target, master_key(target.auth, signing), outside.engine)
    if not replace(seal, level=outside.level).is_on(datagram, outside):
        raise AccessDenied("its signature does not fit the key")
    if not outside.level & ENCRYPTED:
        return read(datagram), outside
    if not target.priv:
        raise AccessDenied("it is encrypted, and the address says no priv")
    return read_scoped(_decrypted(message, parameters, target, encrypting, outside)), outside


def _decrypted(message: Any, parameters: Any, target: Target, passphrase: str, outside: Envelope) -> bytes:
    service = usm.SnmpUSMSecurityModel.PRIV_SERVICES[_PRIV[target.priv]]
    master = OctetString(master_key(target.auth, passphrase))
    with only_garbled():
        key = service.localize_key(_AUTH[target.auth], master, OctetString(outside.engine))
        content = message[3].getComponent()
        try:
            return bytes(service.decrypt_data(key, (outside.boots, outside.time, parameters[5]), content))
        except StatusInformation:
            raise Garbled("an SNMP message that cannot be decrypted") from None
