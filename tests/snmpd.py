"""snmpd of net-snmp (Debian package `snmpd`) on loopback: an agent written by others, for our driver to read."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ber import integer, octets, sequence, tagged

COMMUNITY = "monitor"
USER, SIGNING, ENCRYPTING = "watcher", "signing-passphrase", "encrypting-passphrase"
PASSWORD = f"{SIGNING}\n{ENCRYPTING}"
START_SECONDS = 10.0
DISCOVERY = sequence(
    integer(3),
    sequence(integer(1), integer(65507), octets(b"\x04"), integer(3)),
    octets(sequence(octets(b""), integer(0), integer(0), octets(b""), octets(b""), octets(b""))),
    sequence(octets(b""), octets(b""), tagged(0xA0, integer(1), integer(0), integer(0), sequence())),
)
"""A request without an account, which every engine answers with a Report (RFC 3414, section 4)."""
AUTH = {
    "md5": "MD5", "sha": "SHA", "sha224": "SHA-224", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512",
}  # fmt: skip
PRIV = {"des": "DES", "aes128": "AES", "aes192": "AES-192", "aes256": "AES-256", "aes192c": "AES-192-C",
        "aes256c": "AES-256-C"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Agent:
    """A running snmpd with one community and one user for each pair of algorithms."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        """What `fleetmon poll` takes."""
        return f"snmp://127.0.0.1:{self.port}"


def name_of(auth: str = "", priv: str = "") -> str:
    """The user with these algorithms."""
    return "-".join(word for word in (USER, auth, priv) if word)


@contextlib.contextmanager
def snmpd(
    *lines: str, users: Sequence[tuple[str, str]] = (("sha256", "aes128"),), port: int = 0, folder: Path | None = None
) -> Iterator[Agent]:
    """An snmpd with more configuration `lines`; skips without the program.

    Started again with the same `folder` and `port` it is the same engine after one more boot.
    """
    program = shutil.which("snmpd", path="/usr/sbin:/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        pytest.skip("snmpd is not installed (Debian: snmpd)")
    with contextlib.ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = port or free_port()
        (place / "etc").mkdir(exist_ok=True)
        (place / "etc" / "snmpd.conf").write_text(_configuration(port, users, lines))
        log = stack.enter_context(tempfile.TemporaryFile())
        process = subprocess.Popen(
            [program, "-f", "-Lo", "-r"],
            env={"SNMPCONFPATH": f"{place}/etc:{place}/var", "SNMP_PERSISTENT_DIR": f"{place}/var"},
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            if not answers(process, port):
                log.seek(0)
                pytest.fail(f"snmpd does not answer: {log.read()[-800:].decode(errors='replace')}")
            yield Agent(port, process)
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _configuration(port: int, users: Sequence[tuple[str, str]], lines: Sequence[str]) -> str:
    said = [
        f"agentaddress udp:127.0.0.1:{port}",
        f"rocommunity {COMMUNITY} 127.0.0.1",
        "sysName emulated",
        "sysLocation loopback",
        "sysServices 72",
    ]
    for auth, priv in users:
        name, level = name_of(auth, priv), "priv" if priv else "auth" if auth else "noauth"
        words = [f"createUser {name}"]
        words += [AUTH[auth], f'"{SIGNING}"'] if auth else []
        words += [PRIV[priv], f'"{ENCRYPTING}"'] if priv else []
        said += [" ".join(words), f"rouser {name} {level}"]
    return "\n".join([*said, *lines, ""])


def answers(process: subprocess.Popen[bytes], port: int, seconds: float = START_SECONDS) -> bool:
    """Does an SNMP engine listen there before the time is over, and its process lives?"""
    deadline = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(0.1)
        asker.connect(("127.0.0.1", port))
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError):
                asker.send(DISCOVERY)
                if asker.recv(512):
                    return True
            time.sleep(0.02)
    return False


def free_port() -> int:
    """A UDP port of 127.0.0.1 that nobody listens at."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
