"""Which member it is that an issuer vouches for, and who becomes one.

A member is bound to issuer and subject at the first such sign-in: by an invitation, by a verified
e-mail, or by a rule of the configuration. From then on the subject alone counts. An e-mail may
later be somebody else's; it opens no member that is bound.
"""

import logging
from collections.abc import Sequence

from msgspec.structs import replace

from kilonova.accounts.members import Members
from kilonova.accounts.oidc.rules import Identity, matching
from kilonova.core.errors import Forbidden, NotFound
from kilonova.core.members import Gone, Member, OpenedSession, Role
from kilonova.settings import OidcRule
from kilonova.telemetry.log import log_event

__all__ = ["Entrance"]


class Entrance:
    """Belongs to the event loop. Raises Forbidden with the reason why somebody stays outside."""

    def __init__(
        self, members: Members, rules: Sequence[OidcRule], *, roles_follow: bool = False
    ) -> None:
        self._members = members
        self._rules = tuple(rules)
        self._roles_follow = roles_follow

    async def enter(
        self, identity: Identity, *, organisation: str | None, invitation: str | None
    ) -> OpenedSession:
        """A session of the member; ``organisation`` (id or name) is wanted of who is in several."""
        async with self._members.changing:
            if invitation:
                return await self._join(identity, invitation)
            member = self._member_of(identity, organisation)
            if member is not None:
                return await self._open(self._in_force(member, identity))
            return await self._admit(identity, organisation)

    async def _join(self, identity: Identity, token: str) -> OpenedSession:
        """As a password would: for a member of this e-mail, the invitation replaces what was."""
        invitation = self._members.invited(token)
        if not identity.email:
            raise _no_email()
        if identity.email != invitation.email:
            raise Forbidden(
                f"This invitation is for {invitation.email}; you signed in as {identity.email}.",
                reason="oidc_invitation",
            )
        used = Gone("invitation", invitation.digest)
        standing = self._members.standing(invitation)
        if standing is None:
            member = self._new(identity, invitation.organisation_id, invitation.role)
            return await self._members.sessions.open(member, used, member)
        bound = _bound(standing, identity)
        over = Gone("sessions", standing.id)
        return await self._members.sessions.open(bound, used, over, bound)

    def _member_of(self, identity: Identity, organisation: str | None) -> Member | None:
        """Raises Conflict where it may be several, Forbidden where the e-mail is somebody else's
        by now."""
        bound = self._members.vouched(identity.issuer, identity.subject)
        taken = {each.organisation_id for each in bound}
        by_email = self._members.called(identity.email) if identity.email else []
        free = [each for each in by_email if each.organisation_id not in taken]
        candidates = [*bound, *(each for each in free if not each.subject)]
        chosen = [each for each in candidates if self._members.is_of(each, organisation)]
        if len(chosen) > 1:
            raise self._members.several(chosen)
        if not chosen and any(self._members.is_of(each, organisation) for each in free):
            raise Forbidden(
                f"The member {identity.email} signs in as another person of the sign-in service. "
                "Ask an admin for a new invitation.",
                reason="oidc_other",
            )
        return chosen[0] if chosen else None

    def _in_force(self, member: Member, identity: Identity) -> Member:
        """Bound, and with the role of the rule where roles follow the issuer."""
        bound = _bound(member, identity)
        roles = [
            rule.role
            for rule in matching(self._rules, identity)
            if self._organisation_of(rule) == member.organisation_id
        ]
        if not self._roles_follow or not roles:
            return bound
        if self._members.is_last_owner(member) and roles[0] != "owner":
            return bound
        return replace(bound, role=roles[0])

    async def _admit(self, identity: Identity, organisation: str | None) -> OpenedSession:
        """By the first rule that matches."""
        if not identity.email:
            raise _no_email()
        for rule in matching(self._rules, identity):
            organisation_id = self._organisation_of(rule)
            named = organisation in (None, "", organisation_id, rule.organisation)
            if organisation_id is not None and named:
                member = self._new(identity, organisation_id, rule.role)
                return await self._members.sessions.open(member, member)
        raise Forbidden(
            f"Nobody here is {identity.email}. Ask an admin of your organisation for an "
            "invitation.",
            reason="oidc_unknown",
        )

    async def _open(self, member: Member) -> OpenedSession:
        """Written only where something of the member changed: a sign-in is told as one."""
        if self._members.member(member.id) == member:
            return await self._members.sessions.open(member)
        return await self._members.sessions.open(member, member)

    def _new(self, identity: Identity, organisation_id: str, role: Role) -> Member:
        made = self._members.new_member(
            organisation_id, email=identity.email, name=identity.name, role=role
        )
        return _bound(made, identity)

    def _organisation_of(self, rule: OidcRule) -> str | None:
        """None, and a line in the log, where there is none of this name."""
        try:
            return self._members.organisation_named(rule.organisation or None)
        except NotFound:
            log_event(logging.WARNING, "oidc_rule", no_organisation=rule.organisation)
            return None


def _bound(member: Member, identity: Identity) -> Member:
    return replace(member, issuer=identity.issuer, subject=identity.subject)


def _no_email() -> Forbidden:
    return Forbidden("The sign-in service tells no verified e-mail of yours.", reason="oidc_email")
