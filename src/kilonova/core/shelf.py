"""Where a dialect keeps what its callers may ask for again: stored answers, files, jobs.

An item belongs to one project of one organisation and is found by nobody else. Its ``head`` is a
small JSON document that listings show; its ``content`` is read when the item is asked for by its
id. Both are sealed on disk: what callers wrote must not be readable in a copied database.
"""

from typing import Protocol

from msgspec import Struct

__all__ = ["Drawer", "Item", "Page", "Sealer", "Shelf", "ShelfLimits"]


class Drawer(Struct, frozen=True):
    """One kind of item of one project, such as ``("org_…", "proj_…", "response")``."""

    organisation_id: str
    project_id: str
    kind: str


class Item(Struct, frozen=True, kw_only=True):
    """``expires_ms``: from then on it is not found any more; ``None``: kept until deleted.

    Times are milliseconds since 1970, as everywhere in the store. Pages are in the order of ids, so
    an ``id`` begins with its time (``core.ids``). The shelf counts ``content_bytes`` itself.
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


class ShelfLimits(Struct, frozen=True, kw_only=True):
    """What one project may keep in all its drawers together."""

    items_max: int
    bytes_max: int


class Shelf(Protocol):
    """Belongs to the event loop. A change that was awaited is on disk, and seen by all reads.

    ``look``, ``page`` and ``check_room`` are immediate; ``get`` may wait for the disk.
    """

    async def put(self, drawer: Drawer, item: Item) -> None:
        """Adds the item or replaces the one of the same id, as a whole.

        Raises BudgetExceeded when the project keeps as much as it may, and Overloaded when the
        store cannot take it."""

    async def get(self, drawer: Drawer, item_id: str) -> Item | None:
        """With its content; None when there is none, or it expired."""

    def look(self, drawer: Drawer, item_id: str) -> Item | None:
        """As ``get``, without the content."""

    def page(
        self, drawer: Drawer, *, after: str | None, limit: int, is_newest_first: bool = True
    ) -> Page:
        """Up to ``limit`` items without content, from behind the id ``after`` on.

        ``after`` need not exist: who deletes a page that was read can go on to the next."""

    async def delete(self, drawer: Drawer, item_id: str) -> None:
        """Nothing happens when there is no such item. Raises Overloaded as ``put``."""

    def next_drawer(self, after: Drawer | None) -> Drawer | None:
        """The first one with something in it, behind ``after``, which need not exist."""

    def check_room(self, drawer: Drawer, content_bytes: int = 0) -> None:
        """Raises what ``put`` would, before work is done whose result there is no room for."""


class Sealer(Protocol):
    """Encrypts what is kept. ``bound_to`` names the owner: elsewhere it does not open."""

    def seal_content(self, content: bytes, *, bound_to: str) -> bytes: ...

    def unseal_content(self, sealed: bytes, *, bound_to: str) -> bytes: ...
