"""What people do to come in and to be let in: set up, sign in, invite, join, change, leave.

The one-time tokens of set-up and invitations are shown once, kept as digests, and used up in the
transaction that makes the member. Who may do what to whom is decided here; ``actor`` is the member
who asks, None is the operator of the installation.
"""

import asyncio
import hmac
import re
import secrets

from msgspec import Struct
from msgspec.structs import replace

from kilonova.accounts.attempts import Attempts
from kilonova.accounts.member_store import MemberStore
from kilonova.accounts.passwords import Passwords
from kilonova.accounts.sessions import SessionLimits, Sessions
from kilonova.accounts.store import AccountStore
from kilonova.accounts.vault import Vault
from kilonova.core.clock import Clock
from kilonova.core.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unauthenticated
from kilonova.core.identity import Key, SessionCredential
from kilonova.core.ids import new_id
from kilonova.core.members import (
    Applicant,
    Gone,
    Invitation,
    Member,
    MemberKey,
    OpenedSession,
    Role,
    SignedIn,
    is_at_least,
)

__all__ = ["MemberParts", "Members"]

_SETUP = "setup_token"
_SETUP_PREFIX = "kn_setup_"
_INVITE_PREFIX = "kn_invite_"
_INVITATION_MS = 7 * 86_400_000
_MEMBERS_MAX = 10_000
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}")


class MemberParts(Struct, frozen=True, kw_only=True):
    """What ``Members`` stands on. Without ``has_passwords``, another service vouches for people;
    an organisation's last owner still comes in by password, so that nobody is locked out."""

    store: MemberStore
    accounts: AccountStore
    vault: Vault
    clock: Clock
    sessions: Sessions
    passwords: Passwords
    attempts: Attempts
    has_passwords: bool = True


class Members:
    """Implements ``admin.ports.Staff``. Belongs to the event loop."""

    def __init__(self, parts: MemberParts) -> None:
        self._store = parts.store
        self._accounts = parts.accounts
        self._vault = parts.vault
        self._clock = parts.clock
        self.sessions = parts.sessions
        self._passwords = parts.passwords
        self.attempts = parts.attempts
        self.has_passwords = parts.has_passwords
        # Whoever reads what it then changes holds it: the last owner, a token that is used once.
        self.changing = asyncio.Lock()

    @classmethod
    def open(
        cls,
        store: MemberStore,
        accounts: AccountStore,
        vault: Vault,
        *,
        clock: Clock,
        limits: SessionLimits,
        sign_ins_per_minute: int,
        has_passwords: bool = True,
    ) -> "Members":
        """All that people need, over one store."""
        return cls(
            MemberParts(
                store=store,
                accounts=accounts,
                vault=vault,
                clock=clock,
                sessions=Sessions(store, vault, clock, limits=limits),
                passwords=Passwords(),
                attempts=Attempts(clock, per_minute=sign_ins_per_minute),
                has_passwords=has_passwords,
            )
        )

    @property
    def needs_setup(self) -> bool:
        """Whether nobody owns this installation's first organisation yet."""
        organisations = self._accounts.organisations()
        return not any(self._owners(each.id) for each in organisations)

    async def new_setup_token(self) -> str | None:
        """A fresh one-time token for the first owner, in place of any before; None where there is
        an owner already."""
        if not self.needs_setup:
            return None
        token = _SETUP_PREFIX + secrets.token_urlsafe(24)
        await self._store.write(notes={_SETUP: self._vault.digest(token).hex()})
        return token

    async def set_up(self, token: str, member: Applicant) -> OpenedSession:
        """The first owner, of the first organisation. The token is used up."""
        self.attempts.count("set-up")
        hashed = await self._hashed(member)
        async with self.changing:
            kept = self._accounts.note(_SETUP) or ""
            digest = self._vault.digest(token).hex()
            if not kept or not self.needs_setup or not hmac.compare_digest(digest, kept):
                raise Unauthenticated(
                    "This set-up token is not, or no longer, valid. Restart the server for a new "
                    "one, or sign in.",
                    reason="setup_token",
                )
            owner = self.new_member(
                self._accounts.organisations()[0].id,
                email=member.email,
                name=member.name,
                role="owner",
                hashed=hashed,
            )
            return await self.sessions.open(owner, owner, **{_SETUP: ""})

    async def sign_in(self, email: str, password: str, organisation: str | None) -> OpenedSession:
        """Raises Unauthenticated for a wrong e-mail or password, which are not told apart, and
        Conflict where both are right in several organisations and none is named."""
        email = email.strip().lower()
        self.attempts.count(email[:300])
        found = self._store.members_called(email)[:8]
        named = [each for each in found if self.is_of(each, organisation)]
        if not named:
            # Takes as long as a wrong password.
            await self._passwords.is_right(password, "")
        right = [
            each for each in named if await self._passwords.is_right(password, each.password_hash)
        ]
        if not right:
            raise Unauthenticated("The e-mail or the password is wrong.", reason="password")
        if len(right) > 1:
            raise self.several(right)
        self._check_password_may(right[0])
        self.attempts.forgive(email[:300])
        return await self.sessions.open(right[0])

    def find(self, credential: SessionCredential) -> SignedIn:
        """As ``Sessions.find``."""
        return self.sessions.find(credential)

    def prove(self, credential: SessionCredential) -> SignedIn:
        """As ``Sessions.prove``."""
        return self.sessions.prove(credential)

    async def sign_out(self, signed_in: SignedIn, *, everywhere: bool) -> None:
        """Ends this session, or all of the member's."""
        if everywhere:
            await self.sessions.end_all(signed_in.member.id)
        else:
            await self.sessions.end(signed_in.session)

    async def change_password(self, member: Member, old: str, new: str) -> OpenedSession:
        """Ends all sessions of the member and opens a new one here."""
        self.attempts.count(member.email)
        self._passwords.check_strength(new, email=member.email)
        if not await self._passwords.is_right(old, member.password_hash):
            raise Unauthenticated("The present password is wrong.", reason="password")
        self._check_password_may(member)
        hashed = await self._passwords.hash(new)
        async with self.changing:
            changed = replace(self._member(member.id), password_hash=hashed)
            return await self.sessions.open(changed, Gone("sessions", member.id), changed)

    def member(self, member_id: str) -> Member | None:
        """None for nobody, or nobody any more."""
        return self._store.member(member_id)

    def called(self, email: str) -> list[Member]:
        """The members of this e-mail, in all organisations."""
        return self._store.members_called(email)

    def vouched(self, issuer: str, subject: str) -> list[Member]:
        """The members who are this subject of this issuer, in all organisations."""
        return self._store.members_vouched(issuer, subject)

    def members(self, organisation_id: str) -> list[Member]:
        """Oldest first."""
        return self._store.members(organisation_id)

    def invitations(self, organisation_id: str) -> list[Invitation]:
        """Those that can still be used."""
        return [each for each in self._store.invitations(organisation_id) if self._holds(each)]

    async def invite(
        self, actor: Member | None, organisation_id: str, *, email: str, role: Role
    ) -> tuple[Invitation, str]:
        """The invitation and its token, which is shown once. For a member of this e-mail it is the
        way to a new password; the role stays."""
        address = _checked_email(email)
        standing = self.of_email(organisation_id, address)
        _check_rights(actor, role, *([standing.role] if standing else []))
        if len(self._store.members(organisation_id)) >= _MEMBERS_MAX:
            raise Conflict(f"An organisation has at most {_MEMBERS_MAX} members.")
        token = _INVITE_PREFIX + secrets.token_urlsafe(24)
        now_ms = self._now_ms()
        invitation = Invitation(
            digest=self._vault.digest(token),
            id=new_id("inv"),
            organisation_id=organisation_id,
            email=address,
            role=standing.role if standing else role,
            created_ms=now_ms,
            expires_ms=now_ms + _INVITATION_MS,
            made_by=None if actor is None else actor.id,
        )
        await self._store.write(invitation)
        return invitation, token

    def invited(self, token: str) -> Invitation:
        """What a token invites to. Raises NotFound when it is used, over or unknown."""
        found = self._store.invitation(self._vault.digest(token))
        if found is None or not self._holds(found):
            raise _invitation_over()
        return found

    def _holds(self, invitation: Invitation) -> bool:
        """Whether it is in time, and who made it may still invite to that role."""
        if invitation.expires_ms <= self._now_ms():
            return False
        if invitation.made_by is None:
            return True
        maker = self._store.member(invitation.made_by)
        return maker is not None and _may_manage(maker, invitation.role)

    def standing(self, invitation: Invitation) -> Member | None:
        """The member that an invitation is for already. Raises NotFound where that is an owner by
        now and was none then: an admin may have sent it, and admins do not manage owners."""
        found = self.of_email(invitation.organisation_id, invitation.email)
        if found is not None and found.role == "owner" and invitation.role != "owner":
            raise _invitation_over()
        return found

    async def join(self, token: str, name: str, password: str) -> OpenedSession:
        """Makes the member that the invitation is for, or gives that member a new password."""
        applicant = Applicant(email=self.invited(token).email, name=name, password=password)
        if not self.has_passwords:
            raise _no_passwords()
        hashed = await self._hashed(applicant)
        async with self.changing:
            invitation = self.invited(token)
            used = Gone("invitation", invitation.digest)
            standing = self.standing(invitation)
            if standing is not None:
                renewed = replace(standing, password_hash=hashed)
                over = Gone("sessions", standing.id)
                return await self.sessions.open(renewed, used, over, renewed)
            member = self.new_member(
                invitation.organisation_id,
                email=invitation.email,
                name=name,
                role=invitation.role,
                hashed=hashed,
            )
            return await self.sessions.open(member, used, member)

    async def withdraw(self, actor: Member | None, invitation_id: str) -> Invitation:
        """Takes an invitation back."""
        found = self._store.invitation_called(invitation_id)
        if found is None or (actor is not None and found.organisation_id != actor.organisation_id):
            raise NotFound(f"There is no invitation {invitation_id[:60]!r} here.")
        _check_rights(actor, found.role)
        await self._store.write(Gone("invitation", found.digest))
        return found

    async def set_role(self, actor: Member | None, member_id: str, role: Role) -> Member:
        """In force from the member's next request on."""
        async with self.changing:
            member = self._member_for(actor, member_id)
            _check_rights(actor, role, member.role)
            self._keep_an_owner(member, role)
            changed = replace(member, role=role)
            await self._store.write(changed)
            return changed

    async def remove(self, actor: Member | None, member_id: str) -> Member:
        """The member, with all sessions. What was used stays in the books, under its key."""
        async with self.changing:
            member = self._member_for(actor, member_id)
            _check_rights(actor, member.role)
            self._keep_an_owner(member, None)
            await self._store.write(Gone("member", member.id), Gone("sessions", member.id))
            return member

    async def sign_member_out(self, actor: Member | None, member_id: str) -> Member:
        """Ends all sessions of the member, wherever they are."""
        member = self._member_for(actor, member_id)
        _check_rights(actor, member.role)
        await self.sessions.end_all(member.id)
        return member

    async def open_key(self, member: Member, project_id: str) -> Key:
        """The key on which a member's own requests in a project are counted; made when there is
        none, or when the one before was revoked."""
        project = self._accounts.project(project_id)
        if project is None or project.organisation_id != member.organisation_id:
            raise NotFound(f"There is no project {project_id[:60]!r} here.", param="project")
        if not is_at_least(member.role, "developer"):
            raise Forbidden("Your role may look, but not ask models.", reason="role")
        async with self.changing:
            key_id = self._store.key_of_member(member.id, project.id)
            key = None if key_id is None else self._accounts.key(key_id)
            if key is not None and key.revoked_ms is None:
                return key
            made = Key(
                id=new_id("key"),
                organisation_id=project.organisation_id,
                project_id=project.id,
                name=f"console: {member.name}"[:100],
                created_ms=self._now_ms(),
                made_by=member.id,
            )
            owned = MemberKey(member_id=member.id, project_id=project.id, key_id=made.id)
            await self._store.write(made, owned)
            return made

    def organisation_of(self, owner_id: str) -> str | None:
        """The organisation that owns a key, a project, a member or itself; None for nothing."""
        kind = owner_id.partition("_")[0]
        match kind:
            case "org":
                found = self._accounts.organisation(owner_id)
                return None if found is None else found.id
            case "proj":
                project = self._accounts.project(owner_id)
                return None if project is None else project.organisation_id
            case "key":
                key = self._accounts.key(owner_id)
                return None if key is None else key.organisation_id
            case "mem":
                member = self._store.member(owner_id)
                return None if member is None else member.organisation_id
            case "inv":
                invitation = self._store.invitation_called(owner_id)
                return None if invitation is None else invitation.organisation_id
        return None

    def organisation_name(self, organisation_id: str) -> str:
        """What an organisation is called."""
        found = self._accounts.organisation(organisation_id)
        return "" if found is None else found.name

    def organisation_named(self, name: str | None) -> str:
        """The id of the organisation of this id or name; of the first one where none is given."""
        organisations = self._accounts.organisations()
        for each in organisations:
            if name in (None, each.id, each.name):
                return each.id
        raise NotFound(f"There is no organisation {str(name)[:100]!r} here.", param="organisation")

    async def _hashed(self, applicant: Applicant) -> str:
        _checked_email(applicant.email)
        self._passwords.check_strength(applicant.password, email=applicant.email)
        return await self._passwords.hash(applicant.password)

    def new_member(
        self, organisation_id: str, *, email: str, name: str, role: Role, hashed: str = ""
    ) -> Member:
        """Made, and not written yet. Raises InvalidRequest for what is no e-mail."""
        address = _checked_email(email)
        return Member(
            id=new_id("mem"),
            organisation_id=organisation_id,
            email=address,
            name=name.strip()[:100] or address.partition("@")[0],
            role=role,
            password_hash=hashed,
            created_ms=self._now_ms(),
        )

    def _member(self, member_id: str) -> Member:
        found = self._store.member(member_id)
        if found is None:
            raise NotFound(f"There is no member {member_id[:60]!r} here.")
        return found

    def _member_for(self, actor: Member | None, member_id: str) -> Member:
        member = self._member(member_id)
        if actor is not None and member.organisation_id != actor.organisation_id:
            raise NotFound(f"There is no member {member_id[:60]!r} here.")
        return member

    def of_email(self, organisation_id: str, email: str) -> Member | None:
        """The member of this e-mail in this organisation."""
        found = self._store.members_called(email)
        return next((each for each in found if each.organisation_id == organisation_id), None)

    def _owners(self, organisation_id: str) -> list[Member]:
        return [each for each in self._store.members(organisation_id) if each.role == "owner"]

    def _keep_an_owner(self, member: Member, role: Role | None) -> None:
        owners = self._owners(member.organisation_id)
        if member.role == "owner" and role != "owner" and len(owners) == 1:
            raise Conflict("An organisation keeps at least one owner. Make another one first.")

    def is_last_owner(self, member: Member) -> bool:
        """Whether an organisation has no other owner."""
        return [each.id for each in self._owners(member.organisation_id)] == [member.id]

    def is_of(self, member: Member, organisation: str | None) -> bool:
        """Whether it is the organisation of this id or name; always, where none is named."""
        names = (member.organisation_id, self.organisation_name(member.organisation_id))
        return organisation in (None, "", *names)

    def several(self, members: list[Member]) -> Conflict:
        """What is told to somebody who may be any of these."""
        names = ", ".join(self.organisation_name(each.organisation_id) for each in members)
        return Conflict(
            f"You are a member of several organisations: {names}. Name one.",
            param="organisation",
            reason="several_organisations",
        )

    def _check_password_may(self, member: Member) -> None:
        if not self.has_passwords and not self.is_last_owner(member):
            raise _no_passwords()

    def _now_ms(self) -> int:
        return round(self._clock.now_s() * 1000)


def _invitation_over() -> NotFound:
    return NotFound(
        "This invitation was used or has expired. Ask for a new one.", reason="invitation"
    )


def _no_passwords() -> Forbidden:
    return Forbidden(
        "Passwords are switched off here. Sign in by the sign-in service.", reason="passwords_off"
    )


def _checked_email(email: str) -> str:
    address = email.strip().lower()
    if not _EMAIL.fullmatch(address):
        raise InvalidRequest("This is not an e-mail address.", param="email", reason="email")
    return address


def _may_manage(actor: Member, *roles: Role) -> bool:
    return actor.role == "owner" or (actor.role == "admin" and "owner" not in roles)


def _check_rights(actor: Member | None, *roles: Role) -> None:
    """Members are the admins' business; owners, and who is to be one, are the owners' alone."""
    if actor is None:
        return
    if not is_at_least(actor.role, "admin"):
        raise Forbidden("Members are managed by admins and owners.", reason="role")
    if not _may_manage(actor, *roles):
        raise Forbidden("Owners are managed by owners.", reason="role")
