"""Answers to prompts → OpenAI's bodies and chunks. Pure.

The choices of all prompts stand in one list: those of the first prompt, then those of the second.
"""

from collections.abc import Sequence

import msgspec

from kilonova.core.bill import Bill
from kilonova.core.events import (
    ChatAnswer,
    ChatEvent,
    Choice,
    ChoiceFinished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
)
from kilonova.core.usage import Usage
from kilonova.dialects.openai.answer_schema import AnswerHead, wire_usage
from kilonova.dialects.openai.completions.schema import (
    Completion,
    CompletionChoice,
    CompletionLogprobs,
    WireReason,
)
from kilonova.dialects.wire.bills import wire_bill
from kilonova.dialects.wire.sse import DONE, encode_data, encode_line

__all__ = ["ChunkEncoder", "Form", "add_usages", "encode_completion"]

_REASONS: dict[FinishReason, WireReason] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "stop",
    "content_filter": "content_filter",
}


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """How the answer is to look: ``echoes`` stand before each answer, one a prompt."""

    echoes: tuple[str, ...]
    choices: int
    logprobs: int | None = None
    has_usage: bool = False


def add_usages(usages: Sequence[Usage]) -> Usage:
    """The tokens of all prompts."""
    return Usage(
        input_tokens=sum([usage.input_tokens for usage in usages]),
        cache_read_tokens=sum([usage.cache_read_tokens for usage in usages]),
        cache_write_tokens=sum([usage.cache_write_tokens for usage in usages]),
        output_tokens=sum([usage.output_tokens for usage in usages]),
        reasoning_tokens=sum([usage.reasoning_tokens for usage in usages]),
    )


def encode_completion(head: AnswerHead, answers: Sequence[ChatAnswer], form: Form) -> bytes:
    """A ``text_completion`` object with the best of each prompt's answers."""
    choices: list[CompletionChoice] = []
    for echo, answer in zip(form.echoes, answers, strict=True):
        for choice in _best(answer.choices, form.choices):
            logprobs = None
            if form.logprobs is not None:
                logprobs = _logprobs(choice.logprobs, form.logprobs, len(echo))
            text = echo + choice.reasoning + choice.text
            reason = _REASONS[choice.reason]
            choices.append(CompletionChoice(text, len(choices), logprobs, reason))
    return msgspec.json.encode(
        Completion(
            id=head.id,
            created=head.created,
            model=head.model,
            choices=tuple(choices),
            usage=wire_usage(add_usages([answer.usage for answer in answers])),
            system_fingerprint=head.system_fingerprint,
        )
    )


def _best(choices: tuple[Choice, ...], count: int) -> list[Choice]:
    """Those whose tokens were the likeliest on average, the best first."""
    if len(choices) == count:
        return list(choices)
    return sorted(choices, key=_likelihood, reverse=True)[:count]


def _likelihood(choice: Choice) -> float:
    logprobs = [token.logprob for token in choice.logprobs]
    return sum(logprobs) / len(logprobs) if logprobs else 0.0


def _logprobs(tokens: Sequence[TokenLogprob], alternatives: int, start: int) -> CompletionLogprobs:
    offsets = []
    for token in tokens:
        offsets.append(start)
        start += len(token.token)
    top = [{other.token: other.logprob for other in token.alternatives} for token in tokens]
    return CompletionLogprobs(
        tuple([token.token for token in tokens]),
        tuple([token.logprob for token in tokens]),
        tuple(top) if alternatives else None,
        tuple(offsets),
    )


class ChunkEncoder:
    """One for each stream. ``encode`` gives the bytes of an event, which may be none."""

    def __init__(self, head: AnswerHead, form: Form) -> None:
        self._head = (
            b'{"id":' + msgspec.json.encode(head.id)
            + b',"object":"text_completion","created":' + msgspec.json.encode(head.created)
            + b',"model":' + msgspec.json.encode(head.model)
            + b',"system_fingerprint":' + msgspec.json.encode(head.system_fingerprint)
            + b',"choices":['
        )  # fmt: skip
        self._tail = b'],"usage":null}' if form.has_usage else b"]}"
        self._form = form
        # The characters sent of each choice; one that has not begun is not here.
        self._sent: dict[int, int] = {}

    def encode(self, prompt: int, event: ChatEvent) -> bytes:
        """The chunks of one event of this prompt, framed."""
        if not isinstance(event, TextDelta | ReasoningDelta | ChoiceFinished):
            return b""
        index = prompt * self._form.choices + event.choice
        echo = self._open(index, self._form.echoes[prompt])
        if isinstance(event, ChoiceFinished):
            reason = _REASONS[event.reason]
            return echo + self._chunk(CompletionChoice("", index, None, reason))
        start = self._sent[index]
        self._sent[index] = start + len(event.text)
        logprobs = None
        if isinstance(event, TextDelta) and event.logprobs and self._form.logprobs is not None:
            logprobs = _logprobs(event.logprobs, self._form.logprobs, start)
        return echo + self._chunk(CompletionChoice(event.text, index, logprobs, None))

    def _open(self, index: int, echo: str) -> bytes:
        if index in self._sent:
            return b""
        self._sent[index] = len(echo)
        return self._chunk(CompletionChoice(echo, index, None, None)) if echo else b""

    def _chunk(self, choice: CompletionChoice) -> bytes:
        return encode_data(self._head + encode_line(choice) + self._tail)

    def end(self, usage: Usage, bill: Bill | None = None) -> bytes:
        """The usage, where it was asked for, with the bill, and the end of the stream."""
        if not self._form.has_usage:
            return DONE
        told = b'],"usage":' + msgspec.json.encode(wire_usage(usage)) + wire_bill(bill) + b"}"
        return encode_data(self._head + told) + DONE
