"""Who did what to which: an append-only log of what people and operators changed.

Each entry holds a digest over itself and the digest of the entry before, so none can be changed,
taken out or put in between without all later ones telling. Whoever writes the whole log anew can
hide it: who wants to know keeps the last digest elsewhere. It never says what was asked of models.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

import msgspec
from msgspec import Struct

__all__ = [
    "GENESIS",
    "OPERATOR",
    "SYSTEM",
    "Actor",
    "AuditBook",
    "AuditEntry",
    "AuditFilter",
    "Fact",
    "act_as",
    "acting",
    "chained",
]

GENESIS = bytes(32)


class Actor(Struct, frozen=True):
    """``id`` is a member's, ``operator`` or ``system``; ``name`` is what it was called then."""

    id: str
    name: str = ""

    @property
    def member_id(self) -> str | None:
        """None where nobody's hand, or the operator's, did it."""
        return None if self in (SYSTEM, OPERATOR) else self.id


SYSTEM = Actor("system")
OPERATOR = Actor("operator")

_acting: ContextVar[Actor] = ContextVar("acting", default=SYSTEM)


def acting() -> Actor:
    """Who asked for what is being done; the system itself where nobody did."""
    return _acting.get()


@contextmanager
def act_as(actor: Actor) -> Iterator[None]:
    """Everything inside, and the tasks that begin there, is done for ``actor``."""
    token = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(token)


class Fact(Struct, frozen=True, kw_only=True):
    """What was done, such as ``key.revoked``; ``organisation_id`` is empty for the installation's
    own. ``detail`` is a JSON object without secrets. ``actor``: where it is not who asked."""

    action: str
    subject: str
    subject_name: str = ""
    organisation_id: str = ""
    detail: dict[str, object] = {}
    actor: Actor | None = None


class AuditEntry(Struct, frozen=True, kw_only=True):
    """A fact in the log. Numbers begin with 1 and leave none out."""

    number: int
    at_ms: int
    organisation_id: str
    actor: str
    actor_name: str
    action: str
    subject: str
    subject_name: str
    detail: str
    digest: bytes = b""


class AuditFilter(Struct, frozen=True, kw_only=True):
    """Entries of one organisation, or all; ``before`` is the number behind the page. ``actor`` is
    an id or a name, ``action`` a whole one or its first word (``key``); the time ``until_ms`` is
    no part of the span."""

    organisation_id: str | None = None
    before: int | None = None
    limit: int = 100
    actor: str | None = None
    action: str | None = None
    since_ms: int = 0
    until_ms: int = 2**53

    def holds(self, entry: AuditEntry) -> bool:
        """Whether an entry is among those that are asked for."""
        is_theirs = self.organisation_id in (None, entry.organisation_id)
        is_by = self.actor in (None, entry.actor, entry.actor_name)
        is_so = self.action in (None, entry.action, entry.action.partition(".")[0])
        is_then = self.since_ms <= entry.at_ms < self.until_ms
        is_before = self.before is None or entry.number < self.before
        return is_theirs and is_by and is_so and is_then and is_before


class AuditBook(Protocol):
    """The log as it is read; ``append`` is for what no other change carries along."""

    def page(self, chosen: AuditFilter) -> list[AuditEntry]:
        """The latest first."""

    def walk(self) -> Iterator[AuditEntry]:
        """All entries, the first first. May take its time in a thread."""

    async def append(self, fact: Fact) -> None:
        """On disk when it returns. Raises Overloaded."""


def chained(before: bytes, entry: AuditEntry) -> bytes:
    """The digest of an entry behind the one with the digest ``before``."""
    fields = (
        entry.number,
        entry.at_ms,
        entry.organisation_id,
        entry.actor,
        entry.actor_name,
        entry.action,
        entry.subject,
        entry.subject_name,
        entry.detail,
    )
    return hashlib.sha256(before + msgspec.json.encode(fields)).digest()
