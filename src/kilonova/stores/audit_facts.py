"""What a change of accounts, members and money is called in the audit log. Pure."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from kilonova.core.audit import Actor, Fact
from kilonova.core.corrections import Adjustment, Closing
from kilonova.core.identity import Key, Limits, Organisation, Project
from kilonova.core.members import Gone, Invitation, Member, MemberKey, Session
from kilonova.core.money import format_nano

__all__ = ["Known", "adjustment_fact", "closing_fact", "member_facts", "owner_facts"]

Owner = Organisation | Project | Key
Change = Member | Session | Invitation | MemberKey | Key | Gone

_KINDS: dict[type[Owner], str] = {Organisation: "organisation", Project: "project", Key: "key"}


class Known(Struct, frozen=True, kw_only=True):
    """How members and invitations stood before."""

    member: Callable[[str], Member | None]
    invitation: Callable[[bytes], Invitation | None]


def owner_facts(before: Owner | None, after: Owner) -> list[Fact]:
    """What saving ``after`` changes; nothing where nothing is changed."""
    kind = _KINDS[type(after)]

    def fact(action: str, **detail: object) -> Fact:
        return Fact(
            action=action,
            subject=after.id,
            subject_name=after.name,
            organisation_id=after.id if isinstance(after, Organisation) else after.organisation_id,
            detail=detail,
        )

    if before is None:
        return [fact(f"{kind}.created", **_changed(Limits(), after.limits))]
    found = []
    if before.name != after.name:
        found.append(fact(f"{kind}.renamed", name=[before.name, after.name]))
    if before.limits != after.limits:
        found.append(fact("limits.changed", **_changed(before.limits, after.limits)))
    if _is_revoked(after) and not _is_revoked(before):
        found.append(fact("key.revoked"))
    return found


def member_facts(changes: Sequence[Change], known: Known) -> list[Fact]:
    """What is written together is told once: a sign-in that came with joining is no news."""
    found = []
    is_told = any(isinstance(each, Member) for each in changes)
    for change in changes:
        match change:
            case Member():
                found += _person(known.member(change.id), change)
            case Session() if not is_told:
                member = known.member(change.member_id)
                found += [] if member is None else [_of(member, "member.signed_in", is_own=True)]
            case Invitation():
                found.append(_invited("invitation.sent", change))
            case Key():
                found += owner_facts(None, change)
            case Gone("member", str(member_id)):
                member = known.member(member_id)
                found += [] if member is None else [_of(member, "member.removed")]
                is_told = True
            case Gone("sessions", str(member_id)) if not is_told:
                member = known.member(member_id)
                found += [] if member is None else [_of(member, "member.signed_out")]
            case Gone("invitation", bytes(digest)) if not is_told:
                invitation = known.invitation(digest)
                if invitation is not None:
                    found.append(_invited("invitation.withdrawn", invitation))
    return found


def adjustment_fact(adjustment: Adjustment) -> Fact:
    """Its amount in units of its currency, and the reason that was given."""
    return Fact(
        action=f"{adjustment.kind}.booked",
        subject=adjustment.id,
        organisation_id=adjustment.organisation_id,
        detail={
            "amount": _amount(adjustment.amount_nano),
            "currency": adjustment.currency,
            "reason": adjustment.reason,
        },
    )


def closing_fact(closing: Closing) -> Fact:
    """The month and the digest of what was frozen; it concerns the installation."""
    return Fact(action="month.closed", subject=closing.period, detail={"sha256": closing.sha256})


def _is_revoked(owner: Owner) -> bool:
    return isinstance(owner, Key) and owner.revoked_ms is not None


def _person(before: Member | None, after: Member) -> list[Fact]:
    if before is None:
        vouched = {"issuer": after.issuer} if after.issuer else {}
        return [_of(after, "member.joined", is_own=True, role=after.role, **vouched)]
    found = []
    if before.role != after.role:
        found.append(_of(after, "member.role_changed", role=[before.role, after.role]))
    if before.password_hash != after.password_hash:
        found.append(_of(after, "member.password_changed", is_own=True))
    if (before.issuer, before.subject) != (after.issuer, after.subject):
        found.append(_of(after, "member.vouched", is_own=True, issuer=after.issuer))
    return found


def _of(member: Member, action: str, *, is_own: bool = False, **detail: object) -> Fact:
    return Fact(
        action=action,
        subject=member.id,
        subject_name=member.email,
        organisation_id=member.organisation_id,
        detail=detail,
        actor=Actor(member.id, member.email) if is_own else None,
    )


def _invited(action: str, invitation: Invitation) -> Fact:
    return Fact(
        action=action,
        subject=invitation.id,
        subject_name=invitation.email,
        organisation_id=invitation.organisation_id,
        detail={"role": invitation.role},
    )


def _changed(before: Limits, after: Limits) -> dict[str, object]:
    """Each limit that is another one: what it was, and what it is."""
    found: dict[str, object] = {}
    for name in Limits.__struct_fields__:
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            found[name.removesuffix("_nano")] = [_shown(name, was), _shown(name, now)]
    return found


def _shown(name: str, value: object) -> object:
    return _amount(value) if name.endswith("_nano") and isinstance(value, int) else value


def _amount(nano: int) -> str:
    """Without the zeros at its end: people read it."""
    return format_nano(nano).rstrip("0").rstrip(".")
