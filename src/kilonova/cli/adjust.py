"""``kilonova ledger refund | credit | allowance | adjust | adjustments``: money on its own."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer
from msgspec import Struct

from kilonova.admin.bookkeeping import AdjustmentQuery, NewAdjustment
from kilonova.cli.command import command
from kilonova.cli.exits import USAGE, CommandError
from kilonova.cli.limits import checked
from kilonova.cli.moments import when
from kilonova.cli.run import Run

__all__ = ["add_to"]

Reason = Annotated[str, typer.Option(help="Why; it stands on the invoice.")]
Organisation = Annotated[str | None, typer.Option(help="Id or name; 'default', or the only one.")]
Currency = Annotated[str | None, typer.Option(help="As the organisation is charged.")]
Token = Annotated[
    str | None,
    typer.Option("--client-token", help="A word of yours: used again, it books nothing again."),
]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="The first day without it (UTC).")]
Amount = Annotated[str, typer.Argument(help="A decimal amount such as 12.50.")]


class RefundOptions(Struct, frozen=True, kw_only=True):
    request: Annotated[str, typer.Argument(help="The request's id (req_…).")]
    reason: Reason
    amount: Annotated[str | None, typer.Option(help="Less than all that is left of it.")] = None
    organisation: Annotated[str | None, typer.Option(help="Refuse unless it is theirs.")] = None
    client_token: Token = None


class CreditOptions(Struct, frozen=True, kw_only=True):
    amount: Amount
    reason: Reason
    until: Until = None
    organisation: Organisation = None
    currency: Currency = None
    client_token: Token = None


class AllowanceOptions(CreditOptions, frozen=True, kw_only=True):
    tokens: Annotated[int, typer.Option(help="Tokens besides the amount.", min=0)] = 0


class AdjustOptions(Struct, frozen=True, kw_only=True):
    amount: Amount
    reason: Reason
    take_off: Annotated[bool, typer.Option("--take-off", help="Take it off the debt.")] = False
    corrects: Annotated[
        str | None, typer.Option(metavar="MONTH", help="The month that was wrong: 2026-10.")
    ] = None
    organisation: Organisation = None
    currency: Currency = None
    client_token: Token = None


class AdjustmentsOptions(Struct, frozen=True, kw_only=True):
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First date or time, in UTC.")
    ] = None
    to: Annotated[
        str | None, typer.Option(metavar="TIME", help="First date or time not counted, in UTC.")
    ] = None
    organisation: Annotated[str | None, typer.Option(help="Only of this one: id or name.")] = None


def refund(run: Run, options: RefundOptions) -> None:
    """Give the charge of a request back, or a part of it."""
    order = NewAdjustment(
        kind="refund",
        reason=options.reason,
        request_id=options.request,
        amount=options.amount,
        organisation=options.organisation,
        client_token=options.client_token,
    )
    _book(run, order)


def credit(run: Run, options: CreditOptions) -> None:
    """Grant a credit: coming invoices use it up, the oldest first."""
    _book(run, _grant("credit", options))


def allowance(run: Run, options: AllowanceOptions) -> None:
    """Make so much free in every month; it replaces the allowance before, 0 ends it."""
    _book(run, _grant("allowance", options, tokens=options.tokens))


def adjust(run: Run, options: AdjustOptions) -> None:
    """Put an amount on what an organisation owes, or take it off."""
    order = NewAdjustment(
        kind="correction",
        reason=options.reason,
        amount=f"-{options.amount}" if options.take_off else options.amount,
        corrects=options.corrects,
        organisation=options.organisation,
        currency=options.currency,
        client_token=options.client_token,
    )
    _book(run, order)


def adjustments(run: Run, options: AdjustmentsOptions) -> None:
    """List refunds, credits, corrections, and what closed months used of them."""
    query = AdjustmentQuery(from_=options.from_, to=options.to, organisation=options.organisation)
    found = run.ask(lambda plane: plane.list_adjustments(query))
    if run.output.is_json:
        run.output.document(found)
        return
    heads = (
        *("ID", "KIND", "AMOUNT", "TOKENS", "ENDS", "REFERS TO", "BOOKED", "ORGANISATION"),
        "REASON",
    )
    rows = [
        (
            each.id,
            each.kind,
            f"{each.amount} {each.currency}",
            str(each.tokens or "-"),
            when(each.expires_at),
            each.request_id or each.refers_to or "-",
            when(each.booked_at),
            each.organisation_id,
            each.reason,
        )
        for each in found.data
    ]
    run.output.table(heads, rows, least=("ORGANISATION", "TOKENS", "ENDS", "REASON", "REFERS TO"))


def add_to(owner: typer.Typer) -> None:
    """Adds these commands to ``kilonova ledger``."""
    for each in (refund, credit, allowance, adjust, adjustments):
        command(owner)(each)


def _grant(
    kind: Literal["credit", "allowance"], options: CreditOptions, *, tokens: int = 0
) -> NewAdjustment:
    return NewAdjustment(
        kind=kind,
        reason=options.reason,
        amount=options.amount,
        currency=options.currency,
        organisation=options.organisation,
        expires_at=_midnight(options.until),
        tokens=tokens,
        client_token=options.client_token,
    )


def _midnight(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise CommandError(
            f"--until: {text!r} is not a date such as 2026-12-31.", code=USAGE
        ) from None


def _book(run: Run, order: NewAdjustment) -> None:
    body = checked(order)
    booked = run.ask(lambda plane: plane.adjust(body))
    if run.output.is_json:
        run.output.document(booked)
        return
    run.output.lines([booked.id])
    run.output.note(f"{booked.kind} of {booked.amount} {booked.currency}: {booked.reason}")
