"""A browser, a pretend service, and a page that fails its test when the console says something is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from dashboards.build import build
from dashboards.picture import ARGUMENTS, chromium
from tests.browser.fleet import Fleet, troubled_fleet
from tests.browser.stub import Stub


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def bundle() -> None:
    """The dashboard as its sources are now."""
    build()


@pytest.fixture(scope="module")
def browser(bundle: None) -> Iterator[Browser]:
    """A browser for one module: Playwright's loop must be gone before another module's asyncio tests begin."""
    path = chromium()
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium, or name one in FLEETMON_CHROMIUM")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS])
        yield launched
        launched.close()


@pytest.fixture
def stub(bundle: None) -> Iterator[Stub]:
    """A pretend service over the fleet of troubles."""
    with serving(troubled_fleet(datetime.now(UTC))) as stub:
        yield stub


@contextmanager
def serving(fleet: Fleet) -> Iterator[Stub]:
    stub = Stub(fleet)
    try:
        yield stub
    finally:
        stub.close()


@dataclass
class Desk:
    """Opens pages at an address and collects what their consoles complain of."""

    browser: Browser
    url: str
    complaints: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()
    pages: list[Page] = field(default_factory=list)

    def open(
        self,
        path: str,
        *,
        width: int = 1440,
        height: int = 900,
        dark: bool = False,
        phone: bool = False,
        bypass_csp: bool = False,
    ) -> Page:
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            is_mobile=phone,
            has_touch=phone,
            bypass_csp=bypass_csp,
            reduced_motion="reduce",
            timezone_id="Europe/Berlin",
        )
        context.set_default_timeout(8000)
        page = context.new_page()
        page.on("console", lambda message: self.hear(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.url + path)
        self.pages.append(page)
        return page

    def hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(part in text for part in self.expected):
            self.complaints.append(text)

    def close(self) -> None:
        for page in self.pages:
            page.context.close()


@pytest.fixture
def desk(browser: Browser, stub: Stub) -> Iterator[Desk]:
    """Pages over the stub; a complaint of a console, a broken Content-Security-Policy among them, fails the test."""
    with sitting(browser, stub.url) as desk:
        yield desk


@contextmanager
def sitting(browser: Browser, url: str) -> Iterator[Desk]:
    desk = Desk(browser, url)
    try:
        yield desk
        assert desk.complaints == []
    finally:
        desk.close()
