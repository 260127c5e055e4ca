"""Who gets into the admin API."""

import pytest

from kilonova.admin.access import Access
from kilonova.admin.operations import OPENAPI_PATH, OPERATIONS
from kilonova.admin.surface import AdminSurface
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Request
from unit.admin.installation import TOKEN, Office

ROUTES = [(each.method, each.path.replace("{id}", "key_x")) for each in OPERATIONS]
ROUTES += [("GET", OPENAPI_PATH), ("GET", "/kn/v1/nothing"), ("PUT", "/kn/v1/keys")]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_route_is_closed_without_the_token(
    office: Office, method: str, path: str
) -> None:
    """Protects the operator: no route, real or not, answers a stranger or a customer."""
    made = (await office.call("POST", "/kn/v1/keys", body={}))[1]
    for token, status in (
        (None, 401),
        ("", 401),
        ("kn_admin_guess", 401),
        (TOKEN + "x", 401),
        (TOKEN.upper(), 401),
        (made["bearer_key"], 403),
    ):
        answered, body = await office.call(method, path, token=token, body={})
        assert answered == status, token
        assert set(body) == {"error"}


async def test_a_revoked_key_is_a_stranger(office: Office) -> None:
    """Protects the difference between 401 and 403: a dead key is nobody's."""
    made = (await office.call("POST", "/kn/v1/keys", body={}))[1]
    await office.call("DELETE", f"/kn/v1/keys/{made['id']}")
    status, body = await office.call("GET", "/kn/v1/status", token=made["bearer_key"])
    assert (status, body["error"]["reason"]) == (401, "revoked")


async def test_without_a_token_the_api_is_closed(office: Office) -> None:
    """Protects an installation whose operator wants no admin API: empty is never a password."""
    for nothing in (None, ""):
        access = Access(nothing, office.directory)
        office.surface = AdminSurface(office.control, access, version="9")
        for token in (None, "", "None", TOKEN):
            status, _ = await office.call("GET", "/kn/v1/status", token=token)
            assert status == 401


async def test_the_operator_s_token_is_known_elsewhere_too(office: Office) -> None:
    """Protects costs on ``/metrics``: only the whole token of the operator opens them."""
    for token, expected in ((TOKEN, True), (TOKEN + "x", False), ("", False), (None, False)):
        headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
        request = Request(
            method="GET", raw_path=b"/metrics", query=b"", headers=headers, trace=Trace()
        )
        assert Access(TOKEN, office.directory).is_operator(request) is expected
        assert not Access(None, office.directory).is_operator(request)


async def test_a_401_says_what_is_wanted(office: Office) -> None:
    """Protects clients that read the standard: a challenge stands beside every 401."""
    headers = dict((await office.send("GET", "/kn/v1/status", token=None)).headers)
    assert headers[b"www-authenticate"].startswith(b"Bearer ")


async def test_the_operator_gets_in(office: Office) -> None:
    """Protects the operator from the rest of this file."""
    status, body = await office.call("GET", "/kn/v1/status")
    assert status == 200
    assert body["version"] == "9.9.9"
    assert body["requests_open"] == 3
    assert body["started_at"] == "2026-11-23T00:00:00Z"
