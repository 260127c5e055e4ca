"""Bodies that nobody would send: each is decoded or refused, and never breaks the dialect."""

import random

from msgspec.structs import replace

from kilonova.catalog.catalog import packaged_models
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.bedrock.body import BodyDecoder
from kilonova.dialects.bedrock.decode import decode_converse
from kilonova.dialects.bedrock.schema import Converse
from kilonova.dialects.wire.aws_model import load_service
from kilonova.dialects.wire.aws_request import WireRequest
from unit.dialects.bedrock.junk import spoil
from unit.dialects.bedrock.wire_world import TOOL

_ECHO = next(model for model in packaged_models() if "echo" in model.id)
_MODELS = tuple(
    replace(_ECHO, has_strict_turns=strict, abilities=(*_ECHO.abilities, "vision"))
    for strict in (False, True)
)
_DECODER = BodyDecoder(Converse, load_service("bedrock-runtime").operations["Converse"])
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


def _converse(body: bytes, model: Model) -> None:
    decode_converse(_DECODER.decode(WireRequest({"modelId": "m"}, "", {}, body)), model)


def test_a_spoilt_body_is_decoded_or_refused() -> None:
    """InvalidRequest is the only way out."""
    rng = random.Random(1)
    refused = 0
    for _ in range(1_000):
        try:
            _converse(spoil({**_CONVERSE, **_REST}, rng), rng.choice(_MODELS))
        except InvalidRequest:
            refused += 1
    assert 0 < refused < 1_000
