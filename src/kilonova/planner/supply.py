"""What may be used and what an hour of it costs: rented, reserved, owned by others, or bought."""

import datetime
import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from kilonova.core.errors import InvalidRequest
from kilonova.planner.accelerator import PRECISIONS, Accelerator, Precision
from kilonova.planner.columns import ENGINES, Array
from kilonova.planner.finance import annuity
from kilonova.planner.fleet import Fleet
from kilonova.planner.power import SERVER
from kilonova.planner.tables import Tables, named
from kilonova.planner.workload import HOURS

__all__ = ["KINDS", "LAYOUTS", "HourPrice", "Supply", "hour_price", "usd_a_day"]

KINDS = ("rented", "reserved", "owned", "bought")
LAYOUTS = ("any", "together", "apart")
_HOURS_A_YEAR = 8_766
_MOST = (
    ("usd_hour", 1e9),
    ("usd_chip", 1e12),
    ("chips_max", 1e15),
    ("usd_kwh", 1e6),
    ("life_years", 100.0),
)


class Supply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Empty lists mean all that the tables know; None means the tables' value.

    ``usd_hour`` replaces the price of an hour, ``usd_chip`` that of buying; both need exactly one
    accelerator. ``chips_max`` is how many there are to have, ``spares`` how many
    replicas of each kind may fail at any time. ``layout`` says whether prompts are read where
    answers are written (``together``), on machines of their own (``apart``), or ``any`` of both.
    """

    kind: str = "rented"
    accelerators: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ("fp8", "fp4")
    engines: tuple[str, ...] = ENGINES
    layout: str = "any"
    usd_hour: float | None = None
    usd_chip: float | None = None
    chips_max: int | None = None
    spares: int = 1
    usd_kwh: float | None = None
    pue: float | None = None
    capital_rate: float | None = None
    life_years: float | None = None

    def check(self) -> None:
        """Raises InvalidRequest for what cannot be, naming the field and what would work."""
        if self.kind not in KINDS:
            raise _wrong("kind", f"There is no supply {self.kind!r}: use {', '.join(KINDS)}.")
        if self.layout not in LAYOUTS:
            words = ", ".join(LAYOUTS)
            raise _wrong("layout", f"There is no layout {self.layout!r}: use {words}.")
        for name, most in _MOST:
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise _wrong(name, f"{name} is {value:g}: it has to be above 0.")
            if value is not None and value > most:
                raise _wrong(name, f"{name} is {value:g}: at most {most:g} can be planned.")
        if self.capital_rate is not None and not 0 <= self.capital_rate <= 1:
            raise _wrong(
                "capital_rate", f"capital_rate is {self.capital_rate:g}: a share a year, 0 to 1."
            )
        if self.life_years is not None and self.life_years < 1 / 12:
            raise _wrong("life_years", "life_years is below a month: rent instead.")
        if not 0 <= self.spares <= 1e6:
            raise _wrong("spares", f"spares is {self.spares}: 0 is the least, a million the most.")
        if self.pue is not None and not 1 <= self.pue <= 5:
            raise _wrong("pue", f"A PUE of {self.pue:g} cannot be: it is 1 at best.")
        for name in ("usd_hour", "usd_chip"):
            if getattr(self, name) is not None and len(self.accelerators) != 1:
                raise _wrong(name, f"{name} is the price of one accelerator: name exactly one.")
        for engine in self.engines:
            named(dict.fromkeys(ENGINES, ""), engine, what="engine")

    def chips(self, tables: Tables) -> list[Accelerator]:
        """The accelerators that may be used: those named, or all that have a price of the kind."""
        if self.accelerators:
            table = tables.accelerators
            return [named(table, name, what="accelerator") for name in self.accelerators]
        priced = {rate.accelerator for rate in tables.rates if rate.kind == self.kind}
        if self.kind == "bought":
            priced = set(tables.purchases)
        found = [chip for name, chip in tables.accelerators.items() if name in priced]
        if not found:
            raise _wrong("kind", f"No accelerator has a price as {self.kind} at that date.")
        return found

    def widths(self) -> list[Precision]:
        return [named(PRECISIONS, name, what="precision") for name in self.precisions]


class HourPrice(Struct, frozen=True, kw_only=True):
    """One chip: dollars an hour, kilowatts from the wall, dollars to buy it (0 if not bought), and
    ``building_usd`` of these for the building.

    ``by_hour`` says that only the hours that are used are paid. ``parts`` are named, in dollars an
    hour, and sum to ``usd``.
    """

    usd: float
    kw: float
    capital_usd: float
    building_usd: float
    by_hour: bool
    source: str
    date: datetime.date | None
    parts: tuple[tuple[str, float], ...]


def usd_a_day(fleet: Fleet, chips: Array, prices: Sequence[HourPrice]) -> Array:
    """Rented machines are paid by the hour that they are used, others around the clock."""
    by_hour = np.array([price.by_hour for price in prices])
    hours = np.where(by_hour, np.sum(fleet.replicas, axis=-1), fleet.peak * HOURS)
    with np.errstate(invalid="ignore"):  # no chip of a fleet without end
        return np.asarray(hours * chips * np.array([price.usd for price in prices]))


def hour_price(supply: Supply, chip: Accelerator, tables: Tables) -> HourPrice:
    """What an hour of ``chip`` costs. Raises InvalidRequest where no price is known."""
    if supply.kind == "bought":
        return _bought(supply, chip, tables)
    pue = supply.pue or tables.pues["hyperscale"].value
    kw = chip.power_w * SERVER * pue / 1e3
    if supply.usd_hour is not None:
        is_rented = supply.kind == "rented"
        return HourPrice(
            usd=supply.usd_hour,
            kw=kw,
            capital_usd=0,
            building_usd=0,
            by_hour=is_rented,
            source="given",
            date=None,
            parts=((supply.kind, supply.usd_hour),),
        )
    rate = tables.rate(chip.name, supply.kind)
    return HourPrice(
        usd=rate.usd_h,
        kw=rate.kw or kw,
        capital_usd=0.0,
        building_usd=0.0,
        by_hour=supply.kind == "rented",
        source=rate.source + (f" ({rate.note})" if rate.note else ""),
        date=rate.date,
        parts=((supply.kind, rate.usd_h),),
    )


def _bought(supply: Supply, chip: Accelerator, tables: Tables) -> HourPrice:
    """Annuities of chip and building, and energy at the full draw."""
    if supply.usd_chip is None and chip.name not in tables.purchases:
        raise InvalidRequest(
            f"There is no purchase price for {chip.name} in the tables: give one with usd_chip.",
            param="usd_chip",
            reason="unknown_price",
        )
    bought = tables.purchases.get(chip.name)
    machine = supply.usd_chip if supply.usd_chip is not None else (bought.usd if bought else 0.0)
    rate = tables.capital["hyperscale"].value
    rate = rate if supply.capital_rate is None else supply.capital_rate
    kw = chip.power_w * SERVER * (supply.pue or tables.pues["hyperscale"].value) / 1e3
    building = tables.buildings["ai-site"].value * chip.power_w * SERVER / 1e3
    life = supply.life_years or tables.lives["it"].value
    parts = (
        ("machines", annuity(machine, years=life, rate=rate) / _HOURS_A_YEAR),
        (
            "building",
            annuity(building, years=tables.lives["facility"].value, rate=rate) / _HOURS_A_YEAR,
        ),
        ("energy", kw * (supply.usd_kwh or tables.tariffs["us-industrial"].value)),
    )
    return HourPrice(
        usd=sum(usd for _, usd in parts),
        kw=kw,
        capital_usd=machine + building,
        building_usd=building,
        by_hour=False,
        source=bought.source if bought and supply.usd_chip is None else "given",
        date=bought.date if bought and supply.usd_chip is None else None,
        parts=parts,
    )


def _wrong(field: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, param=field, reason="impossible_supply")
