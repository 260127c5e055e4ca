"""The plainest price book: what each model's own entry in the catalogue says, for everybody."""

from kilonova.core.ports import Purchase, Quote

__all__ = ["EntryPrices"]


class EntryPrices:
    """Implements ``core.ports.PriceBook``. It sells one tier, at one price."""

    def quote(self, purchase: Purchase) -> Quote:
        return Quote(purchase.model.price)
