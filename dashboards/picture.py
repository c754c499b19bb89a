"""Makes the picture of the README: a rack of the emulated fleet, as a browser shows it, in light and in dark.

`python -m dashboards.picture` starts the demo, breaks a few parts in one rack through the emulator's control API, and
photographs that rack once real polls have seen it all.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Error, sync_playwright

from dashboards.build import ROOT

PICTURES = ROOT / "docs" / "pictures"
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage")
CANDIDATES = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
PATIENCE = 120.0
SIZE = (1440, 900)

RACK = "R04"
UNIT = "db-b08"
FAULTS = (
    {"machine": "web-44", "fault": "fail_fan", "name": "Fan 3"},
    {"machine": UNIT, "fault": "fail_drive", "bay": 5},
    {"machine": "web-47", "fault": "hang_bmc", "seconds": 3600},
)
SEEN = (("web-44", "Critical"), (UNIT, "Critical"), ("store-03", "Warning"), ("web-47", "stale"))

Json = dict[str, Any]


class PictureError(Exception):
    """The picture could not be made; the message says what would be right."""


def chromium() -> str | None:
    """Path of the browser: FLEETMON_CHROMIUM, else what the system has."""
    named = os.environ.get("FLEETMON_CHROMIUM")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, CANDIDATES)), None)


def free_ports() -> tuple[str, str]:
    """Two ports nobody listens on, beside whatever demo is running already."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return str(one.getsockname()[1]), str(other.getsockname()[1])


@contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """Addresses of a demo's dashboard and of its emulator; the demo ends with the block."""
    port, control_port = free_ports()
    command = [sys.executable, "-m", "fleetmon", "demo", "--no-story", "--port", port, "--control-port", control_port]
    process = subprocess.Popen(  # noqa: S603 - our own program, by the interpreter that runs us
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield addresses_of(process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def addresses_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What the demo prints once both answer."""
    assert process.stdout is not None
    told: dict[str, str] = {}
    for line in process.stdout:
        if found := re.search(r"(dashboard|emulator) (http://\S+)", line):
            told[found[1]] = found[2]
        if told.keys() == {"dashboard", "emulator"}:
            return told["dashboard"], told["emulator"]
    raise PictureError("fleetmon demo ended before it answered; run it by itself to see why")


def ask(url: str, body: Json | None = None) -> Any:
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode())  # noqa: S310 - loopback
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


def trouble(emulator: str) -> None:
    """Breaks a few parts in one rack, as an ordinary bad day would."""
    for fault in FAULTS:
        ask(f"{emulator}/faults", fault)


def await_trouble(dashboard: str) -> None:
    """Returns when every broken device is seen as what it is; raises PictureError when the demo never gets there."""
    deadline = time.monotonic() + PATIENCE
    missing = set(SEEN)
    while missing and time.monotonic() < deadline:
        time.sleep(1)
        units = ask(f"{dashboard}/api/v1/racks/{RACK}/elevation")["units"]
        missing = {
            (name, word) for name, word in missing if (name, word) not in {row for unit in units for row in words(unit)}
        }
    if missing:
        raise PictureError(
            f"after {PATIENCE:.0f} s the demo does not show {', '.join(f'{n} as {w}' for n, w in sorted(missing))}"
        )


def words(unit: Json) -> Iterator[tuple[str, str]]:
    """What is said of a device, as pairs of its name and a word."""
    yield unit["device_id"], unit["health"]
    if unit["stale"]:
        yield unit["device_id"], "stale"


def photograph(browser: Browser, address: str, path: Path, *, dark: bool) -> None:
    """One page at one and a half times its size, when its chart has been drawn."""
    width, height = SIZE
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=1.5,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(address)
    page.locator(".plot canvas").wait_for(timeout=15_000)
    page.screenshot(path=path)
    context.close()


def take(url: str, folder: Path) -> list[Path]:
    """Photographs the dashboard at `url` in both themes."""
    path = chromium()
    if path is None:
        raise PictureError("no Chromium: apt-get install chromium, or name one in FLEETMON_CHROMIUM")
    folder.mkdir(parents=True, exist_ok=True)
    shown = f"{url}/racks/{RACK}?unit={UNIT}"
    taken = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS])
        for name, dark in (("rack-light.png", False), ("rack-dark.png", True)):
            photograph(browser, shown, folder / name, dark=dark)
            taken.append(folder / name)
        browser.close()
    return taken


def main() -> int:
    """Command line: makes both pictures, or says in one line why not."""
    parser = argparse.ArgumentParser(
        prog="python -m dashboards.picture", description="Make the pictures of the README."
    )
    parser.add_argument("--folder", type=Path, default=PICTURES)
    folder: Path = parser.parse_args().folder
    try:
        with demo() as (dashboard, emulator):
            trouble(emulator)
            await_trouble(dashboard)
            taken = take(dashboard, folder)
    except (PictureError, OSError, Error) as reason:
        sys.stderr.write(f"picture: {str(reason).splitlines()[0]}\n")
        return 1
    sys.stdout.write("".join(f"picture: {path}\n" for path in taken))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
