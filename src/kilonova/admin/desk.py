"""The front desk: answers who comes in, and who may come in.

A session is opened here and nowhere else: its token goes into the cookie, never into a body. What
nobody is signed in for (signing in itself) still must come from our own pages.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kilonova.admin.conversations import Conversations
from kilonova.admin.desk_schema import (
    ChatKey,
    ChatKeyOrder,
    InvitedView,
    Join,
    MemberChange,
    MemberQuery,
    NewInvitation,
    OidcReturn,
    OidcStart,
    OidcWay,
    PasswordChange,
    SessionView,
    SetUp,
    SignIn,
    Token,
)
from kilonova.admin.ports import Staff, Vouching
from kilonova.admin.rights import Own
from kilonova.admin.roster import Roster, show_member
from kilonova.admin.views import moment
from kilonova.core.errors import InvalidRequest, NotFound, Unauthenticated
from kilonova.core.members import Applicant, Member, OpenedSession, SignedIn
from kilonova.web.message import Header, Request, Response
from kilonova.web.session import (
    cookie_of,
    refuse_other_sites,
    session_cookie,
    session_of,
    set_cookie,
)

__all__ = ["Desk", "DeskRules"]

_JSON: Header = (b"content-type", b"application/json")
_PRIVATE: Header = (b"cache-control", b"no-store")
# What a sign-in by the issuer keeps in the browser until it is back.
_FLOW = "kn_oidc"
_FLOW_S = 600

Asker = SignedIn | None


class DeskRules(Struct, frozen=True, kw_only=True):
    """``is_secure``: browsers reach this server over HTTPS. They keep the cookie for ``kept_s``.
    Budgets are in ``currency``."""

    is_secure: bool
    kept_s: int
    currency: str = "USD"


class Desk:
    """``vouching`` is the other service by which people sign in, if there is one."""

    def __init__(
        self,
        staff: Staff,
        conversations: Conversations,
        rules: DeskRules,
        *,
        owner_of_request: Callable[[str], str | None] = lambda _request_id: None,
        vouching: Vouching | None = None,
    ) -> None:
        self._staff = staff
        self._roster = Roster(staff, forget=conversations.forget)
        self._vouching = vouching
        self._is_secure = rules.is_secure
        self.own = Own(
            organisation_of=lambda each: (
                owner_of_request(each) if each.startswith("req_") else staff.organisation_of(each)
            ),
            organisation_name=staff.organisation_name,
        )
        self._kept_s = rules.kept_s
        self._nobody = SessionView(
            oidc="" if vouching is None else vouching.label,
            has_passwords=staff.has_passwords,
            currency=rules.currency,
        )
        # What is open to everybody: no session is asked for before.
        self.doors: dict[str, Callable[..., Awaitable[Response]]] = {
            "session": self._session,
            "sign_in": self._sign_in,
            "set_up": self._set_up,
            "invited": self._invited,
            "join": self._join,
            "start_oidc": self._start_oidc,
            "finish_oidc": self._finish_oidc,
        }
        # What changes the session that it is asked in, and so sets its cookie.
        self.ways_out: dict[str, Callable[..., Awaitable[Response]]] = {
            "sign_out": self._sign_out,
            "sign_out_everywhere": self._sign_out_everywhere,
            "change_password": self._change_password,
        }
        self.rooms: dict[str, Callable[..., Awaitable[Response]]] = {
            "open_chat_key": self._open_chat_key,
            "list_members": self._list_members,
            "invite": self._invite,
            "withdraw": self._withdraw,
            "set_role": self._set_role,
            "remove_member": self._remove_member,
            "sign_member_out": self._sign_member_out,
            **{name: _of_member(room) for name, room in conversations.rooms.items()},
        }

    async def _session(self, request: Request) -> Response:
        credential = session_of(request)
        view = replace(self._nobody, needs_setup=self._staff.needs_setup)
        if credential is not None:
            refuse_other_sites(request)
            try:
                found = self._staff.find(credential)
            except Unauthenticated:
                return _answer(view, self._no_cookie(request))
            view = self._show(found.member, csrf=found.csrf, expires_ms=found.expires_ms)
        return _answer(view)

    async def _sign_in(self, request: Request, body: SignIn) -> Response:
        _check_page(request)
        opened = await self._staff.sign_in(body.email, body.password, body.organisation)
        return self._open(request, opened)

    async def _start_oidc(self, request: Request, body: OidcStart) -> Response:
        _check_page(request)
        address, kept = await self._issuer.start(
            _origin(request), organisation=body.organisation, invitation=body.invitation
        )
        cookie = set_cookie(request, _FLOW, kept, is_secure=self._is_secure, kept_s=_FLOW_S)
        return _answer(OidcWay(address=address), cookie)

    async def _finish_oidc(self, request: Request, body: OidcReturn) -> Response:
        """The cookie goes when it was used: the same answer opens nothing a second time."""
        _check_page(request)
        opened = await self._issuer.finish(
            cookie_of(request, _FLOW), code=body.code, state=body.state, issuer=body.iss
        )
        used = set_cookie(request, _FLOW, "", is_secure=self._is_secure, kept_s=0)
        return self._open(request, opened, used)

    async def _set_up(self, request: Request, body: SetUp) -> Response:
        _check_page(request)
        owner = Applicant(email=body.email, name=body.name, password=body.password)
        return self._open(request, await self._staff.set_up(body.token.strip(), owner))

    async def _invited(self, request: Request, body: Token) -> Response:
        _check_page(request)
        found = self._staff.invited(body.token)
        name = self._staff.organisation_name(found.organisation_id)
        return _answer(InvitedView(email=found.email, role=found.role, organisation_name=name))

    async def _join(self, request: Request, body: Join) -> Response:
        _check_page(request)
        return self._open(request, await self._staff.join(body.token, body.name, body.password))

    async def _sign_out(self, request: Request, asker: Asker) -> Response:
        await self._staff.sign_out(_in_session(asker), everywhere=False)
        return _answer(self._nobody, self._no_cookie(request))

    async def _sign_out_everywhere(self, request: Request, asker: Asker) -> Response:
        await self._staff.sign_out(_in_session(asker), everywhere=True)
        return _answer(self._nobody, self._no_cookie(request))

    async def _change_password(
        self, request: Request, asker: Asker, body: PasswordChange
    ) -> Response:
        member = _in_session(asker).member
        opened = await self._staff.change_password(member, body.password, body.new_password)
        return self._open(request, opened)

    async def _open_chat_key(self, asker: Asker, body: ChatKeyOrder) -> Response:
        key = await self._staff.open_key(_in_session(asker).member, body.project)
        return _answer(ChatKey(key_id=key.id, project_id=key.project_id))

    async def _list_members(self, _asker: Asker, query: MemberQuery) -> Response:
        return _answer(await self._roster.list_members(query))

    async def _invite(self, asker: Asker, body: NewInvitation) -> Response:
        return _answer(await self._roster.invite(body, actor=_actor(asker)), status=201)

    async def _withdraw(self, asker: Asker, id_: str, query: MemberQuery) -> Response:
        return _answer(await self._roster.withdraw(id_, query, actor=_actor(asker)))

    async def _set_role(self, asker: Asker, id_: str, body: MemberChange) -> Response:
        return _answer(await self._roster.set_role(id_, body, actor=_actor(asker)))

    async def _remove_member(self, asker: Asker, id_: str) -> Response:
        return _answer(await self._roster.remove_member(id_, actor=_actor(asker)))

    async def _sign_member_out(self, asker: Asker, id_: str) -> Response:
        return _answer(await self._roster.sign_member_out(id_, actor=_actor(asker)))

    def _open(self, request: Request, opened: OpenedSession, *beside: Header) -> Response:
        view = self._show(opened.member, csrf=opened.csrf, expires_ms=opened.expires_ms)
        cookie = session_cookie(
            request, opened.token, is_secure=self._is_secure, kept_s=self._kept_s
        )
        return _answer(view, cookie, *beside)

    def _no_cookie(self, request: Request) -> Header:
        return session_cookie(request, "", is_secure=self._is_secure, kept_s=0)

    @property
    def _issuer(self) -> Vouching:
        if self._vouching is None:
            raise NotFound("Nobody signs in by another service here.", reason="oidc_off")
        return self._vouching

    def _show(self, member: Member, *, csrf: str, expires_ms: int) -> SessionView:
        return replace(
            self._nobody,
            member=show_member(member),
            organisation_name=self._staff.organisation_name(member.organisation_id),
            csrf=csrf,
            expires_at=moment(expires_ms),
        )


def _of_member(room: Callable[..., Awaitable[Struct]]) -> Callable[..., Awaitable[Response]]:
    """What is a member's own affair alone: not the operator's either."""

    async def serve(asker: Asker, *arguments: object) -> Response:
        return _answer(await room(_in_session(asker).member, *arguments))

    return serve


def _check_page(request: Request) -> None:
    """A form of another site can send neither JSON nor, in today's browsers, this header."""
    refuse_other_sites(request)
    kind = (request.header(b"content-type") or "").partition(";")[0].strip()
    if kind != "application/json":
        raise InvalidRequest("Send JSON, with content-type: application/json.")


def _origin(request: Request) -> str:
    """Our own address as the browser knows it; that it is ours was checked."""
    origin = request.header(b"origin") or ""
    if urlsplit(origin).scheme not in ("http", "https"):
        raise InvalidRequest("This is for the console's own pages.", reason="origin")
    return origin


def _in_session(asker: Asker) -> SignedIn:
    if asker is None:
        raise Unauthenticated("This is for members in their sessions.", reason="missing")
    return asker


def _actor(asker: Asker) -> Member | None:
    return None if asker is None else asker.member


def _answer(view: Struct, *headers: Header, status: int = 200) -> Response:
    return Response(status, msgspec.json.encode(view), (_JSON, _PRIVATE, *headers))
