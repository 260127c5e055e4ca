"""What a resource costs while time goes by, and what its energy costs. Integers, exact over time.

A rate is nano-units a year: a yearly amount rounded once is exact to a part in 10¹², a rate per
second would not be. A year has 365.25 days.
"""

from decimal import Decimal, localcontext

from msgspec import Struct

__all__ = ["UJ_PER_KWH", "YEAR_MS", "YEAR_NS", "Rates", "annuity"]

YEAR_MS = 31_557_600_000
YEAR_NS = YEAR_MS * 1_000_000
UJ_PER_KWH = 3_600_000_000_000
_DIGITS = 50


class Rates(Struct, frozen=True, kw_only=True):
    """From ``from_ms`` on. ``idle_uw`` and ``dynamic_uw`` are microwatts at the wall, the site's
    overhead (``pue_ppm``, millionths) included: without work, and more at full load.

    ``kwh_nano`` is the price of a kilowatt-hour, ``grid_ug_kwh`` its carbon in micrograms of CO2e.
    """

    from_ms: int
    capital_year_nano: int
    upkeep_year_nano: int
    idle_uw: int
    dynamic_uw: int
    pue_ppm: int
    kwh_nano: int
    grid_ug_kwh: int

    @property
    def idle_year_nano(self) -> int:
        """A year of the energy that it draws without work."""
        return self.energy_nano(self.idle_uw * (YEAR_MS // 1000))

    @property
    def fixed_year_nano(self) -> int:
        """What a year costs whether it works or not."""
        return self.capital_year_nano + self.upkeep_year_nano + self.idle_year_nano

    def energy_nano(self, energy_uj: int) -> int:
        """The price of energy, rounded down."""
        return energy_uj * self.kwh_nano // UJ_PER_KWH


def annuity(capital: Decimal, *, years: Decimal, rate: Decimal) -> Decimal:
    """The equal yearly payment that repays ``capital`` with interest: C·r / (1 − (1+r)^−n).

    A rate of 0 gives straight-line depreciation. Raises ValueError for a life of 0 or less, or a
    rate below 0. Accurate to far beyond a nano-unit for any amount of money.
    """
    if years <= 0:
        raise ValueError(f"a life of {years} years is none: give one above 0")
    if rate < 0:
        raise ValueError(f"a capital rate of {rate} is below 0")
    with localcontext() as context:
        context.prec = _DIGITS
        if rate == 0:
            return capital / years
        return capital * rate / (1 - (1 + rate) ** -years)
