"""Responses on the shelf, and conversations read back from it.

A response is one item: the response as its caller saw it, and the items that were asked. What came
before is not copied into it; a conversation is read by walking back along ``previous_response_id``.

A short request can refer to much: how far back one reads, how much of it, and how much all of them
hold at once has a bound each.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Self

import msgspec
from msgspec import Raw, Struct

from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.core.identity import Principal
from kilonova.core.shelf import Drawer, Shelf
from kilonova.core.shelf import Item as ShelfItem
from kilonova.dialects.openai.files.stored import StoredFile, find_file, read_file
from kilonova.dialects.openai.held_bytes import HeldBytes
from kilonova.dialects.openai.responses.answer_schema import ResponseObject
from kilonova.dialects.openai.responses.items import Item, KeptItem, pieces
from kilonova.dialects.openai.responses.schema import ItemReference
from kilonova.dialects.wire.structure import BRACKETS_MAX

__all__ = ["Archive", "Reading"]

_LINKS_MAX = 1_000
# Items with their parts: as many as the body of a request may hold.
_PIECES_MAX = BRACKETS_MAX
# As many of the largest requests, or more smaller ones, hold what they read at once; half of them
# those of one organisation.
_READINGS_MAX = 8
# Rows are read without a wait for the disk: after so many bytes, others get their turn. Finding a
# row takes as long as reading so many.
_BYTES_AT_ONCE = 1 << 18
_BYTES_TO_FIND = 1 << 14
_DAY_MS = 86_400_000

# An item's id names the response that it is in: see encode.item_id and items.named.
_ITEM_ID = re.compile(r"[a-z]+_([0-9a-z]{26})[io]\d{4,}")


class _Told(Struct, frozen=True):
    """The part of a stored response that a conversation needs."""

    output: tuple[KeptItem, ...]
    previous_response_id: str | None = None


class _Turn(Struct, frozen=True):
    response: _Told
    input: tuple[KeptItem, ...]


class _Whole(Struct, frozen=True):
    response: Raw


_turns = msgspec.json.Decoder(_Turn)
_wholes = msgspec.json.Decoder(_Whole)
_encode = msgspec.json.Encoder().encode


class Archive:
    """The stored responses of all projects; each sees its own. They are kept ``kept_days``."""

    def __init__(self, shelf: Shelf, *, kept_days: int, bytes_max: int) -> None:
        self._shelf = shelf
        self._kept_days = kept_days
        self._bytes_max = bytes_max
        self._held = HeldBytes(
            bytes_max * _READINGS_MAX,
            refusal="Too much of what is kept is being read at once. Retry shortly.",
        )

    def check_room(self, principal: Principal, content_bytes: int) -> None:
        """Raises BudgetExceeded before work is done whose result there is no room for."""
        self._shelf.check_room(_drawer(principal), content_bytes)

    async def keep(
        self, principal: Principal, response: ResponseObject, items: Sequence[KeptItem]
    ) -> None:
        """Returns when it is on disk. Raises what the shelf does when it cannot take it."""
        created_ms = response.created_at * 1000
        content = b'{"response":%b,"input":%b}' % (_encode(response), _encode(items))
        item = ShelfItem(
            id=response.id,
            created_ms=created_ms,
            expires_ms=created_ms + self._kept_days * _DAY_MS,
            content=content,
        )
        await self._shelf.put(_drawer(principal), item)

    async def response(self, principal: Principal, response_id: str) -> bytes:
        """The response as its caller saw it. Raises NotFound."""
        item = await self._shelf.get(_drawer(principal), response_id)
        if item is None:
            raise not_found(response_id)
        return bytes(_wholes.decode(item.content).response)

    def check(self, principal: Principal, response_id: str) -> None:
        """Raises NotFound where there is no such response."""
        if self._shelf.look(_drawer(principal), response_id) is None:
            raise not_found(response_id)

    async def delete(self, principal: Principal, response_id: str) -> None:
        """Raises NotFound. Responses that went on from it lose what was before them."""
        self.check(principal, response_id)
        await self._shelf.delete(_drawer(principal), response_id)

    def read(self, principal: Principal) -> "Reading":
        """What one request reads, with one bound for all of it. Close it when it is done with."""
        return Reading(self._shelf, principal, self._held, bytes_max=self._bytes_max)


class Reading:
    """What one request reads from the shelf. Others wait for its room until it is closed."""

    def __init__(
        self, shelf: Shelf, principal: Principal, held: HeldBytes, *, bytes_max: int
    ) -> None:
        self._shelf = shelf
        self._principal = principal
        self._held = held
        self._bytes_max = bytes_max
        self._bytes_held = 0
        self._pieces_left = _PIECES_MAX
        self._bytes_since = 0
        self._turns: dict[str, _Turn] = {}
        self._found: dict[str, dict[str | None, KeptItem]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Once is enough."""
        self._held.give_back(self._principal.organisation_id, self._bytes_held)
        self._bytes_held = 0

    async def conversation(self, response_id: str | None) -> list[KeptItem]:
        """All items up to and with a response. Raises InvalidRequest where one is missing."""
        turns: list[_Turn] = []
        while response_id is not None:
            turn = await self._turn(response_id)
            if turn is None:
                raise InvalidRequest(
                    f"Previous response with id '{response_id[:256]}' not found.",
                    param="previous_response_id",
                    reason="previous_response_not_found",
                )
            if len(turns) == _LINKS_MAX:
                raise InvalidRequest(
                    f"This conversation has more than {_LINKS_MAX} responses. Begin a new one.",
                    param="previous_response_id",
                )
            turns.append(turn)
            response_id = turn.response.previous_response_id
        return [item for turn in reversed(turns) for item in (*turn.input, *turn.response.output)]

    async def asked(self, response_id: str) -> list[KeptItem]:
        """The items that a response answers: those before it, and its own. Raises NotFound."""
        turn = await self._turn(response_id)
        if turn is None:
            raise not_found(response_id)
        before = await self.conversation(turn.response.previous_response_id)
        return [*before, *turn.input]

    async def resolve(self, items: Sequence[Item]) -> list[KeptItem]:
        """The items with what their references stand for. Raises NotFound."""
        return [
            await self._find(item.id) if isinstance(item, ItemReference) else item for item in items
        ]

    async def _find(self, item_id: str) -> KeptItem:
        match = _ITEM_ID.fullmatch(item_id)
        item = (await self._items_of(f"resp_{match[1]}")).get(item_id) if match else None
        if item is None:
            raise NotFound(
                f"Item with id '{item_id[:256]}' not found. Items are not persisted when `store` "
                "is set to false. Try again with `store` set to true, or remove this item from "
                "your input.",
                param="input",
            )
        # It stands for as much every time that it is named.
        self._take(len(_encode(item)), pieces((item,)), param="input")
        return item

    async def _items_of(self, response_id: str) -> dict[str | None, KeptItem]:
        if response_id not in self._found:
            turn = await self._turn(response_id)
            items = () if turn is None else (*turn.response.output, *turn.input)
            self._found[response_id] = {item.id: item for item in items}
        return self._found[response_id]

    async def file(self, file_id: str) -> StoredFile:
        """A file that the caller's project keeps. Raises NotFound."""
        size = find_file(self._shelf, self._principal, file_id).size
        self._take(size, 0, param="input")
        await self._give_way(size)
        return await read_file(self._shelf, self._principal, file_id)

    async def _turn(self, response_id: str) -> _Turn | None:
        turn = self._turns.get(response_id)
        if turn is not None:
            return turn
        item = await self._shelf.get(_drawer(self._principal), response_id)
        if item is None:
            return None
        turn = _turns.decode(item.content)
        count = pieces((*turn.input, *turn.response.output))
        self._take(len(item.content), count, param="previous_response_id")
        self._turns[response_id] = turn
        await self._give_way(len(item.content))
        return turn

    async def _give_way(self, content_bytes: int) -> None:
        self._bytes_since += content_bytes + _BYTES_TO_FIND
        if self._bytes_since >= _BYTES_AT_ONCE:
            self._bytes_since = 0
            await asyncio.sleep(0)

    def _take(self, content_bytes: int, count: int, *, param: str) -> None:
        self._pieces_left -= count
        if self._bytes_held + content_bytes > self._bytes_max or self._pieces_left < 0:
            raise InvalidRequest(
                "What this request refers to is larger, all together, than a request may be. Begin "
                "a new conversation, or send less.",
                param=param,
            )
        self._held.take(self._principal.organisation_id, content_bytes)
        self._bytes_held += content_bytes


def not_found(response_id: str) -> NotFound:
    """For an id that is no response's of this project."""
    return NotFound(f"Response with id '{response_id[:256]}' not found.")


def _drawer(principal: Principal) -> Drawer:
    return Drawer(principal.organisation_id, principal.project_id, "response")
