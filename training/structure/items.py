"""Test items as they stand in the files of `sets/`, generated or written by hand.

One JSON object a line: `id`, `messages` (OpenAI-shaped, without the answer), `tools`, and what a
right answer is: `calls` (none: the model must not call), `json`, `answer` or a list of texts to
`accept`. An item without any of these asks for readable text, perhaps of at most `words_max` words
and with one of the words of `about`. `choices` are the labels among which one is right.
"""

import json
import lzma
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from structure.conversation import Call, Conversation, Goal, Role, Tool, Turn
from structure.wire import read_conversation, wire_messages

__all__ = ["Item", "item_of", "read_items", "request_text", "write_items"]


class _ToolText(msgspec.Struct, frozen=True):
    """A tool as written; the description may be missing."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = msgspec.field(
        default_factory=lambda: {"type": "object", "properties": {}}
    )


class _CallText(msgspec.Struct, frozen=True):
    """A call as written."""

    name: str
    arguments: dict[str, Any]


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One test item. `alternatives` are other right sequences of calls."""

    id: str
    messages: tuple[dict[str, Any], ...]
    tools: tuple[_ToolText, ...] = ()
    calls: tuple[_CallText, ...] | UnsetType = UNSET
    alternatives: tuple[tuple[_CallText, ...], ...] = ()
    json: Any = UNSET
    answer: str | None = None
    accept: tuple[str, ...] = ()
    kind: str = ""
    why: str = ""
    missing: str = ""
    about: tuple[str, ...] = ()
    words_max: int = 0
    choices: tuple[str, ...] = ()

    @property
    def goal(self) -> Goal:
        """How an answer is judged."""
        if self.calls is not UNSET:
            return Goal.CALL if self.calls else Goal.ABSTAIN
        if self.json is not UNSET:
            return Goal.JSON
        return Goal.EXACT if self.texts else Goal.CHAT

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text that is right, the preferred one first."""
        first = () if self.answer is None else (self.answer,)
        return (*first, *self.accept)

    @property
    def right_calls(self) -> tuple[tuple[Call, ...], ...]:
        """Every sequence of calls that is right, the preferred one first."""
        first = () if self.calls is UNSET else self.calls
        sequences = (first, *self.alternatives)
        return tuple(
            tuple(Call(call.name, call.arguments) for call in calls) for calls in sequences
        )

    @property
    def request(self) -> str:
        """What the user said last."""
        return request_text(self.messages)

    def offered(self) -> tuple[Tool, ...]:
        """The tools as the platform sees them."""
        return tuple(Tool(tool.name, tool.description, tool.parameters) for tool in self.tools)

    def conversation(self) -> Conversation:
        """As the training code sees it, with the reference answer as its last turn."""
        return read_conversation(self.messages, self.offered(), answer=self._reference())

    def _reference(self) -> Turn:
        match self.goal:
            case Goal.CALL:
                return Turn(Role.ASSISTANT, calls=self.right_calls[0], goal=Goal.CALL)
            case Goal.JSON:
                text = json.dumps(self.json, ensure_ascii=False)
                return Turn(Role.ASSISTANT, text, goal=Goal.JSON)
            case goal:
                return Turn(Role.ASSISTANT, self.texts[0] if self.texts else "", goal=goal)


def request_text(messages: Iterable[dict[str, Any]]) -> str:
    """The last message of the user."""
    said = [str(message.get("content") or "") for message in messages if message["role"] == "user"]
    return said[-1] if said else ""


def item_of(conversation: Conversation, name: str, *, why: str = "") -> Item:
    """A generated conversation as an item; its last turn is the reference."""
    turn = conversation.turns[-1]
    expected: dict[str, Any] = {}
    match turn.goal:
        case Goal.CALL:
            expected["calls"] = tuple(_CallText(call.name, call.arguments) for call in turn.calls)
        case Goal.ABSTAIN if conversation.tools:
            expected["calls"] = ()
        case Goal.JSON:
            expected["json"] = json.loads(turn.content)
        case Goal.EXACT:
            expected["answer"] = turn.content
        case _:
            pass
    tools = tuple(
        _ToolText(item.name, item.description, item.parameters) for item in conversation.tools
    )
    messages = tuple(wire_messages(conversation)["messages"])
    return Item(id=name, messages=messages, tools=tools, why=why, **expected)


def read_items(path: Path) -> list[Item]:
    """The items of a file, plain or compressed. Raises ValueError that names file and line."""
    raw = path.read_bytes()
    text = lzma.decompress(raw) if path.suffix == ".xz" else raw
    items = []
    for number, line in enumerate(text.decode().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            items.append(msgspec.json.decode(line, type=Item))
        except msgspec.DecodeError as error:
            raise ValueError(f"{path.name}:{number}: {error}") from None
    return items


def write_items(items: Iterable[Item], path: Path) -> None:
    """Compressed JSON lines; equal items give equal bytes."""
    lines = b"".join(msgspec.json.encode(item) + b"\n" for item in items)
    path.write_bytes(lzma.compress(lines, preset=9 | lzma.PRESET_EXTREME))
