"""The tables of facts: dated TOML files in ``facts/``, each entry with its source.

The one module of the planner that reads. ``as_of`` picks, of the prices that share a name, the
newest that is not younger; what a chip or a model is does not depend on it.
"""

import datetime
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.resources import files
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from kilonova.core.errors import InvalidRequest
from kilonova.planner.accelerator import Accelerator
from kilonova.planner.constants import Fit
from kilonova.planner.shape import ModelShape, shape_from_config

__all__ = ["PriceList", "Purchase", "Rate", "Site", "Tables", "load_tables", "named"]

Entry = TypeVar("Entry")


class Rate(Struct, frozen=True, kw_only=True):
    """US dollars for an hour of one accelerator; ``kw`` is what it draws from the wall."""

    accelerator: str
    kind: str
    usd_h: float
    kw: float
    source: str
    date: datetime.date
    note: str = ""


class Site(Struct, frozen=True, kw_only=True):
    """A named value of ``sites.toml`` in its own unit."""

    name: str
    value: float
    source: str
    date: datetime.date


class Purchase(Struct, frozen=True, kw_only=True):
    """US dollars for one accelerator, with its share of server and network."""

    accelerator: str
    usd: float
    source: str
    date: datetime.date


class PriceList(Struct, frozen=True, kw_only=True):
    """US dollars for a million tokens, by kind."""

    name: str
    input: float
    cache_read: float
    output: float
    source: str
    date: datetime.date


class Tables(Struct, frozen=True, kw_only=True):
    """Everything that the planner knows without being told. Mappings are by name."""

    accelerators: Mapping[str, Accelerator]
    models: Mapping[str, ModelShape]
    rates: tuple[Rate, ...]
    purchases: Mapping[str, Purchase]
    tariffs: Mapping[str, Site]
    pues: Mapping[str, Site]
    lives: Mapping[str, Site]
    buildings: Mapping[str, Site]
    capital: Mapping[str, Site]
    prices: Mapping[str, PriceList]
    fit: Fit

    def rate(self, accelerator: str, kind: str) -> Rate:
        """What an hour costs. Raises InvalidRequest, naming the kinds that are known."""
        found = [
            rate for rate in self.rates if (rate.accelerator, rate.kind) == (accelerator, kind)
        ]
        if found:
            return max(found, key=lambda rate: rate.date)
        known = sorted({rate.kind for rate in self.rates if rate.accelerator == accelerator})
        advice = f"known are {', '.join(known)}" if known else "give its price with --usd-hour"
        raise InvalidRequest(
            f"There is no price for {accelerator} {kind} at that date: {advice}.",
            param="supply",
            reason="unknown_price",
        )


def named(table: Mapping[str, Entry], name: str, *, what: str) -> Entry:
    """The entry called ``name``. Raises InvalidRequest (``unknown_…``), naming the nearest."""
    if name in table:
        return table[name]
    near = get_close_matches(name.lower(), table, n=3, cutoff=0.3) or sorted(table)[:6]
    raise InvalidRequest(
        f"There is no {what} {name!r} in the tables. Nearest: {', '.join(near)}.",
        param=what,
        reason=f"unknown_{what.replace(' ', '_')}",
    )


def load_tables(as_of: datetime.date | None = None) -> Tables:
    """The shipped tables, with the prices as they were known on ``as_of`` (all, without it)."""
    read = _read("accelerators"), _read("models"), _read("rates"), _read("sites"), _read("prices")
    accelerators, models, rates, sites, prices = read
    until = as_of or datetime.date.max
    shapes = [_shape(entry) for entry in models["model"]]
    lists = [_price_list(entry) for entry in prices["price"]]
    chips = [_accelerator(entry) for entry in accelerators["accelerator"]]
    return Tables(
        accelerators={chip.name: chip for chip in chips},
        models={shape.name: shape for shape in shapes},
        rates=tuple(
            rate
            for rate in (msgspec.convert(entry, Rate) for entry in rates["rate"])
            if rate.date <= until
        ),
        purchases={
            bought.accelerator: bought
            for bought in sorted(
                (msgspec.convert(entry, Purchase) for entry in rates["purchase"]),
                key=lambda bought: bought.date,
            )
            if bought.date <= until
        },
        tariffs=_sites(sites["tariff"], "usd_kwh", until),
        pues=_sites(sites["pue"], "ratio", until),
        lives=_sites(sites["life"], "years", until),
        buildings=_sites(sites["building"], "usd_kw", until),
        capital=_sites(sites["capital"], "yearly_rate", until),
        prices={entry.name: entry for entry in lists if entry.date <= until},
        fit=msgspec.convert(_read("constants"), Fit),
    )


def _read(name: str) -> dict[str, Any]:
    text = files("kilonova.planner").joinpath("facts", f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


def _accelerator(entry: dict[str, Any]) -> Accelerator:
    return msgspec.convert({**entry, "date": str(entry["date"])}, Accelerator)


def _shape(entry: dict[str, Any]) -> ModelShape:
    kinds = entry.pop("layer_kinds", {})
    layers = [kind for kind, count in kinds.items() for _ in range(count)]
    return shape_from_config(
        {**entry, "layer_types": layers},
        name=entry["name"],
        source=entry["source"],
        date=str(entry["date"]),
    )


def _price_list(entry: dict[str, Any]) -> PriceList:
    return msgspec.convert(entry, PriceList, strict=False)


def _sites(entries: Iterable[dict[str, Any]], unit: str, until: datetime.date) -> dict[str, Site]:
    sites = sorted(
        (
            Site(name=row["name"], value=row[unit], source=row["source"], date=row["date"])
            for row in entries
        ),
        key=lambda site: site.date,
    )
    return {site.name: site for site in sites if site.date <= until}
