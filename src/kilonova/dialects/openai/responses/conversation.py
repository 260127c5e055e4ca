"""Items → messages. Pure.

A turn of the assistant is spread over several items here: its thinking, its text and each call.
They become one message; what its tools answered stands right behind it, wherever it was sent.
"""

from collections import deque
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
from kilonova.dialects.openai.messages import IMAGES_MAX, decode_image
from kilonova.dialects.openai.responses import schema
from kilonova.dialects.openai.responses.items import KeptItem
from kilonova.dialects.openai.schema import NULL
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

__all__ = ["decode_conversation", "hints_of", "thought_of"]

_ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
}


def decode_conversation(items: Sequence[KeptItem], seal: ReasoningSeal) -> tuple[Message, ...]:
    """Raises InvalidRequest for what cannot be honoured, naming the item and part."""
    turns = _Turns(items)
    for index, item in enumerate(items):
        turns.add(item, f"input[{index}]", seal)
    messages = turns.end()
    images = sum([type(part) is ImagePart for message in messages for part in message.parts])
    if images > IMAGES_MAX:
        raise InvalidRequest(
            f"Too many images: {images}. A conversation may hold {IMAGES_MAX}.", param="input"
        )
    return messages


class _Turns:
    """The messages so far, and the parts of the assistant's turn that is not over yet."""

    def __init__(self, items: Sequence[KeptItem]) -> None:
        self._messages: list[Message] = []
        self._turn: list[Part] = []
        # Of equal ids, the first answer belongs to the first call.
        self._answers: dict[str, deque[ToolResultPart]] = {}
        for index, item in enumerate(items):
            if isinstance(item, schema.CallOutput):
                answer = ToolResultPart(item.call_id, _answer(item, f"input[{index}]"))
                self._answers.setdefault(item.call_id, deque()).append(answer)

    def add(self, item: KeptItem, path: str, seal: ReasoningSeal) -> None:
        match item:
            case schema.MessageItem(role="assistant"):
                if any(isinstance(part, TextPart) for part in self._turn):
                    self._end_turn()
                self._turn += _parts(item, path)
            case schema.MessageItem():
                self._end_turn()
                self._messages.append(Message(_ROLES[item.role], tuple(_parts(item, path))))
            case schema.ReasoningItem():
                if thought := thought_of(item, seal):
                    self._turn.append(ReasoningPart(thought))
            case schema.FunctionCall():
                self._turn.append(ToolCallPart(item.call_id, item.name, item.arguments))
            case schema.CallOutput():
                self._end_turn()
            case _ as never:
                assert_never(never)

    def _end_turn(self) -> None:
        if not self._turn:
            return
        self._messages.append(Message("assistant", tuple(self._turn)))
        calls = [part.id for part in self._turn if isinstance(part, ToolCallPart)]
        self._turn = []
        for call_id in calls:
            if not self._answers.get(call_id):
                raise InvalidRequest(
                    f"No tool output found for function call {call_id[:256]}.", param="input"
                )
            self._messages.append(Message("tool", (self._answers[call_id].popleft(),)))

    def end(self) -> tuple[Message, ...]:
        """All messages. Raises InvalidRequest for a call or an answer without the other."""
        self._end_turn()
        for call_id, answers in self._answers.items():
            if answers:
                raise InvalidRequest(
                    f"No tool call found for function call output with call_id {call_id[:256]}.",
                    param="input",
                )
        return tuple(self._messages)


def thought_of(item: schema.ReasoningItem, seal: ReasoningSeal) -> str:
    """The thinking as it was shown, else as it was sealed here, else its summary."""
    if item.content:
        return "".join(part.text for part in item.content)
    revealed = seal.reveal(item.encrypted_content) if item.encrypted_content else None
    if revealed is not None:
        return revealed
    return "\n\n".join(part.text for part in item.summary)


def _parts(item: schema.MessageItem, path: str) -> list[Part]:
    if isinstance(item.content, str):
        return [TextPart(item.content)]
    parts = [
        _part(part, f"{path}.content[{index}]", is_said=item.role == "assistant")
        for index, part in enumerate(item.content)
    ]
    return parts or [TextPart("")]


def _part(part: schema.Part, path: str, *, is_said: bool) -> Part:
    match part:
        case schema.InputText() | schema.OutputText():
            return TextPart(part.text)
        case schema.Refusal():
            return TextPart(part.refusal)
        case schema.InputImage():
            if is_said:
                raise _unsupported(path, "The assistant's turns are text.")
            return _image(part, path)
        case schema.InputFile():
            raise _unsupported(path, "Send its text.")
        case _ as never:
            assert_never(never)


def _image(part: schema.InputImage, path: str) -> ImagePart:
    if part.image_url is None:
        raise InvalidRequest(
            f"Missing required parameter: '{path}.image_url'.",
            param=f"{path}.image_url",
            reason="missing_required_parameter",
        )
    return decode_image(part.image_url, f"{path}.image_url")


def _answer(item: schema.CallOutput, path: str) -> str:
    if isinstance(item.output, str):
        return item.output
    texts = []
    for index, part in enumerate(item.output):
        if not isinstance(part, schema.InputText):
            raise _unsupported(
                f"{path}.output[{index}]", "What a tool answers is text here; send its text."
            )
        texts.append(part.text)
    return "".join(texts)


def _unsupported(param: str, advice: str) -> InvalidRequest:
    return InvalidRequest(
        f"Unsupported value: '{param}'. {advice}", param=param, reason="unsupported_value"
    )


def hints_of(items: Sequence[KeptItem], seal: ReasoningSeal) -> list[str]:
    """The names of the hints inside the items of this request that change nothing."""
    hints: set[str] = set()
    for item in items:
        match item:
            case schema.ReasoningItem():
                sealed = None if item.content else item.encrypted_content
                if sealed and seal.reveal(sealed) is None:
                    hints.add("input.encrypted_content")
            case schema.FunctionCall():
                hints |= _told(item, "caller", "is_async", "namespace")
            case schema.CallOutput():
                hints |= _told(item, "caller", "name", "namespace")
                hints |= _hints_of_parts(item.output)
            case schema.MessageItem():
                hints |= _hints_of_parts(item.content)
            case _ as never:
                assert_never(never)
    return sorted(hints)


def _told(item: KeptItem, *fields: str) -> set[str]:
    told = [field for field in fields if getattr(item, field) not in (NULL, None)]
    return {f"input.{field.removeprefix('is_')}" for field in told}


def _hints_of_parts(parts: str | Sequence[schema.Part]) -> set[str]:
    hints = set()
    for part in () if isinstance(parts, str) else parts:
        if getattr(part, "prompt_cache_breakpoint", NULL) != NULL:
            hints.add("input.content.prompt_cache_breakpoint")
        if getattr(part, "detail", None) not in (None, "auto"):
            hints.add("input.content.detail")
    return hints
