"""Plans as a whole: what is ranked, what is summed, and what is refused with advice."""

import datetime
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kilonova.core.errors import InvalidRequest
from kilonova.planner.columns import Columns
from kilonova.planner.finance import annuity
from kilonova.planner.plan import Plan, Wishes, make_plan
from kilonova.planner.search import search
from kilonova.planner.shape import ModelShape
from kilonova.planner.steady import latency
from kilonova.planner.supply import Supply, hour_price
from kilonova.planner.swings import ERROR
from kilonova.planner.tables import load_tables
from kilonova.planner.tails import tail_of
from kilonova.planner.workload import Workload
from planner_samples import TABLES, traffic, way

DAY = (1.0,) * 8 + (3.0,) * 12 + (2.0,) * 4
CHAT = Workload(rate=20, input_tokens=2000, output_tokens=500, cache_share=0.25, hours=DAY)


def plan(
    workload: Workload = CHAT,
    *,
    supply: Supply | None = None,
    model: str | ModelShape = "llama-3.1-70b",
    **wishes: Any,
) -> Plan:
    """A plan with the shipped tables; the busiest hour is not played unless asked."""
    wishes = {"arrivals": 0, **wishes}
    return make_plan(
        workload, supply or Supply(), model=model, tables=TABLES, wishes=Wishes(**wishes)
    )


def refusal(**given: object) -> InvalidRequest:
    """The error of a plan that cannot be made."""
    workload = msgspec.structs.replace(CHAT, **given.pop("workload", {}))  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest) as caught:
        plan(workload, **given)  # type: ignore[arg-type]
    return caught.value


def test_the_cheapest_comes_first() -> None:
    """Protects the recommendation."""
    costs = [way.usd_a_day.value for way in plan().options]
    assert len(costs) >= 3
    assert costs == sorted(costs)


def test_kinds_of_tokens_sum_to_the_whole_cost() -> None:
    """Protects the price of a million tokens: nothing is lost between the kinds."""
    for option in plan().options:
        kinds = option.usd_per_million
        uncached, cached = 2000 * 0.75, 2000 * 0.25
        request = uncached * kinds.input + cached * kinds.cache_read + 500 * kinds.output
        assert request * CHAT.requests_a_day / 1e6 == pytest.approx(option.usd_a_day.value)
        assert kinds.mean * 2500 == pytest.approx(request)
        assert kinds.output > kinds.input > kinds.cache_read == 0


def test_the_fleet_follows_the_day() -> None:
    """Protects nights: fewer machines are paid for, and the rest is lent to batch work."""
    option = plan().options[0]
    assert option.hours[0] < option.hours[23] < option.hours[12] == option.replicas_peak
    hours = sum(option.hours)
    assert option.replicas_mean * 24 == pytest.approx(hours)
    assert option.usd_a_day.value == pytest.approx(hours * option.chips * option.usd_hour)
    assert option.idle_chip_hours == (option.replicas_peak * 24 - hours) * option.chips
    owned = plan(supply=Supply(kind="owned")).options[0]
    assert owned.usd_a_day.value == pytest.approx(owned.chips_peak * 24 * owned.usd_hour)


def test_utilisation_is_an_answer() -> None:
    """Protects the question: it is derived, between nothing and all, and higher with more load."""
    small = plan(msgspec.structs.replace(CHAT, rate=0.01)).options[0]
    large = plan(msgspec.structs.replace(CHAT, rate=500)).options[0]
    assert 0 < small.utilisation < large.utilisation < 1
    assert small.usd_per_million.mean > 10 * large.usd_per_million.mean


def test_there_is_a_replica_to_spare() -> None:
    """Protects against the loss of one: even next to no load has two."""
    quiet = msgspec.structs.replace(CHAT, rate=0.001)
    assert plan(quiet).options[0].replicas_peak == 2
    assert plan(quiet, supply=Supply(spares=0)).options[0].replicas_peak == 1


def test_targets_are_met_at_the_busiest_hour() -> None:
    """Protects the promise to callers."""
    asked = msgspec.structs.replace(CHAT, first_token_ms=500, token_ms=25)
    for option in plan(asked).options:
        assert option.first_token_ms.value <= 500
        assert option.token_ms.value <= 25
        assert option.token_ms.low < option.token_ms.value < option.token_ms.high


def test_a_tighter_target_costs_more() -> None:
    """Protects the trade between speed and price."""
    slow, fast = (
        plan(msgspec.structs.replace(CHAT, token_ms=ms)).options[0].usd_a_day.value
        for ms in (50, 12)
    )
    assert fast > slow


def test_ranges_come_from_the_measured_error() -> None:
    """Protects honesty: fleets for the throughputs that unseen models really had."""
    large = msgspec.structs.replace(CHAT, rate=20_000)
    cost, miss = plan(large).options[0].usd_a_day, TABLES.fit.throughput
    assert cost.low == pytest.approx(cost.value / miss.high, rel=0.02)
    assert cost.high == pytest.approx(cost.value / miss.low, rel=0.02)


def test_a_fleet_that_cannot_shrink_has_no_cheaper_end() -> None:
    """Protects small plans: one machine costs what it costs, however fast it is."""
    quiet = msgspec.structs.replace(CHAT, rate=0.001)
    cost = plan(quiet).options[0].usd_a_day
    assert cost.low == cost.value == cost.high


def test_breakeven_is_where_the_price_lists_meet_our_cost() -> None:
    """Protects the decision to buy or to call: dearer below that load, cheaper above it."""
    name = "amazon-nova-pro"
    (margin,) = plan(price_lists=(name,)).options[0].margins
    assert margin.breakeven_rate is not None
    signs = []
    for factor in (0.8, 1.25):
        load = msgspec.structs.replace(CHAT, rate=margin.breakeven_rate * factor)
        best = plan(load, price_lists=(name,)).options[0]
        signs.append(best.margins[0].margin_usd > 0)
    assert signs[1]
    prices = TABLES.prices[name]
    request = (1500 * prices.input + 500 * prices.cache_read + 500 * prices.output) / 1e6
    assert margin.usd_a_day == pytest.approx(request * CHAT.requests_a_day)


def test_swings_say_what_moves_the_price() -> None:
    """Protects attention: the widest first, an hour in proportion, longer answers dearer."""
    large = msgspec.structs.replace(CHAT, rate=2000, token_ms=30)
    made = plan(large)
    rows = {row.what: row for row in made.swings}
    assert set(rows) == {
        "rate", "input_tokens", "output_tokens", "cache_share", "token_ms", "price of an hour",
        ERROR,
    }  # fmt: skip
    widths = [row.width for row in made.swings]
    assert widths == sorted(widths, reverse=True)
    now, hour = made.options[0].usd_per_million.mean, rows["price of an hour"]
    assert (hour.less, hour.more) == (pytest.approx(0.8 * now), pytest.approx(1.2 * now))
    longer = rows["output_tokens"]
    assert longer.less is not None
    assert longer.more is not None
    assert longer.less < now < longer.more


def test_a_swing_that_cannot_be_is_left_open() -> None:
    """Protects plans at an edge: a fifth more input would not fit the context."""
    edge = msgspec.structs.replace(CHAT, input_tokens=120_000, rate=0.5)
    rows = {row.what: row for row in plan(edge).swings}
    assert rows["input_tokens"].less is not None
    assert rows["input_tokens"].more is None


def test_buying_pays_chip_building_and_energy() -> None:
    """Protects capital: annuities of both, and energy at the draw of the whole site."""
    supply = Supply(kind="bought", accelerators=("h100",), usd_chip=40_000, usd_kwh=0.1, pue=1.2)
    price = hour_price(supply, TABLES.accelerators["h100"], TABLES)
    kw = 0.7 * 1.3
    yearly = annuity(40_000, years=5, rate=0.068) + annuity(12_500 * kw, years=14, rate=0.068)
    assert price.usd == pytest.approx(yearly / 8766 + kw * 1.2 * 0.1)
    assert price.capital_usd == pytest.approx(40_000 + 12_500 * kw)
    option = plan(supply=supply).options[0]
    assert option.capital_usd == pytest.approx(option.chips_peak * price.capital_usd)


def test_power_stays_within_what_is_provided() -> None:
    """Protects the electrician and the bill."""
    for option in plan().options:
        assert 0.4 * option.peak_kw * 24 * 0.5 < option.kwh_a_day <= option.peak_kw * 24


def test_every_figure_has_a_source() -> None:
    """Protects trust: step times, model, chips and prices each name where they come from."""
    made = plan()
    named = {source.what.split()[0] for source in made.sources}
    assert named == {"step", "model", "accelerator", "hour", "price"}
    assert all(source.source and source.date for source in made.sources)


def test_a_plan_is_one_json_document() -> None:
    """Protects scripts."""
    made = msgspec.json.decode(msgspec.json.encode(plan()))
    assert made["options"][0]["accelerator"]


def test_prices_are_those_of_the_day() -> None:
    """Protects plans that are made again: a price list of tomorrow is not known today."""
    before = load_tables(datetime.date(2026, 3, 31))
    assert before.rate("h200", "rented").usd_h == 4.54
    assert TABLES.rate("h200", "rented").usd_h == 4.0
    assert "gpt-5" not in before.prices
    with pytest.raises(InvalidRequest, match="reserved|give its price"):
        before.rate("h100", "rented")


def test_a_model_that_is_too_large() -> None:
    """Protects buyers: the error names the least that would hold it."""
    supply = Supply(accelerators=("l4",), usd_hour=1.0)
    error = refusal(model="deepseek-r1", supply=supply)
    assert error.reason == "model_too_large"
    assert "The least that would do: " in error.message


def test_a_target_that_nobody_can_meet() -> None:
    """Protects expectations: the error names what is reached, and that can then be asked for."""
    error = refusal(workload={"token_ms": 0.01})
    assert error.reason == "target_out_of_reach"
    reached = float(error.message.split("takes ")[1].split(" ms")[0])
    asked = msgspec.structs.replace(CHAT, token_ms=math.ceil(reached * 10 + 1) / 10)
    assert plan(asked).options


def test_two_targets_that_exclude_each_other() -> None:
    """Protects from an empty answer: the error says to relax one."""
    supply = Supply(accelerators=("h100",), precisions=("fp8",), engines=("trtllm",))
    error = refusal(workload={"first_token_ms": 1.0}, supply=supply)
    assert (error.param, error.reason) == ("first_token_ms", "target_out_of_reach")


def test_too_few_chips() -> None:
    """Protects from a plan that cannot be built: the error names the least, and that works."""
    error = refusal(supply=Supply(chips_max=1))
    assert error.reason == "too_few_chips"
    assert error.message.startswith("1 chip is too few")
    least = int(error.message.split("do is ")[1].split(",")[0])
    assert plan(supply=Supply(chips_max=least)).options[0].chips_peak <= least


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rate": 0}, "above 0"),
        ({"rate": -3}, "above 0"),
        ({"rate": math.nan}, "above 0"),
        ({"rate": math.inf}, "above 0"),
        ({"output_tokens": 0}, "above 0"),
        ({"token_ms": 0}, "above 0"),
        ({"cache_share": 25}, "did you mean 0.25"),
        ({"cache_share": 1}, "below 1"),
        ({"cache_share": math.nan}, "below 1"),
        ({"input_tokens": 200_000}, "at most 130572"),
        ({"hours": (1.0, 2.0)}, "24 numbers"),
        ({"hours": (0.0,) * 24}, "not all 0"),
        ({"hours": (math.nan,) * 24}, "24 numbers"),
        ({"hours": (1e300,) * 24}, "none above"),
        ({"rate": 1e300}, "can be planned"),
        ({"input_tokens": 1e-300}, "can be planned"),
        ({"spread": -1}, "0 (all alike)"),
        ({"burst": 0.5}, "from 1 to"),
        ({"burst_s": math.inf}, "above 0"),
        ({"first_token_p95_ms": -5}, "above 0"),
    ],
)
def test_workloads_that_cannot_be(given: dict[str, object], words: str) -> None:
    """Protects from answers to questions that make no sense."""
    error = refusal(workload=given)
    assert (error.param, error.reason) == (next(iter(given)), "impossible_workload")
    assert words in error.message


@pytest.mark.parametrize(
    ("supply", "words"),
    [
        (Supply(kind="leased"), "rented, reserved, owned, bought"),
        (Supply(layout="split"), "any, together, apart"),
        (Supply(usd_hour=2), "exactly one"),
        (Supply(accelerators=("h100",), usd_hour=0), "above 0"),
        (Supply(pue=0.9), "1 at best"),
        (Supply(spares=-1), "0 is the least"),
        (Supply(accelerators=("h100",), usd_hour=1e300), "at most"),
        (Supply(kind="bought", life_years=1e-300), "below a month"),
        (Supply(kind="bought", capital_rate=6.8), "0 to 1"),
        (Supply(accelerators=("h10",)), "h100"),
        (Supply(precisions=("fp16",)), "bf16"),
        (Supply(engines=("llm",)), "vllm"),
        (Supply(kind="bought", accelerators=("b200",)), "usd_chip"),
        (Supply(accelerators=("l4",)), "--usd-hour"),
    ],
)
def test_supplies_that_cannot_be(supply: Supply, words: str) -> None:
    """Protects from unknown names and contradictory prices: each error names what would work."""
    model = "llama-3.1-8b" if supply.accelerators == ("l4",) else "llama-3.1-70b"
    assert words in refusal(supply=supply, model=model).message


_ANY = st.floats(allow_nan=True, allow_infinity=True)


def _within(least: float, most: float) -> st.SearchStrategy[float]:
    """Numbers that can be planned, of every size."""
    exponents = st.floats(math.log10(least), math.log10(most))
    return exponents.map(lambda exponent: min(max(10.0**exponent, least), most))


_LOAD = st.builds(
    Workload,
    rate=_within(1e-9, 1e12),
    input_tokens=_within(1, 1e5),
    output_tokens=_within(1, 2e4),
    cache_share=st.floats(0, 1, exclude_max=True),
    first_token_ms=st.none() | _within(1e-3, 1e9),
    token_ms=st.none() | _within(1e-3, 1e9),
)
_TERMS = st.builds(
    Supply,
    kind=st.sampled_from(["bought", "owned", "rented"]),
    accelerators=st.just(("h100",)),
    precisions=st.just(("fp8",)),
    engines=st.just(("vllm",)),
    usd_kwh=st.none() | _within(1e-9, 1e6),
    capital_rate=st.none() | st.floats(0, 1),
    life_years=st.none() | _within(1 / 12, 100),
    spares=st.integers(0, 3),
)


def _planned(workload: Workload, supply: Supply) -> Plan | InvalidRequest:
    try:
        return plan(workload, supply=supply, model="llama-3.1-8b", price_lists=("gpt-5",))
    except InvalidRequest as error:
        return error


@settings(max_examples=25, deadline=None)
@given(_LOAD, _TERMS)
def test_what_can_be_planned_has_finite_answers(workload: Workload, supply: Supply) -> None:
    """Protects extremes of every size: one request in thirty years, or a trillion a second."""
    made = _planned(workload, supply)
    if isinstance(made, InvalidRequest):
        assert made.reason in ("target_out_of_reach", "model_too_large", "impossible_workload")
        return
    (best,) = made.options
    for figure in (best.usd_a_day.high, best.kwh_a_day, best.usd_per_million.output, best.peak_kw):
        assert 0 < figure < math.inf
    assert 0 < best.utilisation <= 1


@settings(max_examples=25, deadline=None)
@given(st.tuples(*[_ANY] * 6), st.tuples(*[_ANY] * 3))
def test_no_number_breaks_the_planner(load: tuple[float, ...], terms: tuple[float, ...]) -> None:
    """Protects whoever types anything: a plan, or an error with a sentence and a field."""
    names = ("rate", "input_tokens", "output_tokens", "cache_share", "first_token_ms", "token_ms")
    bought = dict(zip(("usd_kwh", "capital_rate", "life_years"), terms, strict=True))
    supply = Supply(kind="bought", accelerators=("h100",), engines=("vllm",), **bought)
    made = _planned(Workload(**dict(zip(names, load, strict=True))), supply)
    assert isinstance(made, Plan) or (made.message and made.param)


def test_unknown_names_are_answered_with_the_nearest() -> None:
    """Protects typists."""
    assert "llama-3.1-70b" in refusal(model="lama-3.1-70").message
    assert "amazon-nova-pro" in refusal(price_lists=("nova-pro",)).message


def test_the_tables_say_where_they_are_from() -> None:
    """Protects from figures that somebody remembered: each has a source and a date."""
    entries = [
        *TABLES.accelerators.values(), *TABLES.models.values(), *TABLES.rates,
        *TABLES.purchases.values(), *TABLES.tariffs.values(), *TABLES.pues.values(),
        *TABLES.lives.values(), *TABLES.buildings.values(), *TABLES.capital.values(),
        *TABLES.prices.values(),
    ]  # fmt: skip
    assert len(entries) > 60
    for entry in entries:
        assert len(entry.source) > 10
        assert str(entry.date) >= "2023"


def test_ten_thousand_configurations_are_one_pass() -> None:
    """Protects the search: rows are repeated in the arrays, and nowhere else."""
    ways = [way(), way("deepseek-r1", chip="h200"), way("gpt-oss-120b", precision="fp4")]
    constants = TABLES.fit.constants
    three = latency(Columns.of(ways), constants, running=np.full(3, 32.0), traffic=traffic(3))
    many = latency(
        Columns.of(ways * 3334), constants, running=np.full(10_002, 32.0), traffic=traffic(10_002)
    )
    assert np.array_equal(many.token_s, np.tile(three.token_s, 3334))
    assert np.array_equal(many.first_s, np.tile(three.first_s, 3334))


def test_targets_for_95_of_100_are_met_when_played() -> None:
    """Protects promises to callers: means are tightened until the percentile holds."""
    loose = plan(supply=Supply(accelerators=("h100",)), arrivals=1000)
    assert loose.tail is not None
    asked = msgspec.structs.replace(
        CHAT, token_p95_ms=loose.tail.token_ms.p95 * 0.7, first_token_p95_ms=1500
    )
    tight = plan(asked, supply=Supply(accelerators=("h100",)), arrivals=1000)
    assert tight.tail is not None
    assert asked.token_p95_ms is not None
    assert tight.tail.token_ms.p95 <= asked.token_p95_ms
    assert tight.tail.first_token_ms.p95 <= 1500
    assert tight.options[0].usd_a_day.value >= loose.options[0].usd_a_day.value
    error = refusal(workload={"token_p95_ms": 0.01}, supply=Supply(accelerators=("h100",)))
    assert (error.param, error.reason) == ("token_p95_ms", "target_out_of_reach")


@pytest.mark.parametrize("layout", ["together", "apart"])
def test_targets_for_95_of_100_hold_with_a_replica_lost(layout: str) -> None:
    """Protects the spare: a fleet that needs it to keep its promise has none."""
    supply = msgspec.structs.replace(Supply(accelerators=("h100",)), layout=layout)
    constants = TABLES.fit.constants
    asked = msgspec.structs.replace(CHAT, token_p95_ms=45, first_token_p95_ms=2500)
    made = plan(asked, supply=supply, arrivals=1000)
    shape = TABLES.models["llama-3.1-70b"]
    found = search(CHAT, shape, supply, tables=TABLES)
    whole, broken = (
        tail_of(found, 0, CHAT, constants=constants, arrivals=500, is_whole=is_whole)
        for is_whole in (True, False)
    )
    assert broken.request_ms.p95 > whole.request_ms.p95
    assert made.tail is not None
    assert made.tail.token_ms.p95 <= 45
    assert made.options[0].replicas_peak > 1


def test_a_percentile_out_of_reach_says_what_is_reached() -> None:
    """Protects from a plan that quietly misses: the nearest is in the sentence."""
    error = refusal(
        workload={"first_token_p95_ms": 140, "input_tokens": 6000, "rate": 2, "spread": 3},
        supply=Supply(accelerators=("h100",), layout="together"),
    )
    assert (error.param, error.reason) == ("first_token_p95_ms", "target_out_of_reach")


def test_parts_of_the_price_sum_to_it() -> None:
    """Protects the waterfall: what works, what stands ready and what may fail are all of it."""
    for supply in (Supply(), Supply(kind="bought", accelerators=("h100",))):
        for option in plan(supply=supply).options:
            parts = {part.what: part.usd_per_million for part in option.parts}
            assert sum(parts.values()) == pytest.approx(option.usd_per_million.mean)
            assert min(parts.values()) >= 0
            assert parts["spares"] > 0
    assert {"machines", "building", "energy"} < set(parts)


def test_quiet_hours_are_lent_to_batch() -> None:
    """Protects the night: what owned machines could serve then, at the speed they have by day."""
    owned = plan(supply=Supply(kind="owned")).options[0]
    assert owned.batch_million_tokens > 0
    full = owned.speed_curve[-1].chip_tokens_s * 5  # of five tokens of a request one is written
    assert owned.batch_million_tokens == pytest.approx(owned.idle_chip_hours * 3600 * full / 1e6)
    assert plan().options[0].batch_million_tokens == 0


def test_quarters_follow_demand() -> None:
    """Protects capital plans: fleets are sized anew, bought once, and sold at the list's price."""
    supply = Supply(kind="bought", accelerators=("h100",))
    load = msgspec.structs.replace(CHAT, rate=300)
    made = plan(load, supply=supply, quarters=6, growth=1.5, sell_at="gpt-5-mini")
    first, last = made.quarters[0], made.quarters[-1]
    assert first.chips == made.options[0].chips_peak
    assert first.capital_usd == pytest.approx(made.options[0].capital_usd)
    assert last.chips == pytest.approx(first.chips * 1.5**5, rel=0.1)
    assert sum(row.bought_chips for row in made.quarters) == last.chips
    prices = TABLES.prices["gpt-5-mini"]
    request = (1500 * prices.input + 500 * prices.cache_read + 500 * prices.output) / 1e6
    assert first.revenue_usd == pytest.approx(request * 300 * 86_400 * 365.25 / 4)
    assert last.revenue_usd == pytest.approx(first.revenue_usd * 1.5**5)
    rented = plan(load, quarters=2)
    (now, _) = rented.quarters
    assert (now.capital_usd, now.depreciation_usd) == (0, 0)
    assert now.upkeep_usd == pytest.approx(rented.options[0].usd_a_day.value * 365.25 / 4)
    error = refusal(quarters=3, growth=0)
    assert (error.param, error.reason) == ("growth", "impossible_growth")


def test_what_a_bought_hour_is_made_of_can_swing() -> None:
    """Protects the tornado: money, energy and life are moved too, and dearer is dearer."""
    rows = {row.what: row for row in plan(supply=Supply(kind="bought")).swings}
    for what in ("usd_chip", "usd_kwh", "capital_rate"):
        less, more = rows[what].less, rows[what].more
        assert less is not None
        assert more is not None
        assert less < more
    life = rows["life_years"]
    assert life.less is not None
    assert life.more is not None
    assert life.less > life.more
