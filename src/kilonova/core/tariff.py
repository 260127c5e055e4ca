"""What a price book says, line by line, for those who show it."""

from msgspec import Struct

from kilonova.core.model import Price

__all__ = ["PriceLine"]


class PriceLine(Struct, frozen=True, kw_only=True):
    """One line of a price book. ``price.version`` names it, and the book that it stands in.

    It holds for inputs of more than ``above_input_tokens``, from ``since_ms`` until before
    ``until_ms`` (milliseconds since the epoch; None: without end), in the hours that ``when``
    describes (``""``: always). ``source`` says where it was imported from.
    """

    model_id: str
    service_tier: str = "default"
    when: str = ""
    above_input_tokens: int = 0
    since_ms: int = 0
    until_ms: int | None = None
    price: Price = Price()
    source: str = ""
