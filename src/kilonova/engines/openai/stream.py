"""The chunks of one answer, or one that came whole, turned into events.

Output tokens are counted exactly where the server tells them with every chunk (llama.cpp's
``timings``); elsewhere one chunk counts as one token and the usage at the end corrects it.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from kilonova.core.errors import EngineFailed
from kilonova.core.events import (
    ChatEvent,
    ChatFinished,
    ChatStarted,
    ChoiceFinished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
)
from kilonova.core.ids import new_id
from kilonova.core.usage import Usage
from kilonova.engines.openai.chunks import (
    Chunk,
    ChunkChoice,
    Delta,
    Timings,
    TokenEntry,
    ToolCallChunk,
    WireUsage,
)

__all__ = ["EventReader"]

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}

# What a text has in tokens, roughly, where the server of a whole answer tells no usage.
_BYTES_PER_TOKEN = 4

# The logarithm of a probability that a server gives as zero (null, or minus infinity).
_LOGPROB_MIN = -9999.0


class EventReader:
    """One answer on its way.

    ``prompt_tokens`` is an estimate for servers that tell them late; ``alternatives`` is how many
    log-probabilities beside the token's own the caller asked for (servers may send more).
    """

    def __init__(self, *, prompt_tokens: int = 0, alternatives: int = 0) -> None:
        self._prompt_tokens = prompt_tokens
        self._alternatives = alternatives
        self._has_started = False
        self._timings: Timings | None = None
        self._usage: WireUsage | None = None
        self._last: ChunkChoice | None = None
        self._output = 0
        self._reasoning = 0
        self._calls: dict[int, int] = {}

    def read(self, chunk: Chunk) -> list[ChatEvent]:
        """The events of one chunk."""
        if chunk.usage is not None or chunk.timings is not None or chunk.error is not None:
            self._note(chunk)
        events: list[ChatEvent] = []
        for choice in chunk.choices:
            if choice.finish_reason is not None:
                self._last = choice
            delta = choice.delta
            thought = delta.reasoning_content or delta.reasoning
            if delta.content or choice.text or thought or delta.tool_calls:
                if not self._has_started:
                    events.append(self._start())
                self._output = self._timings.predicted_n if self._timings else self._output + 1
                self._say(choice, delta, events)
        return events

    def read_whole(self, answer: Chunk) -> list[ChatEvent]:
        """As ``read``, of an answer that came in one piece."""
        self._note(answer)
        events: list[ChatEvent] = []
        for choice in answer.choices[:1]:
            self._last = choice
            message = _numbered(choice.message or choice.delta)
            thought_bytes, all_bytes = _sizes(choice, message)
            is_told = self._timings is not None or self._usage is not None
            self._output = self.usage().output_tokens if is_told else all_bytes // _BYTES_PER_TOKEN
            events.append(self._start())
            self._say(choice, message, events)
            # Its share of the text, where the server does not tell it itself.
            self._reasoning = self._output * thought_bytes // (all_bytes or 1)
        return events

    def _note(self, chunk: Chunk) -> None:
        if chunk.error is not None:
            raise EngineFailed(f"The engine broke while it answered: {chunk.error.message}")
        self._timings = chunk.timings or self._timings
        self._usage = chunk.usage or self._usage

    def _say(self, choice: ChunkChoice, delta: Delta, events: list[ChatEvent]) -> None:
        thought = delta.reasoning_content or delta.reasoning
        text = delta.content or choice.text
        if thought:
            self._reasoning = self._output
            events.append(ReasoningDelta(thought, self._output))
        if text:
            has_logprobs = choice.logprobs is not None
            events.append(
                self._text(choice, text) if has_logprobs else TextDelta(text, self._output)
            )
        for call in delta.tool_calls or ():
            events.extend(self._call(call))

    def finish(self) -> Iterator[ChatEvent]:
        """The last events, once the stream has ended."""
        if self._last is None or self._last.finish_reason is None:
            raise EngineFailed("The engine stopped in the middle of its answer.")
        if not self._has_started:
            yield self._start()
        usage = self.usage()
        reason = _REASONS.get(self._last.finish_reason, "stop")
        stopped_by = self._last.stop_reason or self._last.matched_stop
        if reason == "stop" and self._calls:
            reason = "tool_calls"
        elif reason == "stop" and isinstance(stopped_by, str):
            reason = "stop_sequence"
        yield ChoiceFinished(
            reason,
            usage.output_tokens,
            0,
            stopped_by if reason == "stop_sequence" and isinstance(stopped_by, str) else None,
        )
        yield ChatFinished(usage)

    def usage(self) -> Usage:
        """What was used up to the last chunk."""
        if self._timings is not None:
            return Usage(
                input_tokens=self._timings.prompt_n,
                cache_read_tokens=self._timings.cache_n,
                output_tokens=self._timings.predicted_n,
                reasoning_tokens=self._reasoning,
            )
        if self._usage is not None:
            return _from_wire(self._usage)
        return Usage(
            input_tokens=self._prompt_tokens,
            output_tokens=self._output,
            reasoning_tokens=self._reasoning,
        )

    def _start(self) -> ChatStarted:
        self._has_started = True
        usage = self.usage()
        return ChatStarted(usage.prompt_tokens, usage.cache_read_tokens)

    def _text(self, choice: ChunkChoice, text: str) -> TextDelta:
        if choice.logprobs is None or not (entries := choice.logprobs.entries()):
            return TextDelta(text, self._output)
        logprobs = tuple(self._logprob(entry) for entry in entries)
        return TextDelta(text, self._output, 0, logprobs)

    def _logprob(self, entry: TokenEntry) -> TokenLogprob:
        listed = entry.top_logprobs[: self._alternatives]
        return _one_logprob(entry, tuple(_one_logprob(one) for one in listed))

    def _call(self, call: ToolCallChunk) -> Iterator[ChatEvent]:
        """Calls are numbered in the order in which they begin, whatever the server numbers."""
        index = self._calls.get(call.index)
        if index is None:
            index = self._calls[call.index] = len(self._calls)
            name = call.function.name or ""
            yield ToolCallStarted(index, call.id or new_id("call"), name, self._output)
        if call.function.arguments:
            yield ToolCallDelta(index, call.function.arguments, self._output)


def _numbered(message: Delta) -> Delta:
    """The calls of a whole answer stand in their order, and have no numbers of their own."""
    if not message.tool_calls:
        return message
    calls = [replace(call, index=index) for index, call in enumerate(message.tool_calls)]
    return replace(message, tool_calls=calls)


def _sizes(choice: ChunkChoice, message: Delta) -> tuple[int, int]:
    """Bytes of the thoughts, and of all that was said."""
    thought = message.reasoning_content or message.reasoning or ""
    said = [thought, message.content or choice.text or ""]
    said += [call.function.arguments or "" for call in message.tool_calls or ()]
    return len(thought.encode()), sum(len(part.encode()) for part in said)


def _from_wire(usage: WireUsage) -> Usage:
    prompt, output = usage.prompt_tokens_details, usage.completion_tokens_details
    # Parts of a whole, whatever the server says: more would be charged less than nothing.
    cached = min((prompt and prompt.cached_tokens) or 0, usage.prompt_tokens)
    reasoning = min((output and output.reasoning_tokens) or 0, usage.completion_tokens)
    return Usage(
        input_tokens=usage.prompt_tokens - cached,
        cache_read_tokens=cached,
        output_tokens=usage.completion_tokens,
        reasoning_tokens=reasoning,
    )


def _one_logprob(entry: TokenEntry, alternatives: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
    content = bytes(entry.bytes) if entry.bytes is not None else entry.token.encode()
    logprob = _LOGPROB_MIN if entry.logprob is None else max(entry.logprob, _LOGPROB_MIN)
    return TokenLogprob(entry.token, logprob, content, alternatives)
