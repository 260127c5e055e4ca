"""Conversations as OpenAI-shaped messages, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from structure.conversation import Call, Conversation, Goal, JsonObject, Role, Tool, Turn

__all__ = ["read_conversation", "wire_message", "wire_messages", "wire_tools"]


def _wire_call(call: Call, number: int) -> dict[str, Any]:
    arguments = msgspec.json.encode(call.arguments).decode()
    function = {"name": call.name, "arguments": arguments}
    return {"id": f"call_{number}", "type": "function", "function": function}


def wire_message(turn: Turn, number: int = 0) -> dict[str, Any]:
    """One message; `number` tells which call a tool's result answers."""
    message: dict[str, Any] = {"role": turn.role.value, "content": turn.content}
    if turn.calls:
        message["tool_calls"] = [_wire_call(call, index) for index, call in enumerate(turn.calls)]
    if turn.role is Role.TOOL:
        message["tool_call_id"] = f"call_{number}"
    return message


def _numbered(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The messages, with results that follow each other answering the calls in order."""
    messages, number = [], 0
    for turn in turns:
        messages.append(wire_message(turn, number))
        number = number + 1 if turn.role is Role.TOOL else 0
    return messages


def wire_tools(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """The tools as a request lists them."""
    return [{"type": "function", "function": tool.schema()} for tool in tools]


def wire_messages(conversation: Conversation) -> dict[str, Any]:
    """The conversation without its last answer, as an OpenAI-shaped request."""
    body: dict[str, Any] = {"messages": _numbered(conversation.turns[:-1])}
    if conversation.tools:
        body["tools"] = wire_tools(conversation.tools)
    return body


def _read_call(call: Mapping[str, Any]) -> Call:
    function = call["function"]
    arguments: JsonObject = msgspec.json.decode(function["arguments"])
    return Call(function["name"], arguments)


def _read_turn(message: Mapping[str, Any]) -> Turn:
    calls = tuple(_read_call(call) for call in message.get("tool_calls") or ())
    goal = Goal.CALL if calls else Goal.CHAT
    return Turn(Role(message["role"]), message.get("content") or "", calls, goal)


def read_conversation(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Tool] = (), *, answer: Turn
) -> Conversation:
    """The messages as turns, followed by the reference answer."""
    turns = tuple(_read_turn(message) for message in messages)
    return Conversation("item", (*turns, answer), tuple(tools))
