"""What the front desk reads and writes: sessions, members and invitations, as JSON."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from kilonova.core.members import Role

__all__ = [
    "ChatKey",
    "ChatKeyOrder",
    "InvitationView",
    "InvitedView",
    "Join",
    "MemberChange",
    "MemberList",
    "MemberQuery",
    "MemberView",
    "NewInvitation",
    "OidcReturn",
    "OidcStart",
    "OidcWay",
    "PasswordChange",
    "SentInvitation",
    "SessionView",
    "SetUp",
    "SignIn",
    "Token",
]

Email = Annotated[str, Meta(min_length=3, max_length=254)]
Secret = Annotated[str, Meta(min_length=1, max_length=256)]
PersonName = Annotated[str, Meta(max_length=100)]


class _Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request body or query. An unknown field is refused by name."""


class SetUp(_Body, frozen=True, kw_only=True):
    """``token`` is the one that ``kilonova serve`` printed."""

    token: Secret
    email: Email
    password: Secret
    name: PersonName = ""


class SignIn(_Body, frozen=True, kw_only=True):
    """``organisation`` (id or name) is wanted only of who is a member of several."""

    email: Email
    password: Secret
    organisation: str | None = None


class Token(_Body, frozen=True, kw_only=True):
    """What an invitation's link carries."""

    token: Secret


class Join(_Body, frozen=True, kw_only=True):
    token: Secret
    password: Secret
    name: PersonName = ""


class PasswordChange(_Body, frozen=True, kw_only=True):
    """``password`` is the present one."""

    password: Secret
    new_password: Secret


class OidcStart(_Body, frozen=True, kw_only=True):
    """``organisation`` (id or name) is wanted only of who is a member of several; ``invitation`` is
    the token of one that is to be used."""

    organisation: str | None = None
    invitation: Secret | None = None


class OidcWay(Struct, frozen=True, kw_only=True):
    """Where the browser goes to sign in. It comes back to ``/console/oidc``."""

    address: str


class OidcReturn(_Body, frozen=True, kw_only=True):
    """What the issuer added to our address, unchanged."""

    code: Annotated[str, Meta(min_length=1, max_length=4096)]
    state: Annotated[str, Meta(min_length=1, max_length=256)]
    iss: Annotated[str, Meta(max_length=2048)] | None = None


class ChatKeyOrder(_Body, frozen=True, kw_only=True):
    """``project`` is an id."""

    project: str


class ChatKey(Struct, frozen=True, kw_only=True):
    """Sent back as ``x-kilonova-key``, it says on which key a request of the session is counted."""

    key_id: str
    project_id: str


class MemberView(Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    email: str
    name: str
    role: Role
    created_at: datetime
    has_password: bool = True
    is_vouched: bool = False


class SessionView(Struct, frozen=True, kw_only=True):
    """Without a member nobody is signed in; ``needs_setup`` says that nobody can be yet. The
    ``csrf`` token goes back as ``x-kilonova-csrf`` with whatever changes something. Budgets are in
    ``currency``. ``oidc`` names the service by which people sign in, if there is one; without
    ``has_passwords`` it is the only way for all but an organisation's last owner."""

    needs_setup: bool = False
    member: MemberView | None = None
    organisation_name: str = ""
    csrf: str = ""
    expires_at: datetime | None = None
    currency: str = ""
    oidc: str = ""
    has_passwords: bool = True


class InvitedView(Struct, frozen=True, kw_only=True):
    """Whom an invitation is for, for the one who holds it."""

    email: str
    role: Role
    organisation_name: str


class MemberQuery(_Body, frozen=True, kw_only=True):
    organisation: str | None = None


class NewInvitation(_Body, frozen=True, kw_only=True):
    email: Email
    role: Role = "developer"
    organisation: str | None = None


class InvitationView(Struct, frozen=True, kw_only=True):
    id: str
    email: str
    role: Role
    created_at: datetime
    expires_at: datetime


class SentInvitation(Struct, frozen=True, kw_only=True):
    """``token`` is in this answer and nowhere else; the link is ``/console/join#TOKEN``."""

    invitation: InvitationView
    token: str


class MemberList(Struct, frozen=True, kw_only=True):
    """``invitations`` are those that can still be used."""

    data: tuple[MemberView, ...]
    invitations: tuple[InvitationView, ...]


class MemberChange(_Body, frozen=True, kw_only=True):
    role: Role
