"""Fleet files and the plans they become."""

import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleetmon.integrations.fleet_file import FleetFileError, Format, read
from fleetmon.integrations.fleet_plan import Action, Present, plan, slug
from fleetmon.integrations.wishes import ENDPOINT_FIELDS, FIELDS, What, read_address, read_fields
from fleetmon.model import DeviceKind, Endpoint, Protocol

FILE = """\
[[sites]]
name = "core-1"

[[racks]]
name = "R04"
site = "core-1"
feed_budget_watts = 8000

[[devices]]
name = "web-11"
kind = "server"
rack = "R04"
position_u = 17
tags = ["web"]
interval = 30
address = "https://BMC-11.example:8443/"
credential = "bmc"

[[devices]]
name = "pdu-a"
kind = "pdu"
rack = "R04"

[[devices.endpoints]]
protocol = "redfish"
address = "https://10.0.0.2"
verify = "ca"

[[devices.endpoints]]
address = "snmp://10.0.0.2"
"""

TABLE = """\
name,kind,site,rack,position_u,address,credential,tags
web-11,server,core-1,R04,17,https://10.0.0.1,bmc,web prod
web-12,server,core-1,R04,18,https://10.0.0.2,bmc,
"""


def planned(text: str = FILE, form: Format = Format.TOML, present: Present | None = None, **more):
    return plan(present or Present(), read(form, text), **more)


def after(done) -> Present:
    """The fleet once a plan for an empty fleet was applied."""
    return Present(sites=done.sites, racks=done.racks, devices=done.devices, credentials=["bmc"])


def faults(text: str, form: Format = Format.TOML, present: Present | None = None, **more):
    with pytest.raises(FleetFileError) as error:
        planned(text, form, present, **more)
    return [(fault.line, fault.field, fault.reason) for fault in error.value.faults]


def test_a_file_becomes_sites_racks_and_devices():
    done = planned()
    assert [(step.action, step.what, step.name) for step in done.steps] == [
        (Action.ADD, What.SITE, "core-1"),
        (Action.ADD, What.RACK, "R04"),
        (Action.ADD, What.DEVICE, "web-11"),
        (Action.ADD, What.DEVICE, "pdu-a"),
    ]
    web, pdu = done.devices
    assert (web.device_id, web.kind, web.rack_id, web.position_u) == ("web-11", DeviceKind.SERVER, "R04", 17)
    assert (web.tags, web.interval) == (("web",), timedelta(seconds=30))
    assert web.endpoints == (
        Endpoint(protocol=Protocol.REDFISH, address="https://bmc-11.example:8443", credential="bmc"),
    )
    assert [(one.protocol, one.address, one.verify) for one in pdu.endpoints] == [
        (Protocol.REDFISH, "https://10.0.0.2", "ca"),
        (Protocol.SNMP, "snmp://10.0.0.2", "pin"),
    ]


def test_the_same_file_again_changes_nothing():
    done = planned()
    again = planned(present=after(done))
    assert {step.action for step in again.steps} == {Action.KEEP}
    assert (again.sites, again.racks, again.devices, again.remove) == ((), (), (), ())


def test_a_field_the_file_does_not_say_stays():
    present = after(planned())
    done = planned('[[devices]]\nname = "web-11"\nposition_u = 20\n', present=present)
    assert done.steps[0].changes == {"position_u": (17, 20)}
    assert done.devices[0] == replace(present.devices[0], position_u=20)


def test_an_endpoint_that_stays_keeps_its_pin_and_one_that_moves_loses_it():
    present = after(planned())
    web = present.devices[0]
    pinned = replace(web, endpoints=(replace(web.endpoints[0], pinned_spki="ab" * 32),))
    present = replace(present, devices=[pinned, *present.devices[1:]])
    assert planned(present=present).devices == ()
    moved = planned(FILE.replace("8443", "9443"), present=present).devices[0]
    assert moved.endpoints[0].pinned_spki is None


def test_pruning_removes_what_the_file_does_not_name_and_nothing_else_does():
    present = after(planned())
    text = '[[devices]]\nname = "web-11"\n'
    assert planned(text, present=present).remove == ()
    done = planned(text, present=present, prune=True)
    assert done.remove == ("pdu-a",)
    assert done.counts == {"add": 0, "change": 0, "keep": 1, "remove": 1}
    assert faults("", present=present, prune=True) == [
        (None, "", "the file names no device, and pruning would remove the whole fleet")
    ]


def test_a_device_is_renamed_by_its_id_alone():
    present = after(planned())
    done = planned('[[devices]]\nname = "web-eleven"\ndevice_id = "web-11"\n', present=present)
    assert done.steps[0].changes == {"name": ("web-11", "web-eleven")}
    assert done.devices[0].device_id == "web-11"


def test_two_devices_may_swap_places():
    present = after(planned(TABLE, Format.CSV))
    swapped = TABLE.replace(",17,", ",x,").replace(",18,", ",17,").replace(",x,", ",18,")
    assert planned(swapped, Format.CSV, present).counts["change"] == 2


def test_a_plan_has_another_name_when_it_would_do_something_else():
    present = after(planned())
    assert planned().hash == planned().hash
    assert planned().hash != planned(present=present).hash


def test_a_csv_row_brings_its_site_and_rack():
    done = planned(TABLE, Format.CSV)
    assert [step.what for step in done.steps] == [What.SITE, What.RACK, What.DEVICE, What.DEVICE]
    assert done.devices[0].tags == ("web", "prod")
    assert done.devices[1].tags == ()
    changed = replace(done.racks[0], height_u=24)
    again = planned(TABLE, Format.CSV, replace(after(done), racks=[changed]))
    assert again.racks == ()


IPMI_TOO = """
[[devices]]
name = "web-11"
kind = "server"
address = "https://10.0.0.1"
credential = "bmc"
ipmi = "ipmi://10.0.0.1:6230"
"""


def test_ipmi_beside_redfish_is_a_second_endpoint_under_the_same_credential():
    (device,) = planned(IPMI_TOO).devices
    assert [(one.protocol, one.address, one.credential) for one in device.endpoints] == [
        ("redfish", "https://10.0.0.1", "bmc"),
        ("ipmi", "ipmi://10.0.0.1:6230", "bmc"),
    ]
    (device,) = planned(IPMI_TOO + 'ipmi_credential = "lanplus"\n').devices
    assert [one.credential for one in device.endpoints] == ["bmc", "lanplus"]


def test_ipmi_alone_is_the_first_endpoint():
    (device,) = planned(IPMI_TOO.replace('address = "https://10.0.0.1"', "")).devices
    assert [(one.protocol, one.credential) for one in device.endpoints] == [("ipmi", "bmc")]


def test_a_csv_row_may_name_an_ipmi_endpoint_and_leave_it_out():
    rows = "web-1,server,https://10.0.0.1,bmc,ipmi://10.0.0.1,\nweb-2,server,https://10.0.0.2,bmc,,\n"
    text = f"name,kind,address,credential,ipmi,ipmi_credential\n{rows}"
    assert [len(device.endpoints) for device in planned(text, Format.CSV).devices] == [2, 1]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('ipmi = "https://10.0.0.1"', "must be ipmi://host or ipmi://host:port"),
        ('ipmi_credential = "lanplus"', "needs an address, such as ipmi://10.0.0.7"),
    ],
)
def test_an_ipmi_endpoint_that_cannot_be_is_told_with_its_line(line, reason):
    with pytest.raises(FleetFileError, match=reason) as error:
        read(Format.TOML, IPMI_TOO.replace('ipmi = "ipmi://10.0.0.1:6230"', line))
    assert error.value.faults[0].line in (5, 6, 7)


def test_a_credential_nobody_knows_is_a_warning():
    assert planned().warnings == ("credential 'bmc' is not known yet; until it is set its devices cannot be asked",)
    assert planned(present=Present(credentials=["bmc"])).warnings == ()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            'kind = "server"',
            'kind = "sever"',
            (11, "kind", "must be one of server, switch, pdu, ups, storage, cooling"),
        ),
        ("position_u = 17", "position_u = 0", (13, "position_u", "must be a whole number of units from 1 to 100")),
        ("position_u = 17", "position_u = 1.5", (13, "position_u", "must be a whole number")),
        ("interval = 30", "interval = 0", (15, "interval", "must be seconds, from 1 to 86400")),
        ('rack = "R04"\npos', 'rack = "R05"\npos', (9, "rack", "there is no rack 'R05'; add it first")),
        ("feed_budget_watts = 8000", "feed_budget_watts = nan", (7, "feed_budget_watts", "must be a number")),
        ("[[sites]]", "[[site]]", (1, "site", "is no table of a fleet file; there are sites, racks, devices")),
        ("https://BMC-11.example:8443/", "bmc-11", (16, "endpoints", "must be https://host or https://host:port")),
        ("https://BMC-11.example:8443/", "https://h/x", (16, "endpoints", "must be https://host or https://host:port")),
    ],
)
def test_a_fault_is_told_with_its_line_and_what_would_be_right(old, new, fault):
    assert fault in faults(FILE.replace(old, new, 1))


def test_a_secret_is_refused_and_never_repeated():
    text = FILE.replace('credential = "bmc"', 'password = "hunter2"')
    assert faults(text)[0][:2] == (17, "password")
    with pytest.raises(FleetFileError) as error:
        planned(FILE.replace("https://BMC-11", "https://root:hunter2@BMC-11"))
    assert "hunter2" not in str(error.value)
    assert "name a credential" in str(error.value)


def test_two_devices_in_one_unit_are_refused_unless_they_share_a_chassis():
    twin = (
        '\n[[devices]]\nname = "web-12"\nkind = "server"\nrack = "R04"\nposition_u = 17\naddress = "https://10.0.0.9"\n'
    )
    assert faults(FILE + twin) == [(32, "position_u", "unit 17 of rack R04 is taken by web-11")]
    left = FILE.replace("position_u = 17", 'position_u = 17\nslot = "L1"')
    assert planned(left + twin + 'slot = "R1"\n').counts["add"] == 5
    assert planned(FILE + twin + 'face = "rear"\n').counts["add"] == 5


def test_units_the_rack_does_not_have_are_refused():
    assert faults(FILE.replace("position_u = 17", "position_u = 42\nheight_u = 2"))[0][2] == (
        "units 42 to 43 are not in rack R04, which has 42"
    )


def test_a_name_that_is_there_twice_is_told_with_both_lines():
    assert faults('[[sites]]\nname = "a"\n[[sites]]\nname = "a"\n') == [
        (3, "name", "site 'a' is here twice, first on line 1")
    ]


def test_all_faults_are_told_together():
    assert len(faults("[[devices]]\nkind = 7\nx = 1\n[[racks]]\nheight_u = 0\n")) == 5


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[[sites]\n", 1, "no TOML"),
        ('a = 1\n[[sites]]\nname = "x\n', 3, "no TOML"),
        ("devices = 3\n", 1, "write each as a table [[devices]]"),
    ],
)
def test_what_is_no_fleet_file_says_so(text, line, words):
    assert faults(text)[0][0] == line
    assert words in faults(text)[0][2]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "the first line must name the columns"),
        ("name,colour\na,b\n", 1, "is no column"),
        ("kind\nserver\n", 1, "name among them"),
        ("name,name\na,b\n", 1, "is there twice"),
        ("name,kind\na\n", 2, "has 1 cells where the first line names 2"),
        ('name,kind\n"a,server\n', 2, "no CSV"),
        ("name,kind,address\na,server,http//x\n", 2, "must be https://host"),
        ("name,kind,rack,address\na,server,R1,https://h\n", 2, "there is no rack 'R1'"),
        ("name,password\na,b\n", 1, "is no column"),
    ],
)
def test_what_is_no_table_of_devices_says_so(text, line, words):
    told = faults(text, Format.CSV)
    assert told[0][0] == line
    assert words in told[0][2]


@pytest.mark.parametrize(
    ("given_", "read_"),
    [
        ("https://10.0.0.7", "https://10.0.0.7"),
        ("https://10.0.0.7:443/", "https://10.0.0.7:443"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://BMC.Example", "https://bmc.example"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ],
)
def test_an_address_is_scheme_host_and_port(given_, read_):
    assert read_address(given_, Protocol.REDFISH) == read_


@pytest.mark.parametrize(
    "address",
    ["", "10.0.0.7", "https://", "https://h:0", "https://h:99999", "https://h?x", "https://h#x", "https://a b",
     "https://-h", "https://999.1.1.1", "ftp://h", "snmp://h", "https://h/redfish", "https://[::1"],
)  # fmt: skip
def test_anything_else_is_no_address(address):
    with pytest.raises(ValueError, match="must be https://host"):
        read_address(address, Protocol.REDFISH)


def test_an_snmp_address_may_name_its_version_and_algorithms_and_never_a_secret():
    read = read_address("snmp://Switch.Example:161/?priv=aes&auth=SHA256", Protocol.SNMP)
    assert read == "snmp://switch.example?auth=sha256&priv=aes128"
    for address in ("snmp://-h", "snmp://h?x=1", "snmp://u:secret@h", "https://h", "snmp://h?priv=aes"):
        with pytest.raises(ValueError, match=r"SNMP|snmp|user|write|auth") as refused:
            read_address(address, Protocol.SNMP)
        assert "secret" not in str(refused.value)


@given(st.text(max_size=200))
def test_any_text_is_a_plan_or_a_fault_never_a_crash(text):
    for form in Format:
        with contextlib.suppress(FleetFileError):
            planned(text, form)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(ENDPOINT_FIELDS), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(list(What)).flatmap(lambda what: st.tuples(st.just(what), st.dictionaries(
    st.sampled_from([*FIELDS[what], "password"]), ANYTHING, max_size=6))))  # fmt: skip
@example((What.DEVICE, {"endpoints": [{"address": ["x"]}]}))
@example((What.RACK, {"feed_budget_watts": 10**400, "height_u": 10**400}))
def test_any_value_of_any_field_is_read_or_told_wrong(given_):
    what, fields = given_
    read_, wrong = read_fields(what, fields)
    assert set(read_) | {field for field, _ in wrong} == set(fields) | {"name"}


@given(st.text(min_size=1, max_size=80), st.sets(st.sampled_from(["web", "web-2", "s-web", "unnamed", "index"])))
def test_an_id_is_always_new_and_fit_for_a_path(name, taken):
    made = slug(name, taken, prefix="s")
    assert made not in taken | {"index"}
    assert 1 <= len(made) <= 63
    assert not set(made) & set("/?#% ")


def test_an_id_is_the_name_where_it_can_be():
    assert slug("web-11", set()) == "web-11"
    assert slug("web 11 (old)", set()) == "web-11-old"
    assert slug("R04", {"R04"}, prefix="edge-2") == "edge-2-R04"
    assert slug("R04", {"R04", "edge-2-R04"}, prefix="edge-2") == "R04-2"
    assert slug("index", set()) == "index-2"
