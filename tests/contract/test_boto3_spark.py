"""The real boto3 against the packaged model: structure that holds whatever the model says."""

import json
from typing import Any

import boto3
import pytest

from servers import Server

SPARK = "kilonova.spark-v1:0"
_TOOL = {
    "toolSpec": {
        "name": "get_weather",
        "description": "Get the weather of a city.",
        "inputSchema": {
            "json": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            }
        },
    }
}


@pytest.fixture(scope="module")
def runtime(server: Server) -> Any:
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
    )


def _say(text: str, **more: Any) -> dict[str, Any]:
    limits = {"maxTokens": 100, "temperature": 0.0}
    message = {"role": "user", "content": [{"text": text}]}
    return {"modelId": SPARK, "messages": [message], "inferenceConfig": limits, **more}


def test_an_answer_and_its_stream_agree(runtime: Any) -> None:
    """At temperature 0 the streamed text is the whole text, and both bill the same tokens."""
    request = _say("Extract the city: I live in Oslo.")
    answer = runtime.converse(**request)
    events = list(runtime.converse_stream(**request)["stream"])
    deltas = [e["contentBlockDelta"]["delta"] for e in events if "contentBlockDelta" in e]
    streamed = "".join(delta.get("text", "") for delta in deltas)
    content = answer["output"]["message"]["content"]
    assert streamed == "".join(block.get("text", "") for block in content)
    usage, streamed_usage = answer["usage"], events[-1]["metadata"]["usage"]
    assert streamed_usage["outputTokens"] == usage["outputTokens"]
    assert streamed_usage["totalTokens"] == usage["totalTokens"]


@pytest.mark.parametrize("choice", [{"any": {}}, {"tool": {"name": "get_weather"}}])
def test_a_forced_tool(runtime: Any, choice: dict[str, Any]) -> None:
    """Its input fits the schema, streamed or not."""
    request = _say("Weather in Oslo?", toolConfig={"tools": [_TOOL], "toolChoice": choice})
    answer = runtime.converse(**request)
    use = answer["output"]["message"]["content"][-1]["toolUse"]
    assert answer["stopReason"] == "tool_use"
    assert use["name"] == "get_weather"
    assert isinstance(use["input"]["city"], str)
    events = list(runtime.converse_stream(**request)["stream"])
    deltas = [e["contentBlockDelta"]["delta"] for e in events if "contentBlockDelta" in e]
    pieces = [delta["toolUse"]["input"] for delta in deltas if "toolUse" in delta]
    assert isinstance(json.loads("".join(pieces))["city"], str)


def test_a_tool_that_may_be_called(runtime: Any) -> None:
    """Unforced: text or a call, but a well-formed turn either way, and the loop goes on."""
    request = _say("What is the weather in Oslo?", toolConfig={"tools": [_TOOL]})
    answer = runtime.converse(**request)
    assert answer["stopReason"] in {"tool_use", "end_turn", "max_tokens"}
    message = answer["output"]["message"]
    calls = [block["toolUse"] for block in message["content"] if "toolUse" in block]
    assert bool(calls) == (answer["stopReason"] == "tool_use")
    if calls:
        results = [
            {"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": "Sunny."}]}}
            for call in calls
        ]
        request["messages"] += [message, {"role": "user", "content": results}]
        assert runtime.converse(**request)["usage"]["outputTokens"] > 0


def test_a_json_schema(runtime: Any) -> None:
    """The text is a document of the schema."""
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "is_cold": {"type": "boolean"}},
        "required": ["city", "is_cold"],
        "additionalProperties": False,
    }
    output = {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(schema)}}}
    answer = runtime.converse(**_say("It is cold in Oslo.", outputConfig={"textFormat": output}))
    document = json.loads(answer["output"]["message"]["content"][0]["text"])
    assert set(document) == {"city", "is_cold"}
    assert isinstance(document["is_cold"], bool)


def test_tokens_are_counted_as_they_are_billed(runtime: Any) -> None:
    """With tools and a system prompt too; what the cache held counts among the input."""
    request = _say("Hello", system=[{"text": "Be brief."}], toolConfig={"tools": [_TOOL]})
    converse = {key: request[key] for key in ("messages", "system", "toolConfig")}
    counted = runtime.count_tokens(modelId=SPARK, input={"converse": converse})["inputTokens"]
    for _ in range(2):
        usage = runtime.converse(**request)["usage"]
        billed = usage["inputTokens"] + usage["cacheReadInputTokens"]
        assert counted == billed + usage["cacheWriteInputTokens"]
