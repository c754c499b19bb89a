"""Asking sensors: numbers in every poll, states when the components are looked at or something has changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from fleetmon.drivers.ipmi import commands
from fleetmon.drivers.ipmi.catalog import Catalog, Key, Limits, catalog
from fleetmon.drivers.ipmi.completion import DONE, GONE, UNSUPPORTED
from fleetmon.drivers.ipmi.known import MOST_FACTORS, Known
from fleetmon.drivers.ipmi.look import Look
from fleetmon.drivers.ipmi.messages import Answer, Command
from fleetmon.drivers.ipmi.parse.conditions import absent, conditions
from fleetmon.drivers.ipmi.parse.sensors import Said, factors_wanted, said
from fleetmon.model import Aspect, Component, ComponentHealth, Health, NoReading, PowerState, Quality, Reading
from fleetmon.plausibility import contradiction

REST = 3600.0
"""Seconds a sensor is left alone that says it is not there."""
SILENCE = 600.0
"""Seconds a sensor is left alone that is met with silence: each one costs as long as a dead device."""
FRESH = 30.0
"""Seconds for which numbers just read need not be read again to judge the components."""
LIMITS_KEPT = 20 * 3600.0
"""Seconds for which limits need not be asked for again: of the looks at the inventory, one a day does."""
NO_ANSWER = -1
"""In place of a completion code, for a sensor that did not answer at all."""
_NOTHING = Answer(NO_ANSWER, b"")
_TOLD_WHEN_ILL = frozenset({"Sensor", "HealthGroup"})
"""Kinds told only when something is wrong, or was."""


async def read_numbers(known: Known, look: Look) -> None:
    """All numeric sensors, and what they say of their components. What one poll does not reach the next one does."""
    found = known.catalog
    assert found is not None, "the caller looked"
    start = known.turn % len(found.numeric) if found.numeric else 0
    due = _due(known, look, (*found.numeric[start:], *found.numeric[:start]))
    taken_at = look.now()
    read = await _ask(known, look, due)
    factors = await _factors(known, look, read)
    whole = len(read) == len(due)
    known.turn = 0 if whole else found.numeric.index(due[len(read)])
    known.read_at = look.monotonic() if whole else float("-inf")
    if not whole:
        look.tell("sensors", f"{len(read)} of {len(due)} sensors answered in time; the next poll goes on behind them")
    told = dict(_said(known, look, read, taken_at, factors))
    look.readings += [_believed(one.reading, one.health) for one in told.values() if one.reading is not None]
    if read or not due:
        look.done(Aspect.SENSORS)
    _judge(known, look, list(_judgeable(known, found, read)), taken_at, told)


def _believed(reading: Reading, said: Health | None) -> Reading:
    """The reading; suspect where the device calls it OK beyond a limit of its own (openbmc#3743)."""
    number = reading.number
    doubt = "" if number is None else contradiction(reading.sensor, number, said)
    return replace(reading, quality=Quality.SUSPECT, quality_reason=doubt) if doubt else reading


async def ask_states(known: Known, look: Look) -> bool:
    """Ask all discrete sensors, which also say what is not there; did all of them have their turn?"""
    found = known.catalog
    assert found is not None, "the caller looked"
    due = _due(known, look, found.discrete)
    taken_at = look.now()
    read = await _ask(known, look, due)
    if len(read) < len(due):
        look.tell("sensors", f"{len(read)} of {len(due)} states were told in time")
    said = dict(_said(known, look, [place for place in found.discrete if place in known.answers], taken_at, {}))
    known.change(absent=absent(said.values()))
    return len(read) == len(due)


def judge_all(known: Known, look: Look) -> bool:
    """Tell how the components are of which every sensor was asked just now; were those all of them?"""
    found = known.catalog
    assert found is not None, "the caller looked"
    fresh = look.asked | {place for place in known.resting if place in known.answers}
    if is_fresh(known, look):
        fresh.update(place for place in found.numeric if place in known.answers)
    health, whole = components(known, look, fresh)
    _tell(known, look, health)
    return whole


def is_fresh(known: Known, look: Look) -> bool:
    """Were all numbers read so lately that they need not be read again?"""
    return look.monotonic() - known.read_at <= FRESH


def components(known: Known, look: Look, fresh: Collection[int]) -> tuple[tuple[ComponentHealth, ...], bool]:
    """How the components are, each by what all of its sensors said last or not at all; and whether all of them spoke.

    Only answers of the sensors that are `fresh` count.
    """
    found, taken_at = known.catalog, look.now()
    if found is None:
        return (), known.sensorless
    whole = [places for places in found.of_component.values() if all(place in fresh for place in places)]
    told = dict(_said(known, look, [place for places in whole for place in places], taken_at, {}))
    silent = any(one.silent is NoReading.TIMEOUT for one in told.values())
    health = conditions(told.values(), taken_at, known.watched)
    return health, len(whole) == len(found.of_component) and not silent


def _judgeable(known: Known, found: Catalog, read: Iterable[int]) -> Iterator[int]:
    """Of the sensors just read those that cross thresholds, and all of each fan: its speed and its states are one."""
    fans: set[Component] = set()
    for place in read:
        point = found.points[place]
        if point.component.kind == "Fan":
            fans.add(point.component)
        elif point.record.is_threshold:
            yield place
    for fan in fans:
        own = found.of_component[fan]
        if all(place in known.answers for place in own):
            yield from own


def _judge(known: Known, look: Look, places: list[int], taken_at: datetime, told: dict[int, Said]) -> None:
    """Tell what these sensors say of their components; what is not `told` now, by what they said last."""
    before = dict(_said(known, look, [place for place in places if place not in told], taken_at, {}))
    _tell(known, look, conditions([told.get(place) or before[place] for place in places], taken_at, known.watched))


def _tell(known: Known, look: Look, health: tuple[ComponentHealth, ...]) -> None:
    known.watch(*(one.component for one in health if one.component.kind in _TOLD_WHEN_ILL and _ill(one.health)))
    look.told(*health)


def limits_are_old(known: Known, look: Look) -> bool:
    """Is it time to ask for thresholds and hysteresis again? Also when our clock was put back behind it."""
    age = None if known.limits_at is None else look.now().timestamp() - known.limits_at
    return age is None or not 0 <= age < LIMITS_KEPT


async def read_limits(known: Known, look: Look) -> None:
    """Thresholds and hysteresis as they are set now; over several polls, where one is not enough."""
    found = known.catalog
    assert found is not None, "the caller looked"
    wanted = [command for command in _limit_commands(found) if command not in known.limits]
    answers = await look.many(wanted)
    for command, answer in zip(wanted, answers, strict=False):
        known.limits[command] = answer.data if answer is not None and answer.code == DONE else None
    if len(answers) == len(wanted) and known.stamp is not None:
        known.adopt(catalog(found.records, found.maker, _limits_in(known.limits)), known.stamp)
        known.change(limits_wanted=False, limits_at=look.now().timestamp())
        known.limits = {}
        _retell(known, look)


def _mended(found: Catalog, place: int, data: bytes) -> bytes:
    quirk = found.quirks.get(place)
    return data if quirk is None else quirk.answer(data)


@lru_cache(maxsize=16_384)
def _shared(code: int, data: bytes) -> Answer:
    """The one object for all answers that are alike: sensors say few different things, and each device keeps them."""
    return Answer(code, data)


def _retell(known: Known, look: Look) -> None:
    """What was read in this poll already, with the limits that are known now."""
    points = known.catalog.points if known.catalog else ()
    now = {point.sensor.key: point.sensor for point in points if point.asked and point.sensor}
    look.readings = [replace(one, sensor=now.get(one.sensor.key, one.sensor)) for one in look.readings]


# ---- one batch -------------------------------------------------------------------------------------------------------


def _due(known: Known, look: Look, places: Iterable[int]) -> list[int]:
    now = look.monotonic()
    return [place for place in places if known.resting.get(place, now) <= now]


async def _ask(known: Known, look: Look, places: Sequence[int]) -> list[int]:
    """Ask these sensors; the places of those whose turn came, in order."""
    found = known.catalog
    assert found is not None, "the caller looked"
    points = [found.points[place] for place in places]
    answers = await look.many([commands.sensor_reading(point.number, point.lun) for point in points])
    now = look.monotonic()
    for place, answer in zip(places, answers, strict=False):
        look.asked.add(place)
        known.answers[place] = _NOTHING if answer is None else _shared(answer.code, _mended(found, place, answer.data))
        rest = SILENCE if answer is None else REST if answer.code in GONE or answer.code in UNSUPPORTED else 0.0
        if rest:
            known.resting[place] = now + rest
        else:
            known.resting.pop(place, None)
    return list(places[: len(answers)])


async def _factors(known: Known, look: Look, places: Iterable[int]) -> dict[int, bytes]:
    """The factors that non-linear sensors have at what they read just now."""
    found = known.catalog
    assert found is not None, "the caller looked"
    wanted: dict[int, tuple[int, int, int]] = {}
    for place in places:
        point = found.points[place]
        raw = factors_wanted(point, known.answers[place])
        if raw is not None:
            wanted[place] = (point.lun, point.number, raw)
    missing = list(dict.fromkeys(key for key in wanted.values() if key not in known.factors))
    if missing and look.has_time():
        if len(known.factors) > MOST_FACTORS:
            known.factors.clear()
        answers = await look.many([commands.sensor_factors(number, lun, raw) for lun, number, raw in missing])
        for key, answer in zip(missing, answers, strict=False):
            if answer is not None and answer.code == DONE:
                known.factors[key] = answer.data
    return {place: known.factors[key] for place, key in wanted.items() if key in known.factors}


def _said(
    known: Known, look: Look, places: Collection[int], taken_at: datetime, factors: dict[int, bytes]
) -> Iterator[tuple[int, Said]]:
    """What the last answers of these sensors mean."""
    found = known.catalog
    assert found is not None, "the caller looked"
    host_on = host_is_on(known, look)
    for place in places:
        answer = known.answers[place]
        yield (
            place,
            said(
                found.points[place],
                None if answer.code == NO_ANSWER else answer,
                taken_at,
                host_on=host_on,
                factors=factors.get(place),
                absent=known.absent,
            ),
        )


def host_is_on(known: Known, look: Look) -> bool | None:
    """Is the host on, as far as anybody said: sensors of a dark one are off and not faulty."""
    if look.power is not None and look.power.state is not PowerState.UNKNOWN:
        return look.power.state is PowerState.ON
    return bool(known.chassis[0] & 1) if known.chassis else None


def _ill(health: Health) -> bool:
    return health in (Health.WARNING, Health.CRITICAL)


# ---- limits ----------------------------------------------------------------------------------------------------------


def _limit_commands(found: Catalog) -> list[Command]:
    """All that is compared with thresholds is asked for them: what records say of who tells any is often wrong."""
    asked = [found.points[place] for place in found.numeric if found.points[place].record.is_threshold]
    return [
        *(commands.sensor_thresholds(point.number, point.lun) for point in asked),
        *(commands.sensor_hysteresis(point.number, point.lun) for point in asked if point.record.hysteresis_readable),
    ]


def _limits_in(answers: Mapping[Command, bytes | None]) -> dict[Key, Limits]:
    """What was answered, by sensor."""
    found: dict[Key, Limits] = {}
    for command, data in answers.items():
        key = command.lun, command.data[0]
        what = "thresholds" if command.code == commands.sensor_thresholds(0, 0).code else "hysteresis"
        found[key] = replace(found.get(key, Limits()), **{what: data})
    return found
