"""``kilonova plan``: what to buy or rent for a workload, and what a million tokens will cost."""

import datetime
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct

from kilonova.cli.command import command, verb
from kilonova.cli.exits import USAGE, CommandError
from kilonova.cli.plan_page import as_page
from kilonova.cli.plan_text import as_csv, as_text
from kilonova.cli.run import Run
from kilonova.planner.plan import make_plan
from kilonova.planner.shape import ModelShape, shape_from_config
from kilonova.planner.supply import Supply
from kilonova.planner.tables import load_tables
from kilonova.planner.workload import Workload

__all__ = ["app"]

app = verb()

# Which option of the command is which field; a list's items are separated by commas.
_WORKLOAD = ("rate", "input_tokens", "output_tokens", "cache_share", "first_token_ms", "token_ms")
_SUPPLY = (
    *(
        "kind",
        "accelerators",
        "precisions",
        "engines",
        "usd_hour",
        "usd_chip",
        "chips_max",
        "spares",
    ),
    *("usd_kwh", "pue", "capital_rate", "life_years"),
)
_LISTS = ("hours", "accelerators", "precisions", "engines")


class _Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan file: the workload and the supply in tables of their own."""

    workload: Workload
    supply: Supply = Supply()
    model: str = ""
    price_lists: tuple[str, ...] = ()


class PlanOptions(Struct, frozen=True, kw_only=True):
    model: Annotated[str | None, typer.Option(help="A model of the tables, or a config.json.")] = (
        None
    )
    rate: Annotated[float | None, typer.Option(help="Mean requests a second over a day.")] = None
    input_tokens: Annotated[float | None, typer.Option(help="Of one request, cached included.")] = (
        None
    )
    output_tokens: Annotated[float | None, typer.Option(help="Of one request.")] = None
    cache_share: Annotated[float | None, typer.Option(help="Share of the input read before.")] = (
        None
    )
    hours: Annotated[str | None, typer.Option(help="24 relative loads, from midnight.")] = None
    first_token_ms: Annotated[float | None, typer.Option(help="At most, on average.")] = None
    token_ms: Annotated[float | None, typer.Option(help="Per token, at most, on average.")] = None
    kind: Annotated[str | None, typer.Option(help="rented, reserved, owned or bought.")] = None
    accelerators: Annotated[str | None, typer.Option(help="Names; all with a price.")] = None
    precisions: Annotated[str | None, typer.Option(help="Of bf16, fp8, fp4, int4.")] = None
    engines: Annotated[str | None, typer.Option(help="Of trtllm, sglang, vllm.")] = None
    usd_hour: Annotated[float | None, typer.Option(help="Own price of a chip's hour.")] = None
    usd_chip: Annotated[float | None, typer.Option(help="Own price of a chip.")] = None
    chips_max: Annotated[int | None, typer.Option(help="How many there are to have.")] = None
    spares: Annotated[int | None, typer.Option(help="Replicas that may fail; 1.")] = None
    usd_kwh: Annotated[float | None, typer.Option(help="Own price of electricity.")] = None
    pue: Annotated[float | None, typer.Option(help="Energy of the site over the machines'.")] = None
    capital_rate: Annotated[float | None, typer.Option(help="Interest a year, as a share.")] = None
    life_years: Annotated[float | None, typer.Option(help="Of bought machines.")] = None
    price_lists: Annotated[str | None, typer.Option(help="To compare with; all.")] = None
    file: Annotated[Path | None, typer.Option(help="A TOML file; options go before it.")] = None
    as_of: Annotated[str | None, typer.Option(help="Prices as of this date.")] = None
    top: Annotated[int, typer.Option(help="How many ways to show.", min=1, max=50)] = 5
    html: Annotated[Path | None, typer.Option(help="Also write a page with pictures.")] = None
    csv: Annotated[bool, typer.Option("--csv", help="Write a line of CSV for each way.")] = False


@command(app)
def plan(run: Run, options: PlanOptions) -> None:
    """Plan machines, power, capital and cost for a workload."""
    request = _request(options)
    if not request.model:
        raise CommandError("Name a model with --model, or in the file.", code=USAGE)
    made = make_plan(
        request.workload,
        request.supply,
        model=_model(request.model),
        tables=load_tables(_date(options.as_of)),
        price_lists=request.price_lists,
        top=options.top,
    )
    if options.html:
        options.html.write_text(as_page(made), "utf-8")
        run.output.note(f"wrote {options.html}")
    if run.output.is_json:
        run.output.document(made)
    elif options.csv:
        run.output.text(as_csv(made))
    else:
        run.output.lines(as_text(made))


def _request(options: PlanOptions) -> _Request:
    """The file, if there is one, with the options put over it."""
    given = {
        name: value
        for name in options.__struct_fields__
        if (value := getattr(options, name)) is not None
    }
    request = _read(options.file) if options.file else {}
    for name in _LISTS:
        if name in given:
            given[name] = _items(name, given[name])
    tables = {"workload": (*_WORKLOAD, "hours"), "supply": _SUPPLY}
    for table, names in tables.items():
        own = {name: given[name] for name in names if name in given}
        request[table] = {**request.get(table, {}), **own}
    if "model" in given:
        request["model"] = given["model"]
    if "price_lists" in given:
        request["price_lists"] = _items("price_lists", given["price_lists"])
    try:
        return msgspec.convert(request, _Request)
    except msgspec.ValidationError as error:
        needed = "A plan needs rate, input_tokens and output_tokens."
        raise CommandError(f"{error}. {needed}", code=USAGE) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: {error}", code=USAGE) from None


def _items(name: str, text: str) -> list[Any]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if name != "hours":
        return parts
    try:
        return [float(part) for part in parts]
    except ValueError:
        raise CommandError("--hours needs 24 numbers between commas.", code=USAGE) from None


def _date(text: str | None) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text) if text else None
    except ValueError:
        raise CommandError(
            f"--as-of: {text!r} is not a date such as 2026-05-20.", code=USAGE
        ) from None


def _model(name: str) -> str | ModelShape:
    """A name of the tables, or the shape that a config.json describes."""
    if not name.endswith(".json"):
        return name
    try:
        config = json.loads(Path(name).read_text("utf-8"))
    except ValueError as error:
        raise CommandError(f"{name} is no JSON document: {error}", code=USAGE) from None
    if not isinstance(config, dict):
        raise CommandError(f"{name} is not a model's config.json.", code=USAGE)
    return shape_from_config(config, name=Path(name).parent.name or name, source=name)
