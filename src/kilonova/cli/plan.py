"""``kilonova plan``: what to buy or rent for a workload, and what a million tokens will cost."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from kilonova.admin.forecast import UsagePeriod
from kilonova.cli.command import command, verb
from kilonova.cli.exits import USAGE, CommandError
from kilonova.cli.plan_own import own_as_text, own_machine
from kilonova.cli.plan_page import as_page
from kilonova.cli.plan_request import PlanFlags, read_question, read_request
from kilonova.cli.plan_shape import find_shape
from kilonova.cli.plan_tables import as_csv
from kilonova.cli.plan_text import as_text
from kilonova.cli.run import Run
from kilonova.planner.own import plan_own
from kilonova.planner.plan import Plan
from kilonova.planner.request import PlanRequest, answer
from kilonova.planner.tables import load_tables, named

__all__ = ["app"]

app = verb()


class PlanOptions(PlanFlags, frozen=True, kw_only=True):
    file: Annotated[Path | None, typer.Option(help="A TOML file; options go before it.")] = None
    html: Annotated[Path | None, typer.Option(help="Also write a page with pictures.")] = None
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV: ways, or quarters.")] = False
    from_usage: Annotated[
        bool, typer.Option("--from-usage", help="Plan for what was metered here.")
    ] = False
    here: Annotated[
        bool, typer.Option("--here", help="Plan for this machine, as calibrate measured it.")
    ] = False
    usage_of: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Count the requests of this model only.")
    ] = None
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First date or time, in UTC.")
    ] = None
    to: Annotated[
        str | None, typer.Option(metavar="TIME", help="First date or time not counted, in UTC.")
    ] = None
    organisation: Annotated[str | None, typer.Option(help="Only of this one: id or name.")] = None


@command(app)
def plan(run: Run, options: PlanOptions) -> None:
    """Plan machines, power, capital and cost for a workload."""
    _check(options)
    if options.here:
        _here(run, options)
        return
    made = _metered(run, options) if options.from_usage else _asked(run, options)
    if options.html:
        options.html.write_text(as_page(made), "utf-8")
        run.output.note(f"wrote {options.html}")
    if run.output.is_json:
        run.output.document(made)
    elif options.csv:
        run.output.text(as_csv(made))
    else:
        run.output.lines(as_text(made))


def _check(options: PlanOptions) -> None:
    """What contradicts itself, or says nothing of the load."""
    if options.here and options.from_usage:
        raise CommandError(
            "--here and --from-usage are two questions. For this machine under the load that was "
            "metered, take rate and lengths from: kilonova plan --from-usage --json, and give them "
            "to --here.",
            code=USAGE,
        )
    if options.here and (options.html or options.csv):
        raise CommandError("--here answers as text or with --json.", code=USAGE)
    chosen = (options.usage_of, options.from_, options.to, options.organisation)
    if not options.from_usage and any(each is not None for each in chosen):
        raise CommandError(
            "--usage-of, --from, --to and --organisation choose metered requests: add "
            "--from-usage.",
            code=USAGE,
        )
    load = (options.rate, options.input_tokens, options.output_tokens)
    if not options.from_usage and options.file is None and None in load:
        names = ("--rate", "--input-tokens", "--output-tokens")
        missing = [name for name, value in zip(names, load, strict=True) if value is None]
        raise CommandError(
            f"A plan needs a load, and {', '.join(missing)} is missing: for instance --rate 5 "
            "--input-tokens 1000 --output-tokens 250. --from-usage takes it from what was metered "
            "here.",
            code=USAGE,
        )


def _named(options: PlanOptions) -> PlanRequest:
    request = read_request(options, options.file)
    if not request.model:
        raise CommandError("Name a model with --model, or in the file.", code=USAGE)
    return request


def _asked(run: Run, options: PlanOptions) -> Plan:
    request = _named(options)
    return answer(request, lambda name: find_shape(run, name))


def _metered(run: Run, options: PlanOptions) -> Plan:
    """Made where the records are: by the server, or by the home itself where none runs."""
    usage = UsagePeriod(
        model=options.usage_of,
        organisation=options.organisation,
        from_=options.from_,
        to=options.to,
    )
    question = read_question(options, options.file, usage=usage)
    view = run.ask(lambda plane: plane.make_plan(question))
    return msgspec.json.decode(view.plan, type=Plan)


def _here(run: Run, options: PlanOptions) -> None:
    request = _named(options)
    tables = load_tables(request.as_of)
    names = request.price_lists or tuple(tables.prices)
    made = plan_own(
        own_machine(run, request.model),
        request.workload,
        usd_hour=request.supply.usd_hour,
        lists=[named(tables.prices, name, what="price list") for name in names],
        arrivals=max(request.arrivals, 100),
    )
    if run.output.is_json:
        run.output.document(made)
    else:
        run.output.lines(own_as_text(made))
