"""Whatever JSON arrives, it is a request or a refusal."""

import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from kilonova.core.chat import ChatRequest
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.anthropic.decode import (
    decode_count,
    decode_messages,
    parse_count,
    parse_messages,
)
from kilonova.dialects.anthropic.schema import MessagesBody
from unit.dialects.anthropic.answers import SEAL

MODEL = Model(id="m", name="M", provider="p", engine="e", abilities=("chat", "tools", "vision"))

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.sampled_from(["user", "auto", "any", "tool", "base64", "image/png", "json_schema"])
)
kinds = st.sampled_from(
    ["text", "image", "thinking", "redacted_thinking", "tool_use", "tool_result", "document"]
)
keys = st.sampled_from(
    ["type", "text", "source", "data", "media_type", "id", "name", "input", "input_schema",
     "tool_use_id", "content", "thinking", "signature", "schema", "format", "budget_tokens"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)  # fmt: skip
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=8,
)
blocks = st.builds(
    lambda kind, more: more | {"type": kind}, kinds, st.dictionaries(keys, anything, max_size=4)
)
turns = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "system"]),
            "content": st.text(max_size=4) | st.lists(blocks, max_size=3) | anything,
        }
    ),
    max_size=4,
)
names = st.sampled_from(MessagesBody.__struct_fields__)
bodies = st.builds(
    lambda needed, more: more | needed,
    st.fixed_dictionaries({"model": st.just("m") | scalars, "messages": turns | anything}),
    st.dictionaries(names, anything, max_size=3),
)


@settings(max_examples=200, deadline=None)
@given(bodies, st.integers(1, 99) | scalars)
def test_bodies_decode_or_are_refused(body: dict[str, object], limit: object) -> None:
    """Protects the server: no JSON of any shape gets further than the decoder."""
    with suppress(InvalidRequest):
        wire = parse_messages(json.dumps(body | {"max_tokens": limit}).encode())
        assert isinstance(decode_messages(wire, MODEL, SEAL).request, ChatRequest)
    with suppress(InvalidRequest):
        assert isinstance(
            decode_count(parse_count(json.dumps(body).encode()), MODEL, SEAL).ignored, list
        )


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_are_refused(body: bytes) -> None:
    """Protects the parser from bytes that are no JSON at all."""
    with suppress(InvalidRequest):
        parse_messages(body)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.dictionaries(keys, anything, max_size=5) | anything, max_size=3), anything)
def test_tools_decode_or_are_refused(tools: list[object], choice: object) -> None:
    """Protects what is kept raw at first in the same way."""
    turns = [{"role": "user", "content": "x"}]
    body = {"model": "m", "messages": turns, "tools": tools, "tool_choice": choice}
    with suppress(InvalidRequest):
        wire = parse_count(json.dumps(body).encode())
        assert isinstance(decode_count(wire, MODEL, SEAL).request, ChatRequest)
