"""What moves the price: each assumption a fifth lower and higher, the others as they are."""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from kilonova.core.errors import InvalidRequest
from kilonova.planner.columns import Configuration
from kilonova.planner.search import search
from kilonova.planner.supply import Supply
from kilonova.planner.tables import Tables
from kilonova.planner.workload import Workload

__all__ = ["Swing", "swings"]

_LESS, _MORE = 0.8, 1.2
_FIELDS = ("rate", "input_tokens", "output_tokens", "cache_share", "first_token_ms", "token_ms")


class Swing(Struct, frozen=True, kw_only=True):
    """Dollars for a million tokens with ``what`` at 0.8 and at 1.2 times its value.

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
    workload: Workload, supply: Supply, *, best: Configuration, tables: Tables
) -> tuple[Swing, ...]:
    """The widest first; every time the cheapest layout of ``best``'s machine is found anew."""
    narrow = replace(
        supply,
        accelerators=(best.accelerator.name,),
        precisions=(best.precision.name,),
        engines=(best.engine,),
    )

    def price(asked: Workload) -> float:
        found = search(asked, best.model, narrow, tables=tables)
        tokens = asked.requests_a_day * (asked.input_tokens + asked.output_tokens)
        return float(found.usd_a_day[0]) / tokens * 1e6

    rows = [_swing(name, workload, price) for name in _FIELDS if getattr(workload, name)]
    now = price(workload)
    rows.append(Swing(what="price of an hour", less=now * _LESS, more=now * _MORE))
    return tuple(sorted(rows, key=lambda row: -row.width))


def _swing(name: str, workload: Workload, price: Callable[[Workload], float]) -> Swing:
    value = getattr(workload, name)
    ends: list[float | None] = []
    for factor in (_LESS, _MORE):
        try:
            ends.append(price(replace(workload, **{name: value * factor})))
        except InvalidRequest:
            ends.append(None)
    return Swing(what=name, less=ends[0], more=ends[1])
