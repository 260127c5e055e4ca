"""Reports of usage: whatever is sought and however lines are cut, they add up."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kilonova.admin.schema import UsageQuery
from kilonova.admin.usage_lines import draw_up, groupings
from kilonova.core.books import Grouping, UsageSum
from kilonova.core.money import parse_nano
from kilonova.core.usage import Usage
from unit.admin.conftest import Office

_VALUES: dict[str, list[str]] = {
    "key": ["key_1", "key_2", "key_3"],
    "model": ["one", "two"],
    "project": ["proj_1", "proj_2"],
    "dialect": ["openai", "bedrock"],
    "hour": ["2026-11-23T08", "2026-11-23T09", "2026-12-01T00"],
}
_MAKERS = {"key_1": "mem_ada", "key_2": "mem_ada"}
_TOLD: list[Grouping] = ["key", "model", "project", "dialect", "hour"]


def _member_of(key_id: str) -> str:
    return _MAKERS.get(key_id, "")


@st.composite
def _sums(draw: st.DrawFn) -> list[UsageSum]:
    """Sums that the books could hold, told apart by everything."""
    amounts = st.integers(0, 10**15)
    return [
        UsageSum(
            group=tuple(draw(st.sampled_from(_VALUES[name])) for name in _TOLD),
            currency=draw(st.sampled_from(["USD", "EUR"])),
            cost_currency="USD",
            requests=draw(st.integers(1, 9)),
            usage=Usage(input_tokens=draw(amounts), output_tokens=draw(amounts)),
            price_nano=draw(amounts),
            shortfall_nano=0,
            direct_nano=draw(amounts),
        )
        for _ in range(draw(st.integers(0, 12)))
    ]


def _told_apart(sums: list[UsageSum], names: tuple[Grouping, ...]) -> list[UsageSum]:
    """As a store would answer: by fewer groupings, and not yet put together."""
    places = [_TOLD.index(name) for name in names]
    return [replace(each, group=tuple(each.group[at] for at in places)) for each in sums]


_QUERIES = [
    UsageQuery(),
    UsageQuery(group_by="member"),
    UsageQuery(group_by="member", interval="hour"),
    UsageQuery(group_by="key", member="mem_ada"),
    UsageQuery(group_by="model", interval="hour", project="proj_1", dialect="openai"),
    UsageQuery(group_by="dialect", key="key_3", model="two"),
    UsageQuery(group_by="hour", interval="hour", member=""),
]


@pytest.mark.parametrize("query", _QUERIES)
@settings(deadline=None, max_examples=40)
@given(sums=_sums())
def test_lines_add_up_to_what_is_sought(query: UsageQuery, sums: list[UsageSum]) -> None:
    """Protects who reads a report: its lines sum to its totals, and its totals to the records that
    were sought, to the nano-unit, in each currency."""
    report = draw_up(query, _told_apart(sums, groupings(query)), member_of=_member_of)

    def is_sought(each: UsageSum) -> bool:
        facts: dict[Grouping, str] = dict(zip(_TOLD, each.group, strict=True))
        theirs = query.member in (None, _member_of(facts["key"]))
        return theirs and all(
            getattr(query, name) in (None, facts[name]) for name in _TOLD if name != "hour"
        )

    for currency in ("USD", "EUR"):
        sought = [each for each in sums if is_sought(each) and each.currency == currency]
        lines = [each for each in report.data if each.currency == currency]
        totals = [each for each in report.totals if each.currency == currency]
        for name, of in (("price", "price_nano"), ("cost", "direct_nano")):
            whole = sum(getattr(each, of) for each in sought)
            assert sum(parse_nano(getattr(each, name)) for each in lines) == whole
            assert sum(parse_nano(getattr(each, name)) for each in totals) == whole
        assert sum(each.requests for each in lines) == sum(each.requests for each in sought)
        assert len(totals) <= 1
    places = [(each.group, each.time, each.currency) for each in report.data]
    assert len(set(places)) == len(places)


async def test_a_member_answers_for_the_keys_that_the_member_made(office: Office) -> None:
    """Protects who shares a bill: requests count for the member who made their key; those of a key
    that the operator made are nobody's."""
    first = (await office.call("GET", "/kn/v1/keys"))[1]["data"][0]
    assert first["made_by"] is None
    await office.book(first["id"], request_id="req_1")
    _, seen = await office.call("GET", "/kn/v1/usage?group_by=member&interval=day")
    assert [(each["group"], each["requests"]) for each in seen["data"]] == [("", 1)]
    assert seen["data"][0]["time"] is not None
    _, nobody = await office.call("GET", "/kn/v1/usage?member=mem_who")
    assert nobody["data"] == nobody["totals"] == []


async def test_one_request_and_how_its_price_came_to_be(office: Office) -> None:
    """Protects who asks why: the lines of a request sum to its price, its entries to zero, and what
    is too quick or too cheap is left out where that is asked."""
    first = (await office.call("GET", "/kn/v1/keys"))[1]["data"][0]
    await office.book(first["id"], request_id="req_1")
    status, detail = await office.call("GET", "/kn/v1/requests/req_1")
    assert status == 200
    price = parse_nano(detail["request"]["price"])
    assert sum(parse_nano(each["amount"]) for each in detail["lines"]) == price > 0
    assert {each["kind"] for each in detail["lines"]} == {"input", "output"}
    amounts = [each["amount"] for each in detail["entries"]]
    assert len(amounts) == 2
    assert (
        amounts[0].removeprefix("-") == amounts[1].removeprefix("-") == detail["request"]["price"]
    )
    assert (await office.call("GET", "/kn/v1/requests/req_2"))[0] == 404
    for sought, count in (
        ("price_min=0.001", 1),
        ("price_min=5", 0),
        ("took_ms_min=0", 1),
        ("took_ms_min=100000", 0),
    ):
        _, found = await office.call("GET", f"/kn/v1/requests?{sought}")
        assert len(found["data"]) == count, sought
    status, refused = await office.call("GET", "/kn/v1/requests?price_min=-1")
    assert (status, refused["error"]["param"]) == (400, "price_min")


async def test_limits_are_asked_for_by_name(office: Office) -> None:
    """Protects operators from ids: a name that only one has will do; of several none is guessed."""
    made: dict[str, Any] = (await office.call("POST", "/kn/v1/keys", body={"name": "night shift"}))[
        1
    ]
    status, seen = await office.call("GET", "/kn/v1/limits/night%20shift")
    assert (status, seen["id"]) == (200, made["id"])
    status, seen = await office.call(
        "PATCH", "/kn/v1/limits/night%20shift", body={"requests_per_minute": 7}
    )
    assert (status, seen["limits"]["requests_per_minute"]) == (200, 7)
    await office.call("POST", "/kn/v1/projects", body={"name": "night shift"})
    status, refused = await office.call("GET", "/kn/v1/limits/night%20shift")
    assert status == 400
    assert made["id"] in refused["error"]["message"]
    assert (await office.call("GET", "/kn/v1/limits/nobody"))[0] == 404
