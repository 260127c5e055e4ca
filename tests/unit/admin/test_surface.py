"""The admin API as its callers see it."""

from typing import Any

import pytest

from kilonova.core.ports import Health
from unit.admin.installation import Office


async def _post(office: Office, path: str, **body: Any) -> dict[str, Any]:
    status, answer = await office.call("POST", f"/kn/v1/{path}", body=body)
    assert status == 201, answer
    assert isinstance(answer, dict)
    return answer


async def test_a_key_shows_its_secrets_once(office: Office) -> None:
    """Protects secrets: the list knows a key's hint, and nothing that works."""
    made = await _post(office, "keys", name="ci", kind="both")
    assert made["bearer_key"].startswith("kn_live_")
    assert len(made["access_key_id"]) == 20
    assert len(made["secret_access_key"]) == 40
    raw = (await office.send("GET", "/kn/v1/keys")).body.decode()
    assert made["id"] in raw
    assert made["access_key_id"] in raw
    assert made["bearer_key"] not in raw
    assert made["secret_access_key"] not in raw


@pytest.mark.parametrize(
    ("kind", "nulls"),
    [("bearer", {"access_key_id", "secret_access_key"}), ("aws", {"bearer_key"}), ("both", set())],
)
async def test_a_key_has_what_its_kind_says(office: Office, kind: str, nulls: set[str]) -> None:
    """Protects scripts: parts of another kind are null, not missing."""
    made = await _post(office, "keys", kind=kind)
    parts = ("bearer_key", "access_key_id", "secret_access_key")
    assert {part for part in parts if made[part] is None} == nulls


async def test_names_and_ids_find_the_same_owner(office: Office) -> None:
    """Protects operators: --organisation and --project take what a person remembers."""
    acme = await _post(office, "organisations", name="acme")
    lab = await _post(office, "projects", name="lab", organisation="acme")
    assert lab["organisation_id"] == acme["id"]
    by_name = await _post(office, "keys", organisation="acme", project="lab")
    by_id = await _post(office, "keys", organisation=acme["id"], project=lab["id"])
    by_project = await _post(office, "keys", project=lab["id"])
    assert {key["project_id"] for key in (by_name, by_id, by_project)} == {lab["id"]}
    _, listed = await office.call("GET", "/kn/v1/keys?organisation=acme&project=lab")
    assert len(listed["data"]) == 3


async def test_a_new_organisation_can_have_keys_at_once(office: Office) -> None:
    """Protects the second customer: its first project is made with it."""
    await _post(office, "organisations", name="acme")
    await _post(office, "keys", organisation="acme")


async def test_an_unclear_owner_is_not_guessed(office: Office) -> None:
    """Protects customers from paying for each other's keys: it is ``default``, or named."""
    acme = await _post(office, "organisations", name="acme")
    assert (await _post(office, "keys"))["organisation_id"] != acme["id"]
    default = next(each for each in office.accounts.organisations() if each.name == "default")
    await office.accounts.rename(default.id, "ourselves")
    status, body = await office.call("POST", "/kn/v1/keys", body={})
    assert status == 400
    assert body["error"]["param"] == "organisation"
    assert "acme" in body["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("keys", {"colour": "red"}, "colour"),
        ("keys", {"kind": "gold"}, "kind"),
        ("keys", {"limits": {"budget": "1e9"}}, "budget"),
        ("keys", {"limits": {"budget": "-1"}}, "budget"),
        ("keys", {"limits": {"budget": 1.5}}, "budget"),
        ("keys", {"limits": {"requests_per_minute": 0}}, "requests_per_minute"),
        ("keys", {"expires_at": "2026-01-01T00:00:00"}, "expires_at"),
        (
            "adjustments",
            {"kind": "credit", "reason": "r", "amount": "1", "expires_at": "2027-01-01T00:00:00"},
            "expires_at",
        ),
        ("organisations", {"name": ""}, "name"),
        ("organisations", {}, "name"),
        ("organisations", b"{", "JSON"),
        ("organisations", b'{"name": "\xff"}', "utf-8"),
        ("keys", {"limits": {"rpm": 5}}, "rpm"),
        ("keys", b'{"name":' + b"[" * 30_000, "name"),
    ],
)
async def test_a_wrong_body_is_refused_by_name(
    office: Office, path: str, body: object, word: str
) -> None:
    """Protects callers: the message names the field, and nothing is made."""
    status, answer = await office.call("POST", f"/kn/v1/{path}", body=body)
    assert status == 400
    assert word.lower() in answer["error"]["message"].lower()


@pytest.mark.parametrize(
    "query",
    [
        "by=day",
        "group_by=moon",
        "from=yesterday",
        "to=2026-13-01",
        "to=0001-01-01T00:00:00+14:00",
        "organisation=nobody",
        "organisation=%ff",
        "group_by",
        "group_by=day&group_by=key",
        "organisation=" + "x" * 5000,
    ],
)
async def test_a_wrong_query_is_refused(office: Office, query: str) -> None:
    """Protects reports: a filter that is not understood is never ignored."""
    status, _ = await office.call("GET", f"/kn/v1/usage?{query}")
    assert status in (400, 404)


async def test_limits_change_one_at_a_time(office: Office) -> None:
    """Protects limits: what a change does not name stays, null takes away."""
    made = await _post(office, "keys", limits={"requests_per_minute": 5, "budget": "0.10"})
    path = f"/kn/v1/limits/{made['id']}"
    status, level = await office.call("PATCH", path, body={"tokens_per_minute": 900})
    expected = {
        "requests_per_minute": 5, "tokens_per_minute": 900, "budget": "0.100000000",
        "budget_day": None, "budget_month": None, "soft": [],
    }  # fmt: skip
    assert (status, level["limits"]) == (200, expected)
    _, level = await office.call("PATCH", path, body={"budget": None})
    assert level["limits"] == {**expected, "budget": None}
    assert (await office.call("GET", path))[1] == level


async def test_limits_of_every_level_can_be_set(office: Office) -> None:
    """Protects organisations and projects: their limits are set by the same route."""
    _, projects = await office.call("GET", "/kn/v1/projects")
    project = projects["data"][0]
    for level_id in (project["id"], project["organisation_id"]):
        path, body = f"/kn/v1/limits/{level_id}", {"budget": "2.5"}
        assert (await office.call("PATCH", path, body=body))[1]["limits"]["budget"] == "2.500000000"


@pytest.mark.parametrize("level_id", ["key_nobody", "org_nobody", "proj_nobody", "x", "%2e%2e"])
async def test_an_unknown_id_is_not_found(office: Office, level_id: str) -> None:
    """Protects scripts: a mistyped id is 404, for limits and for keys."""
    assert (await office.call("GET", f"/kn/v1/limits/{level_id}"))[0] == 404
    assert (await office.call("DELETE", f"/kn/v1/keys/{level_id}"))[0] == 404


async def test_revoking_twice_changes_nothing(office: Office) -> None:
    """Protects retries: the first date stays."""
    made = await _post(office, "keys")
    path = f"/kn/v1/keys/{made['id']}"
    first = await office.call("DELETE", path)
    office.clock.now += 60
    assert await office.call("DELETE", path) == first
    assert first[1]["revoked_at"] is not None


async def test_pages_hold_everything_once(office: Office) -> None:
    """Protects lists: walking the pages shows each item exactly once."""
    for number in range(5):
        await _post(office, "keys", name=f"key {number}")
    seen: list[str] = []
    path = "/kn/v1/keys?limit=2"
    while True:
        _, page = await office.call("GET", path)
        assert len(page["data"]) <= 2
        seen += [key["name"] for key in page["data"]]
        if page["next"] is None:
            break
        path = f"/kn/v1/keys?limit=2&after={page['next']}"
    assert sorted(seen) == ["default", *(f"key {number}" for number in range(5))]


async def test_usage_adds_up_however_it_is_grouped(office: Office) -> None:
    """Protects the bill: every grouping has the same totals."""
    one, two = await _post(office, "keys"), await _post(office, "keys")
    await office.book(one["id"], request_id="req_1", tokens=1000)
    await office.book(one["id"], request_id="req_2", tokens=2000, day=1)
    await office.book(two["id"], request_id="req_3", tokens=3000, day=1)
    reports = {
        by: (await office.call("GET", f"/kn/v1/usage?group_by={by}"))[1]
        for by in ("model", "project", "key", "day")
    }
    for report in reports.values():
        (total,) = report["totals"]
        assert (total["requests"], total["price"], total["currency"]) == (3, "0.006003000", "USD")
        for count in ("requests", "input_tokens", "output_tokens"):
            assert total[count] == sum(row[count] for row in report["data"])
    days = {row["group"]: row["requests"] for row in reports["day"]["data"]}
    assert days == {"2026-11-23": 1, "2026-11-24": 2}
    keys = {row["group"]: row["price"] for row in reports["key"]["data"]}
    assert keys == {one["id"]: "0.003002000", two["id"]: "0.003001000"}


async def test_a_period_begins_with_from_and_ends_before_to(office: Office) -> None:
    """Protects reports by month: no request counts twice, none is lost."""
    key = await _post(office, "keys")
    for day in range(3):
        await office.book(key["id"], request_id=f"req_{day}", day=day)
    path = "/kn/v1/usage?from=2026-11-24&to=2026-11-25T00:00:00Z"
    _, report = await office.call("GET", path)
    assert report["totals"][0]["requests"] == 1


async def test_usage_of_one_organisation_is_its_own(office: Office) -> None:
    """Protects customers' figures from each other."""
    ours = await _post(office, "keys")
    await _post(office, "organisations", name="acme")
    theirs = await _post(office, "keys", organisation="acme")
    await office.book(ours["id"], request_id="req_1")
    await office.book(theirs["id"], request_id="req_2", tokens=7)
    _, report = await office.call("GET", "/kn/v1/usage?organisation=acme")
    assert [row["input_tokens"] for row in report["data"]] == [7]
    _, requests = await office.call("GET", "/kn/v1/requests?organisation=acme")
    assert [request["id"] for request in requests["data"]] == ["req_2"]


async def test_requests_come_in_pages(office: Office) -> None:
    """Protects the reader of a long ledger: bounded answers that join without a gap."""
    key = await _post(office, "keys")
    for number in range(3):
        await office.book(key["id"], request_id=f"req_{number}")
    _, first = await office.call("GET", "/kn/v1/requests?limit=2")
    _, rest = await office.call("GET", f"/kn/v1/requests?limit=2&after={first['next']}")
    ids = [request["id"] for request in (*first["data"], *rest["data"])]
    assert ids == ["req_0", "req_1", "req_2"]
    assert rest["next"] is None


async def test_spending_stands_beside_the_limits(office: Office) -> None:
    """Protects budgets: an operator sees what is left of one."""
    key = await _post(office, "keys")
    await office.book(key["id"], request_id="req_1", tokens=1000)
    _, level = await office.call("GET", f"/kn/v1/limits/{key['id']}")
    assert level["spent"] == "0.001001000"


async def test_models_say_whether_they_can_answer(office: Office) -> None:
    """Protects whoever picks a model: ready is what its engine says, or what needs no engine."""
    _, models = await office.call("GET", "/kn/v1/models")
    ready = {model["id"]: model["is_ready"] for model in models["data"]}
    able = {model for model, is_ready in ready.items() if is_ready}
    assert able == {"kilonova.echo-v1:0", "kilonova.sentry-v1:0"}
    assert "kilonova.spark-v1:0" in ready
    assert models["data"][0]["price"]["input"] == "1.000000000"
    office.parts["server"] = Health(False, "no server runs on this home")
    _, models = await office.call("GET", "/kn/v1/models")
    at_rest = {model["id"]: model["is_ready"] for model in models["data"]}
    assert not at_rest["kilonova.sentry-v1:0"]


async def test_an_alert_that_never_was_is_no_place_to_go_on_from(office: Office) -> None:
    """Protects pages of alerts: a wrong cursor is told, and not taken for the beginning."""
    assert (await office.call("GET", "/kn/v1/alerts"))[1] == {"data": [], "next": None}
    for after in ("alert_x", "alert_key_1:day:2026-11-23:50"):
        assert (await office.call("GET", f"/kn/v1/alerts?after={after}"))[0] == 404
