"""Where a dialect keeps what its callers may ask for again: stored answers, files, jobs.

An item belongs to one project of one organisation and is found by nobody else. Its ``head`` is a
small JSON document that listings show; its ``content`` is read when the item is asked for by its
id. Both are sealed on disk: what callers wrote must not be readable in a copied database.
"""

from asyncio import Future
from typing import Protocol

from msgspec import Struct

__all__ = ["Drawer", "Item", "Page", "Shelf"]


class Drawer(Struct, frozen=True):
    """One kind of item of one project, such as ``("org_…", "proj_…", "response")``."""

    organisation_id: str
    project_id: str
    kind: str


class Item(Struct, frozen=True, kw_only=True):
    """``expires_ms``: from then on it is not found any more; ``None``: kept until deleted.

    Times are milliseconds since 1970, as everywhere in the store. ``content`` is empty in listings.
    """

    id: str
    created_ms: int
    expires_ms: int | None = None
    head: bytes = b"{}"
    content: bytes = b""
    content_bytes: int = 0


class Page(Struct, frozen=True):
    items: tuple[Item, ...]
    has_more: bool


class Shelf(Protocol):
    """Reads are immediate; changes return futures that are done when they are on disk, and that
    raise Overloaded when the store cannot take them."""

    def put(self, drawer: Drawer, item: Item) -> "Future[None]":
        """Adds the item or replaces the one of the same id, as a whole."""

    def get(self, drawer: Drawer, item_id: str) -> Item | None:
        """With its content; None when there is none, or it expired."""

    def page(
        self, drawer: Drawer, *, after: str | None, limit: int, is_newest_first: bool = True
    ) -> Page:
        """Up to ``limit`` items without content by time, from behind the item ``after`` on."""

    def delete(self, drawer: Drawer, item_id: str) -> "Future[None]":
        """Nothing happens when there is no such item."""

    def bytes_kept(self, project_id: str) -> int:
        """The content of all items of a project that have not expired, for its limit."""
