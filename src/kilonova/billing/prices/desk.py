"""The price book in use: the operator's list before the catalogue's own prices, joined and checked.

It is exchanged whole or not at all; a request keeps the price that it began with. Every model of
the catalogue is sold at a price that somebody wrote down, free because somebody said so, or not.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from msgspec import Struct
from msgspec.structs import replace

from kilonova.billing.prices.book import Book, Row
from kilonova.billing.prices.error import PriceError
from kilonova.billing.prices.form import ListForm, bind, parse_list
from kilonova.core.clock import SystemClock
from kilonova.core.errors import NotFound
from kilonova.core.model import Model, Price
from kilonova.core.ports import Purchase, Quote
from kilonova.core.tariff import PriceLine
from kilonova.settings import PriceSettings, SettingsError
from kilonova.telemetry.log import log_event

__all__ = ["PriceDesk", "assemble", "read_list", "unknown_models"]


class _Stand(Struct, frozen=True):
    """What is in use, and the file that it was read from (an empty digest: there is none)."""

    book: Book
    version: str
    sha256: str


class PriceDesk:
    """Implements ``core.ports.PriceBook``. Raises PriceError when there is nothing to sell by.

    ``priced_in_settings`` are the models whose entry in the configuration has a price."""

    def __init__(
        self,
        settings: PriceSettings,
        models: Iterable[Model],
        *,
        home: Path,
        configured: Collection[str] = (),
    ) -> None:
        self._settings = settings
        self._models = tuple(models)
        self._configured = frozenset(configured)
        self._path = home / settings.file
        self._reading = Lock()
        self._seen = _stamp(self._path)
        self._organisations: Callable[[], Collection[str]] | None = None
        self._customers = frozenset[str]()
        self._stand = self._read()

    @property
    def path(self) -> Path:
        return self._path

    @property
    def version(self) -> str:
        """The list's own; empty where there is no list, and the catalogue's prices hold."""
        return self._stand.version

    @property
    def sha256(self) -> str:
        """The digest of the file in use; empty where there is none."""
        return self._stand.sha256

    @property
    def currency(self) -> str:
        return self._settings.currency

    @property
    def lines(self) -> tuple[PriceLine, ...]:
        """Everything on sale, by model and tier."""
        return tuple(row.line for row in self._stand.book.rows)

    def holding(self, at_ms: int) -> tuple[PriceLine, ...]:
        """The lines that hold at a moment."""
        rows = self._stand.book.rows
        return tuple(row.line for row in rows if row.is_valid(at_ms) and row.when.holds(at_ms))

    def quote(self, purchase: Purchase) -> Quote:
        """Raises NotFound where the model is not on sale at this moment for this length."""
        quote = self._stand.book.find(purchase)
        if quote is None:
            raise _not_on_sale(purchase)
        return quote

    def current(self, model: Model, at_ms: int) -> Price | None:
        """What a short request of the default tier costs now; None where it is not on sale."""
        purchase = Purchase(
            model=model, organisation_id="", service_tier="default", input_tokens=0, at_ms=at_ms
        )
        quote = self._stand.book.find(purchase)
        return None if quote is None else quote.price

    def models_now(self) -> tuple[Model, ...]:
        """The catalogue at the prices of this moment; None: not on sale."""
        now_ms = round(SystemClock().now_s() * 1000)
        return tuple(replace(model, price=self.current(model, now_ms)) for model in self._models)

    async def watch(self, every_s: float) -> None:
        """Runs until it is cancelled: takes up the operator's list when the file changes."""
        while True:
            await asyncio.sleep(every_s)
            if not self.looks_changed():
                continue
            try:
                is_new = await self.take_up()
            except SettingsError as error:
                # Said once for each state of the file: the same one is not looked at again.
                log_event(logging.ERROR, "prices_refused", problem=str(error))
                continue
            if is_new:
                log_event(logging.INFO, "prices", version=self.version)

    def know(self, organisations: Callable[[], Collection[str]]) -> None:
        """From now on discounts are for these organisations, or refused. Raises PriceError."""
        self._organisations = organisations
        self._customers = frozenset(organisations())
        self._check_discounts(self._stand.book)

    async def take_up(self) -> bool:
        """As ``reload``, beside the event loop that it is called in."""
        if self._organisations is not None:
            self._customers = frozenset(self._organisations())
        return await asyncio.to_thread(self.reload)

    def reload(self) -> bool:
        """Takes up the file as it is now; True when it changed. Raises PriceError, and keeps what
        was in use. Long lists take a second, so it may be called in a thread."""
        # One after the other: who began earlier must not put an older list back.
        with self._reading:
            self._seen = _stamp(self._path)
            found = self._read()
            if self._stand.sha256 and not found.sha256:
                # Editors and deployments take a file away for a moment. Nobody wants to sell at
                # other prices meanwhile.
                raise PriceError(
                    f"{self._path}: the price list is gone. To sell at the catalogue's prices "
                    "without one, start the server anew"
                )
            self._check_discounts(found.book)
            is_new = found.sha256 != self._stand.sha256
            if is_new:
                self._stand = found
            return is_new

    def looks_changed(self) -> bool:
        """True when the file is not the one that was last read, by its size and time."""
        return _stamp(self._path) != self._seen

    def _read(self) -> _Stand:
        content = read_list(self._path, is_asked_for=self._settings.file != PriceSettings().file)
        if content is None:
            form, digest = None, ""
        else:
            form = parse_list(content, where=self._path.name)
            digest = hashlib.sha256(content).hexdigest()
        book = assemble(
            form, self._models, settings=self._settings, configured=self._configured,
            where=self._path.name,
        )  # fmt: skip
        if form is not None:
            self._complain(form)
        return _Stand(book, "" if form is None else form.version, digest)

    def _check_discounts(self, book: Book) -> None:
        granted = {each.organisation_id for each in book.discounts}
        strangers = sorted(granted - self._customers)
        if strangers and self._organisations is not None:
            raise PriceError(
                f"{self._path.name}: discounts: there is no organisation {strangers[0]} here. "
                "Write its id (org_…), as kilonova organisations list shows it"
            )

    def _complain(self, form: ListForm) -> None:
        """Of rows that price nothing here: a name with a slip in it, or a model to come."""
        strangers = unknown_models(form, self._models)
        if strangers:
            log_event(
                logging.WARNING,
                "prices_of_unknown_models",
                file=self._path.name,
                models=strangers[:20],
            )


def read_list(path: Path, *, is_asked_for: bool) -> bytes | None:
    """The file's content; None where there is none and nobody named it. Raises PriceError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        if not is_asked_for:
            return None
        raise PriceError(f"{path}: there is no such price list") from None
    except OSError as error:
        raise PriceError(f"{path}: cannot be read: {error.strerror}") from None


def unknown_models(form: ListForm, models: Iterable[Model]) -> list[str]:
    """The ids in rows and discounts of the list that no model here has, in order."""
    named = {row.model for row in form.rows}
    named |= {model_id for each in form.discounts for model_id in each.models}
    return sorted(named - {model.id for model in models})


def assemble(
    form: ListForm | None,
    models: tuple[Model, ...],
    *,
    settings: PriceSettings,
    configured: Collection[str] = (),
    where: str = "prices.toml",
) -> Book:
    """The list and the catalogue as one book. Raises PriceError for a list in another currency, a
    model with two prices, one that writes and has no rate for it, and one without any price."""
    listed = None if form is None else _listed(form, models, settings=settings, where=where)
    known = frozenset[str]() if listed is None else listed.models
    own = [
        _own_price(model, settings, is_configured=model.id in configured, listed=known)
        for model in models
    ]
    rows = [Row(line=line) for line in own if line is not None]
    if listed is None:
        return Book(rows)
    return Book([*listed.rows, *rows], listed.discounts)


def _listed(
    form: ListForm, models: tuple[Model, ...], *, settings: PriceSettings, where: str
) -> Book:
    if form.currency != settings.currency:
        raise PriceError(
            f"{where}: currency: the list is in {form.currency} and the installation keeps its "
            f"books in {settings.currency} (prices.currency). Amounts of two currencies never mix."
        )
    book = bind(form, where=where)
    by_id = {model.id: model for model in models}
    aliases = {alias: model.id for model in models for alias in model.aliases}
    for number, entry in enumerate(form.rows, 1):
        place = f"{where}: rows[{number}] ({entry.own_name})"
        model = by_id.get(entry.model)
        if model is None and entry.model in aliases:
            raise PriceError(f"{place}: model: an alias. Write its id, {aliases[entry.model]!r}.")
        if model is not None and _writes(model) and not entry.free and entry.output is None:
            raise PriceError(f"{place}: output: missing; {entry.model} writes answers.")
    return book


def _writes(model: Model) -> bool:
    return model.can("chat") or model.can("completion")


def _own_price(
    model: Model, settings: PriceSettings, *, is_configured: bool, listed: Collection[str]
) -> PriceLine | None:
    """The line of a model that the list does not have; None where the list has it, or where it
    cannot be sold."""
    price, currency = model.price, settings.currency
    if model.id in listed:
        if is_configured and price is not None:
            raise PriceError(
                f'models."{model.id}".price: the price list has rows for this model, too. '
                "Remove one of them."
            )
        return None
    if price is not None and not any(price.rates):
        # Nothing is nothing in every currency.
        return PriceLine(model_id=model.id, price=replace(price, currency=currency))
    if price is not None and price.currency == currency:
        return PriceLine(model_id=model.id, price=price)
    if price is not None and is_configured:
        raise PriceError(
            f'models."{model.id}".price.currency: {price.currency}, and the installation keeps its '
            f"books in {currency} (prices.currency). Amounts of two currencies never mix."
        )
    if settings.unpriced == "free":
        return PriceLine(model_id=model.id, price=Price(currency=currency))
    if price is not None:
        # Ours, in another currency: not sold until somebody prices it.
        return None
    raise PriceError(
        f"{model.id} has no price. Give it rows in {settings.file}, or a price of its own in "
        f'kilonova.toml ([models."{model.id}".price], or price = "free"), or give away whatever '
        'has none: [prices] unpriced = "free".'
    )


def _not_on_sale(purchase: Purchase) -> NotFound:
    moment = datetime.fromtimestamp(purchase.at_ms // 1000, UTC)
    return NotFound(
        f"The model {purchase.model.id!r} is not on sale: the price list of this installation has "
        f"no price for an input of {purchase.input_tokens} tokens at "
        f"{moment:%Y-%m-%dT%H:%M:%SZ}. Its operator can add one.",
        param="model",
        reason="model_not_priced",
    )


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
