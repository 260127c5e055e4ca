"""What upstream vendors charge us: a list in the form of the price list, read as costs.

A row's ``model`` is the id under which we sell it; its engine says whose bill it is on.
"""

from pathlib import Path

from kilonova.billing.prices.book import Book
from kilonova.billing.prices.desk import read_list
from kilonova.billing.prices.error import PriceError
from kilonova.billing.prices.form import bind, parse_list
from kilonova.core.model import Model
from kilonova.core.ports import Purchase
from kilonova.core.usage import Usage
from kilonova.settings import PriceSettings

__all__ = ["VendorPrices"]


class VendorPrices:
    """``[prices] costs``. Raises PriceError as a price list does."""

    def __init__(self, settings: PriceSettings, *, home: Path) -> None:
        path = home / settings.costs
        content = read_list(path, is_asked_for=settings.costs != PriceSettings().costs)
        self.currency = settings.currency
        self._book = Book(())
        if content is None:
            return
        form = parse_list(content, where=path.name)
        if form.currency != settings.currency:
            raise PriceError(
                f"{path.name}: currency: the vendors' list is in {form.currency} and the books in "
                f"{settings.currency} (prices.currency). No rate of exchange is guessed."
            )
        if form.discounts:
            raise PriceError(f"{path.name}: discounts: they belong into the price list.")
        self._book = bind(form, where=path.name)

    def charge(
        self, model: Model, usage: Usage, *, at_ms: int, service_tier: str = "default"
    ) -> int | None:
        """Nano-units for a request that began at this moment; None where no row says it."""
        purchase = Purchase(
            model=model,
            organisation_id="",
            service_tier=service_tier,
            input_tokens=usage.prompt_tokens,
            at_ms=at_ms,
        )
        quote = self._book.find(purchase)
        return None if quote is None else quote.price.charge(usage)
