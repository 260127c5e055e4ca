"""What moves the price: each assumption a fifth lower and higher, the others as they are."""

from collections.abc import Callable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from kilonova.core.errors import InvalidRequest
from kilonova.planner.option import Option
from kilonova.planner.search import Search, search
from kilonova.planner.supply import Supply
from kilonova.planner.tables import Tables
from kilonova.planner.workload import Workload

__all__ = ["ERROR", "Swing", "swings"]

ERROR = "measured error of the formulas"
_LESS, _MORE = 0.8, 1.2
_FIELDS = (
    *("rate", "input_tokens", "output_tokens", "cache_share", "first_token_ms", "token_ms"),
    *("first_token_p95_ms", "token_p95_ms"),
)


class Swing(Struct, frozen=True, kw_only=True):
    """Dollars for a million tokens with ``what`` at 0.8 and at 1.2 times its value; for the error,
    if machines are as fast as the fastest and the slowest tenth of what was measured.

    None where that cannot be: a target out of reach, a request beyond the context.
    """

    what: str
    less: float | None
    more: float | None

    @property
    def width(self) -> float:
        """How far the two are apart; 0 where one cannot be."""
        return abs(self.more - self.less) if self.less and self.more else 0.0


def swings(
    workload: Workload, supply: Supply, *, found: Search, best: Option, tables: Tables
) -> tuple[Swing, ...]:
    """The widest first; every time the cheapest layout of ``best``'s machine is found anew."""
    narrow = replace(
        supply,
        accelerators=(best.accelerator,),
        precisions=(best.precision,),
        engines=(best.engine,),
    )
    model = found.configurations[0].model

    def price(asked: Workload, offered: Supply) -> float:
        anew = search(asked, model, offered, tables=tables)
        tokens = asked.requests_a_day * (asked.input_tokens + asked.output_tokens)
        return float(anew.usd_a_day[0]) / tokens * 1e6

    rows = [
        _swing(
            name, getattr(workload, name), lambda given: price(replace(workload, **given), narrow)
        )
        for name in _FIELDS
        if getattr(workload, name)
    ]
    rows += [
        _swing(name, value, lambda given: price(workload, replace(narrow, **given)))
        for name, value in _site(supply, found, tables)
    ]
    now, day = price(workload, narrow), best.usd_a_day
    rows.append(Swing(what="price of an hour", less=now * _LESS, more=now * _MORE))
    mean = best.usd_per_million.mean
    ends = (mean * day.low / day.value, mean * day.high / day.value)
    rows.append(Swing(what=ERROR, less=ends[0], more=ends[1]))
    return tuple(sorted(rows, key=lambda row: -row.width))


def _site(supply: Supply, found: Search, tables: Tables) -> Iterator[tuple[str, float]]:
    """What the price of a bought machine's hour is made of."""
    if supply.kind != "bought":
        return
    price = found.prices[0]
    yield "usd_chip", price.capital_usd - price.building_usd
    yield "usd_kwh", supply.usd_kwh or tables.tariffs["us-industrial"].value
    if supply.capital_rate != 0:
        yield "capital_rate", supply.capital_rate or tables.capital["hyperscale"].value
    yield "life_years", supply.life_years or tables.lives["it"].value


def _swing(name: str, value: float, price: Callable[[dict[str, float]], float]) -> Swing:
    ends: list[float | None] = []
    for factor in (_LESS, _MORE):
        try:
            ends.append(price({name: value * factor}))
        except InvalidRequest:
            ends.append(None)
    return Swing(what=name, less=ends[0], more=ends[1])
