"""The real thing from end to end: a part breaks in an emulated machine, and the page of a browser shows it."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import ConsoleMessage, async_playwright, expect

from dashboards.picture import ARGUMENTS, chromium
from fleetmon.clock import SystemClock
from fleetmon.demo import Options, demo

pytestmark = pytest.mark.timeout(120)


async def test_a_fan_that_fails_in_a_machine_appears_on_the_page(bundle: None, tmp_path: Path) -> None:
    path = chromium()
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium, or name one in FLEETMON_CHROMIUM")
    told: list[str] = []
    complaints: list[str] = []
    options = Options(port=0, control_port=0, fleet="one_rack", story=False, past=False, data=tmp_path, devices=12)

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    async with (
        demo(options, clock=SystemClock(), say=told.append, progress=lambda *_: None),
        async_playwright() as playwright,
        aiohttp.ClientSession() as screwdriver,
    ):
        address = dict(line.split(" ", 1) for line in told)
        browser = await playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS])
        page = await browser.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        async with screwdriver.get(f"{address['dashboard']}/api/v1/devices") as answer:
            machine = next(one["device_id"] for one in (await answer.json())["items"] if one["slot"] == "")
        named = re.compile(rf", {machine}\b")
        await page.goto(f"{address['dashboard']}/racks")
        await page.locator("main li a").first.click()
        cell = page.locator("[data-face=front]").get_by_role("gridcell", name=named)
        await expect(cell).to_have_accessible_name(re.compile("OK.*power on"), timeout=30_000)
        await expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()

        fault = {"machine": machine, "fault": "fail_fan", "name": "Fan 2"}
        async with screwdriver.post(f"{address['emulator']}/faults", json=fault) as answer:
            assert answer.ok, await answer.text()
        await cell.click()
        detail = page.get_by_role("region", name="Selected unit")
        await detail.get_by_role("button", name="Poll now").click()
        await expect(detail.get_by_text("Answered", exact=True)).to_be_visible(timeout=30_000)
        await expect(cell).to_have_accessible_name(re.compile("(critical|warning): .*Fan 2"), timeout=45_000)
        rear = page.locator("[data-face=rear]").get_by_role("gridcell", name=named)
        await expect(rear.locator("[data-fan='Fan 2']")).to_have_class(re.compile("crit|warn"))
        await expect(detail.get_by_role("img", name=re.compile("Inlet temperature"))).to_be_visible()
        await browser.close()
    assert complaints == []


async def test_a_feed_that_is_lost_is_seen_at_the_outlets_and_by_whom_they_feed(bundle: None, tmp_path: Path) -> None:
    path = chromium()
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium, or name one in FLEETMON_CHROMIUM")
    told: list[str] = []
    options = Options(port=0, control_port=0, fleet="snmp_rack", story=False, past=False, data=tmp_path)
    async with (
        demo(options, clock=SystemClock(), say=told.append, progress=lambda *_: None),
        async_playwright() as playwright,
        aiohttp.ClientSession() as screwdriver,
    ):
        address = dict(line.split(" ", 1) for line in told)
        browser = await playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS])
        page = await browser.new_page()
        await page.goto(f"{address['dashboard']}/racks/R01?unit=pdu-r01-a")
        detail = page.get_by_role("region", name="Selected unit")
        outlets = detail.get_by_role("list", name="Outlets").get_by_role("listitem")
        first = outlets.filter(has_text="web-01 PSU 1")
        await expect(first).to_have_text(re.compile(r"Outlet \d+\s*[1-9]\d* W"), timeout=45_000)

        fault = {"rack": "R01", "fault": "lose_feed", "feed": "A"}
        async with screwdriver.post(f"{address['emulator']}/faults", json=fault) as answer:
            assert answer.ok, await answer.text()
        await expect(first).to_have_text(re.compile(r"Outlet \d+\s*0 W"), timeout=60_000)
        beside = page.locator("[data-unit='pdu-r01-a']").filter(has_text="0 W")
        await expect(beside.get_by_role("img", name="critical")).to_be_visible(timeout=30_000)

        await page.goto(f"{address['dashboard']}/racks/R01?unit=sw-r01-a")
        ports = detail.get_by_role("list", name="Ports").get_by_role("listitem")
        await expect(ports.filter(has_text="web-01 NIC Port 1")).to_be_visible(timeout=45_000)
        await browser.close()
