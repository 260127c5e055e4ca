"""Deltas that came together become one: every event costs a dialect a chunk and a network write.

Counts are cumulative, so nothing of the metering is lost. Log-probabilities keep their own deltas.
"""

from collections.abc import Iterable, Iterator

from kilonova.core.errors import KilonovaError
from kilonova.core.events import ChatEvent, ReasoningDelta, TextDelta, ToolCallDelta

__all__ = ["joined"]


def joined(events: Iterable[ChatEvent]) -> Iterator[ChatEvent]:
    """The same events of one answer, with neighbouring pieces of one text put together.

    When ``events`` raises, what came before it is given out first: it was generated.
    """
    pieces: list[ChatEvent] = []
    try:
        for event in events:
            if pieces and not _goes_on(pieces[-1], event):
                yield _whole(pieces)
                pieces = []
            pieces.append(event)
    except KilonovaError:
        if pieces:
            yield _whole(pieces)
        raise
    if pieces:
        yield _whole(pieces)


def _goes_on(last: ChatEvent, event: ChatEvent) -> bool:
    """Whether both are of one piece of text."""
    if type(event) is TextDelta:
        return type(last) is TextDelta and not last.logprobs and not event.logprobs
    if type(event) is ToolCallDelta:
        return type(last) is ToolCallDelta and last.index == event.index
    return type(event) is ReasoningDelta and type(last) is ReasoningDelta


def _whole(pieces: list[ChatEvent]) -> ChatEvent:
    """As one, with the last count."""
    last = pieces[-1]
    if len(pieces) == 1:
        return last
    if isinstance(last, TextDelta):
        text = "".join([piece.text for piece in pieces if type(piece) is TextDelta])
        return TextDelta(text, last.output_tokens)
    if isinstance(last, ToolCallDelta):
        text = "".join([piece.arguments for piece in pieces if type(piece) is ToolCallDelta])
        return ToolCallDelta(last.index, text, last.output_tokens)
    assert isinstance(last, ReasoningDelta), "only pieces of text go on"
    text = "".join([piece.text for piece in pieces if type(piece) is ReasoningDelta])
    return ReasoningDelta(text, last.output_tokens)
