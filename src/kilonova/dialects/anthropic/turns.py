"""Turns of an Anthropic conversation → the platform's messages. Pure.

A tool result stands in a user's turn on this wire and is a message of its own in the platform.
Neighbours of one role are one turn; calls and results are checked as Anthropic checks them.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import assert_never

from msgspec import Raw

from kilonova.core.chat import (
    ChatRequest,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.anthropic.complaints import invalid
from kilonova.dialects.anthropic.schema import (
    Block,
    Image,
    RedactedThinking,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
)
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal, is_foreign

__all__ = ["IMAGES_MAX", "check_prefill", "decode_turns"]

IMAGES_MAX = 20


def decode_turns(
    system: str | list[Text] | None, turns: Sequence[Turn], seal: ReasoningSeal
) -> tuple[Message, ...]:
    """All messages, the system's first. Raises InvalidRequest."""
    messages: list[Message] = []
    if said := _texts(system or ""):
        messages.append(Message("system", said))
    unanswered: list[str] = []
    for index, turn in enumerate(turns):
        place = f"messages.{index}"
        parts = _parts(turn, place, seal)
        results = [part for part in parts if isinstance(part, ToolResultPart)]
        _check_results(results, unanswered, place)
        if unanswered and not results:
            raise _unanswered(unanswered, index - 1)
        unanswered = [one for one in unanswered if one not in {part.call_id for part in results}]
        messages += [Message("tool", (part,)) for part in results]
        rest = tuple(part for part in parts if not isinstance(part, ToolResultPart))
        if rest:
            if unanswered:
                raise _unanswered(unanswered, index - 1)
            _append(messages, Message(turn.role, rest))
        calls = [part.id for part in rest if isinstance(part, ToolCallPart)]
        if len(set(calls)) != len(calls):
            raise invalid(place, "`tool_use` ids must be unique")
        unanswered += calls
    if unanswered:
        raise _unanswered(unanswered, len(turns) - 1)
    _limit_images(messages)
    return tuple(messages)


def check_prefill(request: ChatRequest, place: str, *, can_think: bool) -> None:
    """Raises InvalidRequest for a begun answer that cannot be continued."""
    last = request.messages[-1].parts[-1]
    if isinstance(last, TextPart) and last.text[-1:].isspace():
        raise invalid("messages", "final assistant content cannot end with trailing whitespace")
    if isinstance(last, ReasoningPart):
        raise invalid(place, "The final block in an assistant message cannot be `thinking`.")
    if request.thinking.is_on and can_think:
        raise invalid(
            place,
            "An answer that is begun already leaves no place for thoughts: when `thinking` is "
            "enabled, the conversation must end with a user message.",
        )


def _texts(content: str | list[Text]) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (TextPart(content),) if content else ()
    return tuple([TextPart(text.text) for text in content if text.text])


def _parts(turn: Turn, place: str, seal: ReasoningSeal) -> list[Part]:
    """Empty texts say nothing; an answer that was empty comes back as one."""
    content = turn.content
    if isinstance(content, str):
        parts: list[Part] = [TextPart(content)] if content else []
    else:
        parts = []
        for index, block in enumerate(content):
            where = f"{place}.content.{index}"
            if isinstance(block, Thinking) and turn.role == "assistant":
                part: Part | None = _thought(block, where, seal)
            else:
                part = _part(block, turn.role, where)
            if part is not None:
                _check_order(part, parts, where)
                parts.append(part)
    if not parts and turn.role != "assistant":
        raise invalid(place, f"{turn.role} messages must have non-empty content")
    return parts


def _part(block: Block, role: str, place: str) -> Part | None:
    """The part, or None for what says nothing to a model. Each role may say certain things."""
    match block:
        case Text():
            return TextPart(block.text) if block.text else None
        case Image() if role == "user":
            return _image(block, place)
        case ToolResult() if role == "user":
            return ToolResultPart(
                block.tool_use_id, _result_text(block, place), bool(block.is_error)
            )
        case ToolUse() if role == "assistant":
            return ToolCallPart(block.id, block.name, _input(block.input, place))
        case RedactedThinking() if role == "assistant":
            return None
        case Image() | ToolResult() | ToolUse() | Thinking() | RedactedThinking():
            # A thought that an assistant said is read before.
            kind = block.__struct_config__.tag
            raise invalid(place, f"'{kind}' blocks are not allowed in '{role}' messages")
        case _ as never:
            assert_never(never)


def _image(block: Image, place: str) -> ImagePart:
    source = block.source
    if source.type != "base64":
        raise invalid(
            f"{place}.source.type",
            f"'{source.type}' images are not supported here: nothing is fetched or kept. Send the "
            "image itself as base64.",
        )
    if source.media_type is None or source.data is None:
        missing = "media_type" if source.media_type is None else "data"
        raise invalid(f"{place}.source.base64.{missing}", "Field required")
    try:
        return ImagePart(source.media_type, base64.b64decode(source.data, validate=True))
    except (binascii.Error, ValueError):
        raise invalid(f"{place}.source.base64.data", "the image is not valid base64") from None


def _thought(block: Thinking, place: str, seal: ReasoningSeal) -> ReasoningPart | None:
    """What was thought. A thought that was kept back is in its signature."""
    if is_foreign(block.signature):
        return None
    if not block.thinking:
        thought = seal.reveal(block.signature)
    elif seal.has_signed(block.thinking, block.signature):
        thought = block.thinking
    else:
        thought = None
    if thought is None:
        raise invalid(
            place,
            "Invalid `signature` in `thinking` block: send the block back as it came from here, or "
            "leave it out.",
        )
    return ReasoningPart(thought, block.signature)


def _input(raw: Raw, place: str) -> str:
    text = bytes(raw).decode()
    if not text.lstrip().startswith("{"):
        raise invalid(f"{place}.input", "Input should be a valid dictionary")
    return text


def _result_text(block: ToolResult, place: str) -> str:
    if block.content is None or isinstance(block.content, str):
        return block.content or ""
    for index, part in enumerate(block.content):
        if isinstance(part, Image):
            raise invalid(
                f"{place}.content.{index}",
                "'image' blocks in tool results are not supported here. Send the image beside the "
                "result.",
            )
    return "\n".join(part.text for part in block.content if isinstance(part, Text))


def _check_order(part: Part, before: list[Part], place: str) -> None:
    if isinstance(part, ToolResultPart) and not all(
        isinstance(other, ToolResultPart) for other in before
    ):
        raise invalid(place, "`tool_result` blocks must come first in the content of a message")


def _check_results(results: list[ToolResultPart], unanswered: list[str], place: str) -> None:
    """Each result answers a call that was just made, and none is answered twice."""
    seen: set[str] = set()
    for index, part in enumerate(results):
        if part.call_id in seen:
            raise invalid(
                f"{place}.content.{index}",
                f"each tool_use must have a single result. Found multiple `tool_result` blocks "
                f"with id: {part.call_id}",
            )
        if part.call_id not in unanswered:
            raise invalid(
                f"{place}.content.{index}",
                f"unexpected `tool_use_id` found in `tool_result` blocks: {part.call_id}. Each "
                "`tool_result` block must have a corresponding `tool_use` block in the previous "
                "message.",
            )
        seen.add(part.call_id)


def _unanswered(ids: list[str], index: int) -> InvalidRequest:
    return invalid(
        f"messages.{index}",
        "`tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` block in "
        "the next message.",
    )


def _append(messages: list[Message], message: Message) -> None:
    last = messages[-1] if messages else None
    if last is None or last.role != message.role or message.role == "system":
        messages.append(message)
        return
    parts = last.parts
    # Two turns were two lines to whoever wrote them.
    if isinstance(parts[-1], TextPart) and isinstance(message.parts[0], TextPart):
        parts = (*parts, TextPart("\n"))
    messages[-1] = Message(message.role, parts + message.parts)


def _limit_images(messages: list[Message]) -> None:
    images = sum([type(part) is ImagePart for message in messages for part in message.parts])
    if images > IMAGES_MAX:
        raise invalid("messages", f"Too many images: {images}. A request may hold {IMAGES_MAX}.")
