"""Whatever arrives at the Responses API is a request or a refusal; what was kept can be read."""

import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from kilonova.core.chat import ChatRequest, ReasoningPart, TextPart, ToolCallPart
from kilonova.core.errors import KilonovaError
from kilonova.core.events import Choice, ToolCall
from kilonova.dialects.openai.responses.conversation import decode_conversation, hints_of
from kilonova.dialects.openai.responses.decode import decode_response, parse_count, parse_response
from kilonova.dialects.openai.responses.encode import Manner, choice_items
from kilonova.dialects.openai.responses.items import named, parse_items
from kilonova.dialects.openai.responses.paging import decode_query
from kilonova.dialects.openai.responses.schema import CallOutput, ItemReference, ResponseBody
from kilonova.dialects.openai.responses.tools import parse_tools
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

SEAL = ReasoningSeal(b"k" * 32)
TURN = "0" * 26

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.sampled_from(["user", "assistant", "function", "c1", "data:image/png;base64,"])
)
keys = st.sampled_from(
    ["type", "role", "content", "text", "name", "id", "call_id", "output", "summary", "format"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=8,
)
parts = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["input_text", "output_text", "input_image", "refusal", "input_file"]
        )
    },
    optional={"text": texts, "image_url": scalars, "refusal": scalars},
)
items = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["message", "function_call", "function_call_output", "reasoning", "item_reference"]
        )
        | scalars,
        "role": st.sampled_from(["user", "assistant", "system", "developer"]) | scalars,
        "content": anything | texts | st.lists(parts, max_size=3),
        "id": scalars,
        "call_id": st.sampled_from(["c1", "c2"]) | scalars,
        "name": st.just("f") | scalars,
        "arguments": texts | scalars,
        "output": texts | st.lists(parts, max_size=2) | scalars,
        "summary": st.lists(st.just({"type": "summary_text", "text": "x"})) | anything,
        "encrypted_content": scalars,
    },
)
bodies = st.builds(
    lambda needed, more: more | needed,
    st.fixed_dictionaries(
        {"model": st.just("m") | scalars, "input": texts | st.lists(items, max_size=4) | anything}
    ),
    st.dictionaries(st.sampled_from(ResponseBody.__struct_fields__), anything, max_size=3),
)


@settings(max_examples=200, deadline=None)
@given(bodies)
def test_bodies_decode_or_are_refused(wire: object) -> None:
    """Protects the server: no JSON of any shape gets further than the decoder."""
    text = json.dumps(wire).encode()
    with suppress(KilonovaError):
        parse_count(text)
    with suppress(KilonovaError):
        body = parse_response(text)
        parsed = parse_items(body.input, text)
        kept = [item for item in parsed if not isinstance(item, ItemReference)]
        tools = parse_tools(body.tools, text)
        asked = decode_response(body, decode_conversation(kept, SEAL), tools)
        assert isinstance(asked, ChatRequest)
        hints_of(kept, SEAL)
        # What is kept of a request says the same as the request.
        assert decode_conversation(named(kept, TURN), SEAL) == decode_conversation(kept, SEAL)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_are_refused(body: bytes) -> None:
    """Protects the parsers from bytes that are no JSON, and no query, at all."""
    with suppress(KilonovaError):
        parse_response(body)
    with suppress(KilonovaError):
        decode_query(body)


@settings(max_examples=100, deadline=None)
@given(
    texts,
    texts,
    st.lists(st.builds(ToolCall, st.sampled_from(["c1", "c2"]), st.just("f"), texts), max_size=3),
    st.booleans(),
)
def test_an_answer_comes_back_as_it_went_out(
    text: str, reasoning: str, calls: list[ToolCall], has_summary: bool
) -> None:
    """Protects conversations: encoded, sent back and decoded, an answer is what the model said."""
    choice = Choice(
        text=text,
        reasoning=reasoning,
        tool_calls=tuple(calls),
        reason="stop",
        stop_sequence=None,
        logprobs=(),
    )
    said = choice_items(choice, Manner(turn=TURN, has_summary=has_summary, seal=SEAL))
    answers = [CallOutput(call_id=call.id, output="x") for call in calls]
    message, *answered = decode_conversation([*said, *answers], SEAL)
    assert len(answered) == len(calls)
    expected = [ReasoningPart(reasoning)] if reasoning else []
    has_text = text or not (reasoning or calls)
    assert message.parts == (
        *expected,
        *([TextPart(text)] if has_text else []),
        *(ToolCallPart(call.id, call.name, call.arguments) for call in calls),
    )
