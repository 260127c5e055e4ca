"""``kilonova ledger close | closings``: months that are frozen."""

from typing import Annotated

import msgspec
import typer
from msgspec import Struct

from kilonova.admin.bookkeeping import NewClosing
from kilonova.cli.command import NoOptions, command
from kilonova.cli.limits import checked
from kilonova.cli.moments import when
from kilonova.cli.run import Run
from kilonova.core.statement import IdlePolicy

__all__ = ["add_to"]


class CloseOptions(Struct, frozen=True, kw_only=True):
    month: Annotated[str, typer.Argument(help="A month that is over, as 2026-10.")]
    policy: Annotated[IdlePolicy, typer.Option(help="Who pays for idle time in the statement.")] = (
        "proportional"
    )


class _Invoice(Struct, frozen=True):
    organisation_id: str
    number: str
    currency: str
    due: str


class _Frozen(Struct, frozen=True):
    """What we show of a closed month."""

    invoices: tuple[_Invoice, ...]


def close(run: Run, options: CloseOptions) -> None:
    """Close a month for good: freeze its statement, write its invoices."""
    body = checked(NewClosing(period=options.month, idle=options.policy))
    closed = run.ask(lambda plane: plane.close_month(body))
    if run.output.is_json:
        run.output.document(closed)
        return
    frozen = msgspec.json.decode(bytes(closed.document), type=_Frozen)
    rows = [
        (each.number, each.organisation_id, f"{each.due} {each.currency}")
        for each in frozen.invoices
    ]
    run.output.table(("INVOICE", "ORGANISATION", "DUE"), rows)
    run.output.note(f"{closed.period} is closed; sha256 {closed.sha256}")


def closings(run: Run, options: NoOptions) -> None:  # noqa: ARG001 (every command has options)
    """List the closed months."""
    found = run.ask(lambda plane: plane.list_closings())
    if run.output.is_json:
        run.output.document(found)
        return
    rows = [(each.period, when(each.closed_at), each.sha256) for each in found.data]
    run.output.table(("MONTH", "CLOSED", "SHA256"), rows, least=("SHA256",))


def add_to(owner: typer.Typer) -> None:
    """Adds these commands to ``kilonova ledger``."""
    for each in (close, closings):
        command(owner)(each)
