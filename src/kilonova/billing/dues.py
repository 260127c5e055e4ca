"""What one organisation owes for one month, as the ledger has it: charges, corrections, offsets.

The offsets of a closed month are entries of the ledger. Those of an open month are planned: they
are what closing it now would book.
"""

from collections.abc import Sequence

from msgspec import Struct

from kilonova.billing.month import Month, month_of, parse_month
from kilonova.billing.offsets import Dues, Offset, offsets
from kilonova.core.books import LedgerView, UsageFilter
from kilonova.core.corrections import Adjustment, AdjustmentKind, ChargeSum
from kilonova.core.ids import new_id

__all__ = ["MonthlyDues", "changes_dues", "dues", "open_month"]


class MonthlyDues(Struct, frozen=True, kw_only=True):
    """``booked`` are the adjustments of the month in the ledger, ``planned`` what is to be added
    when it is closed. ``currency`` is empty where no money moved."""

    charges: tuple[ChargeSum, ...]
    booked: tuple[Adjustment, ...]
    planned: tuple[Adjustment, ...]
    currency: str

    @property
    def adjustments(self) -> tuple[Adjustment, ...]:
        return self.booked + self.planned

    @property
    def owed_nano(self) -> int:
        """What the ledger says is owed for the month, tax and the last rounding included."""
        charged = sum(each.price_nano for each in self.charges)
        return charged + sum(adjustment.owed_nano for adjustment in self.adjustments)

    @property
    def has_money(self) -> bool:
        """Whether there is anything to write an invoice about."""
        is_charged = any(charged.price_nano for charged in self.charges)
        return is_charged or any(adjustment.owed_nano for adjustment in self.adjustments)


def open_month(view: LedgerView) -> Month | None:
    """The oldest month that is not closed and in which something was booked, or may be yet."""
    closings = view.closings()
    if closings:
        return parse_month(closings[-1].period).next
    booked = view.adjustments(UsageFilter())[:1]
    starts = [adjustment.booked_ms for adjustment in booked]
    finished_ms = view.first_finished_ms()
    if finished_ms is not None:
        starts.append(finished_ms)
    return month_of(min(starts)) if starts else None


def dues(
    view: LedgerView, organisation_id: str, month: Month, *, open_from: Month | None
) -> MonthlyDues:
    """``open_from`` is the ``open_month``. Of an open month: with what closing it would book, were
    the open months before it closed first."""
    theirs = view.adjustments(UsageFilter(organisation_id=organisation_id, until_ms=month.until_ms))
    earlier: list[Adjustment] = []
    planned: list[Adjustment] = []
    each = open_from
    while each is not None and each <= month:
        earlier += planned
        planned = _planned(view, organisation_id, each, known=[*theirs, *earlier])
        each = each.next
    charges = tuple(view.charges(month.records(organisation_id)))
    booked = tuple(adjusted for adjusted in theirs if adjusted.booked_ms >= month.since_ms)
    currencies = [charged.price.currency for charged in charges]
    currencies += [adjustment.currency for adjustment in booked]
    return MonthlyDues(
        charges=charges,
        booked=booked,
        planned=tuple(planned),
        currency=currencies[0] if currencies else "",
    )


def _planned(
    view: LedgerView, organisation_id: str, month: Month, *, known: Sequence[Adjustment]
) -> list[Adjustment]:
    granted = [each for each in known if each.booked_ms < month.until_ms]
    if not any(each.kind in ("credit", "allowance") for each in granted):
        return []
    used = offsets(
        _to_pay(view, organisation_id, month, known=granted),
        _allowance(granted, month),
        _credits(granted),
    )
    kinds: dict[str, AdjustmentKind] = {"credit": "credit_use", "allowance": "allowance_use"}
    booked = [_offset(each, kinds[each.source.kind], month) for each in used]
    return booked + _expired([*granted, *booked], month)


def changes_dues(adjustment: Adjustment) -> bool:
    """Whether it is known before allowances and credits are used in its month: refunds,
    corrections, and what refunds of earlier months gave back to credits."""
    is_given_back = adjustment.kind == "credit_use" and adjustment.amount_nano < 0
    return is_given_back or adjustment.kind in ("refund", "correction")


def _to_pay(
    view: LedgerView, organisation_id: str, month: Month, *, known: Sequence[Adjustment]
) -> Dues:
    charges = view.charges(month.records(organisation_id))
    charged = sum(each.price_nano for each in charges)
    changed = sum(
        each.owed_nano for each in known if each.booked_ms >= month.since_ms and changes_dues(each)
    )

    def charged_before(moment_ms: int) -> int:
        early = UsageFilter(
            organisation_id=organisation_id, since_ms=month.since_ms, until_ms=moment_ms
        )
        return sum(each.price_nano for each in view.charges(early))

    return Dues(
        charged_nano=charged,
        net_nano=charged + changed,
        tokens=sum(each.usage.total_tokens for each in charges if each.price_nano),
        until_ms=month.until_ms,
        charged_before=charged_before,
    )


def _allowance(known: Sequence[Adjustment], month: Month) -> Adjustment | None:
    """The one granted last, unless it ended before the month began."""
    granted = [each for each in known if each.kind == "allowance"]
    if not granted:
        return None
    ends_ms = granted[-1].expires_ms
    return granted[-1] if ends_ms is None or ends_ms > month.since_ms else None


def _credits(known: Sequence[Adjustment]) -> list[tuple[Adjustment, int]]:
    """Those with something left, the oldest first."""
    left = {each.id: each.amount_nano for each in known if each.kind == "credit"}
    for each in known:
        if each.kind in ("credit_use", "credit_expiry"):
            left[each.refers_to] -= each.amount_nano
    granted = [each for each in known if each.kind == "credit"]
    return [(each, left[each.id]) for each in granted if left[each.id]]


def _expired(known: Sequence[Adjustment], month: Month) -> list[Adjustment]:
    return [
        _offset(Offset(credit, left_nano), "credit_expiry", month)
        for credit, left_nano in _credits(known)
        if credit.expires_ms is not None and credit.expires_ms <= month.until_ms
    ]


def _offset(offset: Offset, kind: AdjustmentKind, month: Month) -> Adjustment:
    """Booked in the last moment of the month."""
    source = offset.source
    return Adjustment(
        id=new_id("adj"),
        organisation_id=source.organisation_id,
        kind=kind,
        amount_nano=offset.amount_nano,
        currency=source.currency,
        reason=source.reason,
        booked_ms=month.until_ms - 1,
        refers_to=source.id,
    )
