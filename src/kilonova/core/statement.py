"""The profit-and-loss statement as values: billing draws it up, the admin API shows it.

Amounts are nano-units of the statement's one currency, ratios are per mille (one decimal of a
percent), both integers.
"""

from collections.abc import Iterable
from typing import Literal, Protocol

from msgspec import Struct

from kilonova.core.money import divide_half_even

__all__ = [
    "IDLE_POLICIES",
    "SEGMENTATIONS",
    "Amounts",
    "IdlePolicy",
    "Moment",
    "ResourceLine",
    "Segment",
    "Segmentation",
    "Statement",
    "StatementOrder",
    "Statements",
    "added",
    "growth",
    "per_mille",
]

Segmentation = Literal["model", "engine", "organisation", "project"]
IdlePolicy = Literal["proportional", "reserved", "platform"]

SEGMENTATIONS: tuple[Segmentation, ...] = ("model", "engine", "organisation", "project")
IDLE_POLICIES: tuple[IdlePolicy, ...] = ("proportional", "reserved", "platform")


class Amounts(Struct, frozen=True, kw_only=True):
    """What was sold and what it took.

    Sold: ``list_nano`` before discounts; ``credit_nano`` are refunds, credits and corrections that
    were booked, positive where they lower the revenue. Took: ``energy_nano`` of work and its share
    of idling while it ran, ``capital_nano`` (depreciation and the cost of capital),
    ``upkeep_nano``, ``upstream_nano`` (what vendors charge), ``idle_nano`` (its share of the time
    in which nothing ran) and ``platform_nano`` (what belongs to no segment). ``shortfall_nano`` is
    work that nobody is charged for: a price forgone, not a cost. ``uncosted`` are requests whose
    cost is not known; they add nothing.
    """

    requests: int = 0
    uncosted: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    list_nano: int = 0
    discount_nano: int = 0
    credit_nano: int = 0
    energy_nano: int = 0
    capital_nano: int = 0
    upkeep_nano: int = 0
    upstream_nano: int = 0
    idle_nano: int = 0
    platform_nano: int = 0
    shortfall_nano: int = 0
    busy_ns: int = 0
    energy_uj: int = 0
    co2_ug: int = 0

    @property
    def revenue_nano(self) -> int:
        """What is earned: the list price less discounts and credits."""
        return self.list_nano - self.discount_nano - self.credit_nano

    @property
    def direct_nano(self) -> int:
        """The cost of the time that it worked."""
        return self.energy_nano + self.capital_nano + self.upkeep_nano + self.upstream_nano

    @property
    def cost_nano(self) -> int:
        """The loaded cost, and what belongs to no segment."""
        return self.direct_nano + self.idle_nano + self.platform_nano

    @property
    def income_nano(self) -> int:
        """The operating income."""
        return self.revenue_nano - self.cost_nano

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.cached_tokens + self.output_tokens

    @property
    def margin(self) -> int | None:
        """The operating margin in per mille; None without revenue."""
        return per_mille(self.income_nano, self.revenue_nano)


class Segment(Struct, frozen=True, kw_only=True):
    """One line of a statement; ``id`` is empty for what no segment is named by.

    ``before`` is the period before and ``year_before`` the same one a year earlier, where the books
    reach back that far.
    """

    id: str
    amounts: Amounts
    before: Amounts | None = None
    year_before: Amounts | None = None


class ResourceLine(Struct, frozen=True, kw_only=True):
    """Where the cost comes from. ``total_nano`` is what the resource cost, ``direct_nano`` the part
    in which requests ran, ``idle_nano`` the rest, of which ``shared_nano`` was shared out."""

    resource: str
    is_assumed: bool
    total_nano: int
    direct_nano: int
    idle_nano: int
    shared_nano: int
    busy_ns: int


class Moment(Struct, frozen=True, kw_only=True):
    """A point of the pictures: a day (``2026-11-23``), or an hour of the day (``08``)."""

    at: str
    requests: int
    tokens: int
    revenue_nano: int
    cost_nano: int
    busy_ns: int


class Statement(Struct, frozen=True, kw_only=True):
    """A period in one currency. The segments and ``platform`` add up to ``total``, exactly.

    ``until_ms`` is the end of what is counted: now, where the period still ``is_running``. It is
    compared with as much of the earlier periods. Costs count from ``costed_from_ms`` on, when the
    books were opened. ``year`` is how many such periods a year has, as a
    fraction. ``bases`` counts requests by how their energy is known. ``days`` and ``hours`` are
    there where they were asked for.
    """

    currency: str
    by: Segmentation
    period: str
    since_ms: int
    until_ms: int
    is_running: bool
    idle: IdlePolicy
    year: tuple[int, int]
    costed_from_ms: int = 0
    segments: tuple[Segment, ...] = ()
    platform: Amounts = Amounts()
    total: Segment = Segment(id="", amounts=Amounts())
    resources: tuple[ResourceLine, ...] = ()
    bases: dict[str, int] = {}
    days: tuple[Moment, ...] = ()
    hours: tuple[Moment, ...] = ()

    def run_rate(self, amount_nano: int) -> int:
        """The amount of a year that goes on like this period."""
        return divide_half_even(amount_nano * self.year[0], self.year[1])


class StatementOrder(Struct, frozen=True, kw_only=True):
    """Which statement. ``period`` is ``2026``, ``2026-Q4``, ``2026-11``, ``2026-W47`` or a day; or
    whole days from ``first`` until before ``end``. The running month, where nothing is said. One
    ``currency``, or one statement for each. One ``organisation_id``, with its shares of idle time
    and without what belongs to nobody; or all."""

    organisation_id: str | None = None
    by: Segmentation = "model"
    period: str | None = None
    first: str | None = None
    end: str | None = None
    idle: IdlePolicy | None = None
    currency: str | None = None
    has_moments: bool = False


class Statements(Protocol):
    """Draws statements up. Safe in any thread, and best called in one."""

    def profit_and_loss(self, order: StatementOrder) -> tuple[Statement, ...]:
        """One for each currency, in their order. Raises InvalidRequest for a period that is none,
        and NotFound for a currency that the period does not have."""


def added(amounts: Iterable[Amounts]) -> Amounts:
    """Their sum, field by field."""
    sums = dict.fromkeys(Amounts.__struct_fields__, 0)
    for each in amounts:
        for name in sums:
            sums[name] += getattr(each, name)
    return Amounts(**sums)


def per_mille(part: int, whole: int) -> int | None:
    """``part`` of ``whole`` in thousandths, half to even; None where there is no whole."""
    return divide_half_even(part * 1000, whole) if whole > 0 else None


def growth(now: int, before: int) -> int | None:
    """How much more than before, in thousandths; None where nothing was before."""
    return per_mille(now - before, before)
