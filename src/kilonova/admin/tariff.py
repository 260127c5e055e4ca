"""The price book as the admin API shows it."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Protocol

from msgspec import Meta, Struct
from msgspec.structs import replace

from kilonova.admin.schema import PriceView
from kilonova.admin.views import moment, show_price
from kilonova.core.errors import Conflict, NotFound
from kilonova.core.model import Model, Price
from kilonova.core.tariff import PriceLine

__all__ = [
    "PriceLineView",
    "PriceList",
    "PriceQuery",
    "Tariff",
    "reload_prices",
    "show_prices",
]

Tokens = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class Tariff(Protocol):
    """What the control plane needs of the price book in use."""

    @property
    def currency(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    @property
    def path(self) -> Path: ...

    @property
    def lines(self) -> tuple[PriceLine, ...]: ...

    def holding(self, at_ms: int) -> tuple[PriceLine, ...]: ...

    def current(self, model: Model, at_ms: int) -> Price | None: ...

    async def take_up(self) -> bool:
        """Raises ValueError with what is wrong, and keeps what was in use."""


class PriceQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without ``at``: every line, of all times. ``tokens``: those for inputs of this length."""

    model: str | None = None
    tier: str | None = None
    at: str | None = None
    tokens: Tokens | None = None


class PriceLineView(Struct, frozen=True, kw_only=True):
    """``holds_now`` also looks at the hours; ``when`` is empty where they do not matter."""

    name: str
    model_id: str
    tier: str
    when: str
    above_input_tokens: int
    valid_from: datetime | None
    valid_until: datetime | None
    holds_now: bool
    source: str
    price: PriceView


class PriceList(Struct, frozen=True, kw_only=True):
    """``version`` and ``sha256`` are of the operator's list, empty where there is none.
    ``file`` is where it lies, and empty for members."""

    currency: str
    version: str
    sha256: str
    file: str
    data: tuple[PriceLineView, ...]


def show_prices(
    tariff: Tariff,
    query: PriceQuery,
    *,
    models: Iterable[Model],
    now_ms: int,
    at_ms: int | None = None,
) -> PriceList:
    """The lines that the query asks for, by model, tier and threshold. Raises NotFound for a model
    that is neither one of ``models`` nor in the price list."""
    query = _resolved(tariff, query, models)
    now = tariff.holding(now_ms)
    lines = tariff.lines if at_ms is None else tariff.holding(at_ms)
    chosen = [line for line in lines if _is_chosen(line, query)]
    if query.tokens is not None:
        chosen = _for_length(chosen, query.tokens)
    return PriceList(
        currency=tariff.currency,
        version=tariff.version,
        sha256=tariff.sha256,
        file=str(tariff.path),
        data=tuple(_show(line, holds_now=line in now) for line in chosen),
    )


async def reload_prices(tariff: Tariff) -> None:
    """Takes up the file as it is now. Raises Conflict, and nothing has changed."""
    try:
        await tariff.take_up()
    except ValueError as error:
        raise Conflict(
            f"{str(error).rstrip('.')}. The prices in use are the same as before.",
            reason="price_list_refused",
        ) from None


def _resolved(tariff: Tariff, query: PriceQuery, models: Iterable[Model]) -> PriceQuery:
    """With the id of the model, whichever of its names is asked for."""
    if query.model is None:
        return query
    ids = {line.model_id: line.model_id for line in tariff.lines}
    for model in models:
        ids |= dict.fromkeys((model.id, *model.aliases), model.id)
    if query.model not in ids:
        raise NotFound(f"There is no model {query.model[:100]!r} here.", param="model")
    return replace(query, model=ids[query.model])


def _is_chosen(line: PriceLine, query: PriceQuery) -> bool:
    is_model = query.model is None or line.model_id == query.model
    return is_model and (query.tier is None or line.service_tier == query.tier)


def _for_length(lines: list[PriceLine], tokens: int) -> list[PriceLine]:
    """Of lines that are steps of each other, the one on which this length stands."""
    steps: dict[tuple[object, ...], PriceLine] = {}
    for line in sorted(lines, key=lambda each: each.above_input_tokens):
        if tokens > line.above_input_tokens or not line.above_input_tokens:
            key = (line.model_id, line.service_tier, line.when, line.since_ms, line.until_ms)
            steps[key] = line
    return list(steps.values())


def _show(line: PriceLine, *, holds_now: bool) -> PriceLineView:
    return PriceLineView(
        name=line.price.version,
        model_id=line.model_id,
        tier=line.service_tier,
        when=line.when,
        above_input_tokens=line.above_input_tokens,
        valid_from=moment(line.since_ms) if line.since_ms else None,
        valid_until=None if line.until_ms is None else moment(line.until_ms),
        holds_now=holds_now,
        source=line.source,
        price=show_price(line.price),
    )
