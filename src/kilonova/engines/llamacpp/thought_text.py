"""Thoughts as text: what stands between ``<think>`` and ``</think>`` at the beginning of an answer.

llama.cpp can split them off too, and gave the whole text out a second time, as an answer, after a
byte that was not UTF-8 (measured). This scanner looks at each character once, whatever comes.
"""

from collections.abc import Iterator

from kilonova.core.events import ChatEvent, ReasoningDelta, TextDelta
from kilonova.engines.llamacpp.calls import held_back
from kilonova.engines.llamacpp.thoughts import CLOSING_THOUGHT, OPENING_THOUGHT

__all__ = ["ThoughtScanner"]


class ThoughtScanner:
    """Splits the text of one answer into its thought and the rest. White space around the marks
    belongs to neither. ``tokens`` is how many the thought took, 0 if it was empty."""

    def __init__(self, *, is_open: bool) -> None:
        self.tokens = 0
        self._is_open = is_open
        self._rest = ""
        self._state = self._at_beginning

    @property
    def is_unfinished(self) -> bool:
        """Whether the answer is still to come."""
        return self._state == self._in_thought

    def feed(self, delta: TextDelta) -> Iterator[ChatEvent]:
        """The events of the next piece; its end may be held back until it is clear what it is."""
        if self._state == self._in_text:
            yield delta
            return
        self._rest += delta.text
        before = None
        while self._state != before:
            before = self._state
            yield from before(delta)

    def finish(self, output_tokens: int) -> Iterator[ChatEvent]:
        """What is still held back, once nothing can follow."""
        rest, self._rest = self._rest, ""
        if self.is_unfinished:
            if rest.strip() or self.tokens:
                self.tokens = output_tokens
            if rest.strip():
                yield ReasoningDelta(rest, output_tokens)
        elif self._state == self._at_beginning and rest:
            yield TextDelta(rest, output_tokens)

    def _at_beginning(self, delta: TextDelta) -> Iterator[ChatEvent]:
        """The engine repeats the mark that the template wrote, if it wrote it."""
        text = self._rest.lstrip()
        if text.startswith(OPENING_THOUGHT):
            self._rest, self._state = text[len(OPENING_THOUGHT) :], self._in_thought
        elif not OPENING_THOUGHT.startswith(text):
            self._state = self._in_thought if self._is_open else self._in_text
            if not self._is_open:
                yield _text(self._rest, delta)

    def _in_thought(self, delta: TextDelta) -> Iterator[ChatEvent]:
        if not self.tokens:
            self._rest = self._rest.lstrip()
        thought, closing, rest = self._rest.partition(CLOSING_THOUGHT)
        if closing:
            self._rest, self._state = rest, self._behind
        else:
            thought = thought[: len(thought) - held_back(thought, CLOSING_THOUGHT)]
        thought = thought.rstrip()
        if not closing:
            self._rest = self._rest[len(thought) :]
        if thought or self.tokens:
            self.tokens = delta.output_tokens
        if thought:
            yield ReasoningDelta(thought, delta.output_tokens)

    def _behind(self, delta: TextDelta) -> Iterator[ChatEvent]:
        if text := self._rest.lstrip():
            self._state = self._in_text
            yield _text(text, delta)

    def _in_text(self, delta: TextDelta) -> Iterator[ChatEvent]:
        """Reached once with the delta that began it, which was sent already."""
        del delta
        self._rest = ""
        yield from ()


def _text(text: str, delta: TextDelta) -> TextDelta:
    """Log-probabilities stay with a piece that is whole."""
    logprobs = delta.logprobs if text == delta.text else ()
    return TextDelta(text, delta.output_tokens, 0, logprobs)
