"""The clock of the books, held against what is in them."""

import pytest

from kilonova.billing.prices.book_clock import open_book_clock
from kilonova.core.clock import ClockError
from kilonova.settings import PriceSettings, SettingsError
from ledger_samples import START_MS, FixedClock


def test_books_do_not_begin_before_their_machine_knows_the_time() -> None:
    """Protects books on machines that start in 1970: a month of then could never be closed."""
    with pytest.raises(ClockError, match="never set"):
        open_book_clock(None, PriceSettings(), FixedClock(86_400.0))
    assert open_book_clock(None, PriceSettings(), FixedClock()).now_s() == START_MS / 1000


def test_books_keep_their_currency() -> None:
    """Protects every sum: amounts of two currencies never meet in one home."""
    with pytest.raises(SettingsError, match="go on in EUR"):
        open_book_clock((START_MS, "EUR"), PriceSettings(), FixedClock())
