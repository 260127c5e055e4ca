"""The audit log as the admin API shows it, and the proof that nothing of it was changed."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from kilonova.admin.period import parse_span
from kilonova.admin.views import moment
from kilonova.core.audit import GENESIS, AuditEntry, AuditFilter, chained
from kilonova.core.books import TIME_MS_MAX

__all__ = [
    "AuditList",
    "AuditProof",
    "AuditQuery",
    "AuditView",
    "filter_of",
    "prove",
    "show_entries",
]

_PROBLEMS_MAX = 20

# A value, or what it was and what it is.
Told = str | int | list[str | int | list[str] | None] | None


class AuditQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``before`` is the ``next`` of the page before. An organisation's entries leave out those of
    the installation. ``actor`` is a member's id or e-mail, ``operator`` or ``system``; ``action`` a
    whole one (``key.revoked``) or all of a kind (``key``). ``from`` and ``to`` are dates or times,
    ``to`` not in it."""

    organisation: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    before: Annotated[int, Meta(ge=1)] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    actor: Annotated[str, Meta(min_length=1, max_length=254)] | None = None
    action: Annotated[str, Meta(min_length=1, max_length=60)] | None = None
    from_: str | None = field(name="from", default=None)
    to: str | None = None


class AuditView(Struct, frozen=True, kw_only=True):
    """``actor`` is a member's id, ``operator`` or ``system``. ``detail`` says what was changed: a
    pair is what it was and what it is."""

    number: int
    at: datetime
    organisation_id: str
    actor: str
    actor_name: str
    action: str
    subject: str
    subject_name: str
    detail: dict[str, Told]
    digest: str


class AuditList(Struct, frozen=True, kw_only=True):
    """The latest first."""

    data: tuple[AuditView, ...]
    next: int | None = None


class AuditProof(Struct, frozen=True, kw_only=True):
    """``digest`` is that of the last entry: kept elsewhere, it proves later that none of these was
    changed or taken away."""

    is_sound: bool
    entries: int
    digest: str
    problems: tuple[str, ...] = ()


def filter_of(query: AuditQuery, organisation_id: str | None) -> AuditFilter:
    """One more than is asked for: whether there is a next page. Raises InvalidRequest."""
    since_ms, until_ms = parse_span(query.from_, query.to, end_ms=TIME_MS_MAX)
    return AuditFilter(
        organisation_id=organisation_id,
        before=query.before,
        limit=query.limit + 1,
        actor=None if query.actor is None else query.actor.strip().lower(),
        action=query.action,
        since_ms=since_ms,
        until_ms=until_ms,
    )


def show_entries(found: list[AuditEntry], limit: int) -> AuditList:
    """At most ``limit`` of them."""
    page = found[:limit]
    return AuditList(
        data=tuple(map(_show, page)), next=page[-1].number if len(found) > limit else None
    )


def prove(entries: Iterable[AuditEntry]) -> AuditProof:
    """Adds the chain up anew, from its first entry on."""
    digest, number = GENESIS, 0
    problems: list[str] = []
    for entry in entries:
        if entry.number != number + 1:
            problems.append(f"entries {number + 1} to {entry.number - 1} are missing")
        elif chained(digest, entry) != entry.digest:
            problems.append(f"entry {entry.number} is not what was written")
        number, digest = entry.number, entry.digest
        if len(problems) == _PROBLEMS_MAX:
            break
    return AuditProof(
        is_sound=not problems, entries=number, digest=digest.hex(), problems=tuple(problems)
    )


def _show(entry: AuditEntry) -> AuditView:
    return AuditView(
        number=entry.number,
        at=moment(entry.at_ms),
        organisation_id=entry.organisation_id,
        actor=entry.actor,
        actor_name=entry.actor_name,
        action=entry.action,
        subject=entry.subject,
        subject_name=entry.subject_name,
        detail=msgspec.json.decode(entry.detail, type=dict[str, Told]),
        digest=entry.digest.hex(),
    )
