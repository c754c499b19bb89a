"""ipmi_sim of OpenIPMI (Debian package `openipmi`) on loopback: a BMC written by others, for our driver to read.

A machine is an .emu file, recorded or written here. The recorded ones are read where they lie and adapted in memory:
the Debian build knows only the newer form of some commands, and ends a file at the first one it does not take.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import recordings

USER, PASSWORD = "operator", "emulated"
START_SECONDS = 10.0
PING = bytes.fromhex("0600ff07 00 00000000 00000000 09 2018c8 8104388e04b1")
"""Get Channel Authentication Capabilities outside a session (section 22.13): what answers it takes logins."""
LAN = """\
name "bmc"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  user 1 false "" "" user 10 none md2 md5 straight
  user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
"""
BARE_NUMBER = re.compile(r"(?<![\w'\"])[0-9a-fA-F]{1,6}(?![\w'\"])")
POLLED = re.compile(r"\s+poll \d+\s+file \"[^\"]*\"(\s+(mult|div|sub|depends|base|initstate)=\S+)*")
FRU_FROM_A_FILE = re.compile(r"^mc_add_fru_data [^\n]*\bfile [^\n]*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Simulated:
    """A running ipmi_sim: cipher suite 3, ten sessions for each user."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        """What `fleetmon poll` takes."""
        return f"ipmi://127.0.0.1:{self.port}"

    def tell(self, *commands: str) -> None:
        """Commands of ipmi_sim_cmd(5) for the machine that runs: `sensor_set_value 0x20 0 1 0x60 1`, `sel_add ...`."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{command}\n" for command in commands).encode())
        self.process.stdin.flush()
        time.sleep(0.05)


@contextlib.contextmanager
def ipmi_sim(machine: Path | str, *records: bytes) -> Iterator[Simulated]:
    """A BMC on loopback as an .emu file or its text tells it, with more SDR `records`; skips without the program."""
    program = shutil.which("ipmi_sim")
    if program is None:
        pytest.skip("ipmi_sim is not installed (Debian: openipmi)")
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryFile() as log:
        folder, port = Path(name), _free_port()
        (folder / "state").mkdir()
        (folder / "lan.conf").write_text(LAN.format(port=port, user=USER, password=PASSWORD))
        text = machine if isinstance(machine, str) else adapted(machine, folder)
        (folder / "bmc.emu").write_text("\n".join([text, *map(_added, records), ""]))
        process = subprocess.Popen(
            [program, "-c", "lan.conf", "-f", "bmc.emu", "-s", "state", "-p"],
            cwd=folder, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            if not _answers(process, port):
                log.seek(0)
                pytest.fail(f"ipmi_sim does not answer: {log.read()[-500:].decode(errors='replace')}")
            yield Simulated(port, process)
        finally:
            process.kill()
            process.communicate()


def recorded() -> list[Path]:
    """Every recorded machine ipmi_sim can run; none where the recordings are absent."""
    folder = recordings.FOLDER / "ipmi"
    parts = {"marvell-bmc_marvell_node"}
    return [file for file in sorted(folder.glob("*/*.emu")) if file.stem not in parts]


# ---- what this build of ipmi_sim takes -------------------------------------------------------------------------------


def adapted(recorded: Path, folder: Path) -> str:
    """The text of a recorded .emu file in the form this build takes, with the SDRs that lie beside it."""
    said = "\n".join(line for line in _with_includes(recorded) if not line.startswith("#"))
    text = FRU_FROM_A_FILE.sub("", POLLED.sub("", said.replace("\\\n", " ")))
    old = re.search(r"^mc_add [0-9a-f]{2} ", text, re.MULTILINE) is not None
    lines = [_newer_form(line) if old else line for line in text.split("\n")]
    first = [line for line in lines if line.startswith(("atca_enable", "mc_setbmc", "mc_add "))]
    later = [line for line in lines if line not in first]
    return "\n".join([*first, *later, *map(_added, _compiled(recorded, folder))])


def _with_includes(recorded: Path) -> list[str]:
    """Its lines with those of what it includes."""
    name, lines = "", []
    for line in recorded.read_text().split("\n"):
        word, _, rest = line.partition(" ")
        if word == "define":
            name = rest.split('"')[1]
        elif word == "include":
            included = _beside(recorded, rest.strip('" '))
            lines += included.read_text().replace("$MCNUM", name).split("\n") if included else []
        else:
            lines.append(line)
    return lines


def _beside(recorded: Path, name: str) -> Path | None:
    """A file it speaks of; the recordings keep it under the name of the machine and its own."""
    names = (name, f"{recorded.name.partition('_')[0]}_{name}")
    return next((file for file in map(recorded.with_name, names) if file.is_file()), None)


def _newer_form(line: str) -> str:
    """A line of the old form, in which every number is hexadecimal without saying so and FRU data need no word."""
    command, _, rest = line.partition(" ")
    numbers = BARE_NUMBER.sub(r"0x\g<0>", rest)
    if command == "mc_add_fru_data":
        numbers = re.sub(r"^(\S+ \S+ \S+)", r"\1 data", numbers)
    return f"{command} {numbers}"


def _compiled(recorded: Path, folder: Path) -> list[bytes]:
    """The SDRs that lie beside it as source, compiled by OpenIPMI's own sdrcomp."""
    source = _beside(recorded, f"{recorded.stem}.sdrs") or _beside(recorded, "main.sdrs")
    if source is None:
        return []
    for file in source.parent.glob("*.sdrs"):
        shutil.copy(file, folder / file.name.rpartition("_")[2])
    wanted = folder / source.name.rpartition("_")[2]
    subprocess.run(["sdrcomp", "-r", "-o", "main.raw", wanted.name], cwd=folder, check=True, capture_output=True)
    return list(_records((folder / "main.raw").read_bytes()))


def _records(raw: bytes) -> Iterator[bytes]:
    while len(raw) >= 5:
        end = 5 + raw[4]
        yield raw[:end]
        raw = raw[end:]


def _added(record: bytes) -> str:
    return f"main_sdr_add 0x20 {_bytes(record)}"


def _bytes(raw: Sequence[int]) -> str:
    return " ".join(f"{byte:#04x}" for byte in raw)


# ---- a machine of our own --------------------------------------------------------------------------------------------


def telling_machine(number: int, sensors: int = 40) -> str:
    """A machine whose every value tells whose it is: sensor s of machine n reads `telling_value(n, s)` degrees."""
    lines = ["mc_setbmc 0x20", "mc_add 0x20 0x20 no-device-sdrs 0x01 1 2 0x9f 0x2a2 0x100", "sel_enable 0x20 1000 0x0a"]
    for sensor in range(1, sensors + 1):
        lines += [
            f"sensor_add 0x20 0 {sensor} 1 1",
            f"sensor_set_value 0x20 0 {sensor} {telling_value(number, sensor)} 0",
            f"sensor_set_threshold 0x20 0 {sensor} readable 111111 0xfd 0xfc 0xfb 0x02 0x01 0x00",
            f"sensor_set_event_support 0x20 0 {sensor} enable scanning per-state " + " ".join(["111111111111000"] * 4),
            _added(full_record(sensor, f"M{number:03} S{sensor:02}")),
        ]
    return "\n".join([*lines, "mc_enable 0x20", ""])


def telling_value(number: int, sensor: int) -> int:
    """A reading that neither a neighbouring sensor nor another machine has."""
    return 3 + (number * 41 + sensor * 6) % 247


def full_record(number: int, name: str) -> bytes:
    """A Full Sensor Record (section 43.1) of a temperature: M=1, B=0, six readable thresholds."""
    body = bytes.fromhex("2000") + bytes([number]) + bytes([7, number, 0x7F, 0x68, 0x01, 0x01])
    body += bytes.fromhex("ff7fff7f3f3f 00 01 00 00 01 00 00 00 00 00 07 2050 0a ff 00 fd fc fb 00 01 02 02 02 0000 00")
    return (
        bytes([number & 0xFF, 0, 0x51, 0x01, len(body) + 1 + len(name)])
        + body
        + bytes([0xC0 | len(name)])
        + name.encode()
    )


# ---- starting --------------------------------------------------------------------------------------------------------


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.1)
        probe.connect(("127.0.0.1", port))
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError):
                probe.send(PING)
                if probe.recv(256)[:2] == b"\x06\x00":
                    return True
    return False


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
