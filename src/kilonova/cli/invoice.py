"""``kilonova invoice``: an organisation's invoice of a month, in the form that is needed."""

import base64
import sys
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from kilonova.admin.bookkeeping import InvoiceListQuery, InvoiceQuery, InvoiceView
from kilonova.cli.command import command, verb
from kilonova.cli.exits import INTEGRITY, USAGE, CommandError
from kilonova.cli.limits import checked
from kilonova.cli.run import Run
from kilonova.core.corrections import InvoiceForm, InvoiceLanguage

__all__ = ["app"]

app = verb()


class InvoiceOptions(Struct, frozen=True, kw_only=True):
    organisation: Annotated[str | None, typer.Argument(help="Id or name; all, for a list.")] = None
    month: Annotated[str | None, typer.Argument(help="As 2026-10; all, for a list.")] = None
    format: Annotated[InvoiceForm, typer.Option(help="What to write.")] = "text"
    language: Annotated[InvoiceLanguage, typer.Option(help="In which language.")] = "en"
    out: Annotated[Path | None, typer.Option(help="Write to this file.")] = None
    verify: Annotated[
        bool, typer.Option("--verify", help="Rebuild it from the ledger and compare.")
    ] = False


@command(app)
def invoice(run: Run, options: InvoiceOptions) -> None:
    """Show the invoice of a month, or list the invoices of closed months."""
    if options.month is None:
        _list(run, options.organisation)
        return
    query = checked(
        InvoiceQuery(
            period=options.month,
            format=options.format,
            language=options.language,
            verify=options.verify,
        )
    )
    owner = options.organisation or ""
    found = run.ask(lambda plane: plane.invoice(owner, query))
    if run.output.is_json:
        run.output.document(found)
    else:
        _write(run, options, found)
    if found.is_verified is False:
        raise CommandError(
            f"{found.number} is not what the ledger says; see kilonova ledger verify.",
            code=INTEGRITY,
        )


def _list(run: Run, organisation: str | None) -> None:
    found = run.ask(lambda plane: plane.list_invoices(InvoiceListQuery(organisation=organisation)))
    if run.output.is_json:
        run.output.document(found)
        return
    rows = [
        (each.number, each.period, each.organisation_id, f"{each.due} {each.currency}", each.sha256)
        for each in found.data
    ]
    run.output.table(("NUMBER", "MONTH", "ORGANISATION", "DUE", "SHA256"), rows, least=("SHA256",))


def _write(run: Run, options: InvoiceOptions, found: InvoiceView) -> None:
    content = found.content.encode()
    if found.encoding == "base64":
        content = base64.b64decode(found.content)
    if options.out is not None:
        options.out.write_bytes(content)
        run.output.note(f"wrote {options.out}")
    elif found.encoding == "base64" and sys.stdout.isatty():
        raise CommandError("A PDF is not for a terminal: name a file with --out.", code=USAGE)
    elif found.encoding == "base64":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        run.output.text(found.content)
        if not found.content.endswith("\n"):
            run.output.text("\n")
    if found.is_verified:
        run.output.note(f"{found.number}: rebuilt from the ledger, sha256 {found.sha256}")
    elif found.is_verified is None and options.verify:
        run.output.note("This month is open: there is nothing to compare the draft with.")
