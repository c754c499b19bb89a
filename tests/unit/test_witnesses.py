"""What several endpoints say of a device's power, and which heartbeats are worth writing down; pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetmon import quiet
from fleetmon.duties import FIRST, STAND_IN, WITNESS, duties, patience
from fleetmon.ingest.witnesses import Role, after, agreed, role_of
from fleetmon.model import Aspect, DeviceKind, Health, Observation, PowerState, Protocol, Reachability
from fleetmon.storage.endpoints import EndpointState
from fleetmon.storage.rows import DeviceSummary
from tests.observations import START, health, observed, reading, silence

SUMMARY = DeviceSummary(
    device_id="web-01", name="web-01", kind=DeviceKind.SERVER, address="", interval=timedelta(seconds=60)
)
BEAT = frozenset({Aspect.HEARTBEAT})


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def said(protocol: Protocol, power: PowerState, since: float, at: float) -> EndpointState:
    return EndpointState(
        protocol=protocol,
        reachability=Reachability.REACHABLE,
        polled_at=START + seconds(at),
        seen_at=START + seconds(at),
        power=power,
        power_at=START + seconds(at),
        power_since=START + seconds(since),
        power_source=protocol.value,
    )


def power(*states: EndpointState, at: float) -> tuple[PowerState, str]:
    changes = agreed(SUMMARY, states, START + seconds(at), misses=3)
    return changes["power"], changes["power_reason"]


def test_the_latest_change_counts_while_the_other_was_not_asked_since() -> None:
    redfish = said(Protocol.REDFISH, PowerState.ON, 0, 100)
    assert power(redfish, said(Protocol.IPMI, PowerState.OFF, 105, 115), at=115) == (PowerState.OFF, "")
    ipmi = said(Protocol.IPMI, PowerState.ON, 0, 100)
    assert power(said(Protocol.REDFISH, PowerState.OFF, 105, 105), ipmi, at=105) == (PowerState.OFF, "")


def test_a_difference_that_lasts_is_a_disagreement() -> None:
    ipmi = said(Protocol.IPMI, PowerState.OFF, 100, 200)
    assert power(said(Protocol.REDFISH, PowerState.ON, 0, 150), ipmi, at=200) == (PowerState.OFF, "")
    told = (PowerState.UNKNOWN, "Redfish says On, IPMI says Off")
    assert power(said(Protocol.REDFISH, PowerState.ON, 0, 161), ipmi, at=200) == told


def test_a_silent_endpoint_contradicts_nobody() -> None:
    redfish = replace(said(Protocol.REDFISH, PowerState.ON, 0, 100), power_misses=3)
    assert power(redfish, said(Protocol.IPMI, PowerState.OFF, 0, 400), at=400) == (PowerState.OFF, "")


def test_power_is_unknown_when_nobody_has_told_it_for_long() -> None:
    states = [replace(said(one, PowerState.ON, 0, 100), power_misses=3) for one in (Protocol.REDFISH, Protocol.IPMI)]
    assert power(*states, at=200)[0] is PowerState.ON, "three heartbeats of ten seconds are not for long"
    assert power(*states, at=260)[0] is PowerState.UNKNOWN


def test_a_poll_changes_only_the_endpoint_it_was_of() -> None:
    state = EndpointState(protocol=Protocol.REDFISH)
    for number in range(3):
        state = after(state, silence(START + seconds(number)), misses=3)
    assert (state.misses, state.since, state.reachability) == (3, START, Reachability.UNREACHABLE)
    state = after(state, observed(START + seconds(9)), misses=3)
    assert (state.misses, state.since, state.power, state.power_since) == (0, None, PowerState.ON, START + seconds(9))


def test_who_stands_in() -> None:
    fine, silent = said(Protocol.REDFISH, PowerState.ON, 0, 1), EndpointState(protocol=Protocol.IPMI)
    assert role_of(Protocol.REDFISH, [fine, silent], 3) is Role.FIRST
    assert role_of(Protocol.IPMI, [fine, silent], 3) is Role.WITNESS
    assert role_of(Protocol.IPMI, [replace(fine, misses=2), silent], 3) is Role.WITNESS
    assert role_of(Protocol.IPMI, [replace(fine, misses=3), silent], 3) is Role.STAND_IN
    answers = said(Protocol.IPMI, PowerState.ON, 0, 1)
    assert role_of(Protocol.IPMI, [replace(fine, misses=1), answers], 3) is Role.WITNESS, "one is no proof"
    assert role_of(Protocol.IPMI, [replace(fine, misses=2), answers], 3) is Role.STAND_IN, "the BMC lives"
    assert role_of(Protocol.SNMP, [fine, silent], 3) is Role.WITNESS, "it is no endpoint of the device any more"


@pytest.mark.parametrize(
    ("missed", "asked"), [((), FIRST), ((0,), WITNESS), ((2,), WITNESS), ((3,), STAND_IN), ((3, 0), WITNESS)]
)
def test_what_an_endpoint_is_asked(missed: tuple[int, ...], asked: frozenset[Aspect]) -> None:
    assert duties(missed, 3) == asked


def test_where_a_witness_answers_fewer_missed_polls_prove_the_first_endpoint_silent() -> None:
    assert (patience(3, answers=False), patience(3, answers=True), patience(1, answers=True)) == (3, 2, 1)


# ---- quiet heartbeats


def beat(at: float, state: PowerState = PowerState.ON, word: Health = Health.OK, **more: object) -> Observation:
    group = health("HealthGroup", "Drives", word, at=START + seconds(at))
    return observed(START + seconds(at), state, asked=BEAT, health=(group,), **more)


def test_a_heartbeat_that_says_the_same_again_is_quiet() -> None:
    told = quiet.after(None, beat(0))
    assert quiet.is_quiet(told, beat(10), first=True)
    assert not quiet.is_quiet(None, beat(10), first=True)


@pytest.mark.parametrize(
    "other",
    [
        beat(10, PowerState.OFF),
        beat(10, word=Health.CRITICAL),
        replace(beat(10), health=()),
        replace(beat(10), power=None),
        replace(beat(10), readings=(reading("Inlet Temp", 20.0),)),
        replace(beat(10), answered=frozenset()),
        silence(START),
        observed(START + seconds(10)),
    ],
)
def test_one_that_says_anything_else_is_not(other: Observation) -> None:
    assert not quiet.is_quiet(quiet.after(None, beat(0)), other, first=True)


def test_after_silence_the_first_word_is_written_whatever_it_is() -> None:
    told = quiet.after(quiet.after(None, beat(0)), silence(START + seconds(10)))
    assert not quiet.is_quiet(told, beat(20), first=True)


def test_once_in_a_while_it_is_written_all_the_same() -> None:
    told = quiet.after(None, beat(0))
    assert not quiet.is_quiet(told, beat(60), first=True)
    assert quiet.is_quiet(told, beat(60), first=False)
    assert not quiet.is_quiet(told, beat(600), first=False)


def test_a_poll_that_brings_more_keeps_what_heartbeats_speak_of_in_mind() -> None:
    told = quiet.after(None, beat(0))
    more = observed(
        START + seconds(10),
        health=(health("HealthGroup", "Drives", Health.WARNING), health("Fan", "Fan 1")),
    )
    told = quiet.after(told, more)
    assert quiet.is_quiet(told, beat(20, word=Health.WARNING), first=True)
    assert not quiet.is_quiet(told, beat(20), first=True)
