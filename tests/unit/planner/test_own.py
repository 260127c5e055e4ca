"""One machine of one's own, from straight lines that were measured on it."""

import pytest
from msgspec.structs import replace

from kilonova.core.errors import InvalidRequest
from kilonova.planner.own import OwnMachine, plan_own
from kilonova.planner.workload import Workload
from planner_samples import TABLES

# Figures like those of a laptop with a model of three billion parameters.
LAPTOP = OwnMachine(
    name="laptop", date="2026-11-23", model="small", read_s=0.004, read_more_s=0,
    beside=(1, 4), steps_s=(0.04, 0.076), context_s=1e-6, start_s=0.02, slots=4, chunk=512,
    context_tokens=8192, off=0.1,
)  # fmt: skip
CHAT = Workload(rate=0.1, input_tokens=500, output_tokens=100)
LISTS = [TABLES.prices["gpt-5-mini"], TABLES.prices["amazon-nova-micro"]]


def test_capacity_is_what_full_slots_do() -> None:
    """Protects the limit: four answers at once, each interrupted by the prompts of the others."""
    made = plan_own(LAPTOP, CHAT, usd_hour=None, lists=LISTS)
    read, step = 0.02 + 500 * 0.004, 0.076 + 4 * 550e-6
    assert made.capacity == pytest.approx(4 / (4 * read + 100 * step))
    assert made.tokens_s == pytest.approx(made.capacity * 100)
    assert made.utilisation == pytest.approx(0.1 / made.capacity)
    assert made.usd_per_million is None


def test_every_answer_has_a_range() -> None:
    """Protects from false certainty: a slower and a faster machine stand on both sides of what is
    said, as far off as the measurements were."""
    made = plan_own(LAPTOP, CHAT, usd_hour=None, lists=[])
    assert made.slow.capacity == pytest.approx(made.capacity / 1.1)
    assert made.fast.capacity == pytest.approx(made.capacity * 1.1)
    for name in ("first_token_ms", "token_ms", "request_ms"):
        fast, said, slow = (
            getattr(tail, name).p95 for tail in (made.fast.tail, made.tail, made.slow.tail)
        )
        assert fast < said < slow


def test_a_long_prompt_takes_more_than_its_share() -> None:
    """Protects long prompts: each token looks back at those before it, but for cached ones."""
    longer = replace(LAPTOP, read_more_s=1e-6)
    half = replace(CHAT, cache_share=0.5)
    assert longer.reading_s(CHAT) == pytest.approx(0.02 + 2 + 500**2 * 1e-6)
    assert longer.reading_s(half) == pytest.approx(0.02 + 1 + (500**2 - 250**2) * 1e-6)


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_the_machine_keeps_up_below_its_capacity(share: float) -> None:
    """Protects the agreement of both: below the limit nobody waits for ever, near it longer."""
    capacity = plan_own(LAPTOP, CHAT, usd_hour=None, lists=LISTS).capacity
    alike = replace(CHAT, spread=0)
    calm = plan_own(LAPTOP, replace(alike, rate=0.01 * capacity), usd_hour=None, lists=[])
    busy = plan_own(LAPTOP, replace(alike, rate=share * capacity), usd_hour=None, lists=[])
    alone = (0.02 + 500 * 0.004 + 0.04) * 1e3
    assert calm.tail.first_token_ms.p50 == pytest.approx(alone, rel=0.05)
    assert calm.tail.token_ms.p50 == pytest.approx(40 + 0.55, rel=0.05)
    assert busy.tail.first_token_ms.p95 > 1.3 * calm.tail.first_token_ms.p50
    assert busy.tail.request_ms.p99 < 200_000


def test_more_than_it_can_is_refused_with_the_most() -> None:
    """Protects expectations: the error says what can be served, and that can."""
    with pytest.raises(InvalidRequest, match="at most") as caught:
        plan_own(LAPTOP, replace(CHAT, rate=50), usd_hour=None, lists=[])
    assert caught.value.reason == "too_few_chips"
    most = float(caught.value.message.split("at most ")[1].split(". ")[0])
    assert plan_own(LAPTOP, replace(CHAT, rate=most * 0.99), usd_hour=None, lists=[]).tail
    with pytest.raises(InvalidRequest, match="context of 8192"):
        plan_own(LAPTOP, replace(CHAT, input_tokens=9000), usd_hour=None, lists=[])


def test_it_pays_from_the_load_at_which_its_hour_costs_as_much() -> None:
    """Protects the choice between a laptop and an API: the break-even, or never."""
    made = plan_own(LAPTOP, CHAT, usd_hour=0.02, lists=LISTS)
    dear, cheap = made.prices
    each = (500 * 0.25 + 100 * 2.0) / 1e6
    assert dear.breakeven_rate == pytest.approx(0.02 / 3600 / each)
    assert cheap.breakeven_rate == pytest.approx(0.02 / 3600 / ((500 * 0.035 + 14) / 1e6))
    tokens = 0.1 * 86_400 * 600
    assert made.usd_per_million == pytest.approx(0.02 * 24 / tokens * 1e6)
    assert plan_own(LAPTOP, CHAT, usd_hour=5.0, lists=LISTS).prices[0].breakeven_rate is None
