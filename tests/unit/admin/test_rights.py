"""What members may do with the admin API: every route, as every role, and as a stranger."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from kilonova.accounts.vault import Vault
from kilonova.admin.access import Access
from kilonova.admin.conversations import Conversations
from kilonova.admin.desk import Desk, DeskRules
from kilonova.admin.desk_operations import DESK_OPERATIONS
from kilonova.admin.openapi import openapi
from kilonova.admin.operations import OPENAPI_PATH, OPERATIONS, Operation
from kilonova.admin.surface import AdminSurface
from kilonova.core.errors import KilonovaError
from kilonova.core.members import ROLES, OpenedSession, Role, is_at_least
from kilonova.core.usage import Cost
from kilonova.stores.memory import MemoryShelf
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Request, Response
from unit.accounts.people import PASSWORD, People, open_people
from unit.admin.installation import TOKEN, Office

DOORS = {"session", "sign_in", "set_up", "invited", "join", "start_oidc", "finish_oidc"}
OWN_AFFAIRS = {
    "sign_out", "sign_out_everywhere", "change_password", "list_conversations",
    "create_conversation", "conversation", "save_conversation", "delete_conversation",
    "export_conversation",
}  # fmt: skip
EVERY: tuple[Operation[Any], ...] = (*OPERATIONS, *DESK_OPERATIONS)
GUARDED = [each for each in EVERY if each.name not in DOORS | OWN_AFFAIRS]


@dataclass
class Site:
    """An installation with two organisations, a member of each role at home, and one abroad."""

    office: Office
    people: People
    surface: AdminSurface
    home: str
    abroad: str
    at_home: dict[Role, OpenedSession]
    stranger: OpenedSession
    conversations: Conversations

    async def send(self, method: str, path: str, **how: Any) -> Response:
        """``session`` signs; ``csrf`` replaces its token; ``headers`` are added; ``tells_cost`` is
        the server's setting."""
        target, _, query = path.partition("?")
        headers = [(b"host", b"console.test"), (b"content-type", b"application/json")]
        session: OpenedSession | None = how.get("session")
        if session is not None:
            headers.append((b"cookie", f"a=b; kn_session={session.token}; c=d".encode()))
            headers.append((b"x-kilonova-csrf", how.get("csrf", session.csrf).encode()))
        request = Request(
            method=method,
            raw_path=target.encode(),
            query=query.encode(),
            headers=[*headers, *how.get("headers", [])],
            trace=Trace(),
        )
        request.body = json.dumps(how.get("body")).encode()
        request.trace.tells_cost = how.get("tells_cost", True)
        endpoint = self.surface.find(request)
        assert endpoint is not None
        try:
            answer = await endpoint.handle(request)
        except KilonovaError as error:
            return endpoint.fail(error, request)
        assert isinstance(answer, Response)
        return answer

    async def call(self, method: str, path: str, **how: Any) -> tuple[int, Any]:
        answer = await self.send(method, path, **how)
        return answer.status, json.loads(answer.body)


def _conversations(people: People) -> Conversations:
    return Conversations(
        MemoryShelf(),
        people.clock,
        project_ids=lambda owner: [each.id for each in people.accounts.projects(owner)],
    )


@pytest.fixture
async def site(office: Office) -> Site:
    people = open_people(office.store.accounts, Vault(bytes(32)), office.clock, office.directory)
    owner = await people.first_owner()
    home = owner.member.organisation_id
    at_home: dict[Role, OpenedSession] = {"owner": owner}
    for role in ("viewer", "developer", "admin"):
        at_home[role] = await people.new_member(home, f"{role}@example.com", role)
    acme = await people.accounts.create_organisation("acme")
    await people.accounts.create_project(acme.id, "default")
    stranger = await people.new_member(acme.id, "owner@acme.example", "owner")
    conversations = _conversations(people)
    desk = Desk(
        people.members,
        conversations,
        DeskRules(is_secure=False, kept_s=3600),
        owner_of_request=lambda name: _owner_of_request(office, name),
    )
    access = Access(TOKEN, office.directory, staff=people.members)
    surface = AdminSurface(office.control, access, version="9", desk=desk)
    return Site(office, people, surface, home, acme.id, at_home, stranger, conversations)


def _owner_of_request(office: Office, request_id: str) -> str | None:
    with office.store.book.snapshot() as view:
        found = view.record(request_id)
    return None if found is None else found.record.organisation_id


async def _ids(site: Site, organisation_id: str) -> dict[str, str]:
    """One thing of each kind that an id in a path may name."""
    project = site.people.accounts.projects(organisation_id)[0]
    key = await site.people.members.open_key(
        (site.stranger if organisation_id == site.abroad else site.at_home["owner"]).member,
        project.id,
    )
    invitation, _ = await site.people.members.invite(
        None, organisation_id, email="new@example.com", role="viewer"
    )
    member = await site.people.new_member(organisation_id, "more@example.com", "viewer")
    return {
        "org": organisation_id, "proj": project.id, "key": key.id, "inv": invitation.id,
        "mem": member.member.id,
    }  # fmt: skip


async def _request(site: Site, key_id: str) -> str:
    await site.office.book(key_id, request_id="req_of_somebody")
    return "req_of_somebody"


_BODIES: dict[str, Any] = {
    "create_project": {"name": "lab"},
    "create_key": {"name": "k"},
    "set_limits": {"requests_per_minute": 4},
    "invite": {"email": "x@example.com", "role": "viewer"},
    "set_role": {"role": "developer"},
    "create_organisation": {"name": "other"},
}


async def _try(site: Site, operation: Operation[Any], session: OpenedSession, id_: str) -> int:
    body = _BODIES.get(operation.name, {})
    if operation.name == "open_chat_key":
        body = {"project": id_}
    path = operation.path.replace("{id}", id_)
    status, _ = await site.call(operation.method, path, session=session, body=body)
    return status


def test_what_is_open_to_members_says_how_far() -> None:
    """Protects organisations from each other: no operation is opened without a boundary."""
    open_ended = []
    for each in EVERY:
        reads = each.query or each.body
        is_bound = (
            each.is_common
            or (reads is not None and "organisation" in reads.__struct_fields__)
            or ("{id}" in each.path and bool(each.kinds))
            or each.name == "open_chat_key"
        )
        if each.role is not None and not is_bound:
            open_ended.append(each.name)
    assert open_ended == []


@pytest.mark.parametrize("operation", GUARDED, ids=lambda each: each.name)
@pytest.mark.parametrize("role", ROLES)
async def test_every_route_as_every_role(site: Site, operation: Operation[Any], role: Role) -> None:
    """Protects the operator and the organisation: what is not opened to a role is closed to it."""
    ids = await _ids(site, site.home)
    ids["req"] = await _request(site, ids["key"])
    is_open = operation.role is not None and is_at_least(role, operation.role)
    kinds = operation.kinds or (("proj",) if operation.name == "open_chat_key" else ("key",))
    for kind in kinds:
        status = await _try(site, operation, site.at_home[role], ids[kind])
        assert (status not in (401, 403)) is is_open, (operation.name, role, kind, status)


@pytest.mark.parametrize("operation", GUARDED, ids=lambda each: each.name)
async def test_every_route_as_the_owner_of_another_organisation(
    site: Site, operation: Operation[Any]
) -> None:
    """Protects organisations from each other: another's things are not there, under any id."""
    ids = await _ids(site, site.home)
    ids["req"] = await _request(site, ids["key"])
    before = [site.people.accounts.keys(ids["proj"]), site.people.members.members(site.home)]
    for kind in ids:
        if "{id}" in operation.path or operation.name == "open_chat_key":
            status = await _try(site, operation, site.stranger, ids[kind])
            assert status in (403, 404), (operation.name, kind)
    reads = operation.query or operation.body
    if reads is not None and "organisation" in reads.__struct_fields__ and operation.role:
        for name in (site.home, "default"):
            path, body = operation.path.replace("{id}", ids["key"]), None
            if operation.query is not None:
                path += f"?organisation={name}"
            else:
                body = {**_BODIES.get(operation.name, {}), "organisation": name}
            status, _ = await site.call(operation.method, path, session=site.stranger, body=body)
            assert status == 404, operation.name
    assert before == [
        site.people.accounts.keys(ids["proj"]),
        site.people.members.members(site.home),
    ]


async def test_lists_show_the_own_organisation_alone(site: Site) -> None:
    """Protects organisations from each other, where nothing is named."""
    await _ids(site, site.home)
    await _ids(site, site.abroad)
    for path in ("/kn/v1/keys", "/kn/v1/projects", "/kn/v1/members"):
        _, seen = await site.call("GET", path, session=site.stranger)
        assert {each["organisation_id"] for each in seen["data"]} == {site.abroad}
    key = site.people.accounts.keys(site.people.accounts.projects(site.home)[0].id)[0]
    await site.office.book(key.id, request_id="req_1")
    for path, where in (("/kn/v1/usage", "data"), ("/kn/v1/requests", "data")):
        assert (await site.call("GET", path, session=site.stranger))[1][where] == []
        assert len((await site.call("GET", path, session=site.at_home["viewer"]))[1][where]) == 1


async def test_the_operator_keeps_what_is_the_operators(site: Site) -> None:
    """Protects the margin: where callers are not told what answers take, members read it in no
    report either, and the operator still does; nobody else learns where the price list lies."""
    key = site.people.accounts.keys(site.people.accounts.projects(site.home)[0].id)[0]
    cost = Cost(resource="machine", currency="USD", direct_nano=7, basis="modelled")
    await site.office.book(key.id, request_id="req_1", cost=cost)
    owner, operator = site.at_home["owner"], [(b"authorization", f"Bearer {TOKEN}".encode())]
    taken = ("cost", "cost_currency", "busy_s", "energy_wh", "co2_g")
    for how, tells_cost, knows in (
        ({"session": owner}, True, True),
        ({"session": owner}, False, False),
        ({"headers": operator}, False, True),
    ):
        for path in ("/kn/v1/usage", "/kn/v1/usage?group_by=key"):
            _, seen = await site.call("GET", path, tells_cost=tells_cost, **how)
            for line in (*seen["data"], *seen["totals"]):
                assert {line[name] is not None for name in taken} == {knows}
                assert line["price"] == "0.001001000"
        _, requests = await site.call("GET", "/kn/v1/requests", tells_cost=tells_cost, **how)
        assert [each["cost"] is not None for each in requests["data"]] == [knows]
        path = "/kn/v1/statements/pnl?period=2026-11"
        status, _ = await site.call("GET", path, tells_cost=tells_cost, **how)
        assert status == (200 if knows else 403)
        _, prices = await site.call("GET", "/kn/v1/prices", tells_cost=tells_cost, **how)
        assert bool(prices["file"]) is ("headers" in how)


async def test_an_owner_sees_the_statement_of_the_own_organisation(site: Site) -> None:
    """Protects organisations from each other, and the operator: of one's own alone, and no picture
    of the whole installation."""
    for organisation, name in ((site.home, "req_1"), (site.abroad, "req_2")):
        project = site.people.accounts.projects(organisation)[0]
        key = await site.people.members.open_key(
            (site.stranger if organisation == site.abroad else site.at_home["owner"]).member,
            project.id,
        )
        await site.office.book(key.id, request_id=name)
    path = "/kn/v1/statements/pnl?by=organisation"
    for session, own in ((site.stranger, site.abroad), (site.at_home["owner"], site.home)):
        status, seen = await site.call("GET", path, session=session)
        assert status == 200
        (statement,) = seen["data"]
        assert [segment["id"] for segment in statement["segments"]] == [own]
        assert statement["total"]["requests"] == 1
        assert statement["resources"] == []
        # Whatever is asked: a share of idle time would tell how busy others were.
        _, shared = await site.call("GET", f"{path}&idle=proportional", session=session)
        assert shared["data"][0]["idle"] == seen["data"][0]["idle"] == "platform"
        status, _ = await site.call("GET", f"{path}&pictures=true", session=session)
        assert status == 400
    _, records = await site.call(
        "GET", "/kn/v1/requests?order=newest&outcome=completed", session=site.stranger
    )
    assert [each["id"] for each in records["data"]] == ["req_2"]


async def test_an_admin_signs_a_member_out(site: Site) -> None:
    """Protects an organisation after a laptop was lost: all sessions of the member end at once, and
    an admin does not reach an owner's."""
    viewer, admin = site.at_home["viewer"], site.at_home["admin"]
    path = f"/kn/v1/members/{viewer.member.id}/sessions"
    assert (await site.call("DELETE", path, session=admin))[0] == 200
    assert (await site.call("GET", "/kn/v1/keys", session=viewer))[0] == 401
    path = f"/kn/v1/members/{site.at_home['owner'].member.id}/sessions"
    assert (await site.call("DELETE", path, session=admin))[0] == 403
    assert (await site.call("GET", "/kn/v1/keys", session=site.at_home["owner"]))[0] == 200


@pytest.mark.parametrize("operation", [each for each in EVERY if each.name not in DOORS])
async def test_every_route_is_closed_without_a_session(
    site: Site, operation: Operation[Any]
) -> None:
    """Protects everything from strangers and from sessions that never were."""
    path = operation.path.replace("{id}", "key_x")
    fake = OpenedSession(
        member=site.stranger.member, token="kn_session_guess", csrf="x", expires_ms=0
    )
    for session in (None, fake):
        status, _ = await site.call(operation.method, path, session=session, body={})
        assert status == 401


@pytest.mark.parametrize(
    "operation",
    [each for each in EVERY if each.method != "GET" and each.name not in DOORS],
    ids=lambda each: each.name,
)
async def test_every_change_needs_our_own_page(site: Site, operation: Operation[Any]) -> None:
    """Protects members from other sites: no CSRF token, or another origin, changes nothing."""
    ids = await _ids(site, site.home)
    kind = (operation.kinds or ("key",))[0]
    path = operation.path.replace("{id}", ids[kind])
    body = _BODIES.get(operation.name, {})
    owner = site.at_home["owner"]
    for how in (
        {"csrf": ""},
        {"csrf": site.stranger.csrf},
        {"headers": [(b"sec-fetch-site", b"cross-site")]},
        {"headers": [(b"origin", b"https://evil.example")]},
    ):
        status, _ = await site.call(operation.method, path, session=owner, body=body, **how)
        assert status == 403, how


async def test_the_doors_want_our_own_page_too(site: Site) -> None:
    """Protects against signing somebody in from another site."""
    body = {"email": "ada@example.com", "password": PASSWORD}
    for headers in (
        [(b"sec-fetch-site", b"cross-site")],
        [(b"origin", b"https://evil.example")],
        [(b"content-type", b"text/plain")],
    ):
        status, _ = await site.call("POST", "/kn/v1/session", body=body, headers=headers)
        assert status in (400, 403)


async def test_the_cookie_is_for_the_browser_alone(site: Site) -> None:
    """Protects the session's token: in a cookie that scripts cannot read, and in no body."""
    body = {"email": "ada@example.com", "password": PASSWORD}
    answer = await site.send("POST", "/kn/v1/session", body=body)
    cookie = dict(answer.headers)[b"set-cookie"].decode()
    token = cookie.partition("=")[2].partition(";")[0]
    assert token.startswith("kn_session_")
    assert token not in answer.body.decode()
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {each.strip() for each in cookie.split(";")}
    assert dict(answer.headers)[b"cache-control"] == b"no-store"
    signed = site.at_home["admin"]
    over = await site.send("DELETE", "/kn/v1/session", session=signed)
    assert "Max-Age=0" in dict(over.headers)[b"set-cookie"].decode()
    assert (await site.call("GET", "/kn/v1/session", session=signed))[1]["member"] is None


async def test_a_name_is_sought_among_ones_own(site: Site) -> None:
    """Protects organisations: each has a project called default, and nobody learns whose there are
    more, nor how others call theirs."""
    viewer, theirs = site.at_home["viewer"], site.people.accounts.projects(site.abroad)[0].id
    # Their own organisation is called so, too.
    status, found = await site.call("GET", "/kn/v1/alerts?level=default", session=viewer)
    assert status == 400
    assert site.home in str(found)
    assert theirs not in str(found)
    for foreign in ("acme", site.abroad, theirs):
        status, _ = await site.call("GET", f"/kn/v1/alerts?level={foreign}", session=viewer)
        assert status == 404


async def test_under_tls_the_cookie_is_secure(site: Site) -> None:
    """Protects the cookie from plain HTTP, and from other hosts, ports and paths."""
    secure = Desk(
        site.people.members, _conversations(site.people), DeskRules(is_secure=True, kept_s=60)
    )
    access = Access(TOKEN, site.office.directory, staff=site.people.members)
    site.surface = AdminSurface(site.office.control, access, version="9", desk=secure)
    body = {"email": "ada@example.com", "password": PASSWORD}
    answer = await site.send("POST", "/kn/v1/session", body=body)
    cookie = dict(answer.headers)[b"set-cookie"].decode()
    assert cookie.startswith("__Host-kn_session=kn_session_")
    assert cookie.endswith("; Secure")


async def test_a_key_in_the_header_is_not_helped_by_a_cookie(site: Site) -> None:
    """Protects against confusion: the header that is there counts."""
    status, _ = await site.call(
        "GET", "/kn/v1/models", session=site.at_home["owner"],
        headers=[(b"authorization", b"Bearer wrong")],
    )  # fmt: skip
    assert status == 401


async def test_the_operator_manages_members_too(site: Site) -> None:
    """Protects an organisation whose last owner is lost: the operator's token lets one in."""
    operator = [(b"authorization", f"Bearer {TOKEN}".encode())]
    status, sent = await site.call(
        "POST", "/kn/v1/invitations", headers=operator,
        body={"email": "new@acme.example", "role": "owner", "organisation": "acme"},
    )  # fmt: skip
    assert status == 201
    _, seen = await site.call("POST", "/kn/v1/invitations/look", body={"token": sent["token"]})
    assert seen == {"email": "new@acme.example", "role": "owner", "organisation_name": "acme"}
    status, joined = await site.call(
        "POST", "/kn/v1/invitations/join", body={"token": sent["token"], "password": PASSWORD}
    )
    assert (status, joined["member"]["role"]) == (200, "owner")
    for path in ("/kn/v1/session", "/kn/v1/sessions"):
        assert (await site.call("DELETE", path, headers=operator))[0] == 401


async def test_the_desk_answers_as_the_document_says(site: Site) -> None:
    """Protects clients: status and schema of every operation of the desk."""
    document = openapi("9")
    for operation in DESK_OPERATIONS:
        if operation.name in DOORS | OWN_AFFAIRS - {"session"}:
            continue
        ids = await _ids(site, site.home)
        path = operation.path.replace("{id}", ids[(operation.kinds or ("key",))[0]])
        body = _BODIES.get(operation.name, {"project": ids["proj"]})
        owner = site.at_home["owner"]
        status, seen = await site.call(operation.method, path, session=owner, body=body)
        responses = document["paths"][operation.path][operation.method.lower()]["responses"]
        schema = responses[str(status)]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(seen)


async def test_every_desk_operation_is_served(site: Site) -> None:
    """Protects the table: each of its lines has somebody at the desk, and the reverse."""
    desk = Desk(
        site.people.members, _conversations(site.people), DeskRules(is_secure=False, kept_s=1)
    )
    served = {*desk.doors, *desk.rooms, *desk.ways_out}
    assert {each.name for each in DESK_OPERATIONS} == served
    assert set(desk.doors) == DOORS
    status, _ = await site.call("GET", OPENAPI_PATH, session=site.at_home["viewer"])
    assert status == 200
