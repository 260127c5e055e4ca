"""Tools for models whose chat template knows none: told in words, in the system message.

The words are those of the Hermes family of templates, which many models have read in training.
Earlier calls and results become plain text of the same form.
"""

import msgspec

from kilonova.core.chat import (
    ChatRequest,
    Message,
    Part,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from kilonova.engines.llamacpp.calls import CLOSING, OPENING

__all__ = ["with_tools_as_text"]

_ASK = (
    "# Tools\n\nCall a function when it fits the request.\n<tools>{tools}\n</tools>\n\n"
    "Write each call as\n{opening}\n"
    '{{"name": <function-name>, "arguments": <args-json-object>}}\n{closing}'
)


def with_tools_as_text(request: ChatRequest) -> ChatRequest:
    """The same request for a template that knows neither tools nor their results."""
    messages = [_as_text(message) for message in request.messages]
    if request.tools:
        lines = "".join(f"\n{_describe(tool)}" for tool in request.tools)
        asked = _ASK.format(tools=lines, opening=OPENING, closing=CLOSING)
        if messages[0].role == "system":
            asked = f"{messages[0].text}\n\n{asked}"
            messages = messages[1:]
        messages.insert(0, Message("system", (TextPart(asked),)))
    return msgspec.structs.replace(request, messages=tuple(messages), tools=())


def _describe(tool: Tool) -> str:
    fields = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return msgspec.json.encode(fields).decode()


def _as_text(message: Message) -> Message:
    if message.role == "tool":
        return Message("user", tuple(_part_as_text(part) for part in message.parts))
    if not any(isinstance(part, ToolCallPart) for part in message.parts):
        return message
    return Message(message.role, tuple(_part_as_text(part) for part in message.parts))


def _part_as_text(part: Part) -> Part:
    match part:
        case ToolCallPart():
            call = f'{{"name": "{part.name}", "arguments": {part.arguments}}}'
            return TextPart(f"\n{OPENING}\n{call}\n{CLOSING}")
        case ToolResultPart():
            text = f"Error: {part.text}" if part.is_error else part.text
            return TextPart(f"<tool_response>\n{text}\n</tool_response>\n")
        case _:
            return part
