"""The days of a data set: what is there on day d, in which order, and what differs between two days.

Day 0 shows the initial breweries. Each later day adds about 0.5 % new ones (at the end of the list), changes about
1 % and removes about 0.2 % of them; every seventh removed brewery is back two days later, where it was. Which ones
is arithmetic on (seed, day), so neither a day's state nor a difference needs the other days' records.

Data that does not change shows day 0 on every day.
"""

import threading
from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from hashlib import blake2b
from itertools import accumulate, chain
from math import gcd
from typing import Final, NamedTuple, Protocol

from harness.pipeline.mock_api.generator import Brewery, Generator, changed


class Breweries(Protocol):
    """Breweries by position; what day 0 shows."""

    def __len__(self) -> int: ...

    def brewery(self, index: int) -> Brewery:
        """The record at `index`; not to be changed by the caller."""

    def id_of(self, index: int) -> str: ...

    def id_prefixes(self) -> Iterable[str]:
        """The first two characters of each id, in the order of the indexes."""

    def index_of(self, brewery_id: str) -> int | None:
        """The index that may have the id."""

    def count_by(self) -> Counter[tuple[str, str, str]]:
        """How many there are of each (country, state_province, brewery_type)."""


class GeneratedBreweries:
    """The first `count` breweries of a generator."""

    def __init__(self, seed: int, count: int) -> None:
        self._generator = Generator(seed)
        self._count = count

    def __len__(self) -> int:
        return self._count

    def brewery(self, index: int) -> Brewery:
        return self._generator.brewery(index)

    def id_of(self, index: int) -> str:
        return self._generator.id_of(index)

    def id_prefixes(self) -> Iterable[str]:
        return self._generator.id_prefixes(self._count)

    def index_of(self, brewery_id: str) -> int | None:
        return self._generator.index_of(brewery_id)

    def count_by(self) -> Counter[tuple[str, str, str]]:
        return self._generator.count_by(self._count)


class GivenBreweries:
    """Records held in memory, such as those of a file."""

    def __init__(self, records: list[Brewery]) -> None:
        self._records = records
        self._by_id = {record["id"]: index for index, record in enumerate(records)}

    def __len__(self) -> int:
        return len(self._records)

    def brewery(self, index: int) -> Brewery:
        return self._records[index]

    def id_of(self, index: int) -> str:
        return str(self._records[index]["id"])

    def id_prefixes(self) -> Iterable[str]:
        return (str(record["id"])[:2] for record in self._records)

    def index_of(self, brewery_id: str) -> int | None:
        return self._by_id.get(brewery_id)

    def count_by(self) -> Counter[tuple[str, str, str]]:
        return Counter(map(counted_as, self._records))


def counted_as(brewery: Brewery) -> tuple[str, str, str]:
    """What the totals of the API's metadata count a brewery under: (country, state_province, brewery_type)."""
    country, state, kind = (
        "null" if brewery[field] is None else str(brewery[field])
        for field in ("country", "state_province", "brewery_type")
    )
    return country, state, kind


class Changes(NamedTuple):
    """What differs between two days, by brewery id."""

    added: frozenset[str]
    changed: frozenset[str]
    removed: frozenset[str]


@dataclass(frozen=True)
class _Pick:
    """`count` different numbers below `size`: the first of the sequence i -> (i * step + start) mod size."""

    size: int
    count: int
    step: int
    inverse: int
    start: int

    @classmethod
    def make(cls, purpose: str, size: int, count: int) -> "_Pick":
        draw = int.from_bytes(blake2b(purpose.encode(), digest_size=16).digest())
        step = draw % size or 1
        while gcd(step, size) != 1:
            step += 1
        return cls(size, min(count, size), step, pow(step, -1, size), (draw >> 64) % size)

    def number(self, i: int) -> int:
        return (i * self.step + self.start) % self.size

    def __contains__(self, number: object) -> bool:
        return (
            isinstance(number, int)
            and number < self.size
            and (number - self.start) * self.inverse % self.size < self.count
        )


MAX_DAY: Final = 3650
"""The latest day that may be asked for: what a day shows takes time in proportion to its number."""

BACK_EVERY: Final = 7
"""One removed brewery in so many comes back."""

BACK_AFTER: Final = 2
"""Days until it does."""


class Catalog:
    """What day 0 shows, and the later days, which the seed decides.

    A brewery's *slot* is its position among all that were ever there; slots from `len(initial)` on are breweries
    that were added on a later day. Without `changes` every day shows what day 0 shows.
    """

    def __init__(self, initial: Breweries, seed: int, *, changes: bool = True) -> None:
        self.initial = initial
        self._seed = seed
        self._base = len(initial)
        changing = self._base if changes else 0
        self.added_per_day = max(2, changing * 5 // 1000) if changing else 0
        self._changed_per_day = max(1, changing * 10 // 1000) if changing else 0
        self._removed_per_day = max(1, changing * 2 // 1000) if changing > 1 else 0
        self._removals = _Pick.make(f"{seed}:removed", max(1, self._base), self._base // 2)
        self._edits = lru_cache(maxsize=MAX_DAY)(self._edits_of)
        self.at = lru_cache(maxsize=4)(partial(Snapshot, self))

    @cached_property
    def _newcomers(self) -> Generator:
        return Generator(self._seed + 1)

    def slots(self, day: int) -> int:
        """How many slots there are on a day; some of them may be empty."""
        return self._base + day * self.added_per_day

    def _edits_of(self, day: int) -> _Pick:
        return _Pick.make(f"{self._seed}:changed:{day}", self.slots(day - 1), self._changed_per_day)

    def gone(self, day: int) -> list[int]:
        """The empty slots of a day in ascending order."""
        result = []
        for k in range(min(day * self._removed_per_day, self._removals.count)):
            removed_on = k // self._removed_per_day + 1
            is_back = k % BACK_EVERY == BACK_EVERY - 1 and removed_on + BACK_AFTER <= day
            if not is_back:
                result.append(self._removals.number(k))
        return sorted(result)

    def edited(self, after: int, until: int) -> set[int]:
        """The slots whose brewery changed on a day in (after, until]."""
        result: set[int] = set()
        if self._base:
            for day in range(after + 1, until + 1):
                edits = self._edits(day)
                result.update(edits.number(i) for i in range(edits.count))
        return result

    def original(self, slot: int) -> Brewery:
        """The brewery of a slot as it was when it came."""
        return self.initial.brewery(slot) if slot < self._base else self._newcomers.brewery(slot)

    def id_of(self, slot: int) -> str:
        return self.initial.id_of(slot) if slot < self._base else self._newcomers.id_of(slot)

    def id_prefixes(self, day: int) -> Iterable[str]:
        """The first two characters of each id that there is on a day or was before, in the order of the slots."""
        newcomers = (self._newcomers.id_of(slot)[:2] for slot in range(self._base, self.slots(day)))
        return chain(self.initial.id_prefixes(), newcomers)

    def brewery(self, slot: int, day: int) -> Brewery:
        """The brewery of a slot as it is on a day, whether or not the slot is empty then."""
        brewery = self.original(slot)
        for on in range(1, day + 1):
            if slot in self._edits(on):
                draw = blake2b(b"%d:%d:%d" % (self._seed, slot, on), digest_size=6).digest()
                brewery = changed(brewery, int.from_bytes(draw))
        return brewery

    def slot_of(self, brewery_id: str, day: int) -> int | None:
        """The slot of the brewery with this id, whether or not it is empty on the day."""
        for index in (self.initial.index_of(brewery_id), self._newcomers.index_of(brewery_id)):
            if index is not None and index < self.slots(day) and self.original(index)["id"] == brewery_id:
                return index
        return None

    def changes(self, before: int, after: int) -> Changes:
        """What a reader of day `before` finds different on day `after` (the later one), by id."""
        if not 0 <= before <= after:
            raise ValueError(f"changes need 0 <= before <= after, not {before} and {after}.")
        gone_before, gone_after = set(self.gone(before)), set(self.gone(after))
        came = set(range(self.slots(before), self.slots(after))) | (gone_before - gone_after)
        edited = {
            slot
            for slot in self.edited(before, after)
            if slot < self.slots(before) and slot not in gone_before and slot not in gone_after
        }
        return Changes(
            added=frozenset(self.original(slot)["id"] for slot in came),
            changed=frozenset(
                self.original(slot)["id"]
                for slot in edited
                if self.brewery(slot, before) != self.brewery(slot, after)
            ),
            removed=frozenset(self.original(slot)["id"] for slot in gone_after - gone_before),
        )


class _IdOrder:
    """The slots of a day in the order of their ids. Safe for use by several threads.

    Divided by the first characters of the ids, and each part sorted when it is asked for: the first page of ten
    million breweries need not wait until all are sorted.
    """

    def __init__(self, id_of: Callable[[int], str], prefixes: Iterable[str], gone: Sequence[int]) -> None:
        parts: defaultdict[str, array[int]] = defaultdict(lambda: array("L"))
        for slot, prefix in enumerate(prefixes):
            parts[prefix].append(slot)
        for slot in gone:
            parts[id_of(slot)[:2]].remove(slot)
        self._id_of = id_of
        self._parts = [parts[prefix] for prefix in sorted(parts)]
        self._starts = list(accumulate(map(len, self._parts), initial=0))
        self._sorted: set[int] = set()
        self._lock = threading.Lock()

    def slots(self, start: int, stop: int) -> Iterator[int]:
        """Those at the ranks from `start` up to `stop`, which may lie beyond the end."""
        rank = start
        while rank < min(stop, self._starts[-1]):
            number = bisect_right(self._starts, rank) - 1
            first = self._starts[number]
            part = self._part(number)[rank - first : stop - first]
            yield from part
            rank += len(part)

    def _part(self, number: int) -> "array[int]":
        with self._lock:
            if number not in self._sorted:
                self._parts[number] = array("L", sorted(self._parts[number], key=self._id_of))
                self._sorted.add(number)
            return self._parts[number]


class Snapshot:
    """What one day shows: a sequence of breweries in the API's order."""

    def __init__(self, catalog: Catalog, day: int) -> None:
        self._catalog = catalog
        self.day = day
        self._gone = catalog.gone(day)
        # Non-decreasing, so the slot of a rank is found by bisection instead of by walking past the empty slots.
        self._full_below = [slot - i for i, slot in enumerate(self._gone)]
        self._length = catalog.slots(day) - len(self._gone)
        self._ordering = threading.Lock()

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, rank: int) -> Brewery:
        if not 0 <= rank < self._length:
            raise IndexError(rank)
        return self._catalog.brewery(rank + bisect_right(self._full_below, rank), self.day)

    def __iter__(self) -> Iterator[Brewery]:
        return (self[rank] for rank in range(len(self)))

    def by_id(self, start: int, stop: int) -> list[Brewery]:
        """The breweries at the ranks from `start` up to `stop` in the order of the ids."""
        with self._ordering:
            order = self._id_order
        return [self._catalog.brewery(slot, self.day) for slot in order.slots(start, stop)]

    @cached_property
    def _id_order(self) -> _IdOrder:
        return _IdOrder(self._catalog.id_of, self._catalog.id_prefixes(self.day), self._gone)

    def find(self, brewery_id: str) -> Brewery | None:
        """The brewery with this id, or None where the day has none."""
        slot = self._catalog.slot_of(brewery_id, self.day)
        if slot is None:
            return None
        i = bisect_right(self._gone, slot)
        if i and self._gone[i - 1] == slot:
            return None
        return self._catalog.brewery(slot, self.day)

    @cached_property
    def counts(self) -> Counter[tuple[str, str, str]]:
        """How many there are of each (country, state_province, brewery_type), without reading every brewery."""
        catalog, day = self._catalog, self.day
        result = catalog.initial.count_by()
        result.update(counted_as(catalog.original(slot)) for slot in range(catalog.slots(0), catalog.slots(day)))
        for slot in catalog.edited(0, day):
            result[counted_as(catalog.original(slot))] -= 1
            result[counted_as(catalog.brewery(slot, day))] += 1
        result.subtract(counted_as(catalog.brewery(slot, day)) for slot in self._gone)
        return +result
