"""The cost of requests: sums of shares are exact, and never more than the resource cost."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kilonova.billing.cost.machine import Machine
from kilonova.billing.cost.power import Power
from kilonova.billing.cost.rates import UJ_PER_KWH, YEAR_NS, Rates
from kilonova.billing.cost.resource import Resource, resource_cost
from kilonova.billing.cost.vendor import Vendor
from kilonova.core.model import Model
from kilonova.core.usage import Cost, Usage
from kilonova.gateway.work import Place, Share, SharedTime, Works

_MODEL = Model(id="m", name="M", provider="test", engine="e")
_RATES = Rates(
    from_ms=0,
    capital_year_nano=432_887_238_560,
    upkeep_year_nano=50_000_000_001,
    idle_uw=12_000_000,
    dynamic_uw=36_000_000,
    pue_ppm=1_200_000,
    kwh_nano=200_000_001,
    grid_ug_kwh=35_000_000,
)


class _Clock:
    """Wall and monotonic time together, in nanoseconds."""

    def __init__(self, ns: int = 1_700_000_000_000_000_000) -> None:
        self.ns = ns

    def __call__(self) -> int:
        return self.ns

    def now_s(self) -> float:
        return self.ns / 1e9

    def monotonic_s(self) -> float:
        return self.ns / 1e9


def _machine(
    clock: _Clock, *rates: Rates, power: Power | None = None, is_assumed: bool = False
) -> tuple[Machine, SharedTime]:
    resource = Resource(
        name="machine", currency="EUR", rates=rates or (_RATES,), is_assumed=is_assumed
    )
    shared = SharedTime(clock)
    return Machine(resource, shared, power=power, clock=clock), shared


def _cost(machine: Machine, *, busy_ns: int, energy_uj: int) -> Cost:
    return machine.cost(Share(_MODEL, Usage(), busy_ns, energy_uj))


@given(st.lists(st.tuples(st.integers(0, 10**11), st.integers(0, 10**9)), max_size=40))
def test_sums_are_those_of_the_whole_rounded_once(shares: list[tuple[int, int]]) -> None:
    """Protects the bill of the machine: roundings of single requests do not add up."""
    machine, _ = _machine(_Clock())
    costs = [_cost(machine, busy_ns=busy, energy_uj=energy) for busy, energy in shares]
    busy, energy = (sum(column) for column in zip(*shares, strict=True)) if shares else (0, 0)
    marginal = sum(cost.marginal_nano for cost in costs)
    assert marginal == energy * _RATES.kwh_nano // UJ_PER_KWH
    fixed = sum(cost.direct_nano for cost in costs) - marginal
    assert fixed == busy * _RATES.fixed_year_nano // YEAR_NS
    assert sum(cost.co2_ug for cost in costs) == energy * _RATES.grid_ug_kwh // UJ_PER_KWH


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5_000)), min_size=1, max_size=60))
def test_requests_and_what_is_unallocated_are_the_resource_cost(
    steps: Sequence[tuple[int, int]],
) -> None:
    """Protects conservation: over any time with any work in it, the shares of all requests are at
    most what the resource cost, and idle time is what is left."""
    clock = _Clock(1_700_000_000_000 * 1_000_000)
    machine, shared = _machine(clock)
    works = Works({"e": Place(shared, machine)}, {})
    running = []
    costs = []
    since_ms = clock.ns // 1_000_000
    for kind, wait_ms in steps:
        clock.ns += wait_ms * 1_000_000
        if kind == 0:
            work = works.open(_MODEL, input_tokens=wait_ms % 900)
            work.begin()
            running.append(work)
        elif running and kind == 1:
            running[0].write()
        elif running:
            costs.append(running.pop(0).end(Usage()))
    costs += [work.end(Usage()) for work in running]
    until_ms = clock.ns // 1_000_000
    dynamic = sum(cost.marginal_nano for cost in costs)
    whole = resource_cost(
        machine.resource, since_ms=since_ms, until_ms=until_ms, dynamic_nano=dynamic
    )
    unallocated = whole.total_nano - sum(cost.direct_nano for cost in costs)
    # The three parts of the fixed cost are rounded down by themselves.
    assert unallocated >= -2
    assert sum(cost.busy_ns for cost in costs) <= shared.busy_ns
    if sum(wait for _, wait in steps) * 1_000_000 == shared.busy_ns:
        assert unallocated <= 3


def test_a_request_is_charged_by_the_rates_of_its_end() -> None:
    """Protects rates that change while the server runs."""
    later = 1_700_000_060_000
    clock = _Clock()
    dearer = Rates(
        from_ms=later,
        capital_year_nano=2 * YEAR_NS,
        upkeep_year_nano=0,
        idle_uw=0,
        dynamic_uw=1,
        pue_ppm=1_000_000,
        kwh_nano=0,
        grid_ug_kwh=0,
    )
    machine, shared = _machine(clock, _RATES, dearer)
    assert _cost(machine, busy_ns=1000, energy_uj=0).direct_nano < 100
    assert shared.dynamic_uw == _RATES.dynamic_uw
    clock.ns = later * 1_000_000
    assert _cost(machine, busy_ns=1000, energy_uj=0).direct_nano == 2000
    assert shared.dynamic_uw == 1


def test_a_resource_that_is_not_there_yet_has_no_known_cost() -> None:
    """Protects settlements before the first rates: no error, and no cost of nothing."""
    clock = _Clock(1_000_000)
    future = replace(_RATES, from_ms=10**15)
    machine, shared = _machine(clock, future, power=Power([], now_ns=clock))
    shared.busy_ns = 10**12
    cost = _cost(machine, busy_ns=5, energy_uj=5)
    assert (cost.basis, cost.busy_ns, cost.direct_nano) == ("", 5, 0)


class _List:
    def __init__(self, charge_nano: int | None) -> None:
        self.charge_nano = charge_nano

    def charge(self, model: Model, usage: Usage, *, at_ms: int) -> int | None:
        return self.charge_nano if model is _MODEL and usage and at_ms else None


def test_a_vendor_costs_what_it_charges_or_is_not_known() -> None:
    """Protects margins on resold models: a missing price list is no free vendor."""
    resource = Resource(name="upstream:e", currency="EUR", kind="vendor")
    share = Share(_MODEL, Usage(input_tokens=3), 10, 0)
    known = Vendor(resource, _List(41), _Clock()).cost(share)
    assert (known.direct_nano, known.marginal_nano, known.basis) == (41, 41, "invoiced")
    assert (known.resource, known.currency, known.energy_uj) == ("upstream:e", "EUR", 0)
    unknown = Vendor(resource, _List(None), _Clock()).cost(share)
    assert (unknown.direct_nano, unknown.basis, unknown.resource) == (0, "", "upstream:e")


def test_the_label_is_that_of_the_weakest_figure() -> None:
    """Protects readers: what was assumed is not told as measured."""
    clock = _Clock()
    assert _machine(clock, is_assumed=True, power=Power([], now_ns=clock))[0].basis == "assumed"
    assert _machine(clock)[0].basis == "modelled"
