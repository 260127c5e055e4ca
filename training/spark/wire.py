"""A conversation as an OpenAI-shaped chat request, which is how the engine is asked."""

from typing import Any

import msgspec

from spark.conversation import Call, Conversation, Role, Turn

__all__ = ["wire_messages"]


def _wire_call(call: Call, number: int) -> dict[str, Any]:
    arguments = msgspec.json.encode(call.arguments).decode()
    function = {"name": call.name, "arguments": arguments}
    return {"id": f"call_{number}", "type": "function", "function": function}


def _wire_message(turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role.value, "content": turn.content}
    if turn.calls:
        message["tool_calls"] = [_wire_call(call, number) for number, call in enumerate(turn.calls)]
    if turn.role is Role.TOOL:
        message["tool_call_id"] = "call_0"
    return message


def wire_messages(conversation: Conversation) -> dict[str, Any]:
    """The conversation without its last answer, as an OpenAI-shaped request."""
    body: dict[str, Any] = {"messages": [_wire_message(turn) for turn in conversation.turns[:-1]]}
    if conversation.tools:
        functions = [tool.schema() for tool in conversation.tools]
        body["tools"] = [{"type": "function", "function": function} for function in functions]
    return body
