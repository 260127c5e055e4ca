"""``kilonova resources``: what answers run on, and what it costs."""

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import Struct

from kilonova.cli.command import command, group
from kilonova.cli.run import Run
from kilonova.core.money import NANO

if TYPE_CHECKING:
    from kilonova.billing.cost.plan import Resources
    from kilonova.billing.cost.rates import Rates

__all__ = ["app"]

app = group("Show what answers run on, and what it costs.")

_HOURS_A_YEAR = Decimal(8766)
_MICRO = Decimal(1_000_000)


class ListOptions(Struct, frozen=True, kw_only=True):
    at: Annotated[
        datetime.datetime | None,
        typer.Option(help="At this date or time, in UTC; now.", show_default=False),
    ] = None


class _View(Struct, frozen=True, kw_only=True):
    """Amounts are decimal text, of an hour; watts are at the plug, the site's overhead included."""

    name: str
    kind: str
    currency: str
    engines: tuple[str, ...]
    is_assumed: bool
    since: str | None = None
    capital_hour: str | None = None
    upkeep_hour: str | None = None
    idle_energy_hour: str | None = None
    full_energy_hour: str | None = None
    watts_idle: str | None = None
    watts_full: str | None = None
    kwh_price: str | None = None
    grid_g_kwh: str | None = None
    sensors: tuple[str, ...] = ()


@command(app)
def list_(run: Run, options: ListOptions) -> None:
    """List machines and vendors with their rates. What is assumed is marked with a star."""
    from kilonova.billing.cost.plan import plan_resources
    from kilonova.offer import plan_offer

    at = datetime.datetime.now(datetime.UTC) if options.at is None else options.at
    at_ms = round(at.replace(tzinfo=datetime.UTC).timestamp() * 1000)
    settings = run.settings()
    kinds = {plan.name: plan.kind for plan in plan_offer(settings).engines}
    planned = plan_resources(settings.resources, engines=kinds, currency=settings.prices.currency)
    views = [_view(planned, name, at_ms) for name in planned.by_name]
    if run.output.is_json:
        run.output.document({"data": views})
        return
    heads = (
        *("RESOURCE", "ENGINES", "CURRENCY", "CAPITAL/h", "UPKEEP/h", "IDLE/h", "AT WORK/h"),
        *("WATTS", "g/kWh", "ENERGY FROM"),
    )
    run.output.table(heads, [_row(view) for view in views])
    if any(view.is_assumed for view in views):
        run.output.note("* assumed; describe it in [resources.machine] of kilonova.toml")


def _view(planned: "Resources", name: str, at_ms: int) -> _View:
    from kilonova.billing.cost.sensors import open_sensors

    resource = planned.by_name[name]
    engines = tuple(engine for engine, where in planned.of_engine.items() if where == name)
    rates = resource.rates_at(at_ms)
    if rates is None:
        return _View(
            name=name,
            kind=resource.kind,
            currency=resource.currency,
            engines=engines,
            is_assumed=resource.is_assumed,
        )
    found = open_sensors(resource.sensors)
    return _View(
        name=name,
        kind=resource.kind,
        currency=resource.currency,
        engines=engines,
        is_assumed=resource.is_assumed,
        since=_day(rates),
        capital_hour=_hourly(rates.capital_year_nano),
        upkeep_hour=_hourly(rates.upkeep_year_nano),
        idle_energy_hour=_hourly(rates.idle_year_nano),
        full_energy_hour=_money(rates.energy_nano(rates.dynamic_uw * 3600)),
        watts_idle=_plain(Decimal(rates.idle_uw) / _MICRO),
        watts_full=_plain(Decimal(rates.idle_uw + rates.dynamic_uw) / _MICRO),
        kwh_price=_money(rates.kwh_nano),
        grid_g_kwh=_plain(Decimal(rates.grid_ug_kwh) / _MICRO),
        sensors=tuple(type(sensor).__name__.lower() for sensor in found),
    )


def _row(view: _View) -> tuple[str, ...]:
    watts = "" if view.watts_idle is None else f"{view.watts_idle}-{view.watts_full}"
    source = "vendor's list" if view.kind == "vendor" else ",".join(view.sensors) or "full load"
    return (
        f"{view.name}{'*' if view.is_assumed else ''}",
        ",".join(view.engines) or "-",
        view.currency,
        *(view.capital_hour or "-", view.upkeep_hour or "-", view.idle_energy_hour or "-"),
        view.full_energy_hour or "-",
        watts or "-",
        view.grid_g_kwh or "-",
        source,
    )


def _day(rates: "Rates") -> str:
    return datetime.datetime.fromtimestamp(rates.from_ms / 1000, datetime.UTC).date().isoformat()


def _hourly(year_nano: int) -> str:
    return _money(round(Decimal(year_nano) / _HOURS_A_YEAR))


def _money(nano: int) -> str:
    return str((Decimal(nano) / NANO).quantize(Decimal("0.000001")))


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
