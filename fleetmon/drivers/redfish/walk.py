"""A walk over a service: from the root along the links that lead to hardware, the most telling resources first.

A walk cut short by the deadline has seen the important things, and goes on where it stopped. `$expand` is used as
far as the service is seen to do it.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.links import (
    DEPTHS,
    NOT_COLLECTIONS,
    RANKS,
    carried,
    in_trouble,
    links,
)
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.quiet import LOUD, Quiet
from fleetmon.drivers.redfish.resource import ROOT, Fetch, Resource, holder_of, key, local, unfold
from fleetmon.errors import Busy, DeviceError, Unreachable, Unsupported, Untrusted
from fleetmon.model import Problem

MAX_RESOURCES = 6000
"""Of one walk; the largest recorded service, eight accelerators with all their ports, has 3,700."""
MAX_WEIGHT = 400_000
"""Of all bodies of one walk (see `bodies.Body`), some 30 MB; the heaviest recorded service weighs 70,000."""
EXPANDED = "*"
"""Stands for a name where a resource is read a second time, expanded."""
MANY = 3
"""References to unread resources that make it worth while."""
MAX_PAGES = 200
"""Of one collection (F41)."""
CLOSE_LOOK_DEPTH = 6
"""Links below something that reports trouble."""
LAST = 10
"""Rank of what no healthy device would be asked for: first comes all that is always read."""


@dataclass(frozen=True, slots=True)
class Expand:
    """What the service can do with `$expand`, as claimed and then as seen."""

    word: str = ""
    """`.` (all but Links) or `*`; empty when it is not to be used."""
    max_levels: int = 0
    """0 when the service knows no `$levels`."""

    @property
    def usable(self) -> bool:
        return bool(self.word)

    def query(self, levels: int) -> str:
        """The query for `levels` levels, or for as many as there are."""
        if not self.max_levels:
            return f"$expand={self.word}"
        return f"$expand={self.word}($levels={max(1, min(levels, self.max_levels))})"

    def less(self) -> Expand:
        """After a failure: fewer levels, and at last none."""
        return Expand(self.word, self.max_levels // 2) if self.max_levels > 1 else Expand()


def claimed_expand(root: Json) -> Expand:
    """What the service root says of `$expand` (DSP0266, ProtocolFeaturesSupported); only a claim."""
    claim = fields.child(root, "ProtocolFeaturesSupported", "ExpandQuery")
    word = "." if claim.get("NoLinks") is True else "*" if claim.get("ExpandAll") is True else ""
    levels = fields.integer(claim, "MaxLevels") or 1
    return Expand(word, min(levels, 6) if claim.get("Levels") is True else 0) if word else Expand()


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """A resource still to be read."""

    rank: int
    order: int
    path: str = field(compare=False)
    name: str = field(compare=False, default="")
    """The property that led here; its rank is passed on to the members of a collection."""
    close: int = field(compare=False, default=0)
    """How many more links may be followed whatever their name, below something that reports trouble."""
    pages: int = field(compare=False, default=0)


@dataclass(slots=True)
class Walk:
    """Everything read so far, what is still to be read, and what could not be."""

    expand: Expand | None = None
    """None until the service root has told."""
    skip: frozenset[str] = frozenset()
    """Names not followed this time, and paths (by key) known to tell nothing new."""
    quiet: Quiet = LOUD
    """What the close looks before this one found; left out until trouble is met that they did not look into."""
    resources: dict[str, Resource] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    expand_worked: bool = False
    unexpanded: set[str] = field(default_factory=set)
    """Collections (by key) the service did not expand when asked to."""
    entrances: tuple[tuple[str, str], ...] = ()
    """What the service root named, if it was read."""
    aside: set[str] = field(default_factory=set)
    """Resources (by key) that only trouble elsewhere led to."""
    ailing: set[str] = field(default_factory=set)
    """Resources (by key) that report trouble."""
    _asked: set[str] = field(default_factory=set)
    _held_back: list[Step] = field(default_factory=list)
    _reread: set[str] = field(default_factory=set)
    _looked_at: set[str] = field(default_factory=set)
    _pending: list[Step] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=itertools.count)
    _failures_in_a_row: int = 0
    _weight: int = 0

    def start(self, entrances: Iterable[tuple[str, str]] = (), watched: Iterable[str] = ()) -> None:
        """Begin at the service root, or at what it named before.

        What is watched was ill once, and is looked at again at the end, though no link worth following may lead there.
        """
        for name, path in entrances:
            if name not in self.skip:
                self._push(path, name, RANKS.get(name.rstrip("/"), 9), close=0)
        if not self._pending:
            self._push(ROOT, "", rank=-1, close=0)
        for source in watched:
            self._push(source, "", LAST, close=0)

    @property
    def finished(self) -> bool:
        return not self._pending

    @property
    def waiting(self) -> int:
        """How many known resources are still to be read."""
        return len(self._pending)

    async def run(self, fetch: Fetch, may_go_on: Callable[[], bool] = lambda: True) -> None:
        """Read until everything is read or `may_go_on` says no. Raises DeviceError when the device as a whole fails."""
        while self._pending and may_go_on():
            if len(self.resources) >= MAX_RESOURCES:
                self.problems.append(
                    Problem(resource=ROOT, reason=f"more than {MAX_RESOURCES} resources; the rest is not read")
                )
                self._pending.clear()
                return
            if self._weight > MAX_WEIGHT:
                self.problems.append(
                    Problem(resource=ROOT, reason="more than the largest server tells; the rest is not read")
                )
                self._pending.clear()
                return
            step = heapq.heappop(self._pending)
            if step.name == EXPANDED or key(step.path) not in self.resources:
                await self._take(fetch, step)

    async def _take(self, fetch: Fetch, step: Step) -> None:
        """Read one resource, expanded where that helps, and note the links it gives."""
        levels = self._levels(step)
        path = f"{step.path}?{self.expand.query(levels)}" if levels and self.expand else step.path
        try:
            resource = await fetch.get(path)
        except DeviceError as error:
            if levels and self.expand and not concerns_device(error, first=False):
                self.expand = self.expand.less()
                heapq.heappush(self._pending, step)
                return
            self._failed(step, error)
            return
        self._failures_in_a_row = 0
        self._weight += resource.weight
        resource = replace(resource, path=step.path)
        if levels and self.expand and not self._expansion_seen(resource):
            self.unexpanded.add(key(step.path))
            self.expand = self.expand if self.expand_worked else Expand()
        self.add(resource, step)

    def _levels(self, step: Step) -> int:
        """Levels worth asking for; 0 for a plain GET."""
        if self.expand is None or not self.expand.usable or step.pages:
            return 0
        if step.name == EXPANDED:
            return 2
        return DEPTHS.get(step.name, 1) if step.name in RANKS and step.name not in NOT_COLLECTIONS else 0

    def _expansion_seen(self, resource: Resource) -> bool:
        """Did the service do what `$expand` asks? A claim is believed only by its content."""
        inside = sum(1 for _ in itertools.islice(unfold(resource), 1, 2))
        members = resource.body.get("Members")
        if inside:
            self.expand_worked = True
            return True
        return not (
            isinstance(members, list) and any(isinstance(member, dict) and "@odata.id" in member for member in members)
        )

    def add(self, resource: Resource, step: Step) -> None:
        """Keep a resource with all that it carries, and put its links in the queue."""
        if self.expand is None and key(resource.path) == key(ROOT):
            self.expand = claimed_expand(resource.body)
        for part in self._kept(resource, step):
            ill = in_trouble(part.body)
            close = CLOSE_LOOK_DEPTH if ill else max(step.close - 1, 0)
            asked = part is resource and step.name != EXPANDED
            own_name = step.name if asked else f"{part.path}/"
            found = list(links(part.body, close > 0))
            if key(part.path) == key(ROOT):
                self.entrances = tuple((name, path) for name, link, _ in found if (path := local(link)) and not close)
            if self._better_expanded(part, found, asked):
                self._reread.add(key(part.path))
                heapq.heappush(self._pending, Step(-1, next(self._order), part.path, EXPANDED, step.close))
                continue
            usual = self._usual(part) if close else ()
            for name, link, page in found:
                aside = close > 0 and link not in usual
                self._follow(part, own_name, name, link, close, step.pages + 1 if page else 0, aside)
            if ill:
                self._note_trouble(key(part.path))
                self._look_closely_at(holder_of(part.path))

    def _kept(self, resource: Resource, step: Step) -> list[Resource]:
        """The resource and those inside it that are of use, remembered."""
        welcome = {key(resource.path)}
        kept: list[Resource] = []
        for part in unfold(resource):
            if key(part.path) in welcome:
                kept.append(part)
                close = step.close > 0 or in_trouble(part.body)
                inside = _keys(carried(part.body, close))
                welcome |= inside
                if close or self.aside:
                    usual = frozenset() if key(part.path) in self.aside else _keys(carried(part.body, False))
                    self.aside |= inside - usual - self.resources.keys() - self._asked
                    self._reclaim(inside & usual)
        for part in kept:
            known = self.resources.get(key(part.path))
            if known is None or len(part.body) > len(known.body):
                self.resources[key(part.path)] = part
        return kept

    def _better_expanded(self, part: Resource, found: Sequence[tuple[str, str, bool]], asked: bool) -> bool:
        """Does a resource refer to so many others that one more look at it, expanded, costs less than each of them?

        A collection is asked for expanded in the first place, unless it came inside another resource.
        """
        if self.expand is None or not self.expand.usable or key(part.path) in self._reread:
            return False
        if asked and "Members" in part.body:
            return False
        unread = Counter(
            name
            for name, link, page in found
            if not page and (path := local(link)) and key(path) not in self.resources and key(path) not in self.skip
        )
        if asked or self.expand.max_levels < 2:
            least = 2 if "Members" in part.body else MANY
            return any(count >= least and isinstance(part.body.get(name), list) for name, count in unread.items())
        return sum(count for name, count in unread.items() if name in RANKS or name == "Members") > 1

    def _look_closely_at(self, path: str) -> None:
        """Follow every link of what holds a thing in trouble; the vendor's own words about it often hang there."""
        holder = self.resources.get(key(path))
        if holder is not None and key(path) not in self._looked_at:
            self._looked_at.add(key(path))
            usual = self._usual(holder)
            for name, link, _ in links(holder.body, close=True):
                self._follow(holder, "", name, link, 2, 0, link not in usual)

    def _usual(self, part: Resource) -> Collection[str]:
        """Those links of a resource that are followed on a healthy device as well; none where trouble led to it."""
        if key(part.path) in self.aside:
            return ()
        return {link for _, link, _ in links(part.body, False)}

    def _note_trouble(self, place: str) -> None:
        """Trouble that was not looked into before wants the whole close look after all."""
        self.ailing.add(place)
        if place not in self.quiet.ailing:
            self.quiet = LOUD
            for step in self._held_back:
                self._push(step.path, step.name, step.rank, step.close, step.pages, aside=True)
            self._held_back.clear()

    def _reclaim(self, places: Iterable[str]) -> None:
        """What trouble led to first, and a healthy device is asked for too, is not aside; nor is what it carries."""
        for place in places:
            if place in self.aside:
                self.aside.discard(place)
                if (part := self.resources.get(place)) is not None:
                    self._reclaim(_keys(carried(part.body, False)) | _keys(self._usual(part)))

    def _follow(self, part: Resource, own_name: str, name: str, link: str, close: int, pages: int, aside: bool) -> None:
        path = local(link)
        if path is None:
            self.problems.append(
                Problem(resource=part.path, reason=f"a link that leads nowhere on this device: {link[:80]!r}")
            )
            return
        if pages > MAX_PAGES or name in self.skip:
            return
        if name == "Members":
            collection = own_name.rstrip("/") if own_name else ""
            name = f"{collection}/" if "/" not in collection else f"{_collection_name(part.path)}/"
        if pages:
            name = own_name
        rank = LAST if aside else 9 if name.startswith("Links/") else RANKS.get(name.rstrip("/"), 9)
        if self.aside and not aside:
            self._reclaim((key(path),))
        self._push(path, name, rank, close, pages, aside)

    def _push(self, path: str, name: str, rank: int, close: int, pages: int = 0, aside: bool = False) -> None:
        mark = path.lower() if pages else key(path)
        if mark in self._asked or (not pages and (mark in self.resources or mark in self.skip)):
            return
        step = Step(rank, next(self._order), path.split("#", 1)[0], name, close, pages)
        if aside and mark in self.quiet.silent:
            self._held_back.append(step)
            return
        self._asked.add(mark)
        if aside:
            self.aside.add(mark)
        heapq.heappush(self._pending, step)

    def _failed(self, step: Step, error: DeviceError) -> None:
        """Set one resource aside (F08), or give up when the device as a whole does not answer."""
        self._failures_in_a_row = self._failures_in_a_row + 1 if isinstance(error, Unreachable | Busy) else 0
        first = not self.resources and (not self._pending or key(step.path) == key(ROOT))
        if concerns_device(error, first=first) or self._failures_in_a_row > 1:
            heapq.heappush(self._pending, step)
            raise error
        if isinstance(error, Unsupported) and not first:
            return
        self.problems.append(Problem(resource=step.path, reason=error.reason))


def _keys(targets: Iterable[str]) -> frozenset[str]:
    return frozenset(key(path) for target in targets if (path := local(target)))


def _collection_name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def concerns_device(error: DeviceError, *, first: bool) -> bool:
    """Is this failure about the device, not about one resource?"""
    return first or not error.resource or isinstance(error, Untrusted)
