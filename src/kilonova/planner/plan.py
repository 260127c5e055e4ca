"""A plan: the cheapest ways to serve a workload, with machines, power, capital and prices."""

from msgspec import Struct
from msgspec.structs import replace

from kilonova.core.errors import InvalidRequest
from kilonova.planner.arrivals import Burst
from kilonova.planner.option import Option, make_option
from kilonova.planner.outlook import Outlook, outlook
from kilonova.planner.quarters import Quarter
from kilonova.planner.replay import Tail
from kilonova.planner.search import Search, search
from kilonova.planner.shape import ModelShape
from kilonova.planner.sources import Source, sources
from kilonova.planner.supply import Supply
from kilonova.planner.swings import Swing, swings
from kilonova.planner.tables import PriceList, Tables, named
from kilonova.planner.tails import tail_of
from kilonova.planner.workload import Workload

__all__ = ["Plan", "Wishes", "make_plan"]

_TRIES = 8
_ARRIVALS_MAX = 20_000
_TOP_MAX = 50


class Wishes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a plan should show: how many ways, beside which price lists (all, if none is named).

    The busiest hour is played with ``arrivals`` requests (0: not at all). ``quarters`` are planned
    with ``growth`` as the factor of demand from one to the next, selling at ``sell_at``.
    """

    price_lists: tuple[str, ...] = ()
    top: int = 5
    arrivals: int = 2_000
    quarters: int = 0
    growth: float = 1.0
    sell_at: str = ""


class Plan(Struct, frozen=True, kw_only=True):
    """``considered`` is how many ways work; ``tail``, ``burst``, ``swings`` and ``quarters`` are of
    the first option. ``burst`` is its busiest hour with the workload's burst in it."""

    model: str
    workload: Workload
    supply: Supply
    considered: int
    options: tuple[Option, ...]
    tail: Tail | None
    burst: Tail | None
    swings: tuple[Swing, ...]
    quarters: tuple[Quarter, ...]
    sources: tuple[Source, ...]


def make_plan(
    workload: Workload,
    supply: Supply,
    *,
    model: str | ModelShape,
    tables: Tables,
    wishes: Wishes | None = None,
) -> Plan:
    """The cheapest kinds of machine and precision, cheapest first.

    Raises InvalidRequest for what cannot be; its message says the nearest that would work.
    """
    wishes = wishes or Wishes()
    _check(wishes)
    shape = named(tables.models, model, what="model") if isinstance(model, str) else model
    names = wishes.price_lists or tuple(tables.prices)
    lists = tuple(named(tables.prices, name, what="price list") for name in names)
    found, tail = _settled(workload, shape, supply, tables=tables, arrivals=wishes.arrivals)
    best = _distinct(found, wishes.top)
    options = tuple(
        make_option(found, at, workload=workload, tables=tables, lists=lists) for at in best
    )
    return Plan(
        model=shape.name,
        workload=workload,
        supply=supply,
        considered=len(found.configurations),
        options=options,
        tail=tail,
        burst=_burst(found, workload, tables=tables, arrivals=wishes.arrivals),
        swings=swings(workload, supply, found=found, best=options[0], tables=tables),
        quarters=_quarters(found, workload, supply, tables=tables, wishes=wishes),
        sources=sources(found, best, supply=supply, tables=tables, lists=lists),
    )


def _check(wishes: Wishes) -> None:
    for name, least, most in (("top", 1, _TOP_MAX), ("arrivals", 0, _ARRIVALS_MAX)):
        if not least <= getattr(wishes, name) <= most:
            raise InvalidRequest(
                f"{name} is {getattr(wishes, name)}: from {least} to {most:,} can be shown.",
                param=name,
                reason="impossible_wish",
            )


def _settled(
    workload: Workload, shape: ModelShape, supply: Supply, *, tables: Tables, arrivals: int
) -> tuple[Search, Tail | None]:
    """Means are tightened until the cheapest way also keeps 95 of 100 requests within targets, even
    while as many replicas are out of service as there are spares."""
    first, token = workload.first_token_p95_ms, workload.token_p95_ms
    found = search(workload, shape, supply, tables=tables)
    constants = tables.fit.constants
    if first is None and token is None:
        if not arrivals:
            return found, None
        return found, tail_of(found, 0, workload, constants=constants, arrivals=arrivals)
    asked, missed = workload, ""
    for _ in range(_TRIES):
        played = max(arrivals, 1_000)
        tail = tail_of(
            found, 0, workload, constants=constants, arrivals=played, is_whole=not found.spares
        )
        if first and tail.first_token_ms.p95 > first:
            missed = f"first_token_p95_ms = {first:g}; {tail.first_token_ms.p95:.1f} ms"
            tighter = min(first, asked.first_token_ms or first) * first / tail.first_token_ms.p95
            asked = replace(asked, first_token_ms=tighter * 0.98)
        elif token and tail.token_ms.p95 > token:
            missed = f"token_p95_ms = {token:g}; {tail.token_ms.p95:.1f} ms"
            tighter = min(token, asked.token_ms or token) * token / tail.token_ms.p95
            asked = replace(asked, token_ms=tighter * 0.98)
        else:
            return found, tail_of(found, 0, workload, constants=constants, arrivals=played)
        try:
            found = search(asked, shape, supply, tables=tables)
        except InvalidRequest:
            break
    raise InvalidRequest(
        f"No configuration was found that keeps 95 of 100 requests within {missed} is what the "
        "last one reached. Ask for more time, shorter requests or less spread.",
        param=missed.split(" ", 1)[0],
        reason="target_out_of_reach",
    )


def _burst(found: Search, workload: Workload, *, tables: Tables, arrivals: int) -> Tail | None:
    if workload.burst == 1 or not arrivals:
        return None
    burst = Burst(factor=workload.burst, seconds=workload.burst_s)
    constants = tables.fit.constants
    return tail_of(found, 0, workload, constants=constants, arrivals=arrivals, burst=burst)


def _quarters(
    found: Search, workload: Workload, supply: Supply, *, tables: Tables, wishes: Wishes
) -> tuple[Quarter, ...]:
    if not wishes.quarters:
        return ()
    prices: PriceList | None = None
    if wishes.sell_at:
        prices = named(tables.prices, wishes.sell_at, what="price list")
    view = Outlook(count=wishes.quarters, growth=wishes.growth, sell_at=prices)
    return outlook(found, workload, supply, tables=tables, view=view)


def _distinct(found: Search, top: int) -> list[int]:
    """The cheapest of each accelerator and precision; neighbours that differ little are out."""
    seen: dict[tuple[str, str], int] = {}
    for at, row in enumerate(found.configurations):
        seen.setdefault((row.accelerator.name, row.precision.name), at)
    return list(seen.values())[:top]
