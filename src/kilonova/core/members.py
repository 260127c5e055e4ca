"""People: the members of organisations, their sessions in the console, and how they come in."""

from typing import Literal

from msgspec import Struct

__all__ = [
    "ROLES",
    "Applicant",
    "Gone",
    "Invitation",
    "Member",
    "MemberKey",
    "OpenedSession",
    "Role",
    "Session",
    "SignedIn",
    "is_at_least",
]

Role = Literal["viewer", "developer", "admin", "owner"]
ROLES: tuple[Role, ...] = ("viewer", "developer", "admin", "owner")


def is_at_least(role: Role, least: Role) -> bool:
    """Whether a role has all the rights of ``least``: each has those of the ones before it."""
    return ROLES.index(role) >= ROLES.index(least)


class Member(Struct, frozen=True, kw_only=True):
    """A person in one organisation. ``email`` is the sign-in name, in lower case; who is in two
    organisations is two members. ``password_hash`` is empty where there is no password; ``subject``
    is who the member is for the ``issuer`` that vouches, both empty until one did."""

    id: str
    organisation_id: str
    email: str
    name: str
    role: Role
    password_hash: str = ""
    created_ms: int = 0
    issuer: str = ""
    subject: str = ""

    def __repr__(self) -> str:
        """Without the hash: a representation ends up in logs."""
        return f"Member({self.id})"


class Session(Struct, frozen=True, kw_only=True):
    """A browser that is signed in. What it holds is kept as a digest only."""

    digest: bytes
    member_id: str
    created_ms: int
    seen_ms: int


class Invitation(Struct, frozen=True, kw_only=True):
    """A link that makes a member, or gives a member of this e-mail a new password; used once.
    ``made_by`` is a member, None the operator."""

    digest: bytes
    id: str
    organisation_id: str
    email: str
    role: Role
    created_ms: int
    expires_ms: int
    made_by: str | None = None


class MemberKey(Struct, frozen=True, kw_only=True):
    """The key by which a member's own requests in the console are counted and limited: it has no
    secret, so nothing but the member's session can use it."""

    member_id: str
    project_id: str
    key_id: str


class Gone(Struct, frozen=True):
    """Takes rows away: a member, one session, all ``sessions`` of a member, an invitation."""

    what: Literal["member", "session", "sessions", "invitation"]
    of: str | bytes


class OpenedSession(Struct, frozen=True, kw_only=True):
    """``token`` is for the browser's cookie and for nothing else."""

    member: Member
    token: str
    csrf: str
    expires_ms: int

    def __repr__(self) -> str:
        """Without the token."""
        return f"OpenedSession({self.member.id})"


class SignedIn(Struct, frozen=True, kw_only=True):
    """Who asks in a session, and the session itself."""

    member: Member
    session: Session
    csrf: str
    expires_ms: int


class Applicant(Struct, frozen=True, kw_only=True):
    """Who wants to become a member."""

    email: str
    name: str
    password: str

    def __repr__(self) -> str:
        """Without the password."""
        return "Applicant()"
