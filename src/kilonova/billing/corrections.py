"""Refunds, credits, allowances and corrections: new entries of the ledger, never edits.

They count for the month that is open when they are booked, and say which one they correct. Budgets
get nothing back: they limit what is used, and a refund does not undo use.
"""

import asyncio
from typing import assert_never

from msgspec.structs import asdict, replace

from kilonova.billing.give_back import given_back
from kilonova.billing.month import month_of, parse_month
from kilonova.billing.posting import post_adjustment
from kilonova.core.books import CorrectionBook, LedgerBook, LedgerView, UsageFilter
from kilonova.core.clock import Clock
from kilonova.core.corrections import Adjustment, AdjustmentKind, AdjustmentOrder
from kilonova.core.errors import Conflict, InvalidRequest, NotFound
from kilonova.core.ids import new_id
from kilonova.core.money import format_nano

__all__ = ["Corrections", "currency_of", "until_written"]

_OWNED_ACCOUNTS = ("receivable", "credits")
# What two orders with one client token must have in common.
_REPEATED = ("kind", "reason", "request_id", "refers_to", "expires_ms", "tokens")


class Corrections:
    """Belongs to the event loop. One at a time: ``lock`` is held while one is checked and booked,
    and by whoever closes a month. ``currency`` is that of the books."""

    def __init__(
        self,
        book: LedgerBook,
        corrections: CorrectionBook,
        clock: Clock,
        *,
        lock: asyncio.Lock,
        currency: str = "USD",
    ) -> None:
        self._book = book
        self._corrections = corrections
        self._clock = clock
        self._lock = lock
        self._currency = currency

    async def adjust(self, order: AdjustmentOrder) -> Adjustment:
        """The adjustment, once it is on disk; that of before where the client token is known.

        Raises InvalidRequest, NotFound for a request of nobody or of another organisation, and
        Conflict for a client token that was used for something else.
        """
        async with self._lock:
            adjustment, *with_it = await asyncio.to_thread(self._checked, order)
            if with_it:
                # In one step: a refund and what it gives back to credits are not seen apart.
                await until_written(self._corrections.adjust(list(map(post_adjustment, with_it))))
        return adjustment

    def _checked(self, order: AdjustmentOrder) -> list[Adjustment]:
        """The adjustment, and behind it what is to be booked: nothing where it is repeated."""
        with self._book.snapshot() as view:
            order = _addressed(view, order)
            earlier = view.adjustments(UsageFilter(organisation_id=order.organisation_id))
            for each in earlier:
                if order.client_token and each.client_token == order.client_token:
                    return [_repeated(each, order)]
            adjustment = self._adjustment(view, order, earlier)
            _check_amount(adjustment)
            back = given_back(view, adjustment, earlier) if order.kind == "refund" else ()
            return [adjustment, adjustment, *back]

    def _adjustment(
        self, view: LedgerView, order: AdjustmentOrder, earlier: list[Adjustment]
    ) -> Adjustment:
        booked_ms = max(round(self._clock.now_s() * 1000), self._corrections.open_from_ms)
        if order.expires_ms is not None and order.expires_ms <= booked_ms:
            raise InvalidRequest("It would have ended before it begins.", param="expires_at")
        if order.kind == "refund":
            return _refund(view, order, earlier, booked_ms=booked_ms)
        if order.refers_to and parse_month(order.refers_to) > month_of(booked_ms):
            raise InvalidRequest(f"{order.refers_to} has not begun yet.", param="refers_to")
        if order.amount_nano is None:
            raise InvalidRequest("An amount is missing.", param="amount")
        return Adjustment(
            id=new_id("adj"),
            organisation_id=order.organisation_id,
            kind=order.kind,
            amount_nano=order.amount_nano,
            currency=self._currency_of(view, order),
            reason=order.reason,
            booked_ms=booked_ms,
            request_id=order.request_id,
            refers_to=order.refers_to,
            client_token=order.client_token,
            expires_ms=order.expires_ms,
            tokens=order.tokens,
        )

    def _currency_of(self, view: LedgerView, order: AdjustmentOrder) -> str:
        """An organisation that was never charged will be in the currency of the books."""
        charged = currency_of(view, order.organisation_id) or self._currency
        if order.currency not in (None, charged):
            raise InvalidRequest(
                f"This organisation is charged in {charged}, so {order.currency} cannot be booked.",
                param="currency",
            )
        return charged


async def until_written(written: "asyncio.Future[None]") -> None:
    """Returns when it is on disk, even where the caller has gone meanwhile: once it is queued it is
    written, and whoever holds the lock next must find it in the books."""
    gone: asyncio.CancelledError | None = None
    while not written.done():
        try:
            await asyncio.wait((written,))
        except asyncio.CancelledError as error:
            gone = error
    refused = written.exception()
    if gone is not None:
        raise gone
    if refused is not None:
        raise refused


def _addressed(view: LedgerView, order: AdjustmentOrder) -> AdjustmentOrder:
    """A refund without an organisation is of whoever sent the request."""
    if order.organisation_id:
        return order
    booked = view.record(order.request_id) if order.kind == "refund" else None
    if booked is None:
        raise NotFound("There is no such settled request.", param="request_id")
    return replace(order, organisation_id=booked.record.organisation_id)


def currency_of(view: LedgerView, organisation_id: str) -> str | None:
    """The currency in which an organisation is charged; None for one that never was."""
    for account in sorted(view.balances()):
        kind, _, rest = account.partition(":")
        currency, _, owner = rest.partition(":")
        if kind in _OWNED_ACCOUNTS and owner == organisation_id:
            return currency
    return None


def _refund(
    view: LedgerView,
    order: AdjustmentOrder,
    earlier: list[Adjustment],
    *,
    booked_ms: int,
) -> Adjustment:
    booked = view.record(order.request_id)
    if booked is None or booked.record.organisation_id != order.organisation_id:
        raise NotFound("This organisation has no such settled request.", param="request_id")
    record = booked.record
    if order.currency not in (None, record.currency):
        raise InvalidRequest(f"The request was charged in {record.currency}.", param="currency")
    refunds = [each for each in earlier if each.kind == "refund"]
    given = sum(each.amount_nano for each in refunds if each.request_id == record.request_id)
    left = record.price_nano - given
    amount = left if order.amount_nano is None else order.amount_nano
    if amount > left or not left:
        raise InvalidRequest(
            f"It was charged {format_nano(record.price_nano)} {record.currency}, of which "
            f"{format_nano(given)} went back already: no more than {format_nano(left)} is left.",
            param="amount",
            reason="refunded",
        )
    return Adjustment(
        id=new_id("adj"),
        organisation_id=order.organisation_id,
        kind="refund",
        amount_nano=amount,
        currency=record.currency,
        reason=order.reason,
        booked_ms=booked_ms,
        project_id=record.project_id,
        model_id=record.model_id,
        request_id=record.request_id,
        refers_to=str(month_of(record.finished_ms)),
        client_token=order.client_token,
        expires_ms=order.expires_ms,
        tokens=order.tokens,
    )


def _check_amount(adjustment: Adjustment) -> None:
    amount, kind = adjustment.amount_nano, adjustment.kind
    if not _is_possible(kind, amount):
        raise InvalidRequest(f"A {kind} cannot be of {format_nano(amount)}.", param="amount")
    if adjustment.tokens < 0 or (adjustment.tokens and kind != "allowance"):
        raise InvalidRequest("Only an allowance has tokens, zero or more.", param="tokens")
    if adjustment.expires_ms is not None and kind not in ("credit", "allowance"):
        raise InvalidRequest(f"A {kind} does not expire.", param="expires_at")
    if adjustment.request_id and kind != "refund":
        raise InvalidRequest("Only a refund is of a request.", param="request_id")


def _is_possible(kind: AdjustmentKind, amount_nano: int) -> bool:
    match kind:
        case "correction":
            return amount_nano != 0
        case "allowance":
            return amount_nano >= 0
        case "refund" | "credit" | "credit_use" | "credit_expiry" | "allowance_use":
            return amount_nano > 0
        case "tax" | "rounding":
            return True
        case unreachable:
            assert_never(unreachable)


def _repeated(booked: Adjustment, order: AdjustmentOrder) -> Adjustment:
    """The same order again changes nothing; another one under the same token is refused."""
    kept, asked = asdict(booked), asdict(order)
    differs = [name for name in _REPEATED if asked[name] and asked[name] != kept[name]]
    if order.amount_nano is not None and order.amount_nano != booked.amount_nano:
        differs.append("amount")
    if order.currency not in (None, booked.currency):
        differs.append("currency")
    if differs:
        raise Conflict(
            f"This client token was used for {booked.id}, which has another {', '.join(differs)}.",
            param="client_token",
        )
    return booked
