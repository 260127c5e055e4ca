"""Stop sequences, found by ourselves: llama.cpp finds them too, but does not say which one it was.

Text that may be the beginning of a stop sequence is held back until it is clear. The sequence
itself is never sent. Only text is searched, never the arguments of a tool call.
"""

from kilonova.core.events import TextDelta, TokenLogprob
from kilonova.engines.llamacpp.calls import held_back

__all__ = ["StopFinder"]


class StopFinder:
    """One answer on its way through its stop sequences. ``found`` is the one that ended it."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        self._logprobs: tuple[TokenLogprob, ...] = ()
        self._output = 0
        self.found: str | None = None

    def feed(self, delta: TextDelta) -> TextDelta | None:
        """What may be sent of the text so far."""
        text = self._held + delta.text
        self._logprobs += delta.logprobs
        self._output = delta.output_tokens
        hits = [(at, stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if hits:
            at, self.found = min(hits)
            self._held = ""
            self._logprobs = _logprobs_within(self._logprobs, at)
            return self._sent(text[:at])
        keep = max(held_back(text, stop) for stop in self._stops)
        self._held = text[len(text) - keep :]
        return self._sent(text[: len(text) - keep])

    def finish(self) -> TextDelta | None:
        """What is still held back, once nothing can follow."""
        held, self._held = self._held, ""
        return self._sent(held)

    def _sent(self, text: str) -> TextDelta | None:
        if not text:
            return None
        logprobs, self._logprobs = self._logprobs, ()
        return TextDelta(text, self._output, 0, logprobs)


def _logprobs_within(logprobs: tuple[TokenLogprob, ...], size: int) -> tuple[TokenLogprob, ...]:
    """Those of the tokens that lie wholly before the stop sequence."""
    end = 0
    for count, logprob in enumerate(logprobs):
        end += len(logprob.token)
        if end > size:
            return logprobs[:count]
    return logprobs
