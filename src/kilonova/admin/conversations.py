"""Members' conversations: kept sealed on the shelf, each member's in drawers of their own.

Nobody else reads them, admins and the operator included: the drawer is named after the member who
asks, so there is no id with which another's could be opened.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kilonova.admin.conversation_schema import (
    ConversationChange,
    ConversationExport,
    ConversationHead,
    ConversationList,
    ConversationQuery,
    ConversationView,
    ExportQuery,
    NewConversation,
    SearchQuery,
)
from kilonova.admin.conversation_tree import Kept, branch, excerpt, holds, markdown, merged
from kilonova.admin.views import moment
from kilonova.core.clock import Clock
from kilonova.core.errors import BudgetExceeded, Forbidden, NotFound, RequestTooLarge
from kilonova.core.ids import new_id
from kilonova.core.members import Member, is_at_least
from kilonova.core.shelf import Drawer, Item, Shelf

__all__ = ["ConversationLimits", "Conversations"]


_KIND = "conversation"


class ConversationLimits(Struct, frozen=True, kw_only=True):
    """How many one member keeps in one project, and how long one of them may be."""

    count_max: int = 500
    bytes_max: int = 8_388_608


class _Head(Struct, frozen=True, kw_only=True):
    title: str
    turns: int
    updated_ms: int


class Conversations:
    """Belongs to the event loop. ``project_ids`` are those of an organisation."""

    def __init__(
        self,
        shelf: Shelf,
        clock: Clock,
        *,
        project_ids: Callable[[str], list[str]],
        limits: ConversationLimits | None = None,
    ) -> None:
        self._shelf = shelf
        self._clock = clock
        self._project_ids = project_ids
        self._limits = limits or ConversationLimits()
        # Saving reads what it then writes.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.rooms: dict[str, Callable[..., Awaitable[Struct]]] = {
            "list_conversations": self.search,
            "create_conversation": self.create,
            "conversation": self.read,
            "save_conversation": self.save,
            "delete_conversation": self.delete,
            "export_conversation": self.export,
        }

    async def search(self, member: Member, query: SearchQuery) -> ConversationList:
        """The latest change first; with ``search`` those that have it in a title or a turn."""
        drawer = self._drawer(member, query.project)
        found = sorted(
            (_shown_head(drawer, item) for item in self._all(drawer)), key=_place, reverse=True
        )
        searched = query.search.strip().casefold()
        page: list[ConversationHead] = []
        for head in found:
            if query.after is not None and _place(head) >= query.after:
                continue
            if searched and not await self._has(drawer, head.id, searched):
                continue
            if len(page) == query.limit:
                return ConversationList(data=tuple(page), next=_place(page[-1]))
            page.append(head)
        return ConversationList(data=tuple(page))

    async def create(self, member: Member, body: NewConversation) -> ConversationView:
        """Raises BudgetExceeded where the member or the project keeps as much as it may."""
        drawer = self._drawer(member, body.project, is_writing=True)
        if len(self._all(drawer)) >= self._limits.count_max:
            raise BudgetExceeded(
                f"You keep {self._limits.count_max} conversations in this project, which is all "
                "that you may. Delete some of them.",
                reason="conversations_max",
            )
        empty = Kept(title=body.title.strip(), choices=body.choices)
        kept = merged(empty, body.turns, body.chosen)
        item = await self._put(drawer, new_id("conv"), kept, created_ms=self._now_ms())
        return _shown(drawer, item, kept)

    async def read(
        self, member: Member, conversation_id: str, query: ConversationQuery
    ) -> ConversationView:
        drawer = self._drawer(member, query.project)
        item, kept = await self._get(drawer, conversation_id)
        return _shown(drawer, item, kept)

    async def save(
        self, member: Member, conversation_id: str, body: ConversationChange
    ) -> ConversationHead:
        """Adds what is new, and on disk when it returns."""
        drawer = self._drawer(member, body.project, is_writing=True)
        async with self._saving(conversation_id):
            item, before = await self._get(drawer, conversation_id)
            kept = merged(before, body.turns, body.chosen)
            if body.title is not None:
                kept = replace(kept, title=body.title.strip())
            if body.choices is not None:
                kept = replace(kept, choices=body.choices)
            if kept != before:
                item = await self._put(drawer, conversation_id, kept, created_ms=item.created_ms)
        return _shown_head(drawer, item)

    async def delete(
        self, member: Member, conversation_id: str, query: ConversationQuery
    ) -> ConversationHead:
        """A save that is under way comes first, so that it does not bring it back."""
        drawer = self._drawer(member, query.project)
        async with self._saving(conversation_id):
            item = self._shelf.look(drawer, conversation_id)
            if item is None:
                raise _nothing(conversation_id)
            await self._shelf.delete(drawer, conversation_id)
        return _shown_head(drawer, item)

    async def export(
        self, member: Member, conversation_id: str, query: ExportQuery
    ) -> ConversationExport:
        """JSON has every branch; Markdown the one that is shown."""
        drawer = self._drawer(member, query.project)
        item, kept = await self._get(drawer, conversation_id)
        view = _shown(drawer, item, kept)
        if query.format == "json":
            text = msgspec.json.format(msgspec.json.encode(view), indent=2).decode()
            return ConversationExport(
                name=f"{conversation_id}.json", media_type="application/json", text=text
            )
        return ConversationExport(
            name=f"{conversation_id}.md",
            media_type="text/markdown",
            text=markdown(view, branch(kept)),
        )

    async def forget(self, member: Member) -> None:
        """Deletes all of somebody who is no member any more."""
        for project_id in self._project_ids(member.organisation_id):
            await self._empty(_drawer(member, project_id))

    async def clear_up(self, is_member: Callable[[str], bool]) -> int:
        """Deletes those of nobody, which a crash left while a member was being removed; how many
        they were."""
        count, drawer = 0, self._shelf.next_drawer(None)
        while drawer is not None:
            kind, _, member_id = drawer.kind.partition(":")
            if kind == _KIND and not is_member(member_id):
                count += await self._empty(drawer)
            await asyncio.sleep(0)
            drawer = self._shelf.next_drawer(drawer)
        return count

    async def _empty(self, drawer: Drawer) -> int:
        found = self._all(drawer)
        for item in found:
            async with self._saving(item.id):
                await self._shelf.delete(drawer, item.id)
        return len(found)

    def _drawer(self, member: Member, project_id: str, *, is_writing: bool = False) -> Drawer:
        if project_id not in self._project_ids(member.organisation_id):
            raise NotFound(f"There is no project {project_id[:60]!r} here.", param="project")
        if is_writing and not is_at_least(member.role, "developer"):
            raise Forbidden("Your role may look, but not ask models.", reason="role")
        return _drawer(member, project_id)

    def _all(self, drawer: Drawer) -> tuple[Item, ...]:
        """Also those of a time when more of them were allowed."""
        found: tuple[Item, ...] = ()
        while True:
            after = found[-1].id if found else None
            page = self._shelf.page(drawer, after=after, limit=self._limits.count_max)
            found += page.items
            if not page.has_more:
                return found

    async def _get(self, drawer: Drawer, conversation_id: str) -> tuple[Item, Kept]:
        item = await self._shelf.get(drawer, conversation_id)
        if item is None:
            raise _nothing(conversation_id)
        return item, msgspec.json.decode(item.content, type=Kept)

    async def _has(self, drawer: Drawer, conversation_id: str, searched: str) -> bool:
        item = await self._shelf.get(drawer, conversation_id)
        # One after the other, so that requests run in between.
        await asyncio.sleep(0)
        return item is not None and holds(msgspec.json.decode(item.content, type=Kept), searched)

    async def _put(self, drawer: Drawer, id_: str, kept: Kept, *, created_ms: int) -> Item:
        content = msgspec.json.encode(kept)
        if len(content) > self._limits.bytes_max:
            raise RequestTooLarge(
                f"A conversation has at most {self._limits.bytes_max} bytes. Begin a new one.",
                reason="conversation_bytes_max",
            )
        head = _Head(title=excerpt(kept), turns=len(kept.turns), updated_ms=self._now_ms())
        item = Item(id=id_, created_ms=created_ms, head=msgspec.json.encode(head), content=content)
        await self._shelf.put(drawer, item)
        return item

    @asynccontextmanager
    async def _saving(self, conversation_id: str) -> AsyncIterator[None]:
        lock = self._locks.setdefault(conversation_id, asyncio.Lock())
        async with lock:
            yield

    def _now_ms(self) -> int:
        return round(self._clock.now_s() * 1000)


def _drawer(member: Member, project_id: str) -> Drawer:
    return Drawer(member.organisation_id, project_id, f"{_KIND}:{member.id}")


def _place(head: ConversationHead) -> str:
    """Where it stands in the list: by its last change."""
    return f"{round(head.updated_at.timestamp() * 1000):015d}-{head.id}"


def _shown_head(drawer: Drawer, item: Item) -> ConversationHead:
    head = msgspec.json.decode(item.head, type=_Head)
    return ConversationHead(
        id=item.id,
        project_id=drawer.project_id,
        title=head.title,
        turns=head.turns,
        created_at=moment(item.created_ms),
        updated_at=moment(head.updated_ms),
    )


def _shown(drawer: Drawer, item: Item, kept: Kept) -> ConversationView:
    head = _shown_head(drawer, item)
    return ConversationView(
        id=head.id,
        project_id=head.project_id,
        title=head.title,
        created_at=head.created_at,
        updated_at=head.updated_at,
        choices=kept.choices,
        turns=kept.turns,
        chosen=kept.chosen,
    )


def _nothing(conversation_id: str) -> NotFound:
    return NotFound(f"There is no conversation {conversation_id[:60]!r} here.")
