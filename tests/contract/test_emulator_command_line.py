"""The command line: one line when it is ready, one line when it cannot be, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def emulator(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The emulator as a process, killed if a test leaves it running."""
    command = [sys.executable, "-m", "emulator", *arguments]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def address(process: subprocess.Popen[str]) -> str:
    """What it prints once it answers."""
    assert process.stdout is not None
    word, _, found = process.stdout.readline().strip().partition(" ")
    assert word == "emulator"
    return found


def ask(url: str, body: Any = None, method: str | None = None) -> Any:
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode(), method=method)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def test_it_says_where_it_answers_and_ends_on_sigterm() -> None:
    with emulator("--fleet", "one_server", "--control", "127.0.0.1:0") as process:
        assert ask(address(process) + "/machines")["items"][0]["name"] == "web-01"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_it_ends_with_standard_input_when_asked_to() -> None:
    with emulator("--fleet", "one_server", "--control", "127.0.0.1:0", "--exit-with-stdin") as process:
        address(process)
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        assert process.wait(10) == 0


def test_several_processes_are_one_fleet_and_end_together() -> None:
    with emulator("--fleet", "demo", "--control", "127.0.0.1:0", "--processes", "2") as process:
        control = address(process)
        machines = ask(f"{control}/machines")["items"]
        assert len({machine["endpoints"][0]["address"] for machine in machines}) == 180 + 12 + 12 + 2
        assert len(ask(f"{control}/fleet")["racks"]) == 6
        traffic = ask(f"{control}/traffic")["items"]
        assert {row["machine"] for row in traffic} == {machine["name"] for machine in machines}
        assert {row.get("streams", 0) for row in traffic} == {0}
        faults = [
            ask(f"{control}/faults", {"machine": "web-01", "fault": "fail_fan"})["id"],
            ask(f"{control}/faults", {"rack": "R04", "fault": "lose_feed"})["id"],
        ]
        assert ask(f"{control}/machines/store-03")["health"] == "Warning"
        ledger = ask(f"{control}/ledger?since=0&what=fault_set")
        assert {row["id"] for row in ledger["items"]} >= set(faults)
        assert ask(f"{control}/time", {"advance": 60})["now"] > 0
        assert ask(f"{control}/faults/{faults[1]}", method="DELETE")["healed"] is True
        children = subprocess.run(
            ["ps", "--ppid", str(process.pid), "-o", "pid="], capture_output=True, text=True, check=True
        )
        pids = [int(pid) for pid in children.stdout.split()]
        assert len(pids) == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fleet", "nowhere"], "nowhere: no such fleet file; give a path or one of demo"),
        (["--fleet", "one_server", "--control", "0.0.0.0:0"], "0.0.0.0 is not loopback"),
        (["--fleet", "one_server", "--control", "8490"], "'8490' is no HOST:PORT"),
        (["--fleet", "one_server", "--processes", "0"], "--processes must be at least 1"),
        (["--fleet", "one_server", "--speed", "0"], "--speed above 0"),
        (["--mockup", "nowhere", "--listen", "127.0.0.1:0"], "nowhere"),
        (["--mockup", "nowhere", "--listen", "example.org:80"], "example.org is not loopback"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(arguments: list[str], said: str) -> None:
    with emulator(*arguments) as process:
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 2
        assert said in errors
        assert len(errors.strip().splitlines()) == 1


def test_a_scene_that_cannot_happen_is_refused_at_the_start(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.toml"
    scene = '[[story]]\nat = 5\nmachine = "web-99"\nfault = "fail_fan"\n'
    fleet.write_text('[[site]]\nname = "s"\n[[rack]]\nname = "R1"\nservers = ["web-01 = halden-w1 @ 1"]\n' + scene)
    with emulator("--fleet", str(fleet), "--control", "127.0.0.1:0") as process:
        _, errors = process.communicate(timeout=20)
        assert (process.returncode, len(errors.strip().splitlines())) == (2, 1)
        assert "no machine 'web-99'; there are web-01" in errors


def test_a_taken_port_is_said_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with emulator("--fleet", "one_server", "--control", f"127.0.0.1:{port}") as process:
            _, errors = process.communicate(timeout=20)
        assert process.returncode == 2
        assert f"cannot listen on 127.0.0.1:{port}" in errors
        assert len(errors.strip().splitlines()) == 1


def test_help_teaches_by_example() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "emulator", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "120"},
    ).stdout
    for word in ("--fleet demo --story", "/faults", "/ledger", "--mockup", "loopback"):
        assert word in shown
