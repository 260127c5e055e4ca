"""OpenAI's messages → the platform's. Pure.

Turns of tools are checked as OpenAI checks them: every call is answered, right after it was made.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import assert_never

from kilonova.core.chat import (
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai import schema

__all__ = ["IMAGES_MAX", "decode_image", "decode_messages"]

IMAGES_MAX = 20

_IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


def decode_messages(messages: Sequence[schema.WireMessage]) -> tuple[Message, ...]:
    """Raises InvalidRequest for what cannot be honoured, naming the message and part."""
    _check_tool_turns(messages)
    decoded = tuple([_message(message, f"messages[{i}]") for i, message in enumerate(messages)])
    images = sum([type(part) is ImagePart for message in decoded for part in message.parts])
    if images > IMAGES_MAX:
        raise InvalidRequest(
            f"Too many images: {images}. A request may hold {IMAGES_MAX}.", param="messages"
        )
    return decoded


def _message(message: schema.WireMessage, path: str) -> Message:
    match message:
        case schema.UserMessage():
            return _spoken("user", message, path)
        case schema.AssistantMessage():
            return Message("assistant", tuple(_assistant_parts(message, path)), message.name)
        case schema.ToolMessage():
            text = _joined(message.content)
            return Message("tool", (ToolResultPart(message.tool_call_id, text),), message.name)
        case schema.SystemMessage():
            return _spoken("system", message, path)
        case schema.FunctionMessage():
            raise _unsupported(f"{path}.role", "Role 'function' is deprecated: use role 'tool'.")
        case _ as never:
            assert_never(never)


def _spoken(role: Role, message: schema.UserMessage | schema.SystemMessage, path: str) -> Message:
    content = message.content
    if isinstance(content, str):
        return Message(role, (TextPart(content),), message.name)
    parts = [_part(part, f"{path}.content[{i}]") for i, part in enumerate(content)]
    return Message(role, tuple(parts), message.name)


def _part(part: schema.ContentPart, path: str) -> Part:
    match part:
        case schema.TextPart():
            return TextPart(part.text)
        case schema.ImagePart():
            return decode_image(part.image_url.url, f"{path}.image_url.url")
        case schema.AudioPart():
            raise _unsupported(
                path, "Audio input is not supported here; send a transcript as text."
            )
        case schema.FilePart():
            raise _unsupported(path, "File input is not supported here; send its text.")
        case _ as never:
            assert_never(never)


def decode_image(url: str, path: str) -> ImagePart:
    """An image from its data URL. Raises InvalidRequest for any other address."""
    if not url.startswith("data:"):
        raise InvalidRequest(
            f"Invalid '{path}': images are not fetched from the network here. Send the image "
            "itself as a data URL: 'data:image/png;base64,…'.",
            param=path,
            reason="invalid_image_url",
        )
    head, _, encoded = url[5:].partition(",")
    media_type, _, encoding = head.partition(";")
    if media_type not in _IMAGE_TYPES or encoding != "base64":
        raise InvalidRequest(
            f"Invalid '{path}': expected 'data:TYPE;base64,…' with a TYPE among "
            f"{', '.join(sorted(_IMAGE_TYPES))}.",
            param=path,
            reason="invalid_image_format",
        )
    try:
        return ImagePart(media_type, base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            f"Invalid '{path}': the image is not valid base64.", param=path, reason="invalid_base64"
        ) from None


def _assistant_parts(message: schema.AssistantMessage, path: str) -> list[Part]:
    if message.audio != schema.NULL:
        raise _unsupported(f"{path}.audio", "Earlier audio answers are not known here.")
    if message.function_call != schema.NULL:
        raise _unsupported(f"{path}.function_call", "Use 'tool_calls' instead.")
    parts: list[Part] = []
    if message.reasoning_content is not None:
        parts.append(ReasoningPart(message.reasoning_content))
    if isinstance(message.content, str):
        parts.append(TextPart(message.content))
    elif message.content is not None:
        parts += [_said(part) for part in message.content]
    if message.refusal is not None:
        parts.append(TextPart(message.refusal))
    for index, call in enumerate(message.tool_calls or ()):
        parts.append(_tool_call(call, f"{path}.tool_calls[{index}]"))
    if not parts:
        raise InvalidRequest(
            "Invalid value for 'content': expected a string, got null.",
            param=f"{path}.content",
            reason="invalid_value",
        )
    return parts


def _said(part: schema.TextPart | schema.RefusalPart) -> TextPart:
    return TextPart(part.text if isinstance(part, schema.TextPart) else part.refusal)


def _tool_call(call: schema.ToolCall, path: str) -> ToolCallPart:
    if call.type != "function" or call.custom != schema.NULL:
        raise _unsupported(f"{path}.type", "Only calls of type 'function' are supported here.")
    if call.function is None:
        raise InvalidRequest(
            f"Missing required parameter: '{path}.function'.",
            param=f"{path}.function",
            reason="missing_required_parameter",
        )
    return ToolCallPart(call.id, call.function.name, call.function.arguments)


def _joined(content: str | list[schema.TextPart]) -> str:
    return content if isinstance(content, str) else "".join(part.text for part in content)


def _unsupported(param: str, advice: str) -> InvalidRequest:
    return InvalidRequest(
        f"Unsupported value: '{param}'. {advice}", param=param, reason="unsupported_value"
    )


def _check_tool_turns(messages: Sequence[schema.WireMessage]) -> None:
    """Each tool message answers a call of the assistant message before it, and none is left out."""
    called: set[str] = set()
    unanswered: set[str] = set()
    for index, message in enumerate(messages):
        if isinstance(message, schema.ToolMessage):
            _check_answer(message.tool_call_id, index, called=called, unanswered=unanswered)
            unanswered.discard(message.tool_call_id)
            continue
        if unanswered:
            raise _unanswered(unanswered, index)
        calls = message.tool_calls if isinstance(message, schema.AssistantMessage) else None
        called = {call.id for call in calls} if calls else set()
        unanswered = set(called)
    if unanswered:
        raise _unanswered(unanswered, len(messages))


def _check_answer(call_id: str, index: int, *, called: set[str], unanswered: set[str]) -> None:
    if not called:
        raise InvalidRequest(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding "
            "message with 'tool_calls'.",
            param=f"messages.[{index}].role",
        )
    if call_id not in unanswered:
        problem = "Duplicate value for" if call_id in called else "No call of the last message has"
        raise InvalidRequest(
            f"Invalid parameter: {problem} 'tool_call_id' of '{call_id}'.",
            param=f"messages.[{index}].tool_call_id",
        )


def _unanswered(call_ids: set[str], index: int) -> InvalidRequest:
    return InvalidRequest(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to "
        "each 'tool_call_id'. The following tool_call_ids did not have response messages: "
        f"{', '.join(sorted(call_ids))}",
        param=f"messages.[{index}].role",
    )
