"""Whatever JSON arrives, it is a request or a refusal."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kilonova.core.chat import ChatRequest
from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import InvalidRequest
from kilonova.dialects.openai.body import _refuse_duplicates
from kilonova.dialects.openai.completions.decode import decode_completions, parse_completions
from kilonova.dialects.openai.completions.parameters import ignored_by_completions
from kilonova.dialects.openai.completions.schema import PROMPTS_MAX, CompletionBody
from kilonova.dialects.openai.decode import (
    decode_chat,
    decode_embeddings,
    parse_chat,
    parse_embeddings,
)
from kilonova.dialects.openai.moderation import decode_moderation, parse_moderation
from kilonova.dialects.openai.parameters import ignored_by_chat
from kilonova.dialects.openai.schema import ChatBody

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.sampled_from(["user", "tool", "function", "text", "required", "data:image/png;base64,"])
)
keys = st.sampled_from(
    ["role", "content", "type", "text", "name", "function", "image_url", "url", "tool_calls", "id"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=8,
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"])},
        optional={
            "content": anything
            | st.lists(st.fixed_dictionaries({"type": scalars, "text": scalars})),
            "name": scalars,
            "tool_call_id": scalars,
            "tool_calls": anything,
            "refusal": scalars,
        },
    ),
    max_size=4,
)
names = st.sampled_from(ChatBody.__struct_fields__)
bodies = st.builds(
    lambda needed, more: more | needed,
    st.fixed_dictionaries({"model": st.just("m") | scalars, "messages": messages | anything}),
    st.dictionaries(names, anything, max_size=3),
)


@settings(max_examples=100, deadline=None)
@given(bodies)
def test_chat_bodies_decode_or_are_refused(body: object) -> None:
    """Protects the server: no JSON of any shape gets further than the decoder."""
    with suppress(InvalidRequest):
        wire = parse_chat(json.dumps(body).encode())
        assert isinstance(decode_chat(wire), ChatRequest)
        ignored_by_chat(wire)


@settings(max_examples=100, deadline=None)
@given(st.fixed_dictionaries({"model": scalars, "input": anything}))
def test_embedding_bodies_decode_or_are_refused(body: object) -> None:
    """Protects embeddings in the same way."""
    with suppress(InvalidRequest):
        wire = parse_embeddings(json.dumps(body).encode())
        assert isinstance(decode_embeddings(wire), EmbeddingRequest)


@settings(max_examples=100, deadline=None)
@given(
    st.builds(
        lambda needed, more: more | needed,
        st.fixed_dictionaries({"model": scalars, "prompt": anything}),
        st.dictionaries(st.sampled_from(CompletionBody.__struct_fields__), anything, max_size=3),
    )
)
def test_completion_bodies_decode_or_are_refused(body: object) -> None:
    """Protects completions in the same way, and the bound of what one request may ask for."""
    with suppress(InvalidRequest):
        wire = parse_completions(json.dumps(body).encode())
        asked = decode_completions(wire)
        assert 1 <= sum(one.choices for one in asked) <= PROMPTS_MAX
        ignored_by_completions(wire)


@settings(max_examples=100, deadline=None)
@given(st.fixed_dictionaries({"input": anything}, optional={"model": scalars}))
def test_moderation_bodies_decode_or_are_refused(body: object) -> None:
    """Protects moderations in the same way."""
    with suppress(InvalidRequest):
        assert decode_moderation(parse_moderation(json.dumps(body).encode()))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_are_refused(body: bytes) -> None:
    """Protects the parser from bytes that are no JSON at all."""
    with suppress(InvalidRequest):
        parse_chat(body)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(names, anything, min_size=1, max_size=4), anything, st.booleans())
def test_names_given_twice_are_always_noticed(
    body: dict[str, object], other: object, ascii_only: bool
) -> None:
    """Protects guards in front, without a false alarm whatever the values hold."""
    once = json.dumps(body, ensure_ascii=ascii_only, allow_nan=False, indent=1).encode()
    _refuse_duplicates(once)
    again = json.dumps({next(iter(body)): other}, ensure_ascii=ascii_only).encode()
    with pytest.raises(InvalidRequest):
        _refuse_duplicates(once.rstrip()[:-1] + b" ,\n" + again[1:])
