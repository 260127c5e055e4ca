"""How entries get into the audit log: made when a change is asked for, chained when written.

Numbers and digests are given in the writer's transaction. One that is rolled back leaves no hole.
"""

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec
from msgspec.structs import astuple, replace

from kilonova.core.audit import GENESIS, AuditEntry, Fact, acting, chained
from kilonova.core.clock import SystemClock
from kilonova.stores.sql import compiled

__all__ = ["append_entries", "noted"]


def noted(facts: Sequence[Fact]) -> tuple[AuditEntry, ...]:
    """Facts as entries of now, by who asks. They have no place in the log yet."""
    now_ms = round(SystemClock().now_s() * 1000)
    return tuple(_entry(fact, now_ms) for fact in facts)


def append_entries(connection: apsw.Connection, entries: Sequence[AuditEntry]) -> None:
    """Inside the transaction that is open."""
    last: list[tuple[Any, ...]] = connection.execute(compiled.AUDIT_LAST).fetchall()
    number, digest = last[0] if last else (0, GENESIS)
    for entry in entries:
        number += 1
        placed = replace(entry, number=number)
        digest = chained(digest, placed)
        connection.execute(compiled.AUDIT_INSERT, astuple(replace(placed, digest=digest)))


def _entry(fact: Fact, at_ms: int) -> AuditEntry:
    actor = fact.actor or acting()
    return AuditEntry(
        number=0,
        at_ms=at_ms,
        organisation_id=fact.organisation_id,
        actor=actor.id,
        actor_name=actor.name,
        action=fact.action,
        subject=fact.subject,
        subject_name=fact.subject_name,
        detail=msgspec.json.encode(fact.detail).decode(),
    )
