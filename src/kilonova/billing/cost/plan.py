"""The resources of an installation: those of ``[resources.NAME]``, and what is assumed without.

Local engines run on the resource ``machine`` unless another names them; an engine of the kind
``upstream`` is the resource ``upstream:ENGINE``, whose vendor charges by request.
"""

import datetime
import os
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from kilonova.billing.cost.rates import Rates, annuity
from kilonova.billing.cost.resource import Resource
from kilonova.core.money import NANO
from kilonova.settings import SettingsError

__all__ = ["MACHINE", "ResourceEntry", "Resources", "plan_resources"]

MACHINE = "machine"
VENDOR = "upstream"
_HOURS_A_YEAR = Decimal(8766)
_MILLION = 1_000_000
# What this machine may have; another resource has what it says.
_SENSORS = ("rapl", "nvml", "cpu")
_SENSOR = re.compile(r"rapl|cpu|nvml(:[0-9]{1,4})?")
_POWER_SUPPLIES = Path("/sys/class/power_supply")

# A number as TOML has it, or as decimal text, which is exact.
Number = str | int | float


class RatesEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates from a day on; what is left out is as before. ``from_day`` is written ``from``."""

    from_day: datetime.date = field(name="from", default=datetime.date(1970, 1, 1))
    price: Number | None = None
    life_years: Number | None = None
    capital_rate: Number | None = None
    rent_hour: Number | None = None
    upkeep_year: Number | None = None
    watts_idle: Number | None = None
    watts_max: Number | None = None
    pue: Number | None = None
    kwh_price: Number | None = None
    grid_g_kwh: Number | None = None


class ResourceEntry(RatesEntry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table ``[resources.NAME]``: what holds from the start, and ``rates`` that change it.

    ``engines`` are those that run on it, ``sensors`` what tells its energy."""

    currency: str | None = None
    engines: tuple[str, ...] = ()
    sensors: tuple[str, ...] | None = None
    rates: tuple[RatesEntry, ...] = ()


class Resources(Struct, frozen=True):
    """By name, and the name of the one that each engine runs on."""

    by_name: dict[str, Resource]
    of_engine: dict[str, str]

    def of(self, engine: str) -> Resource:
        """What an engine runs on; the platform's own parts run on this machine."""
        return self.by_name[self.of_engine.get(engine, MACHINE)]


def plan_resources(
    written: Mapping[str, Mapping[str, Any]], *, engines: Mapping[str, str], currency: str
) -> Resources:
    """``engines`` gives the kind of each. Raises SettingsError that names the key at fault."""
    by_name: dict[str, Resource] = {}
    of_engine: dict[str, str] = {}
    for name, table in written.items():
        where = f"resources.{name}"
        entry = _entry(table, where)
        by_name[name] = _resource(name, entry, currency=currency)
        for engine in entry.engines:
            if engine not in engines:
                known = ", ".join(sorted(engines))
                raise SettingsError(f"{where}.engines: there is no {engine!r}; known: {known}")
            if engine in of_engine:
                raise SettingsError(f"{where}.engines: {engine!r} runs on {of_engine[engine]} too")
            of_engine[engine] = name
    for engine, kind in engines.items():
        if engine in of_engine:
            continue
        if kind != VENDOR:
            of_engine[engine] = MACHINE
            continue
        name = f"{VENDOR}:{engine}"
        by_name[name] = Resource(name=name, currency=currency, kind="vendor")
        of_engine[engine] = name
    if MACHINE not in by_name:
        by_name[MACHINE] = _assumed(currency)
    return Resources(by_name, of_engine)


def _entry(table: Mapping[str, Any], where: str) -> ResourceEntry:
    try:
        return msgspec.convert(table, ResourceEntry)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {error}") from None


def _resource(name: str, entry: ResourceEntry, *, currency: str) -> Resource:
    where = f"resources.{name}"
    sensors = entry.sensors
    if sensors is None:
        sensors = _SENSORS if name == MACHINE else ()
    for sensor in sensors:
        if not _SENSOR.fullmatch(sensor):
            raise SettingsError(f"{where}.sensors: {sensor!r} is none of rapl, nvml, nvml:N, cpu")
    rates: list[Rates] = []
    merged: dict[str, Number] = {}
    for index, change in enumerate((entry, *entry.rates)):
        at = where if not index else f"{where}.rates[{index - 1}]"
        given = {key: getattr(change, key) for key in _FIGURES if getattr(change, key) is not None}
        merged = _merged(merged, given)
        row = _rates(merged, change.from_day, at)
        if rates and row.from_ms <= rates[-1].from_ms:
            raise SettingsError(f"{at}.from: {change.from_day} is not after the rates before it")
        rates.append(row)
    return Resource(
        name=name, currency=entry.currency or currency, rates=tuple(rates), sensors=sensors
    )


_FIGURES = tuple(name for name in RatesEntry.__struct_fields__ if name != "from_day")
_BOUGHT = ("price", "life_years", "capital_rate")


def _merged(before: dict[str, Number], given: dict[str, Number]) -> dict[str, Number]:
    """A machine is bought or rented: who says one takes the other back."""
    gone = _BOUGHT if "rent_hour" in given else ("rent_hour",) if "price" in given else ()
    return {key: value for key, value in before.items() if key not in gone} | given


def _rates(figures: Mapping[str, Number], from_day: datetime.date, where: str) -> Rates:
    numbers = {key: _number(value, f"{where}.{key}") for key, value in figures.items()}
    is_rented = "rent_hour" in numbers
    _require(numbers, is_rented=is_rented, where=where)
    pue = numbers.get("pue", Decimal(1))
    if pue < 1:
        raise SettingsError(f"{where}.pue: {pue} is below 1, and a site draws what its machines do")
    idle, most = numbers["watts_idle"], numbers["watts_max"]
    if most < idle:
        raise SettingsError(f"{where}.watts_max: {most} W is less than watts_idle, {idle} W")
    if is_rented:
        capital = numbers["rent_hour"] * _HOURS_A_YEAR
    else:
        rate = numbers.get("capital_rate", Decimal(0))
        try:
            capital = annuity(numbers["price"], years=numbers["life_years"], rate=rate)
        except ValueError as error:
            raise SettingsError(f"{where}.life_years: {error}") from None
    return Rates(
        from_ms=_epoch_ms(from_day),
        capital_year_nano=round(capital * NANO),
        upkeep_year_nano=round(numbers.get("upkeep_year", Decimal(0)) * NANO),
        idle_uw=round(idle * pue * _MILLION),
        dynamic_uw=round((most - idle) * pue * _MILLION),
        pue_ppm=round(pue * _MILLION),
        kwh_nano=round(numbers.get("kwh_price", Decimal(0)) * NANO),
        grid_ug_kwh=round(numbers["grid_g_kwh"] * _MILLION),
    )


def _require(numbers: Mapping[str, Decimal], *, is_rented: bool, where: str) -> None:
    """Nothing that costs money is taken to be nothing: it is said, as ``0`` if need be."""
    if is_rented and "price" in numbers:
        raise SettingsError(f"{where}.rent_hour: a machine is bought (price) or rented, not both")
    bought = () if is_rented else ("price", "life_years", "kwh_price")
    for key in (*bought, "watts_idle", "watts_max", "grid_g_kwh"):
        if key not in numbers:
            or_rent = ", or rent_hour" if key in ("price", "life_years") else ""
            raise SettingsError(f'{where}.{key}: missing; give it{or_rent} ("0" for nothing)')


def _number(value: Number, where: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise SettingsError(f"{where}: {value!r} is not a number such as '0.15'") from None
    if not number.is_finite() or number < 0:
        raise SettingsError(f"{where}: {value} is negative or not finite")
    return number


def _epoch_ms(day: datetime.date) -> int:
    return (day - datetime.date(1970, 1, 1)).days * 86_400_000


def _assumed(currency: str) -> Resource:
    """This machine, as ``assumed.toml`` has its like: a laptop has a battery."""
    tables = tomllib.loads((files(__package__) / "assumed.toml").read_text("utf-8"))
    if any(_POWER_SUPPLIES.glob("BAT*")):
        figures = tables["laptop"]
    else:
        figures = {key: value for key, value in tables["server"].items() if key != "thread"}
        threads = os.cpu_count() or 1
        for key, value in tables["server"]["thread"].items():
            figures[key] = str(Decimal(value) * threads)
    rates = _rates(figures, datetime.date(1970, 1, 1), "assumed")
    return Resource(
        name=MACHINE, currency=currency, is_assumed=True, rates=(rates,), sensors=_SENSORS
    )
