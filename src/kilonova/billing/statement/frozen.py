"""The statements of a closed month: as they were then, whatever rates and settings say today.

Besides the statements of all organisations the costs of the month are kept, and who paid for idle
time: from them and the ledger, which does not change, the statement of one organisation is drawn up
as it would have been then.
"""

import msgspec
from msgspec import Struct

from kilonova.billing.closed import FrozenMonth
from kilonova.billing.cost.resource import ResourceCost
from kilonova.billing.statement.idle import IdleTerms
from kilonova.core.books import LedgerView
from kilonova.core.statement import SEGMENTATIONS, Segmentation, Statement, StatementOrder

__all__ = ["FrozenCosts", "freeze", "frozen_costs", "frozen_statements"]


class FrozenCosts(Struct, frozen=True, kw_only=True):
    """What every resource cost in a month, and who paid for idle time."""

    costs: tuple[ResourceCost, ...]
    idle: IdleTerms


class _Kept(Struct, frozen=True, kw_only=True):
    """By segmentation. Months that were closed by an older version have no ``drawn_from``."""

    model: tuple[Statement, ...]
    engine: tuple[Statement, ...]
    organisation: tuple[Statement, ...]
    project: tuple[Statement, ...]
    drawn_from: FrozenCosts | None = None


def freeze(statements: dict[Segmentation, tuple[Statement, ...]], drawn_from: FrozenCosts) -> bytes:
    """What is kept of a month that is being closed: its statements by every segmentation."""
    assert statements.keys() == set(SEGMENTATIONS), "a segmentation is missing"
    kept = _Kept(**statements, drawn_from=drawn_from)
    return msgspec.json.encode(kept, order="deterministic")


def frozen_statements(
    view: LedgerView, order: StatementOrder, period: str
) -> tuple[Statement, ...] | None:
    """None where the month is open, was closed without statements, or another policy is asked."""
    kept = _kept(view, order, period)
    if kept is None:
        return None
    found: tuple[Statement, ...] = getattr(kept, order.by)
    return found


def frozen_costs(view: LedgerView, order: StatementOrder, period: str) -> FrozenCosts | None:
    """As ``frozen_statements``: what they were drawn up from."""
    kept = _kept(view, order, period)
    return None if kept is None else kept.drawn_from


def _kept(view: LedgerView, order: StatementOrder, period: str) -> _Kept | None:
    for closing in view.closings():
        if closing.period == period:
            month = msgspec.json.decode(closing.document, type=FrozenMonth)
            if order.idle not in (None, month.policy):
                return None
            return msgspec.json.decode(month.statement, type=_Kept | None)
    return None
