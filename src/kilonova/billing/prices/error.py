"""What can be wrong with a price book."""

from kilonova.settings import SettingsError

__all__ = ["PriceError"]


class PriceError(SettingsError):
    """A price book cannot be used; the message names the line and says what to do.

    Nothing of a book with an error is loaded."""
