"""The flags of ``kilonova plan`` and its file, put together into one question."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Raw, Struct

from kilonova.admin.forecast import NewPlan, UsagePeriod
from kilonova.cli.exits import USAGE, CommandError
from kilonova.planner.plan import Wishes
from kilonova.planner.request import PlanRequest
from kilonova.planner.supply import Supply
from kilonova.planner.workload import Workload

__all__ = ["PlanFlags", "read_question", "read_request"]

# A list's items are separated by commas.
_LISTS = ("hours", "accelerators", "precisions", "engines", "price_lists")


class _Load(Struct, frozen=True, kw_only=True):
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
    first_token_p95_ms: Annotated[
        float | None, typer.Option(help="At most, for 95 of 100 requests.")
    ] = None
    token_p95_ms: Annotated[float | None, typer.Option(help="Per token, for 95 of 100.")] = None
    spread: Annotated[float | None, typer.Option(help="Deviation of lengths over the mean.")] = None
    burst: Annotated[float | None, typer.Option(help="Times the load, for a while.")] = None
    burst_s: Annotated[float | None, typer.Option(help="How long that lasts; 60.")] = None


class _Machines(_Load, frozen=True, kw_only=True):
    kind: Annotated[str | None, typer.Option(help="rented, reserved, owned or bought.")] = None
    accelerators: Annotated[str | None, typer.Option(help="Names; all with a price.")] = None
    precisions: Annotated[str | None, typer.Option(help="Of bf16, fp8, fp4, int4.")] = None
    engines: Annotated[str | None, typer.Option(help="Of trtllm, sglang, vllm.")] = None
    layout: Annotated[str | None, typer.Option(help="together, apart or any.")] = None
    usd_hour: Annotated[float | None, typer.Option(help="Own price of a chip's hour.")] = None
    usd_chip: Annotated[float | None, typer.Option(help="Own price of a chip.")] = None
    chips_max: Annotated[int | None, typer.Option(help="How many there are to have.")] = None
    spares: Annotated[int | None, typer.Option(help="Replicas that may fail; 1.")] = None
    usd_kwh: Annotated[float | None, typer.Option(help="Own price of electricity.")] = None
    pue: Annotated[float | None, typer.Option(help="Energy of the site over the machines'.")] = None
    capital_rate: Annotated[float | None, typer.Option(help="Interest a year, as a share.")] = None
    life_years: Annotated[float | None, typer.Option(help="Of bought machines.")] = None


class PlanFlags(_Machines, frozen=True, kw_only=True):
    """Everything that a file may hold too."""

    model: Annotated[
        str | None,
        typer.Option(help="Of the tables or on offer here; a config.json or GGUF file."),
    ] = None
    price_lists: Annotated[str | None, typer.Option(help="To compare with; all.")] = None
    as_of: Annotated[str | None, typer.Option(help="Prices as of this date.")] = None
    top: Annotated[int | None, typer.Option(help="How many ways to show; 5.")] = None
    arrivals: Annotated[
        int | None, typer.Option(help="Requests to play the busiest hour with; 2000.")
    ] = None
    quarters: Annotated[int | None, typer.Option(help="How many to plan ahead.")] = None
    growth: Annotated[float | None, typer.Option(help="Of demand, a factor a quarter.")] = None
    sell_at: Annotated[str | None, typer.Option(help="The price list that is charged.")] = None


def read_request(flags: PlanFlags, file: Path | None) -> PlanRequest:
    """The file, if there is one, with the flags put over it. Raises CommandError."""
    try:
        return msgspec.convert(_gathered(flags, file), PlanRequest)
    except msgspec.ValidationError as error:
        needed = "A plan needs rate, input_tokens and output_tokens."
        raise CommandError(f"{error}. {needed}{_advice(str(error))}", code=USAGE) from None


def read_question(flags: PlanFlags, file: Path | None, *, usage: UsagePeriod) -> NewPlan:
    """The same as a question to the control plane, which fills in what was metered."""
    asked = _gathered(flags, file)
    workload, supply = _raw(asked.pop("workload")), _raw(asked.pop("supply"))
    model, as_of = asked.pop("model", usage.model or ""), asked.pop("as_of", None)
    return NewPlan(
        model=model,
        as_of=None if as_of is None else str(as_of),
        workload=workload,
        supply=supply,
        wishes=_raw(asked),
        from_usage=usage,
    )


def _raw(table: dict[str, Any]) -> dict[str, Raw]:
    return {name: Raw(msgspec.json.encode(value)) for name, value in table.items()}


def _gathered(flags: PlanFlags, file: Path | None) -> dict[str, Any]:
    given = {
        name: _items(name, value) if name in _LISTS else value
        for name in PlanFlags.__struct_fields__
        if (value := getattr(flags, name)) is not None
    }
    request = _read(file) if file else {}
    for table, names in (("workload", Workload), ("supply", Supply)):
        own = {name: given[name] for name in names.__struct_fields__ if name in given}
        request[table] = {**request.get(table, {}), **own}
    for name in (*Wishes.__struct_fields__, "model", "as_of"):
        if name in given:
            request[name] = given[name]
    return request


def _advice(error: str) -> str:
    return " A date is written 2026-05-20." if "as_of" in error else ""


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
