"""Plans over the admin API, and plans for what was metered."""

import asyncio
import threading
from typing import Any

import pytest

from kilonova.admin.forecast import NewPlan, PlanDesk
from kilonova.core.books import UsageSum
from kilonova.core.errors import InvalidRequest, NotFound, Overloaded
from kilonova.core.forecast import Traffic, traffic_of
from kilonova.core.tally import HOUR_MS
from kilonova.core.usage import Usage
from unit.admin.installation import Office

QUESTION: dict[str, Any] = {
    "model": "llama-3.1-8b",
    "workload": {"rate": 5, "input_tokens": 800, "output_tokens": 200},
    "supply": {"accelerators": ["h100"]},
    "wishes": {"arrivals": 200, "price_lists": ["gpt-5-mini"]},
}


async def test_a_plan_is_made_listed_and_shown(office: Office) -> None:
    """Protects the three operations: what was made can be read again."""
    status, made = await office.call("POST", "/kn/v1/plans", body=QUESTION)
    assert status == 201
    assert made["plan"]["options"][0]["accelerator"] == "h100"
    assert made["plan"]["tail"]["requests"] == 200
    assert await office.call("GET", f"/kn/v1/plans/{made['id']}") == (200, made)
    _, listed = await office.call("GET", "/kn/v1/plans")
    head = {name: made[name] for name in ("id", "created_at", "model")}
    assert listed == {"data": [head]}
    status, _ = await office.call("GET", "/kn/v1/plans/plan_none")
    assert status == 404


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": ""}, "model"),
        ({"model": "/etc/passwd.json"}, "There is no model"),
        ({"workload": {"rate": 5}}, "input_tokens"),
        ({"workload": {"rate": 0, "input_tokens": 1, "output_tokens": 1}}, "above 0"),
        ({"wishes": {"top": 1e9}}, "top"),
        ({"wishes": {"nonsense": 1}}, "nonsense"),
        ({"supply": {"accelerators": ["h1000"]}}, "Nearest: h100"),
        ({"as_of": "soon"}, "as_of"),
        ({"from_usage": {}}, "No request was answered"),
        ({"from_usage": {"from": "soon"}}, "from"),
    ],
)
async def test_what_cannot_be_planned_is_named(
    office: Office, change: dict[str, Any], words: str
) -> None:
    """Protects callers: 400 with a sentence, no file of the server read, and nothing kept."""
    status, answer = await office.call("POST", "/kn/v1/plans", body={**QUESTION, **change})
    assert status == 400
    assert words in answer["error"]["message"]
    assert await office.call("GET", "/kn/v1/plans") == (200, {"data": []})


class _Slow:
    """Plans when it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def plan(self, question: bytes, traffic: Traffic | None) -> bytes:
        assert self.go.wait(10)
        return b"{}"


async def test_questions_are_bounded() -> None:
    """Protects the server: one thread at work, four questions inside, twenty answers kept."""
    slow = _Slow()
    desk = PlanDesk(slow)
    tasks = [asyncio.create_task(desk.make(NewPlan(model="a"), None)) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await desk.make(NewPlan(model="a"), None)
    slow.go.set()
    first = (await asyncio.gather(*tasks))[0]
    assert desk.find(first.id) is first
    for _ in range(20):
        await desk.make(NewPlan(model="a"), None)
    assert len(desk.listed().data) == 20
    with pytest.raises(NotFound):
        desk.find(first.id)


def _sum(hour: int, requests: int) -> UsageSum:
    usage = Usage(
        input_tokens=30 * requests,
        cache_read_tokens=60 * requests,
        cache_write_tokens=10 * requests,
        output_tokens=20 * requests,
    )
    return UsageSum(
        group=(f"2026-11-{1 + hour // 24:02}T{hour % 24:02}", "m"),
        currency="USD", requests=requests, usage=usage, price_nano=0, shortfall_nano=0,
    )  # fmt: skip


def test_traffic_is_what_was_metered() -> None:
    """Protects plans from usage: rate, lengths and cached share; every hour by how often it was."""
    sums = [_sum(hour, 10 if hour % 24 == 9 else 2) for hour in range(48)]
    made = traffic_of(sums, since_ms=0, until_ms=48 * HOUR_MS)
    assert made.requests == 2 * (10 + 23 * 2)
    assert made.rate == pytest.approx(made.requests / (48 * 3600))
    assert (made.input_tokens, made.output_tokens, made.cache_share) == (100, 20, 0.6)
    assert made.hours == tuple(10.0 if hour == 9 else 2.0 for hour in range(24))


def test_less_than_a_day_says_nothing_of_the_hours() -> None:
    """Protects young installations: no hour is taken for a quiet one that was never seen."""
    assert traffic_of([_sum(3, 5)], since_ms=2 * HOUR_MS, until_ms=5 * HOUR_MS).hours == ()
    with pytest.raises(InvalidRequest, match="no traffic"):
        traffic_of([], since_ms=0, until_ms=HOUR_MS)
