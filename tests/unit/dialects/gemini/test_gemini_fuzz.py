"""Whatever arrives, it is a request or a refusal."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kilonova.core.chat import ChatRequest
from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import InvalidRequest, RequestTooLarge
from kilonova.dialects.gemini.body import BodyDecoder
from kilonova.dialects.gemini.decode import (
    decode_batch,
    decode_count,
    decode_generate,
    decode_predict,
)
from kilonova.dialects.gemini.schema import (
    BatchEmbedBody,
    Content,
    CountBody,
    FunctionDeclaration,
    GenerateBody,
    GenerationConfig,
    Part,
    PredictBody,
)
from unit.dialects.gemini.gemini_world import ANY, SEAL

GENERATES, COUNTS = BodyDecoder(GenerateBody), BodyDecoder(CountBody)
BATCHES, PREDICTS = BodyDecoder(BatchEmbedBody), BodyDecoder(PredictBody)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.sampled_from(["user", "model", "image/png", "application/json", "ANY", "OBJECT"])
)
names = st.sampled_from(
    sorted(
        {
            spelling
            for kind in (GenerateBody, GenerationConfig, Content, Part, FunctionDeclaration)
            for spelling in (*kind.__struct_fields__, *kind.__struct_encode_fields__)
        }
    )
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)
parts = st.lists(
    st.dictionaries(st.sampled_from(sorted(Part.__struct_fields__)), anything, max_size=2),
    max_size=3,
)
contents = st.lists(st.fixed_dictionaries({"parts": parts}, optional={"role": scalars}), max_size=4)
bodies = st.builds(
    lambda needed, more: more | needed,
    st.fixed_dictionaries({"contents": contents | anything}),
    st.dictionaries(names, anything, max_size=3),
)


@settings(max_examples=80, deadline=None)
@given(bodies)
def test_bodies_decode_or_are_refused(body: object) -> None:
    """Protects the server: no JSON of any shape gets further than the decoder."""
    wire = json.dumps(body).encode()
    with suppress(InvalidRequest):
        assert isinstance(decode_generate(GENERATES.decode(wire), ANY, SEAL).request, ChatRequest)
    with suppress(InvalidRequest):
        assert isinstance(decode_count(COUNTS.decode(wire), ANY, SEAL).request, ChatRequest)


@settings(max_examples=60, deadline=None)
@given(anything)
def test_texts_to_embed_decode_or_are_refused(one: object) -> None:
    """Protects the same for vectors."""
    with suppress(InvalidRequest):
        batch = BATCHES.decode(json.dumps({"requests": [one]}).encode())
        assert isinstance(decode_batch(batch, "m").request, EmbeddingRequest)
    with suppress(InvalidRequest):
        instances = PREDICTS.decode(json.dumps({"instances": [one]}).encode())
        assert isinstance(decode_predict(instances, "m").request, EmbeddingRequest)


@settings(max_examples=60, deadline=None)
@given(anything)
def test_schemas_are_read_or_refused(schema: object) -> None:
    """Protects the reader of schemas, which walks what a caller wrote."""
    body = {
        "contents": [{"parts": [{"text": "x"}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseSchema": schema},
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}],
    }
    with suppress(InvalidRequest):
        decode_generate(GENERATES.decode(json.dumps(body).encode()), ANY, SEAL)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40))
def test_bytes_are_refused(body: bytes) -> None:
    """Protects the decoder from what is no JSON at all."""
    with suppress(InvalidRequest):
        GENERATES.decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"contents":NaN}',
        b'{"contents":[{"parts":[{"text":"\xff"}]}]}',
        b'{"labels":{"a":"\xff"}}',
        b'{"labels":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"contents":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"contents":' + b"[" * 200_000,
        b'{"systemInstruction":5}',
    ],
)
def test_broken_bodies(body: bytes) -> None:
    """Protects against crashes by nesting, by bytes that are no text, and by other documents."""
    with pytest.raises(InvalidRequest):
        decode_generate(GENERATES.decode(body), ANY, SEAL)


def test_a_deep_or_large_schema_is_refused() -> None:
    """Protects the engine: it never sees a schema that costs more than an answer."""
    deep: dict[str, object] = {"type": "STRING"}
    for _ in range(40):
        deep = {"type": "ARRAY", "items": deep}
    # Twice as deep as what is allowed.
    for _ in range(40):
        deep = {"type": "ARRAY", "items": deep}
    for schema in (deep, {"type": "STRING", "description": "x" * 300_000}):
        for name in ("responseSchema", "responseJsonSchema"):
            settings_ = {"responseMimeType": "application/json", name: schema}
            body = {"contents": [{"parts": [{"text": "x"}]}], "generationConfig": settings_}
            with pytest.raises(InvalidRequest):
                decode_generate(GENERATES.decode(json.dumps(body).encode()), ANY, SEAL)


def test_a_body_of_nothing_but_brackets_is_too_large() -> None:
    """Protects memory: the structure is bounded before anything is built."""
    with pytest.raises(RequestTooLarge):
        GENERATES.decode(b'{"labels":[' + b"[]," * 40_000 + b"[]]}")
