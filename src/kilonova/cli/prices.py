"""``kilonova prices``: what is charged, where it came from, and what would change."""

from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from kilonova.admin.schema import PriceView
from kilonova.admin.tariff import PriceLineView, PriceList, PriceQuery
from kilonova.billing.prices.desk import read_list
from kilonova.billing.prices.form import parse_list
from kilonova.billing.prices.writing import Change, changes
from kilonova.cli.command import NoOptions, command, group
from kilonova.cli.exits import USAGE, CommandError
from kilonova.cli.price_import import Import, import_list
from kilonova.cli.run import Run
from kilonova.core.money import parse_nano

__all__ = ["app"]

app = group("Show, import and compare prices.")


class ShowOptions(Struct, frozen=True, kw_only=True):
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None
    tier: Annotated[str | None, typer.Option(help="Only this service tier.")] = None
    at: Annotated[str | None, typer.Option(help="What holds at this time; all of it.")] = None
    tokens: Annotated[
        int | None, typer.Option(min=0, help="What holds for an input of this length.")
    ] = None


@command(app)
def show(run: Run, options: ShowOptions) -> None:
    """Show the price book in use, per million tokens."""
    query = PriceQuery(model=options.model, tier=options.tier, at=options.at, tokens=options.tokens)
    _show(run, run.ask(lambda plane: plane.prices(query)))


@command(app)
def reload(run: Run, options: NoOptions) -> None:  # noqa: ARG001 (every command has options)
    """Take up the price list as it is now. The server looks at the file by itself, too."""
    _show(run, run.ask(lambda plane: plane.reload_prices()))


class ImportOptions(Struct, frozen=True, kw_only=True):
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The public list (JSON).")]
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="ID=NAME", help="Our id and the list's name; may repeat."),
    ] = None
    provider: Annotated[str | None, typer.Option(help="All models of a provider.")] = None
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="When the new prices begin.")
    ] = None
    costs: Annotated[bool, typer.Option("--costs", help="As what vendors charge us.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False


@command(app, name="import")
def import_(run: Run, options: ImportOptions) -> None:
    """Import prices from the public list; without --model or --provider, of the models here."""
    done = import_list(
        run,
        Import(
            file=options.file,
            chosen=dict(map(_pair, options.model or ())),
            provider=options.provider,
            since=options.since,
            is_costs=options.costs,
            is_dry=options.dry_run,
        ),
    )
    if run.output.is_json:
        run.output.document(done)
        return
    _tell(run, done.changes)
    run.output.note(done.summary)


class DiffOptions(Struct, frozen=True, kw_only=True):
    one: Annotated[Path, typer.Argument(metavar="[OLD]", help="A list; else the one in use.")]
    other: Annotated[Path | None, typer.Argument(metavar="NEW", help="The new one.")] = None


@command(app)
def diff(run: Run, options: DiffOptions) -> None:
    """Compare two price lists; with one, the list in use is the old one."""
    in_use = run.home.path / run.settings().prices.file
    old, new = (in_use, options.one) if options.other is None else (options.one, options.other)
    content = read_list(old, is_asked_for=options.other is not None)
    before = None if content is None else parse_list(content, where=str(old))
    found = changes(before, parse_list(new.read_bytes(), where=str(new)))
    if run.output.is_json:
        run.output.document({"data": found})
    else:
        _tell(run, found)


def _pair(text: str) -> tuple[str, str]:
    model_id, _, name = text.partition("=")
    if not model_id or not name:
        raise CommandError(f"--model {text}: write ID=NAME, our id and the list's.", code=USAGE)
    return model_id, name


def _show(run: Run, found: PriceList) -> None:
    if run.output.is_json:
        run.output.document(found)
        return
    heads = ("MODEL", "TIER", "WHEN", "ABOVE", "INPUT", "CACHED", "OUTPUT", "VALID", "NOW", "NAME")
    run.output.table(
        heads,
        [_row(line) for line in found.data],
        least=("NAME", "VALID", "NOW", "ABOVE", "CACHED", "WHEN"),
    )
    whose = f"{found.file}, version {found.version}" if found.version else "the catalogue's own"
    run.output.note(f"{found.currency} per million tokens; {whose}")


def _row(line: PriceLineView) -> tuple[str, ...]:
    price = line.price
    since = "" if line.valid_from is None else f"{line.valid_from:%Y-%m-%d}"
    until = "" if line.valid_until is None else f"{line.valid_until:%Y-%m-%d}"
    return (
        line.model_id,
        line.tier,
        line.when or "always",
        str(line.above_input_tokens),
        *_rates(price),
        f"{since}…{until}" if since or until else "always",
        "yes" if line.holds_now else "no",
        line.name,
    )


def _rates(price: PriceView) -> tuple[str, str, str]:
    rates = (price.input, price.cache_read, price.output)
    if not any(map(parse_nano, (*rates, price.cache_write))):
        return ("free", "free", "free")
    return rates


def _tell(run: Run, found: tuple[Change, ...] | list[Change]) -> None:
    """One line a row: ``+`` new, ``-`` gone, ``~`` changed, with what changed in it."""
    if not found:
        run.output.note("No price differs.")
    run.output.lines([_line(change) for change in found])


def _line(change: Change) -> str:
    if change.old is None:
        return f"+ {change.row}  {_words(change.new or {})}"
    if change.new is None:
        return f"- {change.row}  {_words(change.old)}"
    names = [*change.old, *(name for name in change.new if name not in change.old)]
    told = [
        f"{name} {change.old.get(name, '-')} → {change.new.get(name, '-')}"
        for name in names
        if change.old.get(name) != change.new.get(name)
    ]
    return f"~ {change.row}  {', '.join(told)}"


def _words(rates: dict[str, str]) -> str:
    return ", ".join(f"{name} {text}" for name, text in rates.items())
