"""What callers left here, on disk: rows in the store, long contents in sealed files beside it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import apsw

from kilonova.core.clock import Clock
from kilonova.core.errors import BudgetExceeded, Overloaded
from kilonova.core.shelf import Drawer, Item, Page, Sealer, ShelfLimits
from kilonova.stores.sql import compiled
from kilonova.stores.sql.operations import Shelve
from kilonova.stores.sql.sealed_files import SealedFiles
from kilonova.stores.sql.writer import Done, Writer

__all__ = ["ROW_BYTES_MAX", "SqlShelf"]

_logger = logging.getLogger("kilonova.store")

# Measured: a row of 64 KB costs a commit nothing, one of 256 KB makes it five times as long.
ROW_BYTES_MAX = 1 << 16
_SWEEP_BATCH = 200
_LAST = "\U0010ffff"

_Key = tuple[str, str, str, str]


class _Row(NamedTuple):
    """As ``items`` has it; without ``content`` in listings."""

    organisation_id: str
    project_id: str
    kind: str
    id: str
    created_ms: int
    expires_ms: int | None
    content_bytes: int
    file: str | None
    head: bytes
    content: bytes = b""


class SqlShelf:
    """Implements ``core.shelf.Shelf``. Belongs to the event loop; reads see what is durable."""

    def __init__(
        self,
        writer: Writer,
        reader: apsw.Connection,
        files: SealedFiles,
        *,
        sealer: Sealer,
        clock: Clock,
        limits: ShelfLimits,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._files = files
        self._sealer = sealer
        self._clock = clock
        self._limits = limits
        # What is on its way to the disk, a project.
        self._items_coming: Counter[str] = Counter()
        self._bytes_coming: Counter[str] = Counter()
        named = frozenset(row[0] for row in reader.execute(compiled.ITEM_FILES))
        orphans = files.keep_only(named)
        if orphans:
            _logger.warning("shelf_files_removed", extra={"fields": {"files": orphans}})

    async def put(self, drawer: Drawer, item: Item) -> None:
        with self._room(drawer, item):
            head = self._sealer.seal_content(item.head, bound_to=_owner(drawer, item.id, "head"))
            owner = _owner(drawer, item.id, "content")
            file: str | None = None
            content = b""
            if len(item.content) > ROW_BYTES_MAX:
                file = await self._write_file(item.content, owner)
            else:
                content = self._sealer.seal_content(item.content, bound_to=owner)
            row = _Row(
                *_key(drawer, item.id),
                created_ms=item.created_ms,
                expires_ms=item.expires_ms,
                content_bytes=len(item.content),
                file=file,
                head=head,
                content=content,
            )
            await self._shelve(_key(drawer, item.id), row)

    async def get(self, drawer: Drawer, item_id: str) -> Item | None:
        owner = _owner(drawer, item_id, "content")
        while (row := self._row(compiled.ITEM, drawer, item_id)) is not None:
            if row.file is None:
                plain = self._sealer.unseal_content(row.content, bound_to=owner)
                return self._item(drawer, row, plain)
            try:
                plain = await self._files.read(row.file, bound_to=owner)
            except FileNotFoundError:
                # It was replaced or deleted while the thread was on its way to the file.
                if self._row(compiled.ITEM, drawer, item_id) == row:
                    raise
                continue
            return self._item(drawer, row, plain)
        return None

    def look(self, drawer: Drawer, item_id: str) -> Item | None:
        row = self._row(compiled.ITEM_LISTED, drawer, item_id)
        return None if row is None else self._item(drawer, row)

    def page(
        self, drawer: Drawer, *, after: str | None, limit: int, is_newest_first: bool = True
    ) -> Page:
        statement = compiled.ITEMS_NEWEST if is_newest_first else compiled.ITEMS_OLDEST
        if after is None:
            after = _LAST if is_newest_first else ""
        chosen = (*_drawer(drawer), after, self._now_ms(), limit + 1)
        rows = self._reader.execute(statement, chosen).fetchall()
        items = tuple(self._item(drawer, _as_row(row)) for row in rows[:limit])
        return Page(items, has_more=len(rows) > limit)

    def next_drawer(self, after: Drawer | None) -> Drawer | None:
        behind = ("", "", "") if after is None else _drawer(after)
        rows = self._reader.execute(compiled.ITEMS_NEXT_DRAWER, behind).fetchall()
        return Drawer(*map(str, rows[0])) if rows else None

    async def delete(self, drawer: Drawer, item_id: str) -> None:
        await self._shelve(_key(drawer, item_id))

    def check_room(self, drawer: Drawer, content_bytes: int = 0) -> None:
        self._check_room(drawer.project_id, items=1, content_bytes=content_bytes)

    async def sweep(self) -> int:
        """Removes what expired; how many items that were. Raises Overloaded."""
        count, now_ms = 0, self._now_ms()
        while keys := self._expired(now_ms):
            await asyncio.gather(*(self._shelve(key, expired_by_ms=now_ms) for key in keys))
            count += len(keys)
        return count

    def _expired(self, now_ms: int) -> list[_Key]:
        rows = self._reader.execute(compiled.ITEMS_EXPIRED, (now_ms, _SWEEP_BATCH))
        return [(str(org), str(project), str(kind), str(name)) for org, project, kind, name in rows]

    @contextmanager
    def _room(self, drawer: Drawer, item: Item) -> Iterator[None]:
        """Counts the item while it is on its way; one that it replaces makes room."""
        project_id, content_bytes = drawer.project_id, len(item.content)
        rows = self._reader.execute(compiled.ITEM_LISTED, _key(drawer, item.id)).fetchall()
        replaced_bytes = sum(_as_row(row).content_bytes for row in rows)
        growth = max(0, content_bytes - replaced_bytes)
        self._check_room(project_id, items=1 - len(rows), content_bytes=growth)
        self._items_coming[project_id] += 1
        self._bytes_coming[project_id] += content_bytes
        try:
            yield
        finally:
            self._items_coming[project_id] -= 1
            self._bytes_coming[project_id] -= content_bytes
            if not self._items_coming[project_id]:
                del self._items_coming[project_id], self._bytes_coming[project_id]

    def _check_room(self, project_id: str, *, items: int, content_bytes: int) -> None:
        items_kept, bytes_kept = self._items_coming[project_id], self._bytes_coming[project_id]
        for kept in self._reader.execute(compiled.KEPT, (project_id,)).fetchall():
            items_kept += int(kept[0] or 0)
            bytes_kept += int(kept[1] or 0)
        if items and items_kept + items > self._limits.items_max:
            raise _full(f"{self._limits.items_max} items", "kept_items_max")
        if content_bytes and bytes_kept + content_bytes > self._limits.bytes_max:
            raise _full(f"{self._limits.bytes_max} bytes", "kept_bytes_max")

    async def _write_file(self, content: bytes, owner: str) -> str:
        try:
            return await self._files.write(content, bound_to=owner)
        except OSError as error:
            detail = {"detail": f"{type(error).__name__}: {error.strerror}"}
            _logger.error("shelf_cannot_write", extra={"fields": detail})
            raise Overloaded(
                "This cannot be kept at the moment. Try again soon.", retry_after_s=1.0
            ) from None

    async def _shelve(
        self, key: _Key, row: "_Row | None" = None, *, expired_by_ms: int | None = None
    ) -> None:
        """Whoever waits may leave: what becomes of the files is settled when the commit is."""
        freed: list[str] = []
        done = self._writer.submit(Shelve(key, freed, row, expired_by_ms))
        done.add_done_callback(partial(self._remove_unnamed, row, freed))
        await asyncio.shield(done)

    def _remove_unnamed(self, row: "_Row | None", freed: list[str], done: Done) -> None:
        if done.exception() is None:
            self._files.remove(freed)
        elif row is not None and row.file is not None:
            self._files.remove([row.file])

    def _row(self, statement: str, drawer: Drawer, item_id: str) -> "_Row | None":
        rows = self._reader.execute(statement, _key(drawer, item_id)).fetchall()
        row = _as_row(rows[0]) if rows else None
        if row is None or (row.expires_ms is not None and row.expires_ms <= self._now_ms()):
            return None
        return row

    def _item(self, drawer: Drawer, row: "_Row", content: bytes = b"") -> Item:
        return Item(
            id=row.id,
            created_ms=row.created_ms,
            expires_ms=row.expires_ms,
            head=self._sealer.unseal_content(row.head, bound_to=_owner(drawer, row.id, "head")),
            content=content,
            content_bytes=row.content_bytes,
        )

    def _now_ms(self) -> int:
        return round(self._clock.now_s() * 1000)


def _as_row(values: tuple[Any, ...]) -> _Row:
    return _Row(*values)


def _drawer(drawer: Drawer) -> tuple[str, str, str]:
    return drawer.organisation_id, drawer.project_id, drawer.kind


def _key(drawer: Drawer, item_id: str) -> _Key:
    return *_drawer(drawer), item_id


def _owner(drawer: Drawer, item_id: str, part: str) -> str:
    return "\n".join((*_key(drawer, item_id), part))


def _full(what: str, limit: str) -> BudgetExceeded:
    return BudgetExceeded(
        f"This project keeps {what}, which is all that it may. Delete some of them, or ask the "
        f"operator to raise limits.{limit}.",
        reason=limit,
    )
