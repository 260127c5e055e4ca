"""``kilonova usage``: requests, tokens, money and energy, from the ledger."""

from typing import Annotated, Literal

import typer
from msgspec import Struct

from kilonova.admin.schema import GroupBy, UsageQuery, UsageReport, UsageRow
from kilonova.cli.command import command, verb
from kilonova.cli.run import Run

__all__ = ["app"]

app = verb()

_SOUGHT = ("project", "model", "key", "member")


class UsageOptions(Struct, frozen=True, kw_only=True):
    by: Annotated[GroupBy, typer.Option(help="What a line stands for.")] = "model"
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First date or time, in UTC.")
    ] = None
    to: Annotated[
        str | None, typer.Option(metavar="TIME", help="First date or time not counted, in UTC.")
    ] = None
    organisation: Annotated[str | None, typer.Option(help="Only of this one: id or name.")] = None
    interval: Annotated[
        Literal["hour", "day", "month"] | None, typer.Option(help="Lines apart in time, too.")
    ] = None
    project: Annotated[str | None, typer.Option(help="Only of this project: id.")] = None
    model: Annotated[str | None, typer.Option(help="Only of this model: id.")] = None
    key: Annotated[str | None, typer.Option(help="Only of this key: id.")] = None
    member: Annotated[str | None, typer.Option(help="Only of this member's keys: id.")] = None


@command(app)
def usage(run: Run, options: UsageOptions) -> None:
    """Show requests, tokens, money and energy, without idle time: ``pnl`` has it."""
    query = UsageQuery(
        group_by=options.by,
        interval=options.interval,
        organisation=options.organisation,
        project=options.project,
        model=options.model,
        key=options.key,
        member=options.member,
        from_=options.from_,
        to=options.to,
    )
    report = run.ask(lambda plane: plane.usage(query))
    if run.output.is_json:
        run.output.document(report)
    else:
        _write(run, options, report)


def _write(run: Run, options: UsageOptions, report: UsageReport) -> None:
    times = () if report.interval is None else (report.interval.upper(),)
    heads = (
        report.group_by.upper(),
        *times,
        "REQUESTS",
        "INPUT",
        "CACHED",
        "OUTPUT",
        "PRICE",
        "COST",
        "WH",
    )
    run.output.table(heads, [_row(row) for row in report.data])
    sought = [name for name in _SOUGHT if getattr(options, name) is not None]
    if sought and not report.data:
        named = ", ".join(f"{name} {getattr(options, name)!r}" for name in sought)
        run.output.note(
            f"Nothing was used of {named}. An id that is mistyped looks like this, too."
        )
    for total in report.totals:
        run.output.note(
            f"total: {total.requests} requests, {total.price} {total.currency}, "
            f"cost {total.cost} {total.cost_currency}, {total.energy_wh} Wh"
        )


def _row(row: UsageRow) -> tuple[str, ...]:
    counts = (row.requests, row.input_tokens, row.cache_read_tokens, row.output_tokens)
    money = (f"{row.price} {row.currency}", f"{row.cost} {row.cost_currency}")
    names = (row.group or "-", *(() if row.time is None else (row.time,)))
    return (*names, *(str(count) for count in counts), *money, str(row.energy_wh))
