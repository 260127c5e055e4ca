"""What an engine answers: a stream of events, always. A whole answer is a fold over them.

Order: ``ChatBegun`` (for the meter alone), ``ChatStarted``, then deltas of any choice, one
``ChoiceFinished`` a choice, and at the very end ``ChatFinished``. A stream that breaks raises
instead of ending.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from kilonova.core.usage import Usage

__all__ = [
    "ChatAnswer",
    "ChatBegun",
    "ChatEvent",
    "ChatFinished",
    "ChatStarted",
    "Choice",
    "ChoiceFinished",
    "Delta",
    "EngineEvent",
    "FinishReason",
    "ReasoningDelta",
    "TextDelta",
    "TokenLogprob",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallStarted",
    "fold",
]

FinishReason = Literal["stop", "stop_sequence", "length", "tool_calls", "content_filter"]


class TokenLogprob(Struct, frozen=True):
    """Natural logarithm of the probability of one token, and of its alternatives."""

    token: str
    logprob: float
    token_bytes: bytes
    alternatives: tuple["TokenLogprob", ...] = ()


class ChatBegun(Struct, frozen=True, tag="begun"):
    """The request has left the engine's own queue: its prompt is being read, nothing is made.

    ``is_whole``: nothing will be told before the answer is complete.
    """

    is_whole: bool = False


class ChatStarted(Struct, frozen=True, tag="started"):
    """The prompt was read. ``input_tokens`` are all of them, ``cache_read_tokens`` those reused."""

    input_tokens: int
    cache_read_tokens: int = 0


class TextDelta(Struct, frozen=True, tag="text"):
    """``output_tokens`` counts, in every delta, all tokens generated so far for this choice."""

    text: str
    output_tokens: int
    choice: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()


class ReasoningDelta(Struct, frozen=True, tag="reasoning"):
    text: str
    output_tokens: int
    choice: int = 0


class ToolCallStarted(Struct, frozen=True, tag="tool_call_started"):
    """``index`` numbers the tool calls of one choice from 0; calls do not interleave."""

    index: int
    id: str
    name: str
    output_tokens: int
    choice: int = 0


class ToolCallDelta(Struct, frozen=True, tag="tool_call"):
    """``arguments`` is the next fragment of the call's JSON text."""

    index: int
    arguments: str
    output_tokens: int
    choice: int = 0


class ChoiceFinished(Struct, frozen=True, tag="choice_finished"):
    """``stop_sequence`` is the sequence that ended the text, where the engine knows it."""

    reason: FinishReason
    output_tokens: int
    choice: int = 0
    stop_sequence: str | None = None


class ChatFinished(Struct, frozen=True, tag="finished"):
    usage: Usage


Delta = TextDelta | ReasoningDelta | ToolCallStarted | ToolCallDelta
ChatEvent = ChatStarted | Delta | ChoiceFinished | ChatFinished
EngineEvent = ChatBegun | ChatEvent


class ToolCall(Struct, frozen=True):
    id: str
    name: str
    arguments: str


class Choice(Struct, frozen=True, kw_only=True):
    """One complete alternative."""

    text: str
    reasoning: str
    tool_calls: tuple[ToolCall, ...]
    reason: FinishReason
    stop_sequence: str | None
    logprobs: tuple[TokenLogprob, ...]


class ChatAnswer(Struct, frozen=True):
    choices: tuple[Choice, ...]
    usage: Usage


class _Draft:
    """A choice while it is being put together."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.calls: list[tuple[str, str, list[str]]] = []
        self.logprobs: list[TokenLogprob] = []
        self.end: ChoiceFinished | None = None

    def add(self, event: Delta | ChoiceFinished) -> None:
        match event:
            case TextDelta():
                self.text.append(event.text)
                if event.logprobs:
                    self.logprobs.extend(event.logprobs)
            case ReasoningDelta():
                self.reasoning.append(event.text)
            case ToolCallStarted():
                self.calls.append((event.id, event.name, []))
            case ToolCallDelta():
                self.calls[event.index][2].append(event.arguments)
            case ChoiceFinished():
                self.end = event

    def finish(self) -> Choice:
        assert self.end is not None, "an engine ended without finishing every choice"
        return Choice(
            text="".join(self.text),
            reasoning="".join(self.reasoning),
            tool_calls=tuple(ToolCall(i, name, "".join(parts)) for i, name, parts in self.calls),
            reason=self.end.reason,
            stop_sequence=self.end.stop_sequence,
            logprobs=tuple(self.logprobs),
        )


def fold(events: Sequence[EngineEvent]) -> ChatAnswer:
    """The whole answer that a complete stream of events amounts to."""
    drafts: dict[int, _Draft] = {}
    usage: Usage | None = None
    for event in events:
        # Nearly all are text, so that is looked for first.
        if not isinstance(event, TextDelta):
            if isinstance(event, ChatFinished):
                usage = event.usage
                continue
            if isinstance(event, ChatStarted | ChatBegun):
                continue
        draft = drafts.get(event.choice)
        if draft is None:
            draft = drafts[event.choice] = _Draft()
        draft.add(event)
    assert usage is not None, "a stream without ChatFinished is not complete"
    return ChatAnswer(tuple(drafts[index].finish() for index in sorted(drafts)), usage)
