"""InvokeModel of a model that makes vectors: its body, its answer, its headers, its refusals."""

import json
import math
from typing import Any

import pytest
from msgspec.structs import replace

from kilonova.catalog.catalog import Catalog
from unit.dialects.bedrock.wire_world import WireWorld
from world import ECHO

VECTORS = "test.vectors-v1:0"


@pytest.fixture
def world() -> WireWorld:
    made = WireWorld()
    echo = made.gateway.model(ECHO)
    vectors = replace(
        echo, id=VECTORS, aliases=(), abilities=("embeddings",), native_body="text-embeddings"
    )
    made.gateway._catalog = Catalog([*made.gateway.models(), vectors])
    return made


async def invoke(world: WireWorld, model: str = VECTORS, **body: Any) -> Any:
    return await world.call("InvokeModel", modelId=model, body=json.dumps(body))


async def test_a_text_becomes_a_vector(world: WireWorld) -> None:
    """Protects clients of this body: numbers twice, the count of tokens, and the usual headers."""
    reply = await invoke(world, inputText="red fish")
    found = reply.json
    assert found.keys() == {"embedding", "embeddingsByType", "inputTextTokenCount"}
    assert found["embeddingsByType"] == {"float": found["embedding"]}
    assert found["inputTextTokenCount"] == 2
    assert math.hypot(*found["embedding"]) == pytest.approx(1)
    assert reply.headers["x-amzn-bedrock-input-token-count"] == "2"
    assert reply.headers["x-amzn-bedrock-output-token-count"] == "0"
    assert reply.headers["x-kilonova-price"] == "0.000002000"
    assert len(world.ledger.records) == 1
    world.assert_settled()


async def test_dimensions_and_length_are_as_asked(world: WireWorld) -> None:
    """Protects callers who cut vectors, or want them as long as they come."""
    cut = (await invoke(world, inputText="red red", dimensions=16, normalize=False)).json
    assert len(cut["embedding"]) == 16
    assert math.hypot(*cut["embedding"]) == pytest.approx(2)


async def test_signs_can_be_asked_for(world: WireWorld) -> None:
    """Protects binary indexes: one bit a dimension, beside the numbers or instead of them."""
    both = (await invoke(world, inputText="a b", embeddingTypes=["float", "binary"])).json
    numbers, bits = (both["embeddingsByType"][kind] for kind in ("float", "binary"))
    assert bits == [int(value > 0) for value in numbers]
    alone = (await invoke(world, inputText="a b", embeddingTypes=["binary"])).json
    assert alone["embeddingsByType"] == {"binary": bits}
    assert "embedding" not in alone


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "inputText"),
        ({"inputText": ""}, "length >= 1"),
        ({"inputText": ["a"]}, "Expected `str`"),
        ({"inputText": "a", "dimensions": 0}, ">= 1"),
        ({"inputText": "a", "dimensions": 5_000}, "dimensions must be between"),
        ({"inputText": "a", "embeddingTypes": ["int8"]}, "int8"),
        ({"inputText": "a", "embeddingTypes": []}, "length >= 1"),
        ({"inputText": "a", "colour": "red"}, "colour"),
        ({"messages": []}, "inputText|messages"),
    ],
)
async def test_a_wrong_body_is_explained(
    world: WireWorld, body: dict[str, Any], words: str
) -> None:
    """Protects callers: the member at fault is named, and nothing is reserved or billed."""
    import re

    status, name, message = (await invoke(world, **body)).error
    assert (status, name) == (400, "ValidationException")
    assert re.search(words, message)
    assert world.admission.open_requests == frozenset()


@pytest.mark.parametrize("operation", ["InvokeModelWithResponseStream", "Converse", "CountTokens"])
async def test_only_invoke_model_asks_for_vectors(world: WireWorld, operation: str) -> None:
    """Protects callers from a stream or a chat of a model that has neither."""
    text = json.dumps({"inputText": "a"})
    parameters: dict[str, Any] = {
        "InvokeModelWithResponseStream": {"body": text},
        "Converse": {"messages": [{"role": "user", "content": [{"text": "a"}]}]},
        "CountTokens": {"input": {"invokeModel": {"body": text}}},
    }[operation]
    status, name, message = (await world.call(operation, modelId=VECTORS, **parameters)).error
    assert (status, name) == (400, "ValidationException")
    assert "embeddings" in message
    assert world.ledger.holds == []


async def test_a_retry_is_billed_once(world: WireWorld) -> None:
    """Protects callers whose SDK tries again by itself."""
    headers = {"amz-sdk-invocation-id": "one", "content-type": "application/json"}
    url = f"http://kilonova.test/model/{VECTORS.replace(':', '%3A')}/invoke"
    replies = [
        await world.send("POST", url, body=b'{"inputText":"red fish"}', headers=headers)
        for _ in range(2)
    ]
    assert replies[0].json == replies[1].json
    assert replies[1].headers["x-kilonova-replayed"] == "true"
    assert len(world.ledger.records) == 1


async def test_strangers_learn_nothing(world: WireWorld) -> None:
    """Protects the list of models: a wrong key is told so, whichever model it names."""
    url = "http://kilonova.test/model/no.such/invoke"
    reply = await world.send("POST", url, body=b"{}", key=("AKIDOTHER", "x"))
    assert reply.status == 403
