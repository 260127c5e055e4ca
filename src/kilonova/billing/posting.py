"""A usage record as entries of the double-entry book. Pure.

    what the caller owes     debit receivable of the organisation    credit revenue of the model
    what nobody is charged   debit expense:shortfall                 credit unbilled_work

A debit is positive and a credit negative, so every transaction sums to zero. Each account holds
one currency. Nothing is posted where no money moves.
"""

from kilonova.core.books import Entry
from kilonova.core.usage import UsageRecord

__all__ = ["post"]


def post(record: UsageRecord) -> tuple[Entry, ...]:
    """Zero, two or four balanced entries."""
    if not record.shortfall_nano:
        return _charge(record) if record.price_nano else ()
    return (_charge(record) if record.price_nano else ()) + _shortfall(record)


def _charge(record: UsageRecord) -> tuple[Entry, ...]:
    return (
        Entry(f"receivable:{record.currency}:{record.organisation_id}", record.price_nano),
        Entry(f"revenue:{record.currency}:{record.model_id}", -record.price_nano),
    )


def _shortfall(record: UsageRecord) -> tuple[Entry, ...]:
    return (
        Entry(f"expense:shortfall:{record.currency}", record.shortfall_nano),
        Entry(f"unbilled_work:{record.currency}", -record.shortfall_nano),
    )
