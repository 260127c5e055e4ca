"""The chunks of one answer read as llama.cpp's child writes them under our grammars.

On top of the shared reader: thoughts and tool calls that arrive as text, and stop sequences. An
answer that a stop sequence ends is done before the child is; closing the stream stops the child.
"""

from collections.abc import Iterable, Iterator

import msgspec

from kilonova.core.chat import ChatRequest
from kilonova.core.events import (
    ChatEvent,
    ChatFinished,
    ChoiceFinished,
    TextDelta,
)
from kilonova.core.usage import Usage
from kilonova.engines.llamacpp.body import Prompt
from kilonova.engines.llamacpp.calls import CallScanner
from kilonova.engines.llamacpp.stops import StopFinder
from kilonova.engines.llamacpp.thought_text import ThoughtScanner
from kilonova.engines.openai.chunks import Chunk
from kilonova.engines.openai.join import joined
from kilonova.engines.openai.stream import EventReader

__all__ = ["AnswerReader"]


class AnswerReader:
    """One answer. ``is_done`` once a stop sequence was found."""

    def __init__(self, request: ChatRequest, prompt: Prompt) -> None:
        self._events = EventReader(alternatives=request.top_logprobs or 0)
        self._thoughts: ThoughtScanner | None = None
        if prompt.beginning != "text":
            self._thoughts = ThoughtScanner(is_open=prompt.beginning == "thought")
        self._calls: CallScanner | None = None
        if prompt.calls:
            is_forced = request.tool_choice.mode == "required"
            self._calls = CallScanner(prompt.calls, is_forced=is_forced)
        self._stops = StopFinder(request.sampling.stop) if request.sampling.stop else None
        self._is_plain = not (self._thoughts or self._calls or self._stops)

    @property
    def is_done(self) -> bool:
        return self._stops is not None and self._stops.found is not None

    def read(self, chunks: list[Chunk]) -> Iterator[ChatEvent]:
        """The events of chunks that came together; pieces of the same text become one."""
        return joined(event for chunk in chunks for event in self._read(chunk))

    def _read(self, chunk: Chunk) -> Iterable[ChatEvent]:
        events = self._events.read(chunk)
        return events if self._is_plain else self._scan(events)

    def _scan(self, events: list[ChatEvent]) -> Iterator[ChatEvent]:
        for event in events:
            if not isinstance(event, TextDelta):
                yield event
            elif self._thoughts is None:
                yield from self._text(event)
            else:
                yield from self._rest_of(self._thoughts.feed(event))

    def _rest_of(self, events: Iterable[ChatEvent]) -> Iterator[ChatEvent]:
        """The same, with the calls and the stop sequences found in what is text."""
        for event in events:
            if isinstance(event, TextDelta):
                yield from self._text(event)
            else:
                yield event

    def finish(self) -> Iterator[ChatEvent]:
        """Everything held back, then the end."""
        if self._stops is not None and self._stops.found is not None:
            usage = self._usage(self._events.usage())
            yield ChoiceFinished("stop_sequence", usage.output_tokens, 0, self._stops.found)
            yield ChatFinished(usage)
            return
        for event in self._events.finish():
            match event:
                case ChoiceFinished():
                    yield from self._held(event.output_tokens)
                    yield self._with_calls(event)
                case ChatFinished():
                    yield ChatFinished(self._usage(event.usage))
                case _:
                    yield event

    def _text(self, delta: TextDelta) -> Iterator[ChatEvent]:
        found = self._calls.feed(delta) if self._calls is not None else (delta,)
        for event in found:
            if self._stops is None or not isinstance(event, TextDelta):
                yield event
            elif not self.is_done and (sent := self._stops.feed(event)) is not None:
                yield sent

    def _held(self, output_tokens: int) -> list[ChatEvent]:
        held: list[ChatEvent] = []
        if self._thoughts is not None:
            held += self._rest_of(self._thoughts.finish(output_tokens))
        if self._stops is not None and (rest := self._stops.finish()) is not None:
            held.append(rest)
        is_thinking = self._thoughts is not None and self._thoughts.is_unfinished
        if self._calls is not None and not is_thinking:
            held += self._calls.finish()
        return held

    def _usage(self, usage: Usage) -> Usage:
        if self._thoughts is None:
            return usage
        return msgspec.structs.replace(usage, reasoning_tokens=self._thoughts.tokens)

    def _with_calls(self, end: ChoiceFinished) -> ChoiceFinished:
        if self._calls is None or not self._calls.calls or end.reason != "stop":
            return end
        return msgspec.structs.replace(end, reason="tool_calls")
