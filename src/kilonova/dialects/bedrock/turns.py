"""Turns of a Converse conversation into the platform's messages.

A tool result stands in a user's turn on this wire and is a message of its own in the platform.
Neighbours of one role are merged, since many chat templates insist on alternating roles.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter

from msgspec import Struct

from kilonova.core.chat import (
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.bedrock.refusals import (
    ignored_members,
    only_member,
    refuse_members,
)
from kilonova.dialects.bedrock.schema import (
    ContentBlock,
    GuardContent,
    ImageBlock,
    ReasoningText,
    SystemBlock,
    ToolResult,
    ToolUse,
    Turn,
)
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal, is_foreign

__all__ = ["TurnDecoder"]

_MERGED = ("user", "assistant")

# Nearly all blocks are text alone: told apart in one step, the others in several.
_other_members = attrgetter(*(n for n in ContentBlock.__struct_fields__ if n != "text"))
_NO_OTHERS = (None,) * (len(ContentBlock.__struct_fields__) - 1)


class TurnDecoder:
    """Decodes the turns of one request.

    `ignored` gathers the hints that it met, `guarded` the texts that were marked for a guardrail.
    """

    def __init__(self, seal: ReasoningSeal | None = None) -> None:
        self.ignored: set[str] = set()
        self.guarded: list[TextPart] = []
        self._seal = seal

    def decode(self, system: Sequence[SystemBlock], turns: Sequence[Turn]) -> tuple[Message, ...]:
        """All messages, the system's first. Raises InvalidRequest."""
        messages = self._system(system)
        for index, turn in enumerate(turns):
            messages += self._turn(turn, f"messages.{index}.content")
        return tuple(_merge(messages))

    def _system(self, blocks: Sequence[SystemBlock]) -> list[Message]:
        parts: list[Part] = []
        for index, block in enumerate(blocks):
            place = f"system.{index}"
            refuse_members(block, "SystemContentBlock", place=place)
            only_member(block, place=place)
            if block.text is not None:
                parts.append(TextPart(block.text))
            elif block.guard_content is not None:
                parts.append(self._guarded(block.guard_content, f"{place}.guardContent"))
            else:
                self.ignored.add("system.cachePoint")
        return [Message("system", tuple(parts))] if parts else []

    def _turn(self, turn: Turn, place: str) -> list[Message]:
        messages: list[Message] = []
        parts: list[Part] = []
        for index, block in enumerate(turn.content):
            part = self._part(block, f"{place}.{index}")
            if isinstance(part, ToolResultPart):
                if parts:
                    messages.append(Message(turn.role, tuple(parts)))
                    parts = []
                messages.append(Message("tool", (part,)))
            elif part is not None:
                parts.append(part)
        if parts:
            messages.append(Message(turn.role, tuple(parts)))
        return messages

    def _part(self, block: ContentBlock, place: str) -> Part | None:
        """The part, or None for what says nothing to a model."""
        if block.text is not None and _other_members(block) == _NO_OTHERS:
            return TextPart(block.text) if block.text else None
        only_member(block, place=place)
        refuse_members(block, "ContentBlock", place=place)
        self._note("messages", block, "ContentBlock")
        return self._rich_part(block, place)

    def _rich_part(self, block: ContentBlock, place: str) -> Part | None:
        if block.image is not None:
            self._note("messages.image", block.image, "ImageBlock")
            return _image(block.image, f"{place}.image")
        if block.tool_use is not None:
            self._note("messages.toolUse", block.tool_use, "ToolUseBlock")
            return _tool_call(block.tool_use, f"{place}.toolUse")
        if block.tool_result is not None:
            self._note("messages.toolResult", block.tool_result, "ToolResultBlock")
            return _tool_result(block.tool_result, f"{place}.toolResult")
        if block.guard_content is not None:
            return self._guarded(block.guard_content, f"{place}.guardContent")
        return self._said(block, place)

    def _guarded(self, content: GuardContent, place: str) -> TextPart:
        refuse_members(content, "GuardrailConverseContentBlock", place=place)
        only_member(content, place=place)
        assert content.text is not None
        self._note("guardContent.text", content.text, "GuardrailConverseTextBlock")
        part = TextPart(content.text.text)
        self.guarded.append(part)
        return part

    def _said(self, block: ContentBlock, place: str) -> Part | None:
        if block.citations_content is not None:
            cited = block.citations_content
            self._note("messages.citationsContent", cited, "CitationsContentBlock")
            text = "".join(piece.text for piece in cited.content)
            return TextPart(text) if text else None
        if block.reasoning_content is not None:
            thought = block.reasoning_content
            self._note("messages.reasoningContent", thought, "ReasoningContentBlock")
            return self._thought(thought.reasoning_text, place)
        return None

    def _thought(self, said: ReasoningText | None, place: str) -> Part | None:
        if said is None:
            return None
        seal, signature = self._seal, said.signature
        if seal is not None and signature and is_foreign(signature):
            self.ignored.add("messages.reasoningContent (signed elsewhere)")
            return None
        if seal is not None and signature and not seal.has_signed(said.text, signature):
            raise InvalidRequest(
                f"{place}: Invalid `signature` in `thinking` block. Send the thoughts back "
                "unchanged, or leave them out.",
                param=f"{place}.reasoningContent.reasoningText.signature",
            )
        return ReasoningPart(said.text, said.signature) if said.text else None

    def _note(self, place: str, value: Struct, shape: str) -> None:
        self.ignored.update(f"{place}.{name}" for name in ignored_members(value, shape))


def _image(image: ImageBlock, place: str) -> ImagePart:
    refuse_members(image.source, "ImageSource", place=f"{place}.source")
    only_member(image.source, place=f"{place}.source")
    assert image.source.bytes is not None
    return ImagePart(f"image/{image.format}", image.source.bytes)


def _tool_call(call: ToolUse, place: str) -> ToolCallPart:
    arguments = bytes(call.input).decode()
    if not arguments.startswith("{"):
        raise InvalidRequest(
            f"The format of the value at {place}.input is invalid. Provide a json object for the "
            "field and try again.",
            param=f"{place}.input",
        )
    return ToolCallPart(call.tool_use_id, call.name, arguments)


def _tool_result(result: ToolResult, place: str) -> ToolResultPart:
    texts = []
    for index, content in enumerate(result.content):
        inner = f"{place}.content.{index}"
        refuse_members(content, "ToolResultContentBlock", place=inner)
        only_member(content, place=inner)
        texts.append(content.text if content.text is not None else bytes(content.json).decode())
    return ToolResultPart(result.tool_use_id, "\n".join(texts), result.status == "error")


def _merge(messages: Iterable[Message]) -> list[Message]:
    merged: list[Message] = []
    for message in messages:
        last = merged[-1] if merged else None
        if last is not None and last.role == message.role and message.role in _MERGED:
            merged[-1] = Message(message.role, _join(last.parts, message.parts))
        else:
            merged.append(message)
    return merged


def _join(first: tuple[Part, ...], second: tuple[Part, ...]) -> tuple[Part, ...]:
    # Two turns were two lines to whoever wrote them.
    if isinstance(first[-1], TextPart) and isinstance(second[0], TextPart):
        return (*first, TextPart("\n"), *second)
    return first + second
