"""The clock and the currency of the books, held against what is in them already."""

from kilonova.core.clock import Clock, ClockError, SteadyClock
from kilonova.settings import PriceSettings, SettingsError

__all__ = ["open_book_clock"]

# The first moment of 2020 (UTC): before any of this was written.
_EARLIEST_S = 1_577_836_800


def open_book_clock(
    newest: tuple[int, str] | None, settings: PriceSettings, clock: Clock
) -> SteadyClock:
    """``newest`` is the end of the youngest request in the books (milliseconds since the epoch)
    and its currency. Raises ClockError, and SettingsError where the currency is another one."""
    if newest is None:
        if clock.now_s() < _EARLIEST_S:
            raise ClockError(
                "The clock of this machine was never set: it stands before the year 2020. Books "
                "that begin there have months that nobody can close. Set it first."
            )
        return SteadyClock(clock)
    newest_ms, currency = newest
    if currency != settings.currency:
        raise SettingsError(
            f"prices.currency: {settings.currency}, and the books of this home are kept in "
            f"{currency}. Amounts of two currencies never mix: go on in {currency}, or begin new "
            "books in another home."
        )
    return SteadyClock(clock, newest_ms=newest_ms)
