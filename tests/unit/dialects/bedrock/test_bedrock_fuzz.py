"""Bodies that nobody would send: each is decoded or refused, and never breaks the dialect."""

import copy
import json
import random
from typing import Any

import pytest
from msgspec.structs import replace

from kilonova.catalog.catalog import packaged_models
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.bedrock.body import BodyDecoder
from kilonova.dialects.bedrock.decode import decode_converse
from kilonova.dialects.bedrock.families import family_of
from kilonova.dialects.bedrock.schema import Converse
from kilonova.dialects.wire.aws_model import load_service
from kilonova.dialects.wire.aws_request import WireRequest
from unit.dialects.bedrock.wire_world import TOOL

_ECHO = next(model for model in packaged_models() if "echo" in model.id)
_MODELS = tuple(
    replace(
        _ECHO, native_body=body, has_strict_turns=strict, abilities=(*_ECHO.abilities, "vision")
    )
    for body in ("messages-v1", "chat-completions")
    for strict in (False, True)
)
_DECODER = BodyDecoder(Converse, load_service("bedrock-runtime").operations["Converse"])
_JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 2**70, 1.5, "", " ", "x", "é", "a" * 300, [], {}, [[]], [{}], [None],
    {"text": "x"}, {"json": []}, {"toolUse": {}}, {"cachePoint": {"type": "default"}},
)  # fmt: skip

_CONVERSE = {
    "system": [{"text": "be brief"}, {"cachePoint": {"type": "default"}}],
    "messages": [
        {"role": "user", "content": [{"text": "hi"}, {"cachePoint": {"type": "default"}}]},
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
                {"toolUse": {"toolUseId": "a", "name": "get_weather", "input": {"city": "x"}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "a", "content": [{"json": {}}, {"text": "x"}]}},
                {"image": {"format": "png", "source": {"bytes": "aGk="}}},
            ],
        },
    ],
    "inferenceConfig": {"maxTokens": 5, "temperature": 0.5, "topP": 1, "stopSequences": ["x"]},
    "toolConfig": {"tools": [TOOL], "toolChoice": {"tool": {"name": "get_weather"}}},
}
_REST = {
    "outputConfig": {
        "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{}"}}}
    },
    "additionalModelRequestFields": {"topK": 3, "inferenceConfig": {"seed": 1}},
    "requestMetadata": {"a": "b"},
    "serviceTier": {"type": "default"},
}
_COMPLETION = {
    "messages": [
        {"role": "system", "content": "x"},
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "function": {"name": "b", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "x"},
    ],
    "tools": [{"type": "function", "function": {"name": "b", "parameters": {}}}],
    "tool_choice": "auto",
    "response_format": {"type": "json_schema", "json_schema": {"schema": {}}},
    "stop": ["x"],
}


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [path] * bool(path) + [p for key, item in items for p in _places(item, (*path, key))]


def _spoil(wire: Any, rng: random.Random) -> bytes:
    spoilt = copy.deepcopy(wire)
    for _ in range(rng.choice((1, 1, 2, 3))):
        *above, last = rng.choice(_places(spoilt))
        parent = spoilt
        for key in above:
            parent = parent[key]
        if isinstance(parent, dict) and rng.random() < 0.3:
            del parent[last]
        else:
            parent[last] = copy.deepcopy(rng.choice(_JUNK))
    body = json.dumps(spoilt, ensure_ascii=False).encode()
    return body if rng.random() < 0.9 else body[: rng.randrange(len(body))] + b"\xff"


def _converse(body: bytes, model: Model) -> None:
    decode_converse(_DECODER.decode(WireRequest({"modelId": "m"}, "", {}, body)), model)


def _native(body: bytes, model: Model) -> None:
    family_of(model).decode(body, model, None)


@pytest.mark.parametrize(
    ("wire", "decode"),
    [({**_CONVERSE, **_REST}, _converse), (_CONVERSE, _native), (_COMPLETION, _native)],
)
def test_a_spoilt_body_is_decoded_or_refused(wire: Any, decode: Any) -> None:
    """InvalidRequest is the only way out."""
    rng = random.Random(1)
    refused = 0
    for _ in range(1_000):
        try:
            decode(_spoil(wire, rng), rng.choice(_MODELS))
        except InvalidRequest:
            refused += 1
    assert 0 < refused < 1_000 or decode is _native
