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
    source = iter(events)
    pending: ChatEvent | None = None
    while True:
        try:
            event = next(source, None)
        except KilonovaError:
            if pending is not None:
                yield pending
            raise
        if event is None:
            break
        both = None if pending is None else _join(pending, event)
        if both is None and pending is not None:
            yield pending
        pending = both or event
    if pending is not None:
        yield pending


def _join(last: ChatEvent, event: ChatEvent) -> ChatEvent | None:
    """Both deltas as one with the later count, or None where they are not of one piece."""
    if isinstance(event, TextDelta):
        if isinstance(last, TextDelta) and not last.logprobs and not event.logprobs:
            return TextDelta(last.text + event.text, event.output_tokens)
    elif isinstance(event, ToolCallDelta):
        if isinstance(last, ToolCallDelta) and last.index == event.index:
            return ToolCallDelta(last.index, last.arguments + event.arguments, event.output_tokens)
    elif isinstance(event, ReasoningDelta) and isinstance(last, ReasoningDelta):
        return ReasoningDelta(last.text + event.text, event.output_tokens)
    return None
