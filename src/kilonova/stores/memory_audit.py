"""The audit log in memory: holds what is appended to it, and nothing of other changes."""

from collections.abc import Iterator

import msgspec

from kilonova.core.audit import GENESIS, AuditEntry, AuditFilter, Fact, acting, chained

__all__ = ["MemoryAudit"]


class MemoryAudit:
    """Implements ``core.audit.AuditBook``."""

    def __init__(self) -> None:
        self._entries: list[AuditEntry] = []

    def page(self, chosen: AuditFilter) -> list[AuditEntry]:
        found = [entry for entry in reversed(self._entries) if chosen.holds(entry)]
        return found[: chosen.limit]

    def walk(self) -> Iterator[AuditEntry]:
        yield from self._entries

    async def append(self, fact: Fact) -> None:
        actor = fact.actor or acting()
        entry = AuditEntry(
            number=len(self._entries) + 1,
            at_ms=0,
            organisation_id=fact.organisation_id,
            actor=actor.id,
            actor_name=actor.name,
            action=fact.action,
            subject=fact.subject,
            subject_name=fact.subject_name,
            detail=msgspec.json.encode(fact.detail).decode(),
        )
        before = self._entries[-1].digest if self._entries else GENESIS
        self._entries.append(msgspec.structs.replace(entry, digest=chained(before, entry)))
