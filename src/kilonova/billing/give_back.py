"""What a refund gives back to credits: as much as they paid of a closed month and would not have
paid without the refunded requests.

In an open month refunds lower what is to be paid before credits are used. This does the same for a
month whose credits are used already: the use is taken back by an entry of its own, on credits that
have not ended, the one that was used last first. Pure but for reading.
"""

from collections.abc import Iterator, Sequence

from kilonova.billing.dues import changes_dues
from kilonova.billing.month import month_of, parse_month
from kilonova.core.books import LedgerView
from kilonova.core.corrections import Adjustment
from kilonova.core.ids import new_id

__all__ = ["given_back"]


def given_back(
    view: LedgerView, refund: Adjustment, earlier: Sequence[Adjustment]
) -> Iterator[Adjustment]:
    """Uses of credits, of negative amounts. ``earlier`` is all that was booked before."""
    month = parse_month(refund.refers_to)
    if not any(closing.period == refund.refers_to for closing in view.closings()):
        return
    booked = [each for each in earlier if month_of(each.booked_ms) == month]
    uses = [each for each in booked if each.kind == "credit_use" and each.amount_nano > 0]
    used = sum(each.amount_nano for each in uses)
    if not used:
        return
    back = used - min(used, max(0, _to_pay(view, refund, earlier, booked=booked)))
    returned = _returned(earlier, refund.refers_to)
    back = min(refund.amount_nano, back - sum(returned.values()))
    ends = {each.id: each.expires_ms for each in earlier if each.kind == "credit"}
    for use in reversed(uses):
        ends_ms = ends.get(use.refers_to)
        if ends_ms is not None and ends_ms <= refund.booked_ms:
            continue
        amount = min(back, use.amount_nano - returned.pop(use.refers_to, 0))
        if amount > 0:
            back -= amount
            yield _taken_back(use, refund, amount)


def _to_pay(
    view: LedgerView,
    refund: Adjustment,
    earlier: Sequence[Adjustment],
    *,
    booked: Sequence[Adjustment],
) -> int:
    """What credits would have had to pay of the month at most, with all its refunds known."""
    month = parse_month(refund.refers_to)
    charged = sum(each.price_nano for each in view.charges(month.records(refund.organisation_id)))
    known = [each for each in booked if changes_dues(each) or each.kind == "allowance_use"]
    changed = sum(each.owed_nano for each in known)
    later = [
        each
        for each in earlier
        if each.kind == "refund"
        and each.refers_to == refund.refers_to
        and month_of(each.booked_ms) > month
    ]
    return charged + changed + sum(each.owed_nano for each in later) + refund.owed_nano


def _returned(earlier: Sequence[Adjustment], period: str) -> dict[str, int]:
    """What refunds of requests of that month gave back before, by credit."""
    requests = {
        each.request_id for each in earlier if each.kind == "refund" and each.refers_to == period
    }
    found: dict[str, int] = {}
    for each in earlier:
        if each.kind == "credit_use" and each.amount_nano < 0 and each.request_id in requests:
            found[each.refers_to] = found.get(each.refers_to, 0) - each.amount_nano
    return found


def _taken_back(use: Adjustment, refund: Adjustment, amount_nano: int) -> Adjustment:
    return Adjustment(
        id=new_id("adj"),
        organisation_id=refund.organisation_id,
        kind="credit_use",
        amount_nano=-amount_nano,
        currency=refund.currency,
        reason=use.reason,
        booked_ms=refund.booked_ms,
        request_id=refund.request_id,
        refers_to=use.refers_to,
    )
