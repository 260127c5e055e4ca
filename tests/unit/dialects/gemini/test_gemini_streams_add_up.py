"""Whatever an engine says, a stream of either layout adds up to what the whole answer says."""

import itertools
import json
from typing import Any

from google.genai import types
from hypothesis import given, settings
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
    fold,
)
from kilonova.core.usage import Usage
from kilonova.dialects.gemini.answer_schema import AnswerHead, Manner
from kilonova.dialects.gemini.encode import encode_answer
from kilonova.dialects.gemini.encode_stream import StreamEncoder
from kilonova.dialects.gemini.framing import ArrayFraming, SseFraming
from unit.dialects.gemini.gemini_world import SEAL

HEAD = AnswerHead("m", "r1")
USAGE = Usage(input_tokens=3, output_tokens=5)

text = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('\u2028\u0085\r\n"\\'),
    min_size=1,
    max_size=6,
)
arguments = text | st.dictionaries(text, text | st.integers(), max_size=2).map(json.dumps)
reasons: st.SearchStrategy[FinishReason] = st.sampled_from(
    ["stop", "stop_sequence", "length", "tool_calls", "content_filter"]
)


@st.composite
def streams(draw: st.DrawFn) -> list[ChatEvent]:
    """Thoughts, then words, then calls, some of them cut."""
    tokens = itertools.count(1)
    events: list[ChatEvent] = [ChatStarted(3)]
    events += [ReasoningDelta(one, next(tokens)) for one in draw(st.lists(text, max_size=2))]
    events += [TextDelta(word, next(tokens)) for word in draw(st.lists(text, max_size=3))]
    for index, written in enumerate(draw(st.lists(arguments, max_size=2))):
        events.append(ToolCallStarted(index, f"call_{index}", "add", next(tokens)))
        cut = draw(st.integers(0, len(written)))
        events += [
            ToolCallDelta(index, piece, next(tokens)) for piece in (written[:cut], written[cut:])
        ]
    return [*events, ChoiceFinished(draw(reasons), next(tokens)), ChatFinished(USAGE)]


def put_together(chunks: list[Any]) -> dict[str, Any]:
    """What a reader makes of the chunks, by the SDK's own types."""
    read = [types.GenerateContentResponse.model_validate(chunk) for chunk in chunks]
    parts = [part for one in read for part in (one.candidates or [])[0].content.parts]  # type: ignore[union-attr]
    last = (read[-1].candidates or [])[0]
    return {
        "thoughts": "".join(part.text or "" for part in parts if part.thought),
        "text": "".join(part.text or "" for part in parts if not part.thought),
        "signature": [part.thought_signature for part in parts if part.thought_signature],
        "calls": [part.function_call for part in parts if part.function_call],
        "reason": last.finish_reason,
        "message": last.finish_message,
        "usage": read[-1].usage_metadata,
    }


@settings(max_examples=80, deadline=None)
@given(streams(), st.booleans())
def test_both_layouts_add_up_to_the_whole(events: list[ChatEvent], shows: bool) -> None:
    """Protects streaming callers: nothing is lost, doubled or torn by a break in a line."""
    manner = Manner(seal=SEAL, shows_thoughts=shows)
    whole = json.loads(encode_answer(HEAD, fold(events), manner))
    sse = StreamEncoder(HEAD, SseFraming(), manner)
    lines = b"".join(sse.encode(event) for event in events).decode().splitlines()
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines if line]
    array = StreamEncoder(HEAD, ArrayFraming(), manner)
    document = json.loads(b"".join(array.encode(event) for event in events))
    assert put_together(chunks) == put_together(document) == put_together([whole])
