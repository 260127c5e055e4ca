"""The audit log on disk. Most entries are written beside the change that they tell of."""

from collections.abc import Iterator
from typing import Any

import apsw

from kilonova.core.audit import AuditEntry, AuditFilter, Fact
from kilonova.stores.sql import compiled
from kilonova.stores.sql.audit_chain import noted
from kilonova.stores.sql.operations import Save
from kilonova.stores.sql.writer import Writer

__all__ = ["SqlAudit"]

_LAST = 2**62
_WALK_ROWS = 500


class SqlAudit:
    """Implements ``core.audit.AuditBook``. Reads see what is durable."""

    def __init__(self, writer: Writer, reader: apsw.Connection) -> None:
        self._writer = writer
        self._reader = reader

    def page(self, chosen: AuditFilter) -> list[AuditEntry]:
        behind = _LAST if chosen.before is None else chosen.before
        action = chosen.action or ""
        # "/" comes right behind ".": between the two lies whatever begins with the action.
        asked = (chosen.actor or "", action, f"{action}.", f"{action}/")
        rest = (behind, *asked, chosen.since_ms, chosen.until_ms, chosen.limit)
        if chosen.organisation_id is None:
            rows = self._reader.execute(compiled.AUDIT_PAGE, rest)
        else:
            rows = self._reader.execute(compiled.AUDIT_PAGE_OF, (chosen.organisation_id, *rest))
        return [_entry(row) for row in rows.fetchall()]

    def walk(self) -> Iterator[AuditEntry]:
        after = 0
        while rows := self._reader.execute(compiled.AUDIT_WALK, (after, _WALK_ROWS)).fetchall():
            found = [_entry(row) for row in rows]
            yield from found
            after = found[-1].number

    async def append(self, fact: Fact) -> None:
        await self._writer.submit(Save(entries=noted([fact])))


def _entry(row: tuple[Any, ...]) -> AuditEntry:
    return AuditEntry(**dict(zip(AuditEntry.__struct_fields__, row, strict=True)))
