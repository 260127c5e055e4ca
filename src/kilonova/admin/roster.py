"""Members and invitations: listed, invited, changed, removed. For the desk, and for the operator at
the command line; ``actor`` is the member who asks, None is the operator.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from kilonova.admin.desk_schema import (
    InvitationView,
    MemberChange,
    MemberList,
    MemberQuery,
    MemberView,
    NewInvitation,
    SentInvitation,
)
from kilonova.admin.ports import Staff
from kilonova.admin.views import moment
from kilonova.core.members import Invitation, Member

__all__ = ["Roster", "RosterPlane", "show_invitation", "show_member"]


class RosterPlane(Protocol):
    """What the command line asks, of a running server or of a home."""

    async def list_members(self, query: MemberQuery) -> MemberList: ...

    async def invite(self, body: NewInvitation) -> SentInvitation:
        """The answer holds the invitation's token, which is shown nowhere else."""

    async def withdraw(self, invitation_id: str, query: MemberQuery) -> InvitationView: ...

    async def set_role(self, member_id: str, body: MemberChange) -> MemberView: ...

    async def remove_member(self, member_id: str) -> MemberView: ...

    async def sign_member_out(self, member_id: str) -> MemberView: ...


class Roster:
    """Implements ``RosterPlane``. ``forget`` deletes what belonged to a member alone."""

    def __init__(self, staff: Staff, *, forget: Callable[[Member], Awaitable[None]]) -> None:
        self._staff = staff
        self._forget = forget

    async def list_members(self, query: MemberQuery) -> MemberList:
        organisation_id = self._staff.organisation_named(query.organisation)
        members = self._staff.members(organisation_id)
        invitations = self._staff.invitations(organisation_id)
        return MemberList(
            data=tuple(map(show_member, members)),
            invitations=tuple(map(show_invitation, invitations)),
        )

    async def invite(self, body: NewInvitation, *, actor: Member | None = None) -> SentInvitation:
        organisation_id = self._staff.organisation_named(body.organisation)
        invitation, token = await self._staff.invite(
            actor, organisation_id, email=body.email, role=body.role
        )
        return SentInvitation(invitation=show_invitation(invitation), token=token)

    async def withdraw(
        self, invitation_id: str, _query: MemberQuery, *, actor: Member | None = None
    ) -> InvitationView:
        return show_invitation(await self._staff.withdraw(actor, invitation_id))

    async def set_role(
        self, member_id: str, body: MemberChange, *, actor: Member | None = None
    ) -> MemberView:
        return show_member(await self._staff.set_role(actor, member_id, body.role))

    async def remove_member(self, member_id: str, *, actor: Member | None = None) -> MemberView:
        removed = await self._staff.remove(actor, member_id)
        await self._forget(removed)
        return show_member(removed)

    async def sign_member_out(self, member_id: str, *, actor: Member | None = None) -> MemberView:
        return show_member(await self._staff.sign_member_out(actor, member_id))


def show_member(member: Member) -> MemberView:
    """Without what opens anything."""
    return MemberView(
        id=member.id,
        organisation_id=member.organisation_id,
        email=member.email,
        name=member.name,
        role=member.role,
        created_at=moment(member.created_ms),
        has_password=bool(member.password_hash),
        is_vouched=bool(member.subject),
    )


def show_invitation(invitation: Invitation) -> InvitationView:
    """Without its token, which nobody has but who was sent it."""
    return InvitationView(
        id=invitation.id,
        email=invitation.email,
        role=invitation.role,
        created_at=moment(invitation.created_ms),
        expires_at=moment(invitation.expires_ms),
    )
