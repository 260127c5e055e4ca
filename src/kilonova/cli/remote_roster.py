"""The members of a running server, over its admin API."""

from kilonova.admin import desk_operations as operations
from kilonova.admin.desk_schema import (
    InvitationView,
    MemberChange,
    MemberList,
    MemberQuery,
    MemberView,
    NewInvitation,
    SentInvitation,
)
from kilonova.cli.remote import RemotePlane

__all__ = ["RemoteRoster"]


class RemoteRoster(RemotePlane):
    """Also a ``RosterPlane``."""

    async def list_members(self, query: MemberQuery) -> MemberList:
        return self._ask(operations.LIST_MEMBERS, argument=query)

    async def invite(self, body: NewInvitation) -> SentInvitation:
        return self._ask(operations.INVITE, argument=body)

    async def withdraw(self, invitation_id: str, query: MemberQuery) -> InvitationView:
        return self._ask(operations.WITHDRAW, invitation_id, argument=query)

    async def set_role(self, member_id: str, body: MemberChange) -> MemberView:
        return self._ask(operations.SET_ROLE, member_id, argument=body)

    async def remove_member(self, member_id: str) -> MemberView:
        return self._ask(operations.REMOVE_MEMBER, member_id)

    async def sign_member_out(self, member_id: str) -> MemberView:
        return self._ask(operations.SIGN_MEMBER_OUT, member_id)
