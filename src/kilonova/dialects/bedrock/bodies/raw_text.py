"""What the families of plain text share: the caller writes the whole prompt, its template included.

Thoughts of the model and its answer are one text on these wires; nothing tells them apart.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from kilonova.core.chat import ChatRequest, Sampling
from kilonova.core.events import (
    ChatAnswer,
    ChatEvent,
    ChatStarted,
    ChoiceFinished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
)
from kilonova.core.model import Model
from kilonova.core.usage import Usage
from kilonova.dialects.wire.native import About, NativeRequest, Writer

__all__ = ["OUTPUT_TOKENS_DEFAULT", "Encode", "Piece", "continuation", "text_writer"]

# What the vendors document for a request without a limit of its own.
OUTPUT_TOKENS_DEFAULT = 512


class Piece(Struct, frozen=True, kw_only=True):
    """A chunk of an answer, or all of it. ``reason`` stands in the last chunk alone.

    ``prompt_tokens`` stand in the first chunk alone; ``output_tokens`` are those so far.
    """

    text: str
    reason: FinishReason | None
    prompt_tokens: int | None
    output_tokens: int


Encode = Callable[[Piece], Mapping[str, Any]]


def continuation(
    model: Model,
    prompt: str,
    sampling: Sampling,
    *,
    writer: Callable[[About], Writer],
    output_tokens: int | None,
) -> NativeRequest:
    """A request to go on from the end of a text."""
    request = ChatRequest(
        model=model.id, prompt=prompt, sampling=sampling, max_output_tokens=output_tokens
    )
    return NativeRequest(request, writer)


def text_writer(*, whole: Encode, chunk: Encode) -> Callable[[About], Writer]:
    """A writer of a family that differs from the others in these two documents."""
    return partial(_TextWriter, whole, chunk)


class _TextWriter:
    def __init__(self, whole: Encode, chunk: Encode, _about: About) -> None:
        self._whole = whole
        self._chunk = chunk
        self._prompt_tokens: int | None = None
        self._reason: FinishReason = "stop"

    def whole(self, answer: ChatAnswer) -> bytes:
        (choice,) = answer.choices
        piece = Piece(
            text=choice.reasoning + choice.text,
            reason=choice.reason,
            prompt_tokens=answer.usage.prompt_tokens,
            output_tokens=answer.usage.output_tokens,
        )
        return msgspec.json.encode(self._whole(piece))

    def chunks(self, event: ChatEvent) -> list[bytes]:
        """Calls of tools do not occur: these bodies offer none."""
        match event:
            case ChatStarted():
                self._prompt_tokens = event.input_tokens
            case TextDelta() | ReasoningDelta():
                return [msgspec.json.encode(self._chunk(self._piece(event)))]
            case ChoiceFinished():
                self._reason = event.reason
        return []

    def last(self, usage: Usage, metrics: dict[str, int]) -> list[bytes]:
        piece = Piece(
            text="", reason=self._reason, prompt_tokens=None, output_tokens=usage.output_tokens
        )
        document = {**self._chunk(piece), "amazon-bedrock-invocationMetrics": metrics}
        return [msgspec.json.encode(document)]

    def _piece(self, event: TextDelta | ReasoningDelta) -> Piece:
        prompt_tokens, self._prompt_tokens = self._prompt_tokens, None
        return Piece(
            text=event.text,
            reason=None,
            prompt_tokens=prompt_tokens,
            output_tokens=event.output_tokens,
        )
