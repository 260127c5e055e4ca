"""The front desk: answers who comes in, and who may come in.

A session is opened here and nowhere else: its token goes into the cookie, never into a body. What
nobody is signed in for (signing in itself) still must come from our own pages.
"""

from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Struct

from kilonova.admin.conversations import Conversations
from kilonova.admin.desk_schema import (
    ChatKey,
    ChatKeyOrder,
    InvitationView,
    InvitedView,
    Join,
    MemberChange,
    MemberList,
    MemberQuery,
    MemberView,
    NewInvitation,
    PasswordChange,
    SentInvitation,
    SessionView,
    SetUp,
    SignIn,
    Token,
)
from kilonova.admin.ports import Staff
from kilonova.admin.rights import Own
from kilonova.admin.views import moment
from kilonova.core.errors import InvalidRequest, Unauthenticated
from kilonova.core.members import Applicant, Invitation, Member, OpenedSession, SignedIn
from kilonova.web.message import Header, Request, Response
from kilonova.web.session import refuse_other_sites, session_cookie, session_of

__all__ = ["Desk"]

_JSON: Header = (b"content-type", b"application/json")
_PRIVATE: Header = (b"cache-control", b"no-store")

Asker = SignedIn | None


class Desk:
    """``is_secure``: browsers reach this server over HTTPS. Budgets are in ``currency``."""

    def __init__(
        self,
        staff: Staff,
        conversations: Conversations,
        *,
        is_secure: bool,
        kept_s: int,
        currency: str = "USD",
    ) -> None:
        self._staff = staff
        self._conversations = conversations
        self._is_secure = is_secure
        self.own = Own(
            organisation_of=staff.organisation_of, organisation_name=staff.organisation_name
        )
        self._kept_s = kept_s
        self._currency = currency
        # What is open to everybody: no session is asked for before.
        self.doors: dict[str, Callable[..., Awaitable[Response]]] = {
            "session": self._session,
            "sign_in": self._sign_in,
            "set_up": self._set_up,
            "invited": self._invited,
            "join": self._join,
        }
        self.rooms: dict[str, Callable[..., Awaitable[Response]]] = {
            "sign_out": self._sign_out,
            "sign_out_everywhere": self._sign_out_everywhere,
            "change_password": self._change_password,
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
        view = SessionView(needs_setup=self._staff.needs_setup)
        if credential is not None:
            refuse_other_sites(request)
            try:
                found = self._staff.find(credential)
            except Unauthenticated:
                return _answer(view, self._no_cookie())
            view = self._show(found.member, csrf=found.csrf, expires_ms=found.expires_ms)
        return _answer(view)

    async def _sign_in(self, request: Request, body: SignIn) -> Response:
        _check_page(request)
        opened = await self._staff.sign_in(body.email, body.password, body.organisation)
        return self._open(opened)

    async def _set_up(self, request: Request, body: SetUp) -> Response:
        _check_page(request)
        owner = Applicant(email=body.email, name=body.name, password=body.password)
        return self._open(await self._staff.set_up(body.token.strip(), owner))

    async def _invited(self, request: Request, body: Token) -> Response:
        _check_page(request)
        found = self._staff.invited(body.token)
        name = self._staff.organisation_name(found.organisation_id)
        return _answer(InvitedView(email=found.email, role=found.role, organisation_name=name))

    async def _join(self, request: Request, body: Join) -> Response:
        _check_page(request)
        return self._open(await self._staff.join(body.token, body.name, body.password))

    async def _sign_out(self, asker: Asker) -> Response:
        await self._staff.sign_out(_in_session(asker), everywhere=False)
        return _answer(SessionView(), self._no_cookie())

    async def _sign_out_everywhere(self, asker: Asker) -> Response:
        await self._staff.sign_out(_in_session(asker), everywhere=True)
        return _answer(SessionView(), self._no_cookie())

    async def _change_password(self, asker: Asker, body: PasswordChange) -> Response:
        member = _in_session(asker).member
        opened = await self._staff.change_password(member, body.password, body.new_password)
        return self._open(opened)

    async def _open_chat_key(self, asker: Asker, body: ChatKeyOrder) -> Response:
        key = await self._staff.open_key(_in_session(asker).member, body.project)
        return _answer(ChatKey(key_id=key.id, project_id=key.project_id))

    async def _list_members(self, _asker: Asker, query: MemberQuery) -> Response:
        organisation_id = self._staff.organisation_named(query.organisation)
        members = self._staff.members(organisation_id)
        invitations = self._staff.invitations(organisation_id)
        return _answer(
            MemberList(
                data=tuple(map(_show_member, members)),
                invitations=tuple(map(_show_invitation, invitations)),
            )
        )

    async def _invite(self, asker: Asker, body: NewInvitation) -> Response:
        organisation_id = self._staff.organisation_named(body.organisation)
        invitation, token = await self._staff.invite(
            _actor(asker), organisation_id, email=body.email, role=body.role
        )
        sent = SentInvitation(invitation=_show_invitation(invitation), token=token)
        return _answer(sent, status=201)

    async def _withdraw(self, asker: Asker, id_: str, _query: MemberQuery) -> Response:
        return _answer(_show_invitation(await self._staff.withdraw(_actor(asker), id_)))

    async def _set_role(self, asker: Asker, id_: str, body: MemberChange) -> Response:
        return _answer(_show_member(await self._staff.set_role(_actor(asker), id_, body.role)))

    async def _remove_member(self, asker: Asker, id_: str) -> Response:
        removed = await self._staff.remove(_actor(asker), id_)
        await self._conversations.forget(removed)
        return _answer(_show_member(removed))

    async def _sign_member_out(self, asker: Asker, id_: str) -> Response:
        return _answer(_show_member(await self._staff.sign_member_out(_actor(asker), id_)))

    def _open(self, opened: OpenedSession) -> Response:
        view = self._show(opened.member, csrf=opened.csrf, expires_ms=opened.expires_ms)
        cookie = session_cookie(opened.token, is_secure=self._is_secure, kept_s=self._kept_s)
        return _answer(view, cookie)

    def _no_cookie(self) -> Header:
        return session_cookie("", is_secure=self._is_secure, kept_s=0)

    def _show(self, member: Member, *, csrf: str, expires_ms: int) -> SessionView:
        return SessionView(
            member=_show_member(member),
            organisation_name=self._staff.organisation_name(member.organisation_id),
            csrf=csrf,
            expires_at=moment(expires_ms),
            currency=self._currency,
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


def _in_session(asker: Asker) -> SignedIn:
    if asker is None:
        raise Unauthenticated("This is for members in their sessions.", reason="missing")
    return asker


def _actor(asker: Asker) -> Member | None:
    return None if asker is None else asker.member


def _show_member(member: Member) -> MemberView:
    return MemberView(
        id=member.id,
        organisation_id=member.organisation_id,
        email=member.email,
        name=member.name,
        role=member.role,
        created_at=moment(member.created_ms),
    )


def _show_invitation(invitation: Invitation) -> InvitationView:
    return InvitationView(
        id=invitation.id,
        email=invitation.email,
        role=invitation.role,
        created_at=moment(invitation.created_ms),
        expires_at=moment(invitation.expires_ms),
    )


def _answer(view: Struct, *headers: Header, status: int = 200) -> Response:
    return Response(status, msgspec.json.encode(view), (_JSON, _PRIVATE, *headers))
