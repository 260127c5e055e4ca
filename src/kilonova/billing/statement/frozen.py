"""The statements of a closed month: as they were then, whatever rates and settings say today."""

import msgspec

from kilonova.billing.closed import FrozenMonth
from kilonova.core.books import LedgerView
from kilonova.core.statement import SEGMENTATIONS, Segmentation, Statement, StatementOrder

__all__ = ["freeze", "frozen_statements"]

_Kept = dict[Segmentation, tuple[Statement, ...]]


def freeze(statements: _Kept) -> bytes:
    """What is kept of a month that is being closed: its statements by every segmentation."""
    assert statements.keys() == set(SEGMENTATIONS), "a segmentation is missing"
    return msgspec.json.encode(statements, order="deterministic")


def frozen_statements(
    view: LedgerView, order: StatementOrder, period: str
) -> tuple[Statement, ...] | None:
    """None where the month is open, was closed without statements, or another policy is asked."""
    for closing in view.closings():
        if closing.period == period:
            month = msgspec.json.decode(closing.document, type=FrozenMonth)
            kept = msgspec.json.decode(month.statement, type=_Kept | None)
            if kept is None or order.idle not in (None, month.policy):
                return None
            return kept[order.by]
    return None
