"""What engines may say, drawn at random: the events of one whole stream."""

import json

from hypothesis import strategies as st

from kilonova.core.events import (
    ChatEvent,
    ChatFinished,
    ChatStarted,
    ChoiceFinished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from kilonova.core.usage import Usage
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

__all__ = ["SEAL", "answers"]

SEAL = ReasoningSeal(b"k" * 32)

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
documents = st.dictionaries(words, words | st.integers(-9, 9) | st.none(), max_size=3)
reasons: st.SearchStrategy[FinishReason] = st.sampled_from(
    ["stop", "stop_sequence", "length", "content_filter"]
)


def _cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@st.composite
def answers(draw: st.DrawFn) -> list[ChatEvent]:
    """Thoughts, then text, then calls, each of which may be missing."""
    events: list[ChatEvent] = [ChatStarted(7, 3)]
    events += [ReasoningDelta(text, 1) for text in draw(st.lists(words, max_size=3))]
    events += [TextDelta(text, 2) for text in draw(st.lists(words, max_size=4))]
    calls = draw(st.lists(documents, max_size=2))
    for index, document in enumerate(calls):
        events.append(ToolCallStarted(index, f"call_{index}", "add", 3))
        # A call without arguments may say so, or say nothing.
        said = json.dumps(document, ensure_ascii=draw(st.booleans())) if document else ""
        pieces = _cut(said, draw(st.integers(1, 9)))
        events += [ToolCallDelta(index, piece, 3) for piece in pieces]
    reason: FinishReason = "tool_calls" if calls else draw(reasons)
    stop = "END" if reason == "stop_sequence" else None
    events.append(ChoiceFinished(reason, 4, 0, stop))
    usage = Usage(input_tokens=4, cache_read_tokens=3, output_tokens=4, reasoning_tokens=1)
    events.append(ChatFinished(usage))
    return events
