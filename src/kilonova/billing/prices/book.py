"""A price book: rows that never contradict each other, and the one that a purchase falls under.

Pure. At any moment the rows of one model and tier are steps: each covers inputs longer than its
own threshold, up to the next threshold that holds at that moment. Where no row covers a purchase
there is a gap, which has a name (NotFound); nothing is ever free by omission.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations

from msgspec import Struct
from msgspec.structs import replace

from kilonova.billing.prices.error import PriceError
from kilonova.billing.prices.windows import ALWAYS, Condition, zones_of
from kilonova.core.ports import Purchase, Quote
from kilonova.core.tariff import PriceLine

__all__ = ["Book", "Discount", "Row"]

_DEFAULT = "default"
_MINUTE_MS = 60_000
_FOREVER_MS = 2**62


class Row(Struct, frozen=True, kw_only=True):
    """A line, and the hours in which it holds."""

    line: PriceLine
    when: Condition = ALWAYS

    @property
    def name(self) -> str:
        return self.line.price.version

    def is_valid(self, at_ms: int) -> bool:
        return _is_within(at_ms, self.line.since_ms, self.line.until_ms)


class Discount(Struct, frozen=True, kw_only=True):
    """Millionths off the list for one organisation; without ``models`` off everything.

    One that names a model goes before one that names none; it is not added to it.
    """

    organisation_id: str
    ppm: int
    models: frozenset[str] = frozenset()
    since_ms: int = 0
    until_ms: int | None = None


class _Moment(Struct, frozen=True):
    """What holds from ``since_ms`` until before ``until_ms``: quotes by rising threshold."""

    since_ms: int
    until_ms: int
    steps: tuple[int, ...]
    quotes: tuple[Quote, ...]

    def find(self, input_tokens: int) -> Quote | None:
        index = bisect_left(self.steps, input_tokens) - 1
        return self.quotes[index] if index >= 0 else None


class Book:
    """Raises PriceError for rows, or discounts, of which two could hold at once."""

    def __init__(self, rows: Iterable[Row], discounts: Iterable[Discount] = ()) -> None:
        shelves: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows:
            shelves[row.line.model_id, row.line.service_tier].append(row)
        self._shelves = {key: tuple(shelf) for key, shelf in shelves.items()}
        self._discounts: dict[str, list[Discount]] = defaultdict(list)
        for discount in discounts:
            self._discounts[discount.organisation_id].append(discount)
        for shelf in self._shelves.values():
            _refuse_overlap(shelf)
        for granted in self._discounts.values():
            _refuse_double(granted)
        # As many as there are tiers on sale, times the organisations with a discount.
        self._moments: dict[tuple[str, str, str], _Moment] = {}

    @property
    def models(self) -> frozenset[str]:
        """Ids of the models that have a row."""
        return frozenset(model_id for model_id, _ in self._shelves)

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows by model and tier, in the order of the file."""
        return tuple(row for _, shelf in sorted(self._shelves.items()) for row in shelf)

    @property
    def discounts(self) -> tuple[Discount, ...]:
        return tuple(each for granted in self._discounts.values() for each in granted)

    def find(self, purchase: Purchase) -> Quote | None:
        """The tier asked for where it is on sale at this moment for this length, else the
        default one; None where that is not on sale either."""
        tier = purchase.service_tier
        quote = self._find(purchase, tier)
        return self._find(purchase, _DEFAULT) if quote is None and tier != _DEFAULT else quote

    def _find(self, purchase: Purchase, tier: str) -> Quote | None:
        model_id, at_ms = purchase.model.id, purchase.at_ms
        shelf = self._shelves.get((model_id, tier))
        if shelf is None:
            return None
        organisation_id = purchase.organisation_id
        key = (model_id, tier, organisation_id if organisation_id in self._discounts else "")
        moment = self._moments.get(key)
        if moment is None or not moment.since_ms <= at_ms < moment.until_ms:
            moment = _moment(shelf, self._discounts.get(organisation_id, ()), at_ms)
            self._moments[key] = moment
        return moment.find(purchase.input_tokens)


def _moment(shelf: Sequence[Row], granted: Sequence[Discount], at_ms: int) -> _Moment:
    line = shelf[0].line
    mine = [each for each in granted if not each.models or line.model_id in each.models]
    rows = sorted(
        (row for row in shelf if row.is_valid(at_ms) and row.when.holds(at_ms)),
        key=lambda row: row.line.above_input_tokens,
    )
    since_ms, until_ms = _between_edges([*(row.line for row in shelf), *mine], at_ms)
    if any(row.when.windows for row in shelf):
        # Windows open and close at whole minutes, and so do the offsets of all zones.
        minute_ms = at_ms - at_ms % _MINUTE_MS
        since_ms, until_ms = max(since_ms, minute_ms), min(until_ms, minute_ms + _MINUTE_MS)
    ppm = _discount_ppm(mine, at_ms)
    prices = [replace(row.line.price, discount_ppm=ppm) for row in rows]
    # An input of no tokens is above the threshold 0, too.
    steps = tuple(row.line.above_input_tokens or -1 for row in rows)
    quotes = tuple(Quote(price, line.service_tier) for price in prices)
    return _Moment(since_ms, until_ms, steps, quotes)


def _between_edges(held: Sequence[PriceLine | Discount], at_ms: int) -> tuple[int, int]:
    """The longest time around this moment in which nothing begins or ends."""
    edges = {each.since_ms for each in held}
    edges.update(each.until_ms for each in held if each.until_ms is not None)
    before = [edge for edge in edges if edge <= at_ms]
    after = [edge for edge in edges if edge > at_ms]
    return max(before, default=-_FOREVER_MS), min(after, default=_FOREVER_MS)


def _discount_ppm(granted: Sequence[Discount], at_ms: int) -> int:
    held = [each for each in granted if _is_within(at_ms, each.since_ms, each.until_ms)]
    held.sort(key=lambda each: not each.models)
    return held[0].ppm if held else 0


def _is_within(at_ms: int, since_ms: int, until_ms: int | None) -> bool:
    return since_ms <= at_ms and (until_ms is None or at_ms < until_ms)


def _is_valid_together(one: PriceLine | Discount, other: PriceLine | Discount) -> bool:
    since_ms = max(one.since_ms, other.since_ms)
    return all(each.until_ms is None or since_ms < each.until_ms for each in (one, other))


def _refuse_overlap(shelf: Sequence[Row]) -> None:
    zones = zones_of(row.when for row in shelf)
    if len(zones) > 1:
        raise PriceError(
            f"{shelf[0].line.model_id}, tier {shelf[0].line.service_tier}: the windows of its rows "
            f"are in several time zones ({', '.join(sorted(zones))}). Put them into one."
        )
    steps: dict[int, list[Row]] = defaultdict(list)
    for row in shelf:
        steps[row.line.above_input_tokens].append(row)
    for one, other in (pair for rows in steps.values() for pair in combinations(rows, 2)):
        if _is_valid_together(one.line, other.line) and one.when.meets(other.when):
            raise PriceError(
                f"the rows {one.name} and {other.name} overlap: both set the price of "
                f"{one.line.model_id}, tier {one.line.service_tier}, above "
                f"{one.line.above_input_tokens} input tokens, at the same time. Change their "
                "validity (from, until), their windows or their thresholds."
            )


def _refuse_double(granted: Sequence[Discount]) -> None:
    for one, other in combinations(granted, 2):
        is_same = one.models & other.models if one.models and other.models else (
            not one.models and not other.models
        )  # fmt: skip
        if is_same and _is_valid_together(one, other):
            raise PriceError(
                f"discounts: two of them hold for {one.organisation_id} at the same time and for "
                "the same models. End one before the other begins."
            )
