"""Whatever an engine says, the SDK puts the stream together to what the whole answer says."""

import itertools
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

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
from kilonova.dialects.openai.answer_schema import AnswerHead
from kilonova.dialects.openai.encode import encode_answer
from kilonova.dialects.openai.encode_stream import StreamEncoder

HEAD = AnswerHead(id="chatcmpl-1", created=1, model="m", system_fingerprint="fp_1")
USAGE = Usage(input_tokens=3, output_tokens=5)

text = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('\u2028\u0085\r\n"\\'),
    min_size=1,
    max_size=6,
)
reasons: st.SearchStrategy[FinishReason] = st.sampled_from(
    ["stop", "stop_sequence", "length", "tool_calls", "content_filter"]
)


@st.composite
def one_choice(draw: st.DrawFn, choice: int) -> list[ChatEvent]:
    """The events of one choice: thoughts, then words, then calls."""
    tokens = itertools.count(1)
    thoughts = draw(st.lists(text, max_size=2))
    words = draw(st.lists(text, max_size=3))
    events: list[ChatEvent] = [ReasoningDelta(one, next(tokens), choice) for one in thoughts]
    events += [TextDelta(word, next(tokens), choice) for word in words]
    for index, pieces in enumerate(draw(st.lists(st.lists(text, max_size=3), max_size=2))):
        events.append(ToolCallStarted(index, f"call_{index}", "add", next(tokens), choice))
        events += [ToolCallDelta(index, piece, next(tokens), choice) for piece in pieces]
    events.append(ChoiceFinished(draw(reasons), next(tokens), choice))
    return events


@st.composite
def streams(draw: st.DrawFn) -> tuple[int, list[ChatEvent]]:
    """The events of one to three choices, mixed."""
    choices = draw(st.integers(1, 3))
    waiting = [draw(one_choice(choice)) for choice in range(choices)]
    events: list[ChatEvent] = [ChatStarted(3)]
    while any(waiting):
        turn = draw(st.sampled_from([index for index, left in enumerate(waiting) if left]))
        events.append(waiting[turn].pop(0))
    return choices, [*events, ChatFinished(USAGE)]


def put_together(stream: bytes) -> ChatCompletion:
    """What the SDK's own accumulator makes of a stream, cut into lines the unforgiving way."""
    state = ChatCompletionStreamState()
    lines = [line for line in stream.decode().splitlines() if line]
    assert lines.pop() == "data: [DONE]"
    for line in lines:
        chunk = ChatCompletionChunk.model_validate(json.loads(line.removeprefix("data: ")))
        state.handle_chunk(chunk)
    return state.current_completion_snapshot


@settings(max_examples=60, deadline=None)
@given(streams())
def test_streams_add_up_to_whole_answers(drawn: tuple[int, list[ChatEvent]]) -> None:
    """Protects clients of both ways: no piece is lost, doubled, misplaced or split by a line."""
    choices, events = drawn
    encoder = StreamEncoder(HEAD, choices=choices, has_usage=True)
    streamed = put_together(b"".join(encoder.encode(event) for event in events))
    body = encode_answer(HEAD, fold(events), has_logprobs=False)
    whole = ChatCompletion.model_validate_json(body)
    assert len(streamed.choices) == len(whole.choices) == choices
    for one, other in zip(streamed.choices, whole.choices, strict=True):
        assert one.index == other.index
        assert one.finish_reason == other.finish_reason
        assert (one.message.content or "") == (other.message.content or "")
        thoughts = [choice.message.to_dict().get("reasoning_content") for choice in (one, other)]
        assert thoughts[0] == thoughts[1]
        calls = [
            [(call.id, call.function.name, call.function.arguments) for call in calls or ()]
            for calls in (one.message.tool_calls, other.message.tool_calls)
            if calls is None or all(call.type == "function" for call in calls)
        ]
        assert calls[0] == calls[1]
    assert streamed.usage == whole.usage
