"""The rack page does what it promises, in a real browser under the service's real security headers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Desk, serving, sitting
from tests.browser.fleet import Fleet, seats, time
from tests.browser.stub import Stub


def cell(page: Page, name: str, face: str = "front") -> Locator:
    """The cell of a device in one face of the rack."""
    return page.get_by_role("grid", name=f"R04, {face}").get_by_role("gridcell", name=re.compile(rf", {name}\b"))


def query(page: Page) -> dict[str, str]:
    """As the page itself has it: Playwright hears of a changed address a little later."""
    search: str = page.evaluate("location.search.slice(1)")
    return {key: values[0] for key, values in parse_qs(search).items()}


def detail(page: Page) -> Locator:
    return page.get_by_role("region", name="Selected unit")


def test_every_unit_has_a_name_that_tells_its_state(desk: Desk) -> None:
    page = desk.open("/racks/R04")
    front = page.get_by_role("grid", name="R04, front")
    critical = "U19 to U20, db-b02, critical: Power supply: 0 of 2 working, power off"
    expect(front.get_by_role("row", name=critical)).to_be_visible()
    expect(front.get_by_role("row", name="U27, api-38, OK, power on")).to_be_visible()
    expect(front.get_by_role("row", name="U1 to U4, free, 4 units")).to_be_visible()
    expect(front.get_by_role("row", name="U23 to U24, 4 nodes: ci-05, ci-06, ci-07, ci-08")).to_be_visible()
    expect(
        page.get_by_role("grid", name="R04, rear").get_by_role("gridcell", name=re.compile("sw-r04-a"))
    ).to_be_visible()


def test_names_are_told_whole_and_keep_clear_of_the_bays(desk: Desk, stub: Stub) -> None:
    """Digits of one width are wider than what a canvas measures: names ran into their bays."""
    page = desk.open("/racks/R04")
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    for old, name in (("db-b03", "supermicro-x11-11"), ("ci-05", "node-11")):
        stub.change(old, name=name)
        unit = cell(page, name)
        expect(unit.locator("text").first).to_have_text(name)
        end = unit.locator("text").first.evaluate("text => text.getBBox().x + text.getComputedTextLength()")
        start = unit.locator("[data-bay] rect").first.evaluate("tray => tray.getBBox().x")
        assert end + 4 <= start, name


def test_the_manual_is_one_click_away(desk: Desk) -> None:
    expect(desk.open("/racks").get_by_role("link", name="Manual")).to_have_attribute("href", "/docs")


def test_the_rear_mirrors_the_nodes_of_a_chassis(desk: Desk) -> None:
    page = desk.open("/racks/R04")

    def left(face: str, name: str) -> float:
        box = cell(page, name, face).bounding_box()
        assert box is not None
        return box["x"]

    assert left("front", "ci-05") < left("front", "ci-06")
    assert left("rear", "ci-05") > left("rear", "ci-06")


def test_a_change_appears_without_reloading(desk: Desk, stub: Stub) -> None:
    page = desk.open("/racks/R04")
    expect(cell(page, "db-b03")).to_have_accessible_name(re.compile("OK"))
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    stub.change(
        "db-b03", health="Critical", health_reason="Bay 5: drive failed", bays=seats("Bay", 24, {5: "Critical"})
    )
    expect(cell(page, "db-b03")).to_have_accessible_name(re.compile("critical: Bay 5: drive failed"))
    expect(cell(page, "db-b03").locator("[data-bay='Bay 5']")).to_have_class(re.compile("crit"))
    expect(page.get_by_role("link", name=re.compile("4 critical"))).to_be_visible()


def test_a_silent_device_is_shown_as_stale_with_its_age_and_its_last_word(desk: Desk, stub: Stub) -> None:
    since = time(datetime.now(UTC) - timedelta(minutes=7))
    stub.change(
        "store-12", stale=True, seen_at=since, reachability="unreachable", reachability_reason="no answer in 10 s"
    )
    page = desk.open("/racks/R04?unit=store-12")
    expect(cell(page, "store-12")).to_have_accessible_name(re.compile("stale for 7 m, last known critical"))
    expect(cell(page, "store-12").locator(".veil")).to_be_visible()
    expect(detail(page).locator("[data-mark=stale]")).to_contain_text("7 m")
    expect(page.get_by_text("3 of 26 not answering")).to_be_visible()
    expect(detail(page).locator("dd").last).to_contain_text("· Redfish not answering")


def test_a_device_that_answers_by_its_second_endpoint_alone_is_named_beside_the_rack(desk: Desk, stub: Stub) -> None:
    """Planted bug: "1 of 11 not answering", and nothing in the rack that says which."""
    found = next(
        device for device in stub.fleet.devices.values() if device["rack_id"] == "R01" and device["health"] == "OK"
    )
    reason = "Redfish: no answer within 30 s; IPMI answers"
    stub.change(found["device_id"], reachability="unreachable", reachability_reason=reason)
    page = desk.open("/racks/R01")
    expect(page.get_by_role("button", name=reason)).to_contain_text(found["name"])


def test_what_nobody_refreshes_becomes_stale_though_the_service_never_says_so(desk: Desk, stub: Stub) -> None:
    stub.change("db-b05", stale=False, seen_at=time(datetime.now(UTC) - timedelta(seconds=178)))
    page = desk.open("/racks/R04")
    expect(cell(page, "db-b05")).to_have_accessible_name(re.compile("OK"))
    expect(cell(page, "db-b05")).to_have_accessible_name(re.compile("stale for 3 m"), timeout=6000)


def test_what_was_never_read_is_unknown_and_neither_well_nor_off(desk: Desk) -> None:
    page = desk.open("/racks/R04?unit=api-40")
    name = re.compile("unknown: 401 to the credentials of core, power unknown")
    expect(cell(page, "api-40")).to_have_accessible_name(name)
    expect(detail(page)).to_contain_text("Power unknown")
    expect(detail(page)).to_contain_text("Components have not been read yet")


def test_while_paused_the_picture_stands_still_and_counts_what_waits(desk: Desk, stub: Stub) -> None:
    page = desk.open("/racks/R04")
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    page.keyboard.press("Space")
    stub.change("db-b03", health="Critical", health_reason="Bay 5: drive failed")
    expect(page.get_by_text("1 change waiting")).to_be_visible()
    expect(cell(page, "db-b03")).to_have_accessible_name(re.compile("OK"))
    page.keyboard.press("Space")
    expect(cell(page, "db-b03")).to_have_accessible_name(re.compile("critical"))
    expect(page.get_by_text("waiting")).to_have_count(0)


def test_a_lost_stream_says_so_and_resumes(desk: Desk, stub: Stub) -> None:
    desk.expected = ("/stream", "503", "ERR_INCOMPLETE_CHUNKED_ENCODING")
    page = desk.open("/racks/R04")
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    stub.streams_refused = True
    stub.drop_streams()
    expect(page.get_by_role("status").filter(has_text="Reconnecting")).to_be_visible(timeout=8000)
    stub.change("db-b03", health="Critical", health_reason="Bay 5: drive failed")
    assert stub.refused.wait(8), "the browser gives up on a stream that is refused; the page opens another"
    stub.streams_refused = False
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible(timeout=8000)
    expect(cell(page, "db-b03")).to_have_accessible_name(re.compile("critical: Bay 5"))
    assert stub.resumed == ["", str(stub.fleet.revision - 1)]


def test_tabs_share_one_stream(desk: Desk, stub: Stub) -> None:
    page = desk.open("/racks/R04")
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
    second = page.context.new_page()
    second.goto(stub.url + "/racks/R01")
    expect(second.get_by_role("status").filter(has_text="Live")).to_be_visible()
    assert stub.open_streams() == 1


def test_the_keyboard_reaches_everything(desk: Desk) -> None:
    page = desk.open("/racks/R04")
    expect(cell(page, "db-b02")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert query(page)["unit"] == "sw-r04-a"
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert query(page)["unit"] == "api-31"
    expect(cell(page, "api-31")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(cell(page, "api-31", "rear")).to_be_focused()
    assert query(page)["face"] == "rear"
    page.keyboard.press("Enter")
    expect(detail(page).get_by_role("heading", name="api-31")).to_be_focused()
    page.keyboard.press("Escape")
    expect(cell(page, "api-31", "rear")).to_be_focused()
    page.keyboard.press("Escape")
    assert "unit" not in query(page)
    page.keyboard.press("]")
    expect(page.get_by_role("heading", name="R05", level=1)).to_be_visible()
    page.keyboard.press("[")
    expect(page.get_by_role("heading", name="R04", level=1)).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page.get_by_role("heading", name="Racks", level=1)).to_be_visible()


def test_keys_pressed_faster_than_racks_are_read_are_not_lost(desk: Desk, stub: Stub) -> None:
    stub.slow["/racks"] = 0.3
    page = desk.open("/racks/R02")
    expect(page.get_by_role("grid", name="R02, front")).to_be_visible()
    page.keyboard.press("]")
    page.keyboard.press("]")
    expect(page.get_by_role("grid", name="R04, front")).to_be_visible()


def test_only_one_unit_of_a_rack_is_in_the_order_of_tab(desk: Desk) -> None:
    page = desk.open("/racks/R04?unit=db-b02")
    expect(cell(page, "db-b02")).to_be_visible()
    assert page.locator("[role=gridcell][tabindex='0']").count() == 1


def test_the_palette_finds_servers_by_serial_number(desk: Desk, stub: Stub) -> None:
    page = desk.open("/racks")
    expect(page.get_by_role("heading", name="Racks")).to_be_visible()
    page.keyboard.press("/")
    page.get_by_role("combobox", name="Name, serial number").fill(stub.fleet.devices["store-13"]["serial_number"])
    expect(page.get_by_role("listbox", name="Search").get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(detail(page).get_by_role("heading", name="store-13")).to_be_visible()
    assert query(page) == {"unit": "store-13"}


def test_the_cheat_sheet_tells_the_keys_and_single_letters_can_be_switched_off(desk: Desk) -> None:
    page = desk.open("/racks/R04")
    expect(cell(page, "db-b02")).to_be_visible()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys and preferences")
    expect(sheet.get_by_text("Next or previous unit")).to_be_visible()
    sheet.get_by_role("checkbox", name="Single-letter keys").uncheck()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("j")
    assert "unit" not in query(page)


def test_the_address_restores_the_view(desk: Desk) -> None:
    page = desk.open("/racks/R04?face=rear&paint=inlet&unit=api-33&highlight=db-b01")
    expect(page.get_by_role("button", name="Inlet")).to_have_attribute("aria-pressed", "true")
    expect(cell(page, "api-33", "rear")).to_have_attribute("aria-selected", "true")
    expect(cell(page, "api-33", "rear")).to_have_attribute("tabindex", "0")
    expect(cell(page, "db-b01").locator(".highlight")).to_be_visible()
    expect(cell(page, "api-31")).to_contain_text("26.8 °C")
    page.get_by_role("button", name="Watts").click()
    cell(page, "db-b01").click()
    assert query(page) == {"face": "rear", "paint": "watts", "unit": "db-b01", "highlight": "db-b01"}
    page.go_back()
    expect(detail(page).get_by_role("heading", name="api-33")).to_be_visible()


@pytest.mark.parametrize(
    ("witness", "said"),
    [
        ({}, "· IPMI 0 s ago"),
        ({"duty": "stand_in"}, "· IPMI stands in, 0 s ago"),
        (
            {"reachability": "unreachable", "unreachable_since": "2026-01-06T08:00:00.000Z"},
            "· IPMI not answering since",
        ),
        ({"reachability": "never_asked", "seen_at": None}, "· IPMI never asked yet"),
    ],
)
def test_what_a_second_endpoint_says_stands_beside_the_last_answer(
    desk: Desk, stub: Stub, witness: dict[str, object], said: str
) -> None:
    stub.witnesses["api-31"] = witness
    page = desk.open("/racks/R04?unit=api-31")
    expect(detail(page).locator("dd").last).to_contain_text(said)


def test_endpoints_that_disagree_about_the_power_are_told(desk: Desk, stub: Stub) -> None:
    stub.change("api-31", power=stub.fleet.devices["api-31"]["power"] | {"reason": "Redfish says On, IPMI says Off"})
    page = desk.open("/racks/R04?unit=api-31")
    expect(detail(page).get_by_text("Redfish says On, IPMI says Off")).to_be_visible()


def test_poll_now_asks_and_tells_the_outcome(desk: Desk, stub: Stub) -> None:
    page = desk.open("/racks/R04?unit=db-b03")
    detail(page).get_by_role("button", name="Poll now").click()
    expect(detail(page).get_by_text("Answered", exact=True)).to_be_visible()
    assert stub.polls == ["db-b03"]
    cell(page, "api-39").click()
    detail(page).get_by_role("button", name="Poll now").click()
    expect(detail(page).get_by_text("Not answered: no answer within 10 s")).to_be_visible()


def test_a_chart_has_its_data_as_a_table_and_as_csv(desk: Desk, tmp_path: Path) -> None:
    page = desk.open("/racks/R04?unit=db-b03")
    expect(detail(page).get_by_role("img", name=re.compile("Inlet temperature, 2 h: .* to .*, last"))).to_be_visible()
    detail(page).get_by_role("button", name="Data").click()
    expect(detail(page).get_by_role("columnheader", name="Mean")).to_be_visible()
    with page.expect_download() as download:
        detail(page).get_by_role("button", name="CSV").click()
    download.value.save_as(tmp_path / "inlet.csv")
    lines = (tmp_path / "inlet.csv").read_text().splitlines()
    assert lines[0] == "time,least_°C,mean_°C,greatest_°C"
    assert any(line.endswith(",,,") for line in lines), "a gap stays a gap"


def test_an_exported_rack_stands_alone(desk: Desk, tmp_path: Path) -> None:
    page = desk.open("/racks/R04")
    expect(cell(page, "db-b02")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export SVG").click()
    download.value.save_as(tmp_path / "rack.svg")
    text = (tmp_path / "rack.svg").read_text()
    ET.fromstring(text)
    assert "var(" not in text
    assert "light-dark(" not in text
    assert "db-b02" in text


def test_the_printed_rack_is_light_and_without_controls(desk: Desk) -> None:
    page = desk.open("/racks/R04", dark=True)
    expect(cell(page, "db-b02")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation")).to_be_hidden()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "light"


def test_dark_follows_the_system_and_the_switch_wins(desk: Desk) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    page = desk.open("/racks", dark=True)
    assert page.evaluate(ground) == "rgb(11, 14, 17)"
    page.get_by_role("button", name="Switch to light theme").click()
    assert page.evaluate(ground) == "rgb(243, 245, 246)"
    page.reload()
    assert page.evaluate(ground) == "rgb(243, 245, 246)"


def test_on_a_phone_the_rack_is_a_list_with_targets_for_fingers(desk: Desk) -> None:
    page = desk.open("/racks/R04", width=390, height=844, phone=True)
    row = page.get_by_role("link", name=re.compile("store-12"))
    box = row.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.get_by_role("grid").count() == 0
    row.tap()
    expect(detail(page).get_by_role("heading", name="store-12")).to_be_visible()
    detail(page).get_by_role("button", name="Back to the rack").tap()
    expect(page.get_by_role("link", name=re.compile("store-12"))).to_be_visible()


def test_at_200_percent_nothing_is_cut_off(desk: Desk) -> None:
    page = desk.open("/racks/R04?unit=db-b02", width=720, height=450)
    expect(cell(page, "db-b02")).to_be_visible()
    assert page.evaluate("document.querySelector('main').scrollWidth <= document.querySelector('main').clientWidth")
    expect(page.get_by_role("grid")).to_have_count(1)
    page.get_by_role("button", name="Rear").click()
    expect(page.get_by_role("grid", name="R04, rear")).to_be_visible()


def test_a_refused_refresh_keeps_the_last_picture_and_offers_to_retry(desk: Desk, stub: Stub) -> None:
    desk.expected = ("503",)
    page = desk.open("/racks/R04")
    expect(cell(page, "db-b03")).to_be_visible()
    stub.failing["/racks/R04/elevation"] = 503
    stub.change("db-b03", health="Warning", health_reason="Fan 2: slow")
    expect(page.get_by_role("alert")).to_contain_text("The store is busy")
    expect(page.get_by_role("alert")).to_contain_text("/requests/7f3a")
    expect(cell(page, "db-b03")).to_have_accessible_name(re.compile("warning: Fan 2"))
    stub.failing.clear()
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_part_that_cannot_be_read_does_not_take_the_page_with_it(desk: Desk, stub: Stub) -> None:
    desk.expected = ("500",)
    stub.failing["/devices/db-b03/events"] = 500
    page = desk.open("/racks/R04?unit=db-b03")
    expect(detail(page).get_by_role("alert")).to_contain_text("The store is busy")
    expect(detail(page).get_by_role("img", name=re.compile("Inlet temperature"))).to_be_visible()


def test_a_slow_answer_shows_the_shape_of_the_page(desk: Desk, stub: Stub) -> None:
    stub.slow["/racks"] = 20
    page = desk.open("/racks/R04")
    expect(page.locator("[aria-busy=true]")).to_be_visible()


def test_an_unknown_rack_says_so(desk: Desk) -> None:
    desk.expected = ("404",)
    page = desk.open("/racks/R99")
    expect(page.get_by_text("There is no rack R99")).to_be_visible()
    page.get_by_role("link", name="All racks").click()
    expect(page.get_by_role("heading", name="Racks", level=1)).to_be_visible()


def test_racks_are_worst_first_and_do_not_move_under_the_pointer(desk: Desk, stub: Stub) -> None:
    page = desk.open("/racks")
    cards = page.locator("main li")
    expect(cards.nth(0)).to_contain_text("R04")
    before = cards.all_inner_texts()
    stub.change("web-60", health="Critical", health_reason="Fan 1: failed")
    expect(cards.filter(has_text="R05")).to_contain_text("1 critical")
    assert [text.split()[0] for text in cards.all_inner_texts()] == [text.split()[0] for text in before]
    page.get_by_role("button", name="Order has changed. Apply").click()
    expect(cards.nth(3)).not_to_contain_text("R05")
    expect(cards.filter(has_text="CRIT")).to_have_count(3)


def test_a_filter_without_match_says_which_and_clears(desk: Desk) -> None:
    page = desk.open("/racks?health=Unknown&site=edge-2")
    expect(page.get_by_text("No rack matches severity=unknown.")).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.get_by_role("link", name=re.compile("R04"))).to_be_visible()


def test_the_site_picker_filters(desk: Desk) -> None:
    page = desk.open("/racks")
    page.get_by_role("combobox", name="Site").select_option("edge-2")
    expect(page.locator("main li")).to_have_count(2)
    assert query(page) == {"site": "edge-2"}


def test_an_empty_fleet_says_what_to_do(browser: Browser, bundle: None) -> None:
    with serving(Fleet(datetime.now(UTC))) as stub, sitting(browser, stub.url) as desk:
        page = desk.open("/racks")
        expect(page.get_by_text("No racks yet")).to_be_visible()
        expect(page.get_by_text("fleetmon demo")).to_be_visible()
