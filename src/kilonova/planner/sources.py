"""Where every figure of a plan comes from: measured, published, given or assumed, and when."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from msgspec import Struct

from kilonova.planner.search import Search
from kilonova.planner.supply import Supply
from kilonova.planner.tables import PriceList, Tables

__all__ = ["Source", "sources"]

_GIVEN = "given"


class Source(Struct, frozen=True, kw_only=True):
    """Where a figure comes from."""

    what: str
    source: str
    date: str


def sources(
    found: Search,
    best: Sequence[int],
    *,
    supply: Supply,
    tables: Tables,
    lists: Sequence[PriceList],
) -> tuple[Source, ...]:
    """Of the ways ``best`` of a search, once each."""
    fit, shape = tables.fit, found.configurations[0].model
    rows = [
        Source(what="step times", source=fit.source, date=fit.date),
        Source(what=f"model {shape.name}", source=shape.source or _GIVEN, date=shape.date),
    ]
    for at in best:
        chip, price = found.configurations[at].accelerator, found.prices[at]
        rows.append(Source(what=f"accelerator {chip.name}", source=chip.source, date=chip.date))
        day = price.date.isoformat() if price.date else ""
        rows.append(
            Source(what=f"hour of {chip.name}: {price.usd:.2f} $", source=price.source, date=day)
        )
    if supply.kind == "bought":
        rows += _site(supply, tables)
    by_source = sorted(lists, key=lambda entry: (entry.source, entry.date))
    for (source, date), entries in groupby(by_source, key=lambda entry: (entry.source, entry.date)):
        names = ", ".join(entry.name for entry in entries)
        rows.append(Source(what=f"price lists {names}", source=source, date=date.isoformat()))
    return tuple(dict.fromkeys(rows))


def _site(supply: Supply, tables: Tables) -> Iterator[Source]:
    """The defaults of a site that were not given."""
    for given, what, entry in (
        (supply.usd_kwh, "$ a kWh", tables.tariffs["us-industrial"]),
        (supply.pue, "PUE", tables.pues["hyperscale"]),
        (supply.capital_rate, "capital rate a year", tables.capital["hyperscale"]),
        (supply.life_years, "years of life of machines", tables.lives["it"]),
        (None, "years of life of the building", tables.lives["facility"]),
        (None, "$ of building a kW", tables.buildings["ai-site"]),
    ):
        if given is None:
            yield Source(
                what=f"{what}: {entry.value:g}", source=entry.source, date=entry.date.isoformat()
            )
