"""Independent Redfish servers that tests start beside ours: the DMTF Redfish Mockup Server and sushy-static.

The DMTF server is on no package index. `REDFISH_MOCKUP_SERVER` names its script and `REDFISH_MOCKUP_SERVER_PYTHON` an
interpreter that has `requests` and `grequests`; without them its image is used wherever `docker info` answers.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import pytest

IMAGE = "dmtf/redfish-mockup-server:1.2.6"
START_SECONDS = 20


@contextlib.contextmanager
def dmtf_server(folder: Path, *options: str) -> Iterator[str]:
    """The base URL of the real DMTF server over `folder`; skips where neither script nor docker is there."""
    script = os.environ.get("REDFISH_MOCKUP_SERVER")
    port = _free_port()
    if script:
        python = os.environ.get("REDFISH_MOCKUP_SERVER_PYTHON", sys.executable)
        command = [python, script, "-H", "127.0.0.1", "-p", str(port), "-D", str(folder), *options]
    elif _docker_answers():
        command = [
            "docker",
            "run",
            "--rm",
            "--init",
            "-p",
            f"127.0.0.1:{port}:8000",
            "-v",
            f"{folder}:/mockup:ro",
            IMAGE,
        ]
        command += ["-H", "0.0.0.0", "-p", "8000", "-D", "/mockup", *options]
    else:
        pytest.skip(
            "REDFISH_MOCKUP_SERVER names no script of the DMTF Redfish Mockup Server, and docker does not answer"
        )
    with _running(command, port, cwd=Path(script).parent if script else None):
        yield f"{'https' if '--ssl' in options else 'http'}://127.0.0.1:{port}"


@contextlib.contextmanager
def sushy_static(folder: Path, pair: Path) -> Iterator[str]:
    """The base URL of sushy-tools' static server over `folder` (tall form), with TLS; skips where it is absent."""
    program = Path(sys.executable).parent / "sushy-static"
    if not program.is_file():
        pytest.skip("sushy-static is not installed; it comes with the package sushy-tools")
    port = _free_port()
    options = ["-i", "127.0.0.1", "-p", str(port), "-m", str(folder), "-c", str(pair), "-k", str(pair)]
    with _running([str(program), *options], port):
        yield f"https://127.0.0.1:{port}"


@contextlib.contextmanager
def _running(command: Sequence[str], port: int, cwd: Path | None = None) -> Iterator[None]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=cwd, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_it_listens(process, port, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    log.seek(0)
    pytest.fail(f"{process.args} does not listen: {log.read()[-500:].decode(errors='replace')}")


def _docker_answers() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "info"], check=False, capture_output=True, timeout=20).returncode == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
