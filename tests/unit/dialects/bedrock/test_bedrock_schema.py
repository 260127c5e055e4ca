"""The fast schema and AWS's description judge bodies alike."""

from typing import Any

import msgspec
import pytest

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.bedrock.body import BodyDecoder
from kilonova.dialects.bedrock.schema import Converse, CountTokens
from kilonova.dialects.wire.aws_model import load_service
from kilonova.dialects.wire.aws_request import WireRequest
from unit.dialects.bedrock.wire_world import TOOL, owner
from unit.dialects.wire.shape_samples import sample

_OPERATIONS = load_service("bedrock-runtime").operations


def _request(body: bytes) -> WireRequest:
    return WireRequest({"modelId": "m"}, "", {}, body)


@pytest.mark.parametrize("variant", range(14))
@pytest.mark.parametrize(("name", "kind"), [("Converse", Converse), ("CountTokens", CountTokens)])
def test_what_aws_accepts_is_decoded(name: str, kind: type, variant: int) -> None:
    """Every member of every union, as botocore would send it."""
    value = sample(owner(name).input_shape, variant=variant)
    del value["modelId"]
    body = msgspec.json.encode(value)
    decoder = BodyDecoder(kind, _OPERATIONS[name])
    decoder.check(_request(body))
    decoder.decode(_request(body))


def _wire(**more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"text": "hi"}]}], **more}


def _block(block: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [block]}]}


def _tool(**spec: Any) -> dict[str, Any]:
    return _wire(toolConfig={"tools": [{"toolSpec": {**TOOL["toolSpec"], **spec}}]})


@pytest.mark.parametrize(
    "wire",
    [
        {"messages": {}},
        {"messages": [{"role": "user"}]},
        {"messages": [{"content": []}]},
        {"messages": [{"role": "tool", "content": []}]},
        _block({"text": 5}),
        _block({"image": {"format": "bmp", "source": {"bytes": "aGk="}}}),
        _block({"image": {"format": "png", "source": {"bytes": "not base64!"}}}),
        _block({"image": {"format": "png"}}),
        _block({"toolUse": {"toolUseId": "a b", "name": "x", "input": {}}}),
        _block({"toolUse": {"toolUseId": "a", "name": "x y", "input": {}}}),
        _block({"toolUse": {"toolUseId": "a" * 65, "name": "x", "input": {}}}),
        _block({"toolUse": {"toolUseId": "a", "name": "x"}}),
        _block({"toolResult": {"toolUseId": "a"}}),
        _block({"toolResult": {"toolUseId": "a", "content": [], "status": "ok"}}),
        _block({"cachePoint": {"type": "other"}}),
        _block({"cachePoint": {"type": "default", "ttl": "2h"}}),
        _block({"reasoningContent": {"reasoningText": {}}}),
        _wire(system=[{"text": ""}]),
        _wire(inferenceConfig={"maxTokens": 0}),
        _wire(inferenceConfig={"maxTokens": 1.5}),
        _wire(inferenceConfig={"temperature": 1.1}),
        _wire(inferenceConfig={"temperature": -0.1}),
        _wire(inferenceConfig={"temperature": "hot"}),
        _wire(inferenceConfig={"topP": 2}),
        _wire(inferenceConfig={"stopSequences": [""]}),
        _wire(inferenceConfig={"stopSequences": ["x"] * 2501}),
        _wire(toolConfig={}),
        _wire(toolConfig={"tools": []}),
        _tool(name="a b"),
        _tool(name="a\n"),
        _tool(name=""),
        _tool(name="a" * 65),
        _tool(description=""),
        _tool(inputSchema=None),
        _tool(strict="yes"),
        _wire(outputConfig={"textFormat": {"type": "xml", "structure": {}}}),
        _wire(outputConfig={"textFormat": {"type": "json_schema"}}),
        _wire(outputConfig={"effort": "x" * 17}),
    ],
)
def test_what_aws_refuses_is_refused_in_its_words(wire: dict[str, Any]) -> None:
    """The schema's limits are those of the description, and the message is the description's."""
    body = msgspec.json.encode(wire)
    decoder = BodyDecoder(Converse, _OPERATIONS["Converse"])
    with pytest.raises(InvalidRequest):
        decoder.check(_request(body))
    with pytest.raises(InvalidRequest, match="^1 validation error detected: "):
        decoder.decode(_request(body))
