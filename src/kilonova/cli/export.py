"""``kilonova export``: charges and requests as CSV or Parquet, for other programs."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import typer
from msgspec import Struct
from msgspec.structs import astuple

from kilonova.admin.bookkeeping import FocusExport, FocusQuery
from kilonova.admin.plane import ControlPlane
from kilonova.admin.schema import RequestQuery, RequestView, UsageQuery, UsageRow
from kilonova.billing.focus.columns import COLUMNS
from kilonova.cli.command import command, group
from kilonova.cli.exits import USAGE, CommandError
from kilonova.cli.pages import every, pages
from kilonova.cli.run import Run
from kilonova.cli.table_files import Cell, as_csv, write_parquet

__all__ = ["app"]

app = group("Write charges, usage and requests for other programs.")

From = Annotated[str, typer.Option("--from", metavar="DATE", help="First day, in UTC.")]
To = Annotated[str, typer.Option(metavar="DATE", help="First day not written, in UTC.")]
Organisation = Annotated[str | None, typer.Option(help="Only of this one: id or name.")]
Format = Annotated[Literal["csv", "parquet"], typer.Option(help="Parquet needs --out.")]
Out = Annotated[Path | None, typer.Option(help="Write to this file.")]

_KINDS: dict[str, type] = {"text": str, "decimal": Decimal, "time": datetime}
# A price per million of nine places, a discount of six, a quantity of six.
_PLACES = 21


class ExportOptions(Struct, frozen=True, kw_only=True):
    from_: From
    to: To
    organisation: Organisation = None
    format: Format = "csv"
    out: Out = None


class FocusOptions(ExportOptions, frozen=True, kw_only=True):
    version: Annotated[str, typer.Option(help="Of FOCUS.")] = "1.2"


class UsageOptions(ExportOptions, frozen=True, kw_only=True):
    by: Annotated[
        Literal["model", "project", "key", "day"], typer.Option(help="What a line stands for.")
    ] = "day"


@command(app)
def focus(run: Run, options: FocusOptions) -> None:
    """Write charges, credits and taxes in the form of FOCUS 1.2."""
    query = FocusQuery(
        from_=options.from_,
        to=options.to,
        organisation=options.organisation,
        version=options.version,
    )
    found = run.ask(lambda plane: plane.export_focus(query))
    if run.output.is_json:
        run.output.document(found)
        return
    kinds = [_KINDS[kind] for _, kind in COLUMNS]
    if options.format == "parquet":
        _write_parquet(run, options, (found.columns, _typed(found, kinds)), kinds=kinds)
    else:
        _write_csv(run, options, (found.columns, found.rows))


@command(app)
def requests(run: Run, options: ExportOptions) -> None:
    """Write a line for each settled request."""
    query = RequestQuery(from_=options.from_, to=options.to, organisation=options.organisation)
    if options.format == "csv" and not run.output.is_json:
        _stream_requests(run, options, query)
        return
    found = run.ask(lambda plane: every(plane.list_requests, query))
    _write(run, options, (RequestView.__struct_fields__, found))


@command(app)
def usage(run: Run, options: UsageOptions) -> None:
    """Write requests, tokens and money by day, model, project or key."""
    query = UsageQuery(
        group_by=options.by, from_=options.from_, to=options.to, organisation=options.organisation
    )
    found = run.ask(lambda plane: plane.usage(query))
    _write(run, options, (UsageRow.__struct_fields__, found.data))


def _stream_requests(run: Run, options: ExportOptions, query: RequestQuery) -> None:
    """A page at a time: there may be millions. A file is there whole, or not at all."""
    heads = as_csv(RequestView.__struct_fields__, [])

    async def write(plane: ControlPlane, to: Callable[[str], object]) -> int:
        count, head = 0, heads
        async for page in pages(plane.list_requests, query):
            lines = as_csv(RequestView.__struct_fields__, [astuple(each) for each in page])
            to(head + lines.removeprefix(heads))
            count, head = count + len(page), ""
        return count

    if options.out is None:
        run.ask(lambda plane: write(plane, run.output.text))
        return
    draft = options.out.with_name(f"{options.out.name}.part")
    try:
        with draft.open("w", encoding="utf-8") as file:
            count = run.ask(lambda plane: write(plane, file.write))
        draft.replace(options.out)
    finally:
        draft.unlink(missing_ok=True)
    run.output.note(f"wrote {options.out}: {count} rows")


_Table = tuple[Sequence[str], Sequence[Sequence[Cell]]]


def _write(run: Run, options: ExportOptions, found: tuple[Sequence[str], Sequence[Struct]]) -> None:
    names, values = found
    if run.output.is_json:
        run.output.document({"data": list(values)})
        return
    table = (names, [astuple(value) for value in values])
    if options.format == "parquet":
        _write_parquet(run, options, table)
    else:
        _write_csv(run, options, table)


def _write_csv(run: Run, options: ExportOptions, table: _Table) -> None:
    text = as_csv(*table)
    if options.out is None:
        run.output.text(text)
        return
    options.out.write_text(text, "utf-8")
    run.output.note(f"wrote {options.out}: {len(table[1])} rows")


def _write_parquet(
    run: Run, options: ExportOptions, table: _Table, *, kinds: Sequence[type] = ()
) -> None:
    if options.out is None:
        raise CommandError("Parquet is not for a terminal: name a file with --out.", code=USAGE)
    write_parquet(options.out, *table, kinds=kinds, places=_PLACES)
    run.output.note(f"wrote {options.out}: {len(table[1])} rows")


def _typed(found: FocusExport, kinds: Sequence[type]) -> list[list[Cell]]:
    return [
        [_cell(text, kind) for text, kind in zip(row, kinds, strict=True)] for row in found.rows
    ]


def _cell(text: str | None, kind: type) -> Cell:
    if text is None or kind is str:
        return text
    return Decimal(text) if kind is Decimal else datetime.fromisoformat(text)
