"""snmpsim, an SNMP agent written by others, serving recordings on loopback; each is a community of its own."""

from __future__ import annotations

import contextlib
import getpass
import grp
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.snmpd import answers, free_port

START = """
import sys, types
sys.modules["pysmi"] = types.SimpleNamespace(__version__="absent")
from snmpsim.commands.responder import main
sys.exit(main())
"""
"""snmpsim 1.2.2 imports pysmi for its version alone, and does not ask to have it installed."""
START_SECONDS = 60.0
"""Indexing all recordings takes it a while."""


@contextlib.contextmanager
def simulated(recordings: Sequence[Path]) -> Iterator[str]:
    """The address of an snmpsim that serves these files; the community of each is its name without the ending."""
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryFile() as log:
        place, port = Path(name), free_port()
        for folder in ("data", "cache"):
            (place / folder).mkdir()
        for file in recordings:
            shutil.copyfile(file, place / "data" / file.name)
        process = subprocess.Popen(
            [sys.executable, "-c", START, *_options(place, port)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=place,
        )  # fmt: skip
        try:
            if not answers(process, port, START_SECONDS):
                log.seek(0)
                pytest.fail(f"snmpsim does not answer: {log.read()[-800:].decode(errors='replace')}")
            yield f"snmp://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _options(place: Path, port: int) -> Iterator[str]:
    yield f"--data-dir={place}/data"
    yield f"--cache-dir={place}/cache"
    yield f"--agent-udpv4-endpoint=127.0.0.1:{port}"
    yield from ("--logging-method=stderr", "--log-level=error")
    if os.geteuid() == 0:
        # Started as root it wants to become somebody; that somebody could not read this Python everywhere.
        yield f"--process-user={getpass.getuser()}"
        yield f"--process-group={grp.getgrgid(os.getgid()).gr_name}"
