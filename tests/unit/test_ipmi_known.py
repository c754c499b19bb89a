"""What a driver keeps of its device is no more than the device has."""

from __future__ import annotations

from fleetmon.drivers.ipmi.catalog import Catalog, catalog
from fleetmon.drivers.ipmi.known import Known
from fleetmon.drivers.ipmi.parse.conditions import as_component
from fleetmon.drivers.ipmi.parse.entities import NAMES, bare
from fleetmon.drivers.ipmi.sdr import Stamp
from fleetmon.model import Component
from tests.ipmi_records import CPU, FAN, full

COOLING = Component("HealthGroup", "Cooling")


def sensors(*records: bytes) -> Catalog:
    return catalog(b"".join(records), 0, {})


def test_components_that_other_records_no_longer_name_are_watched_no_longer():
    """Planted bug: a BMC with new names at each look is remembered with all of them."""
    before = sensors(full(name="CPU1 Temp", entity=(CPU, 1)), full(name="Old Temp", entity=(CPU, 2), number=2))
    after = sensors(full(name="CPU1 Temp", entity=(CPU, 1)), full(name="Fan 1", entity=(FAN, 1), number=2))
    known = Known()
    known.adopt(before, Stamp(of_device=False, records=2, added=1, erased=0))
    kept, gone = map(as_component, before.points)
    known.watch(kept, gone, COOLING)
    known.change(absent=frozenset(before.of_component))
    known.adopt(after, Stamp(of_device=False, records=2, added=2, erased=0))
    assert known.watched == {kept, COOLING}
    assert known.absent == before.of_component.keys() & after.of_component.keys()


def test_names_a_bmc_makes_up_are_not_remembered_for_ever():
    for number in range(NAMES + 10):
        bare(f"made up {number}")
    assert bare.cache_info().currsize <= NAMES
