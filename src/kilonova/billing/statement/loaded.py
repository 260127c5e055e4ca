"""The loaded cost of every request of a span: its direct cost, and its part of the idle time."""

from collections import defaultdict
from collections.abc import Iterator

from msgspec import Struct

from kilonova.billing.statement.reading import Span
from kilonova.billing.statement.sheet import Cell, Sheet
from kilonova.core.books import LedgerView
from kilonova.core.tally import FACETS, Facet, facet_of

__all__ = ["LoadedCost", "loaded_costs"]

_IN_CELL = (
    *("organisation_id", "project_id", "model_id", "engine", "resource", "cost_basis"),
    *("currency", "cost_currency"),
)
_PLACES = tuple(FACETS.index(name) for name in _IN_CELL)


class LoadedCost(Struct, frozen=True):
    """In nano-units of ``currency``."""

    request_id: str
    currency: str
    direct_nano: int
    idle_nano: int

    @property
    def loaded_nano(self) -> int:
        return self.direct_nano + self.idle_nano


def loaded_costs(view: LedgerView, span: Span, sheet: Sheet) -> Iterator[LoadedCost]:
    """In the order of request ids, one at a time. ``sheet`` is that of the same span.

    Each request pays the growth of its cell's rounded running share, so it is exact to a nano-unit,
    and the requests of a cell pay what the cell does.
    """
    cells = {_cell_place(cell): cell for cell in sheet.cells}
    done: dict[Facet, int] = defaultdict(int)
    for booked in view.ended(span.chosen):
        facet = facet_of(booked.record)
        place = tuple([facet[at] for at in _PLACES])
        cell, before = cells[place], done[place]
        direct = booked.record.cost.direct_nano
        done[place] = after = before + direct
        idle = _share(cell, after) - _share(cell, before)
        currency = cell.usage.cost_currency
        yield LoadedCost(booked.record.request_id, currency, direct, idle)


def _cell_place(cell: Cell) -> Facet:
    return (*cell.usage.group, cell.usage.currency, cell.usage.cost_currency)


def _share(cell: Cell, done_nano: int) -> int:
    whole = cell.usage.direct_nano
    return cell.idle_nano * done_nano // whole if whole else 0
