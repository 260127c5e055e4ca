"""``kilonova pnl``: what each model, engine, organisation and project earned, cost and left."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct
from msgspec.structs import asdict

from kilonova.admin.statements import StatementList, StatementQuery, StatementView
from kilonova.cli.command import command, verb
from kilonova.cli.exits import USAGE, CommandError
from kilonova.cli.limits import checked
from kilonova.cli.pnl_page import PICTURES, as_page, picture
from kilonova.cli.pnl_text import Capex, as_text
from kilonova.cli.pnl_words import WORDS, Language
from kilonova.cli.run import Run
from kilonova.cli.table_files import Cell, as_csv, need_parquet, write_parquet
from kilonova.core.statement import IdlePolicy, Segmentation

__all__ = ["app", "table_of"]

app = verb()

_COUNTS = ("requests", "requests_without_cost", "input_tokens", "cached_tokens", "output_tokens")
_WORDS = ("id", "name")


class PnlOptions(Struct, frozen=True, kw_only=True):
    by: Annotated[Segmentation, typer.Option(help="What a segment is.")] = "model"
    period: Annotated[
        str | None,
        typer.Option(help="2026, 2026-Q4, 2026-11, 2026-W47 or a day; else this month."),
    ] = None
    from_: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First day, in UTC.")
    ] = None
    to: Annotated[
        str | None, typer.Option(metavar="DAY", help="First day not counted, in UTC.")
    ] = None
    idle: Annotated[IdlePolicy | None, typer.Option(help="Who pays for idle time.")] = None
    currency: Annotated[str | None, typer.Option(help="Only the amounts in this one.")] = None
    language: Annotated[Language, typer.Option(help="Of text and pictures.")] = "en"
    capex: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT=AMOUNT", help="Capital spending to compare with, by its definition."
        ),
    ] = None
    csv: Annotated[bool, typer.Option("--csv", help="Write a line of CSV a segment.")] = False
    parquet: Annotated[Path | None, typer.Option(help="Also write a Parquet file.")] = None
    html: Annotated[Path | None, typer.Option(help="Also write a page with pictures.")] = None
    svg: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write the pictures into a folder.")
    ] = None


@command(app)
def pnl(run: Run, options: PnlOptions) -> None:
    """Show profit and loss by model, engine, organisation or project."""
    if options.parquet is not None:
        need_parquet()
    spent = [_capex(text) for text in options.capex or ()]
    needs_pictures = options.html is not None or options.svg is not None
    query = checked(
        StatementQuery(
            by=options.by,
            period=options.period,
            from_=options.from_,
            to=options.to,
            idle=options.idle,
            currency=options.currency,
            pictures=needs_pictures,
        )
    )
    found = run.ask(lambda plane: plane.profit_and_loss(query))
    words = WORDS[options.language]
    if needs_pictures:
        _write_pictures(run, _only(found), options)
    if options.parquet is not None:
        write_parquet(options.parquet, *table_of(found))
        run.output.note(f"wrote {options.parquet}")
    if run.output.is_json:
        run.output.document(found)
    elif options.csv:
        run.output.text(as_csv(*table_of(found)))
    else:
        for at, statement in enumerate(found.data):
            run.output.lines([*([""] if at else []), *as_text(statement, words, spent)])


def _capex(text: str) -> Capex:
    definition, _, amount = text.rpartition("=")
    try:
        number = Decimal(amount)
    except InvalidOperation:
        number = Decimal("NaN")
    if not definition or not number.is_finite():
        raise CommandError(
            f"--capex: {text!r} is not a definition and an amount, such as 'cash flow=27.8e9'.",
            code=USAGE,
        )
    return Capex(definition, number)


def table_of(found: StatementList) -> tuple[list[str], list[list[Cell]]]:
    """Names of columns, and a row a segment; the platform and the total come after them."""
    heads = ["period", "currency", "by", "line"]
    rows: list[list[Cell]] = []
    names = list(found.data[0].total.__struct_fields__) if found.data else []
    for statement in found.data:
        platform = asdict(statement.platform)
        lines = [("segment", asdict(each)) for each in statement.segments]
        lines += [("platform", platform), ("total", asdict(statement.total))]
        for kind, fields in lines:
            cells = [_cell(name, fields.get(name)) for name in names]
            rows.append([statement.period, statement.currency, statement.by, kind, *cells])
    return [*heads, *names], rows


def _cell(name: str, value: str | int | None) -> Cell:
    if name in _COUNTS or name in _WORDS:
        return value
    return None if value is None else Decimal(value)


def _write_pictures(run: Run, statement: StatementView, options: PnlOptions) -> None:
    words = WORDS[options.language]
    if options.html is not None:
        options.html.write_text(as_page(statement, words), "utf-8")
        run.output.note(f"wrote {options.html}")
    if options.svg is not None:
        options.svg.mkdir(parents=True, exist_ok=True)
        for name in PICTURES:
            drawn = picture(statement, name, words)
            if drawn is not None:
                path = options.svg / f"{name}.svg"
                path.write_text(drawn + "\n", "utf-8")
                run.output.note(f"wrote {path}")


def _only(found: StatementList) -> StatementView:
    """Pictures are of one currency."""
    if len(found.data) == 1:
        return found.data[0]
    names = ", ".join(each.currency for each in found.data) or "none"
    raise CommandError(
        f"Pictures need one currency, and the amounts are in {names}. Name one with --currency.",
        code=USAGE,
    )
