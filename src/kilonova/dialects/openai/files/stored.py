"""A file on the shelf: who may read it, and what is kept of it beside its bytes."""

import time

import msgspec
from msgspec import Struct

from kilonova.core.errors import NotFound
from kilonova.core.identity import Principal
from kilonova.core.ids import new_id
from kilonova.core.shelf import Drawer, Item, Shelf

__all__ = ["StoredFile", "drawer", "find_file", "keep_file", "read_file", "unknown_file", "unpack"]

_DAY_S = 86_400
_BATCH_KEPT_S = 30 * _DAY_S
_SHOWN_MAX = 100


class StoredFile(Struct, frozen=True, kw_only=True):
    """``name`` is what the caller called it, any text at all; never use it as a path.

    ``content`` is empty where the file was only looked at.
    """

    id: str
    name: str
    purpose: str
    size: int
    created_ms: int
    expires_ms: int | None
    content: bytes = b""


class _Head(Struct, frozen=True):
    name: str
    purpose: str


_head = msgspec.json.Decoder(_Head)


async def keep_file(
    shelf: Shelf,
    principal: Principal,
    content: bytes,
    *,
    name: str,
    purpose: str,
    kept_s: int | None = None,
) -> StoredFile:
    """Always a new file. Raises BudgetExceeded or Overloaded.

    Without ``kept_s`` it stays until it is deleted, a batch's for thirty days."""
    if kept_s is None and purpose == "batch":
        kept_s = _BATCH_KEPT_S
    created_ms = time.time_ns() // 1_000_000
    item = Item(
        id=new_id("file").replace("_", "-"),
        created_ms=created_ms,
        expires_ms=None if kept_s is None else created_ms + kept_s * 1000,
        head=msgspec.json.encode(_Head(name, purpose)),
        content=content,
        content_bytes=len(content),
    )
    await shelf.put(drawer(principal), item)
    return unpack(item)


async def read_file(shelf: Shelf, principal: Principal, file_id: str) -> StoredFile:
    """With its bytes. Raises NotFound."""
    item = await shelf.get(drawer(principal), file_id)
    if item is None:
        raise unknown_file(file_id)
    return unpack(item)


def find_file(shelf: Shelf, principal: Principal, file_id: str) -> StoredFile:
    """Without its bytes. Raises NotFound."""
    item = shelf.look(drawer(principal), file_id)
    if item is None:
        raise unknown_file(file_id)
    return unpack(item)


def drawer(principal: Principal) -> Drawer:
    """Where the files of a caller's project are."""
    return Drawer(principal.organisation_id, principal.project_id, "file")


def unknown_file(file_id: str) -> NotFound:
    """In OpenAI's words; it has no code for this."""
    return NotFound(f"No such File object: {file_id[:_SHOWN_MAX]}", param="id")


def unpack(item: Item) -> StoredFile:
    """The file in an item of the drawer."""
    head = _head.decode(item.head)
    return StoredFile(
        id=item.id,
        name=head.name,
        purpose=head.purpose,
        size=item.content_bytes,
        created_ms=item.created_ms,
        expires_ms=item.expires_ms,
        content=item.content,
    )
