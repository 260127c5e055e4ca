"""Usage records and adjustments as entries of the double-entry book. Pure.

    what the caller owes     debit receivable of the organisation    credit revenue of the model
    what nobody is charged   debit expense:shortfall                 credit unbilled_work
    a refund                 debit refunds of the model              credit receivable
    a correction             debit receivable                        credit corrections
    a credit is granted      debit credits_promised                  credit credits of organisation
    it is used               as when it expires, and also:
                             debit expense:credits                   credit receivable
    it expires               debit credits                           credit credits_promised
    an allowance is used     debit expense:allowance                 credit receivable
    tax, the last rounding   debit receivable                        credit tax, rounding

What was promised and is not used is a debit of ``credits_promised`` and a credit of ``credits``: it
is no revenue and no expense until it is used. An allowance posts nothing until a month is closed.
A debit is positive and a credit negative, so every transaction sums to zero. Each account holds
one currency. Nothing is posted where no money moves.
"""

from kilonova.core.books import Entry, Posted
from kilonova.core.corrections import Adjustment, AdjustmentKind
from kilonova.core.usage import UsageRecord

__all__ = ["post", "post_adjustment"]


_RECEIVABLE = "receivable:{currency}:{organisation}"
_CREDITS = "credits:{currency}:{organisation}"
_PROMISED = "credits_promised:{currency}"

# What each kind debits and credits with its amount.
_MOVES: dict[AdjustmentKind, tuple[tuple[str, str], ...]] = {
    "refund": (("refunds:{currency}:{model}", _RECEIVABLE),),
    "correction": ((_RECEIVABLE, "corrections:{currency}"),),
    "credit": ((_PROMISED, _CREDITS),),
    "credit_use": ((_CREDITS, _PROMISED), ("expense:credits:{currency}", _RECEIVABLE)),
    "credit_expiry": ((_CREDITS, _PROMISED),),
    "allowance": (),
    "allowance_use": (("expense:allowance:{currency}", _RECEIVABLE),),
    "tax": ((_RECEIVABLE, "tax:{currency}"),),
    "rounding": ((_RECEIVABLE, "rounding:{currency}"),),
}


def post(record: UsageRecord) -> tuple[Entry, ...]:
    """Zero, two or four balanced entries."""
    if not record.shortfall_nano:
        return _charge(record) if record.price_nano else ()
    return (_charge(record) if record.price_nano else ()) + _shortfall(record)


def post_adjustment(adjustment: Adjustment) -> Posted:
    """An adjustment with its balanced entries: none, two or four."""
    return Posted(adjustment, _adjustment_entries(adjustment) if adjustment.amount_nano else ())


def _adjustment_entries(adjustment: Adjustment) -> tuple[Entry, ...]:
    owner = {
        "currency": adjustment.currency,
        "organisation": adjustment.organisation_id,
        "model": adjustment.model_id,
    }
    amount = adjustment.amount_nano
    return tuple(
        Entry(account.format_map(owner), signed)
        for debit, credit in _MOVES[adjustment.kind]
        for account, signed in ((debit, amount), (credit, -amount))
    )


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
