"""Corrections, invoices, closed months and exports over the admin API."""

import base64
from decimal import Decimal
from typing import Any

import pytest

from kilonova.billing.verify import verify
from unit.admin.installation import Office


async def _post(office: Office, path: str, **body: Any) -> dict[str, Any]:
    status, answer = await office.call("POST", f"/kn/v1/{path}", body=body)
    assert status == 201, answer
    assert isinstance(answer, dict)
    return answer


async def _get(office: Office, path: str) -> dict[str, Any]:
    status, answer = await office.call("GET", f"/kn/v1/{path}")
    assert status == 200, answer
    assert isinstance(answer, dict)
    return answer


async def _charge(office: Office, *, organisation: str, request_id: str) -> str:
    """A request of 1.000001 in this organisation, which is made; its id."""
    made = await _post(office, "organisations", name=organisation)
    key = await _post(office, "keys", organisation=organisation)
    await office.book(key["id"], request_id=request_id, tokens=1_000_000)
    return str(made["id"])


async def test_a_month_from_refund_to_invoice(office: Office) -> None:
    """Protects the whole chain: correct, close, show, verify, export; and every sum agrees."""
    acme = await _charge(office, organisation="acme", request_id="req_1")
    refund = await _post(
        office,
        "adjustments",
        kind="refund",
        organisation="acme",
        request_id="req_1",
        amount="0.5",
        reason="slow",
        client_token="t1",
    )
    assert (refund["owed"], refund["refers_to"]) == ("-0.500000000", "2026-11")
    draft = await _get(office, f"invoices/{acme}?period=2026-11&format=text")
    assert draft["status"] == "draft"
    assert "Draft" not in draft["number"]
    office.clock.now += 10 * 86_400
    closed = await _post(office, "closings", period="2026-11")
    assert closed["document"]["statement"]["model"], "the statement is frozen with the month"
    listed = (await _get(office, "invoices?organisation=acme"))["data"]
    final = await _get(office, f"invoices/{acme}?period=2026-11&format=json&verify=true")
    assert final["is_verified"] is True
    assert final["sha256"] == listed[0]["sha256"]
    # 1.000001 charged, 0.5 back, 20 % tax, rounded to a cent.
    assert listed[0]["due"] == "0.600000000"
    export = await _get(office, "exports/focus?from=2026-11-01&to=2026-12-01")
    places = {name: place for place, name in enumerate(export["columns"])}
    billed = [Decimal(row[places["BilledCost"]]) for row in export["rows"]]
    assert sum(billed) == Decimal(listed[0]["due"])
    assert {row[places["InvoiceId"]] for row in export["rows"]} == {listed[0]["number"]}
    assert (await _get(office, "closings"))["data"] == [closed]
    assert verify(office.store.book) == []


async def test_nothing_is_shown_across_organisations(office: Office) -> None:
    """Protects customers: lists, invoices, exports and refunds know their own organisation."""
    acme = await _charge(office, organisation="acme", request_id="req_1")
    await _charge(office, organisation="other", request_id="req_2")
    order = {"kind": "refund", "organisation": "acme", "request_id": "req_2", "reason": "x"}
    status, _ = await office.call("POST", "/kn/v1/adjustments", body=order)
    assert status == 404
    await _post(
        office, "adjustments", kind="credit", organisation="other", amount="1", reason="secret"
    )
    assert (await _get(office, "adjustments?organisation=acme"))["data"] == []
    export = await _get(office, "exports/focus?from=2026-11-01&to=2026-12-01&organisation=acme")
    assert "other" not in str(export)
    assert len(export["rows"]) == 2
    office.clock.now += 10 * 86_400
    await _post(office, "closings", period="2026-11")
    assert {each["organisation_id"] for each in (await _get(office, "invoices"))["data"]} > {acme}
    theirs = (await _get(office, "invoices?organisation=acme"))["data"]
    assert {each["organisation_id"] for each in theirs} == {acme}


async def test_a_refund_finds_its_organisation(office: Office) -> None:
    """Protects the operator who has a request id and nothing else."""
    acme = await _charge(office, organisation="acme", request_id="req_1")
    refund = await _post(office, "adjustments", kind="refund", request_id="req_1", reason="x")
    assert refund["organisation_id"] == acme
    order = {"kind": "refund", "request_id": "req_2", "reason": "x"}
    status, _ = await office.call("POST", "/kn/v1/adjustments", body=order)
    assert status == 404


async def test_every_form_of_an_invoice(office: Office) -> None:
    """Protects clients of the API: each form has its media type, and PDF comes in base 64."""
    acme = await _charge(office, organisation="acme", request_id="req_1")
    for form, start in (("text", "Facture"), ("html", "<!doctype html>"), ("json", '{"form":1')):
        path = f"invoices/{acme}?period=2026-11&language=fr&format={form}"
        shown = await _get(office, path)
        assert shown["encoding"] == "utf-8"
        assert shown["content"].startswith(start)
    shown = await _get(office, f"invoices/{acme}?period=2026-11&format=pdf")
    assert shown["encoding"] == "base64"
    assert base64.b64decode(shown["content"]).startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "word"),
    [
        ("POST", "adjustments", {"kind": "gift", "reason": "x", "amount": "1"}, 400, "kind"),
        ("POST", "adjustments", {"kind": "credit", "reason": "", "amount": "1"}, 400, "reason"),
        ("POST", "adjustments", {"kind": "credit", "reason": "x", "amount": "1e9"}, 400, "decimal"),
        ("POST", "adjustments", {"kind": "credit", "reason": "x", "amount": "NaN"}, 400, "amount"),
        ("POST", "adjustments", {"kind": "tax", "reason": "x", "amount": "1"}, 400, "kind"),
        ("POST", "closings", {"period": "2026-13"}, 400, "month such as"),
        ("POST", "closings", {"period": "2026-11"}, 409, "still running"),
        ("POST", "closings", {"period": "2026-10"}, 409, "nothing to close"),
        ("GET", "invoices/org_none?period=2026-11", None, 404, "organisation"),
        ("GET", "invoices/default?period=2026-12", None, 404, "not begun"),
        ("GET", "invoices/default?period=2026-10", None, 404, "Nothing"),
        ("GET", "invoices/default?period=2026-11&format=doc", None, 400, "format"),
        ("GET", "invoices/default?period=2026-11&language=de", None, 400, "language"),
        ("GET", "exports/focus?from=2026-11-01", None, 400, "to"),
        ("GET", "exports/focus?from=2026-11-01&to=2026-12-01&version=1.3", None, 400, "1.2"),
        ("GET", "exports/focus?from=2026-11-01T07:00:00Z&to=2026-12-01", None, 400, "days"),
    ],
)
async def test_bad_requests_are_named(
    office: Office, method: str, path: str, body: dict[str, Any] | None, status: int, word: str
) -> None:
    """Protects operators from typing errors: each says what is wrong, and nothing is booked."""
    found, answer = await office.call(method, f"/kn/v1/{path}", body=body)
    assert found == status, answer
    assert word in answer["error"]["message"]
    assert office.store.corrections.posted == {}
