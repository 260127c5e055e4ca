"""Answers → items and the response that holds them. Pure. Streams are in ``encode_stream.py``."""

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from kilonova.core.events import Choice, FinishReason, TokenLogprob
from kilonova.core.usage import Usage
from kilonova.dialects.openai.answer_schema import wire_logprobs
from kilonova.dialects.openai.responses.answer_schema import (
    IncompleteDetails,
    ResponseObject,
    wire_usage,
)
from kilonova.dialects.openai.responses.items import ID_PREFIXES, KeptItem
from kilonova.dialects.openai.responses.schema import (
    FunctionCall,
    MessageItem,
    OutputText,
    ReasoningItem,
    ReasoningText,
    SummaryText,
)
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

__all__ = ["Manner", "choice_items", "complete", "item_id", "status_of"]

_EMPTY_LIST = Raw(b"[]")
_INCOMPLETE: dict[FinishReason, IncompleteDetails] = {
    "length": IncompleteDetails("max_output_tokens"),
    "content_filter": IncompleteDetails("content_filter"),
}


class Manner(Struct, frozen=True, kw_only=True):
    """How the items of one response are made. ``seal`` is there where thinking is to be sealed.

    ``has_summary``: thinking stands in the summary instead of the content. No model sums up here,
    so the summary is all of it.
    """

    turn: str
    has_summary: bool
    seal: ReasoningSeal | None

    def message(self, index: int, text: str, logprobs: Sequence[TokenLogprob]) -> MessageItem:
        """The text of an answer."""
        told = Raw(msgspec.json.encode(wire_logprobs(tuple(logprobs)).content))
        part = OutputText(text, annotations=_EMPTY_LIST, logprobs=told if logprobs else _EMPTY_LIST)
        return MessageItem(
            role="assistant", content=[part], id=item_id(MessageItem, self.turn, index)
        )

    def thought(self, index: int, text: str) -> ReasoningItem:
        """The thinking before an answer."""
        return ReasoningItem(
            summary=[SummaryText(text)] if self.has_summary else [],
            content=None if self.has_summary else [ReasoningText(text)],
            encrypted_content=None if self.seal is None else self.seal.hide(text),
            id=item_id(ReasoningItem, self.turn, index),
        )

    def call(self, index: int, call_id: str, *, name: str, arguments: str = "") -> FunctionCall:
        """A call of one of the caller's functions."""
        return FunctionCall(
            call_id=call_id,
            name=name,
            arguments=arguments,
            id=item_id(FunctionCall, self.turn, index),
        )


def item_id(kind: type[KeptItem], turn: str, index: int) -> str:
    """Names the response that the item is in, so that it is found again by its own id."""
    return f"{ID_PREFIXES[kind]}_{turn}o{index:04d}"


def choice_items(choice: Choice, manner: Manner) -> tuple[KeptItem, ...]:
    """Thinking, text and calls, as far as there are any; else an empty text."""
    items: list[KeptItem] = []
    if choice.reasoning:
        items.append(manner.thought(0, choice.reasoning))
    if choice.text or not (choice.tool_calls or choice.reasoning):
        items.append(manner.message(len(items), choice.text, choice.logprobs))
    for call in choice.tool_calls:
        items.append(manner.call(len(items), call.id, name=call.name, arguments=call.arguments))
    # Where an answer is cut short, it is its last item that is.
    ended = [replace(item, status="completed") for item in items[:-1]]
    return (*ended, replace(items[-1], status=status_of(choice.reason)))


def status_of(reason: FinishReason) -> Literal["completed", "incomplete"]:
    """Of an answer, and of its last item."""
    return "incomplete" if reason in _INCOMPLETE else "completed"


def complete(
    response: ResponseObject,
    items: Sequence[KeptItem],
    *,
    reason: FinishReason,
    usage: Usage,
    completed_ms: int,
) -> ResponseObject:
    """The response once all of it is there, whole or cut short.

    Times are the record's: a retry that is answered again gets the same response."""
    details = _INCOMPLETE.get(reason)
    return replace(
        response,
        status=status_of(reason),
        completed_at=completed_ms // 1000 if details is None else None,
        incomplete_details=details,
        output=tuple(items),
        usage=wire_usage(usage),
    )
