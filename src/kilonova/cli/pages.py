"""Reads a list of the control plane to its end, page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

from msgspec.structs import replace

from kilonova.admin.schema import PAGE_MAX, PageQuery

__all__ = ["every", "pages"]

Item = TypeVar("Item", covariant=True)  # noqa: PLC0105 (one parameter, named for what it is)
Query = TypeVar("Query", bound=PageQuery)


class _Page(Protocol[Item]):
    @property
    def data(self) -> tuple[Item, ...]: ...

    @property
    def next(self) -> str | None: ...


async def pages(
    ask: Callable[[Query], Awaitable[_Page[Item]]], query: Query
) -> AsyncIterator[tuple[Item, ...]]:
    """All items that match the query, a page at a time."""
    after: str | None = None
    while True:
        page = await ask(replace(query, limit=PAGE_MAX, after=after))
        yield page.data
        after = page.next
        if after is None:
            return


async def every(ask: Callable[[Query], Awaitable[_Page[Item]]], query: Query) -> list[Item]:
    """All items that match the query."""
    return [item async for page in pages(ask, query) for item in page]
