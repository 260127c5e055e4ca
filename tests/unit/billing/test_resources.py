"""Resources: their rates over time, what they cost in a period, and what is wrong with a table."""

import re
import tomllib
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilonova.billing.cost.plan import MACHINE, plan_resources
from kilonova.billing.cost.rates import YEAR_MS, Rates, annuity
from kilonova.billing.cost.resource import Resource, resource_cost
from kilonova.settings import SettingsError

_OWN = {
    "price": "1500",
    "life_years": 4,
    "capital_rate": "0.06",
    "upkeep_year": "50",
    "watts_idle": 10,
    "watts_max": 40,
    "pue": "1.2",
    "kwh_price": "0.2",
    "grid_g_kwh": 35,
}
_ENGINES = {"spark": "llamacpp", "echo": "echo", "cloud": "upstream"}
_DAY_MS = 86_400_000


def _plan(**tables: Any) -> Any:
    return plan_resources(tables, engines=_ENGINES, currency="EUR")


def test_a_year_of_a_machine_is_its_annuity_upkeep_and_idle_energy() -> None:
    """Protects the formula: figures worked out by hand."""
    cost = resource_cost(
        _plan(machine=_OWN).of("spark"), since_ms=0, until_ms=YEAR_MS, dynamic_nano=7
    )
    # 1500 · 0.06 / (1 − 1.06⁻⁴), 10 W · 1.2 · 8766 h at 0.2 a kilowatt-hour.
    assert cost.capital_nano == 432_887_238_560
    assert cost.upkeep_nano == 50 * 10**9
    assert cost.idle_energy_nano == 21_038_400_000
    assert cost.total_nano == cost.fixed_nano + 7
    assert (cost.currency, cost.is_assumed) == ("EUR", False)


@pytest.mark.parametrize(("years", "billions"), [("5", "8.50"), ("3", "11.99"), ("7", "7.01")])
def test_the_annuity_closes_a_published_model_of_a_gigawatt(years: str, billions: str) -> None:
    """Protects the annuity: 25.5 for machines, 12.5 for the site over 14 years at 6.8 %, and 0.9 of
    upkeep give the published totals for three lives of machines."""
    rate = Decimal("0.068")
    machines = annuity(Decimal("25.5"), years=Decimal(years), rate=rate)
    site = annuity(Decimal("12.5"), years=Decimal(14), rate=rate)
    assert round(machines + site + Decimal("0.9"), 2) == Decimal(billions)


def test_without_a_rate_a_machine_is_written_off_in_equal_parts() -> None:
    """Protects the edge of the formula, where it would divide by zero."""
    assert annuity(Decimal(12), years=Decimal(4), rate=Decimal(0)) == 3
    tiny = annuity(Decimal(12), years=Decimal(4), rate=Decimal("1e-12"))
    assert abs(tiny - 3) < Decimal("1e-10")


def _rates(from_ms: int, amount: int) -> Rates:
    return Rates(
        from_ms=from_ms,
        capital_year_nano=amount,
        upkeep_year_nano=amount // 3,
        idle_uw=amount % 1000,
        dynamic_uw=0,
        pue_ppm=1_000_000,
        kwh_nano=123_456_789,
        grid_ug_kwh=0,
    )


@given(
    st.lists(st.integers(0, 10**15), min_size=1, max_size=4),
    st.lists(st.integers(0, 5 * YEAR_MS), min_size=2, max_size=12),
)
def test_periods_add_up_to_the_nano_unit(amounts: list[int], edges: list[int]) -> None:
    """Protects statements: however a time is divided, and whenever rates change in it, the parts
    sum to the whole."""
    rates = tuple(_rates(index * YEAR_MS // 2, each) for index, each in enumerate(amounts))
    resource = Resource(name="m", currency="EUR", rates=rates)
    first, *_, last = edges = sorted(edges)
    whole = resource_cost(resource, since_ms=first, until_ms=last)
    parts = [
        resource_cost(resource, since_ms=since, until_ms=until) for since, until in pairwise(edges)
    ]
    for name in ("capital_nano", "upkeep_nano", "idle_energy_nano"):
        assert sum(getattr(part, name) for part in parts) == getattr(whole, name)


def test_rates_change_on_their_day_and_keep_what_is_not_said() -> None:
    """Protects a tariff that changes: one figure is written, the others stay."""
    table = {**_OWN, "rates": [{"from": "2026-07-01", "kwh_price": "0.4"}]}
    resource = _plan(machine=table).of("spark")
    before, after = resource.rates
    assert (before.kwh_nano, after.kwh_nano) == (200_000_000, 400_000_000)
    assert before.capital_year_nano == after.capital_year_nano
    assert resource.rates_at(after.from_ms - 1) is before
    assert resource.rates_at(after.from_ms) is after
    assert after.from_ms % _DAY_MS == 0


def test_a_machine_may_be_rented_and_bought_later() -> None:
    """Protects who moves: a rent takes the place of a price, and the other way round."""
    rented = {
        "rent_hour": "2", "watts_idle": 100, "watts_max": 700, "grid_g_kwh": 40,
        "rates": [{"from": "2027-01-01", "price": "20000", "life_years": 5, "kwh_price": "0.1"}],
    }  # fmt: skip
    first, second = _plan(gpu={**rented, "engines": ["spark"]}).of("spark").rates
    assert first.capital_year_nano == 2 * 8766 * 10**9
    assert second.capital_year_nano == 4000 * 10**9


def test_engines_run_where_it_is_said_and_else_on_this_machine() -> None:
    """Protects attribution: an upstream engine is its vendor's, unless a resource claims it."""
    plain = _plan()
    assert [plain.of(name).name for name in _ENGINES] == [MACHINE, MACHINE, "upstream:cloud"]
    assert plain.of("cloud").kind == "vendor"
    assert plain.of("platform").name == MACHINE
    claimed = _plan(gpu={**_OWN, "engines": ["cloud", "spark"]})
    assert [claimed.of(name).name for name in _ENGINES] == ["gpu", MACHINE, "gpu"]
    assert set(claimed.by_name) == {"gpu", MACHINE}


def test_a_machine_that_nobody_described_is_assumed_and_costs_something() -> None:
    """Protects honesty: without a word from the operator, figures are typical ones and say so."""
    machine = _plan().of("spark")
    assert machine.is_assumed
    cost = resource_cost(machine, since_ms=0, until_ms=YEAR_MS)
    assert cost.is_assumed
    assert min(cost.capital_nano, cost.idle_energy_nano, machine.rates[0].dynamic_uw) > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price": "-1"}, r"resources\.machine\.price: -1 is negative"),
        ({"price": "nan"}, "not finite"),
        ({"kwh_price": float("inf")}, "not finite"),
        ({"price": "much"}, r"price: 'much' is not a number"),
        ({"price": None}, r"price: missing"),
        ({"grid_g_kwh": None}, r"grid_g_kwh: missing"),
        ({"life_years": 0}, r"life_years: a life of 0 years"),
        ({"watts_max": 5}, r"watts_max: 5 W is less than watts_idle, 10 W"),
        ({"pue": "0.9"}, r"pue: 0\.9 is below 1"),
        ({"rent_hour": 1}, "bought .* or rented"),
        ({"wats": 1}, "wats"),
        ({"sensors": ["meter"]}, "'meter' is none of"),
        ({"engines": ["none"]}, "there is no 'none'; known: cloud, echo, spark"),
        ({"rates": [{"from": "1970-01-01", "pue": 2}]}, "not after the rates before"),
    ],
)
def test_a_wrong_resource_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    """Protects the operator: nothing is taken to be nothing, and the key at fault is named."""
    table = {key: value for key, value in {**_OWN, **change}.items() if value is not None}
    with pytest.raises(SettingsError, match=message):
        _plan(machine=table)


def test_the_example_of_the_manual_is_right() -> None:
    """Protects operators who copy it."""
    page = (Path(__file__).parents[3] / "docs" / "reference" / "configuration.md").read_text()
    [example] = [
        text for text in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "[resources" in text
    ]
    tables = tomllib.loads(example)
    kinds = {name: table["kind"] for name, table in tables["engines"].items()}
    planned = plan_resources(tables["resources"], engines=kinds, currency="EUR")
    assert planned.of("gpus").rates[0].capital_year_nano == 236 * 8766 * 10**8
    assert len(planned.of("platform").rates) == 2


def test_an_engine_runs_in_one_place() -> None:
    """Protects conservation: no request is charged to two resources."""
    with pytest.raises(SettingsError, match="'spark' runs on a too"):
        _plan(a={**_OWN, "engines": ["spark"]}, b={**_OWN, "engines": ["spark"]})
    with pytest.raises(ValueError, match="before it begins"):
        resource_cost(_plan().of("spark"), since_ms=2, until_ms=1)
