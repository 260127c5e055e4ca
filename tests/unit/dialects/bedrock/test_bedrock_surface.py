"""Every operation through the whole request path, written and read by botocore's own code."""

import json
from base64 import b64decode
from typing import Any

import pytest

from kilonova.core.identity import Limits
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Request, Stream
from unit.dialects.bedrock.wire_world import ACCESS_KEY, SECRET, TOOL, WireWorld, say
from world import ECHO

_ARNS = (
    ECHO,
    "echo",
    f"us.{ECHO}",
    f"global.{ECHO}",
    f"arn:aws:bedrock:us-east-1::foundation-model/{ECHO}",
    f"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.{ECHO}",
    f"arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.{ECHO}",
)


@pytest.fixture
async def world() -> WireWorld:
    made = WireWorld()
    await made.engine.start()
    return made


async def test_converse(world: WireWorld) -> None:
    """A whole answer, with usage, stop reason, metrics, price and counts in headers."""
    reply = await world.call("Converse", **say("hello there"))
    answer = reply.parsed("Converse")
    assert answer["output"]["message"] == {
        "role": "assistant",
        "content": [{"text": "hello there"}],
    }
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"] == {
        "inputTokens": 2,
        "outputTokens": 2,
        "totalTokens": 4,
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 0,
    }
    assert answer["metrics"] == {"latencyMs": 0}
    assert reply.headers["x-amzn-requestid"].startswith("req_")
    assert reply.headers["x-amzn-bedrock-input-token-count"] == "2"
    assert reply.headers["x-amzn-bedrock-output-token-count"] == "2"
    assert reply.headers["x-kilonova-price"] == "0.000004000"
    world.assert_settled()


async def test_converse_stream(world: WireWorld) -> None:
    """The events of AWS in AWS's order, metadata last."""
    reply = await world.call("ConverseStream", **say("hello there"))
    assert reply.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert [name for name, _ in reply.frames] == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert reply.frames[1][1] == {"contentBlockIndex": 0, "delta": {"text": "hello"}}
    assert reply.frames[-1][1]["usage"]["totalTokens"] == 4
    world.assert_settled()


@pytest.mark.parametrize("choice", [{"any": {}}, {"tool": {"name": "get_weather"}}])
async def test_a_forced_tool(world: WireWorld, choice: dict[str, Any]) -> None:
    """Whole: the input is an object. Streamed: its JSON comes in fragments of text."""
    request = say("Paris", toolConfig={"tools": [TOOL], "toolChoice": choice})
    answer = (await world.call("Converse", **request)).parsed("Converse")
    (block,) = answer["output"]["message"]["content"]
    assert answer["stopReason"] == "tool_use"
    assert block["toolUse"]["name"] == "get_weather"
    assert isinstance(block["toolUse"]["input"]["city"], str)
    frames = (await world.call("ConverseStream", **request)).frames
    start = dict(frames)["contentBlockStart"]["start"]["toolUse"]
    assert start == {k: block["toolUse"][k] for k in ("toolUseId", "name")}
    pieces = [p["delta"]["toolUse"]["input"] for n, p in frames if n == "contentBlockDelta"]
    assert json.loads("".join(pieces)) == block["toolUse"]["input"]


async def test_a_tool_conversation(world: WireWorld) -> None:
    """The call comes back with its result, as every agent loop sends it."""
    call = {"toolUse": {"toolUseId": "call_1", "name": "get_weather", "input": {"city": "Oslo"}}}
    result = {
        "toolResult": {
            "toolUseId": "call_1",
            "content": [{"json": {"sky": "clear"}}, {"text": "and cold"}],
            "status": "error",
        }
    }
    request = say("weather?", toolConfig={"tools": [TOOL]})
    request["messages"] += [
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    answer = (await world.call("Converse", **request)).parsed("Converse")
    assert answer["stopReason"] == "end_turn"
    assert "and cold" in answer["output"]["message"]["content"][0]["text"]


async def test_a_json_schema(world: WireWorld) -> None:
    """The text is a document of the schema."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    output = {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(schema)}}}
    reply = await world.call("Converse", **say("7", outputConfig={"textFormat": output}))
    text = reply.parsed("Converse")["output"]["message"]["content"][0]["text"]
    assert isinstance(json.loads(text)["n"], int)


@pytest.mark.parametrize("identifier", _ARNS)
async def test_a_model_has_many_names(world: WireWorld, identifier: str) -> None:
    """Bare, alias, profile, and percent-encoded ARN."""
    reply = await world.call("Converse", **{**say("hi"), "modelId": identifier})
    assert reply.status == 200
    assert world.ledger.records[-1].model_id == ECHO


async def test_an_unknown_model(world: WireWorld) -> None:
    """The runtime calls it a bad request, the control plane a missing resource."""
    reply = await world.call("Converse", **{**say("hi"), "modelId": "no.such"})
    assert reply.error[:2] == (400, "ValidationException")
    assert "The provided model identifier is invalid" in reply.error[2]
    reply = await world.call("GetFoundationModel", modelIdentifier="no.such")
    assert reply.error[:2] == (404, "ResourceNotFoundException")


async def test_the_foundation_models(world: WireWorld) -> None:
    """The catalogue as the control plane lists it, with filters."""
    reply = await world.call("ListFoundationModels", byProvider="Kilonova", byOutputModality="TEXT")
    summaries = reply.parsed("ListFoundationModels")["modelSummaries"]
    assert ECHO in [summary["modelId"] for summary in summaries]
    assert summaries[0]["modelArn"].startswith("arn:aws:bedrock:eu-north-1::foundation-model/")
    for nothing in ({"byOutputModality": "IMAGE"}, {"byProvider": "Nobody"}):
        reply = await world.call("ListFoundationModels", **nothing)
        assert reply.parsed("ListFoundationModels")["modelSummaries"] == []
    arn = summaries[0]["modelArn"]
    details = (await world.call("GetFoundationModel", modelIdentifier=arn)).parsed(
        "GetFoundationModel"
    )["modelDetails"]
    assert details["modelArn"] == arn
    reply = await world.call("ListFoundationModels", byOutputModality="SMELL")
    assert reply.error[:2] == (400, "ValidationException")


_NATIVE = {
    "schemaVersion": "messages-v1",
    "system": [{"text": "be brief"}],
    "messages": [{"role": "user", "content": [{"text": "hello there"}]}],
    "inferenceConfig": {"max_new_tokens": 50, "topK": 5, "temperature": 0.5},
}


async def test_invoke_model(world: WireWorld) -> None:
    """Our own models speak messages-v1."""
    reply = await world.call("InvokeModel", modelId=ECHO, body=json.dumps(_NATIVE))
    assert reply.json["output"]["message"]["content"] == [{"text": "hello there"}]
    assert reply.json["usage"]["inputTokens"] == 4
    assert reply.json["usage"]["cacheReadInputTokenCount"] == 0
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-amzn-bedrock-input-token-count"] == "4"


async def test_invoke_model_with_response_stream(world: WireWorld) -> None:
    """Chunks are Converse's events as JSON; the last one carries AWS's metrics."""
    reply = await world.call(
        "InvokeModelWithResponseStream", modelId=ECHO, body=json.dumps(_NATIVE)
    )
    assert {name for name, _ in reply.frames} == {"chunk"}
    chunks = [json.loads(b64decode(payload["bytes"])) for _, payload in reply.frames]
    assert [next(iter(chunk)) for chunk in chunks] == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert chunks[-1]["amazon-bedrock-invocationMetrics"]["inputTokenCount"] == 4
    assert reply.headers["x-amzn-bedrock-content-type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Malformed input request"),
        (b"[]", "Malformed input request"),
        (b'{"messages":[],"surprise":1}', "extraneous key [surprise] is not permitted"),
        (b'{"messages":[],"inferenceConfig":{"temperature":3}}', "Malformed input request"),
        (b'{"messages":[]}', "The messages field is empty"),
    ],
)
async def test_a_native_body_is_checked(world: WireWorld, body: bytes, words: str) -> None:
    """Refused before anything is reserved."""
    reply = await world.call("InvokeModel", modelId=ECHO, body=body)
    assert reply.error[:2] == (400, "ValidationException")
    assert words in reply.error[2]
    assert world.ledger.holds == []


_BROKEN = (
    b'{"messages":[{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"b",'
    b'"input":{"x":"\xff"}}}]}]}',
    b'{"messages":[{"role":"user","content":[{"text":"a\xff"}]}]}',
    b'{"messages":' + b"[" * 50_000,
    b'{"messages":[{"role":"user","content":[{"text":"hi"}]}],'
    b'"additionalModelRequestFields":{"a":1e999}}',
    b"\xff",
    b"null",
    b'"text"',
)


@pytest.mark.parametrize("body", _BROKEN)
@pytest.mark.parametrize("operation", ["converse", "invoke", "count-tokens"])
async def test_a_broken_body_is_the_callers_error(
    world: WireWorld, operation: str, body: bytes
) -> None:
    """Never an internal error, whatever the bytes."""
    for model in (ECHO, "other.echo-v1:0"):
        reply = await world.send("POST", f"http://h/model/{model}/{operation}", body=body)
        assert reply.error[:2] == (400, "ValidationException")


_COMPLETION = {"messages": [{"role": "user", "content": "hello there"}]}


async def test_the_body_of_other_families(world: WireWorld) -> None:
    """Chat completions, by a property of the catalogue entry."""
    other = "other.echo-v1:0"
    reply = await world.call("InvokeModel", modelId=other, body=json.dumps(_COMPLETION))
    assert reply.json["choices"][0]["message"]["content"] == "hello there"
    streamed = json.dumps({**_COMPLETION, "stream": True, "user": "u"})
    reply = await world.call("InvokeModelWithResponseStream", modelId=other, body=streamed)
    assert reply.headers["x-kilonova-ignored"] == "user"
    reply = await world.call("InvokeModel", modelId=other, body=streamed)
    assert "Invalid 'stream': it must agree" in reply.error[2]
    body = {"invokeModel": {"body": streamed}}
    assert (await world.call("CountTokens", modelId=other, input=body)).json == {"inputTokens": 2}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"messages": [{"role": "tool", "content": "x"}]}, "tool_call_id"),
        ({"response_format": {"type": "json_schema"}}, "'response_format.json_schema'"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": 1}}},
            "'response_format.json_schema.schema': expected an object",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "a", "parameters": []}}]},
            "'tools[0].function.parameters': expected an object",
        ),
        ({"n": 9}, "A body of the family 'chat-completions': {"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}],
                    }
                ]
            },
            "images are not fetched",
        ),
    ],
)
async def test_a_completion_body_is_checked(
    world: WireWorld, change: dict[str, Any], words: str
) -> None:
    """Refused in OpenAI's words, whose shape it has, under AWS's name for it."""
    body = json.dumps({**_COMPLETION, **change})
    reply = await world.call("InvokeModel", modelId="other.echo-v1:0", body=body)
    assert reply.error[:2] == (400, "ValidationException")
    assert words in reply.error[2]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"guardrailIdentifier": "g1"}, "guardrailVersion are both required"),
        ({"contentType": "text/plain"}, "only application/json"),
        ({"accept": "image/png"}, "only application/json"),
        ({"trace": "LOUD"}, "enum value set"),
        ({"requestMetadata": "blue"}, "requestMetadata: "),
        ({"requestMetadata": '{"a":1}'}, "requestMetadata: "),
    ],
)
async def test_options_in_headers(world: WireWorld, option: dict[str, str], words: str) -> None:
    """Refused by name, like members of a body."""
    reply = await world.call("InvokeModel", modelId=ECHO, body=json.dumps(_NATIVE), **option)
    assert words in reply.error[2]


async def test_ignored_hints_are_listed(world: WireWorld) -> None:
    """Harmless hints are accepted, and the caller can see that they had no effect."""
    request = say(
        "hi",
        requestMetadata={"team": "blue"},
        serviceTier={"type": "flex"},
        additionalModelRequestFields={"top_k": 3, "magic\r\nx-evil: 1": 1},
        outputConfig={"effort": "low"},
    )
    request["messages"][0]["content"].append({"cachePoint": {"type": "default"}})
    reply = await world.call("Converse", **request)
    assert reply.headers["x-kilonova-ignored"].split(", ") == [
        "additionalModelRequestFields.magic??x-evil:?1",
        "messages.cachePoint",
        "outputConfig.effort",
        "requestMetadata",
        "serviceTier",
    ]
    reply = await world.call(
        "InvokeModel", modelId=ECHO, body=json.dumps(_NATIVE), serviceTier="flex"
    )
    assert reply.headers["x-kilonova-ignored"] == "serviceTier"


async def test_hints_are_checked_all_the_same(world: WireWorld) -> None:
    """A wrong value is the caller's error even where the value has no effect."""
    reply = await world.call("Converse", **say("hi", requestMetadata={"a": "b" * 257}))
    assert reply.error[:2] == (400, "ValidationException")
    assert "requestMetadata" in reply.error[2]


async def test_tokens_are_counted_as_they_are_billed(world: WireWorld) -> None:
    """CountTokens, in both of its forms, equals the input tokens of the answer."""
    request = say("how many are these", system=[{"text": "be brief"}])
    converse = {"messages": request["messages"], "system": request["system"]}
    reply = await world.call("CountTokens", modelId=ECHO, input={"converse": converse})
    billed = (await world.call("Converse", **request)).parsed("Converse")["usage"]["inputTokens"]
    assert reply.json == {"inputTokens": billed}
    body = json.dumps(_NATIVE)
    reply = await world.call("CountTokens", modelId=ECHO, input={"invokeModel": {"body": body}})
    billed = (await world.call("InvokeModel", modelId=ECHO, body=body)).json["usage"]["inputTokens"]
    assert reply.json == {"inputTokens": billed}
    reply = await world.send("POST", f"http://h/model/{ECHO}/count-tokens", body=b'{"input":{}}')
    assert reply.error[:2] == (400, "ValidationException")


async def test_an_error_before_the_first_event_is_plain_http(world: WireWorld) -> None:
    """SDKs retry only what fails before the stream."""
    for operation in ("Converse", "ConverseStream"):
        reply = await world.call(operation, **say("[[echo: overloaded]]"))
        assert reply.error[:2] == (503, "ServiceUnavailableException")
        assert reply.headers["x-amz-retry-after"] == "1000"
        reply = await world.call(operation, **say("[[echo: fail_before]]"))
        assert reply.error[:2] == (424, "ModelErrorException")
        reply = await world.call(operation, **say("[[echo: not_ready]]"))
        assert reply.error[:2] == (429, "ModelNotReadyException")
        reply = await world.call(operation, **say("[[echo: timeout]]"))
        assert reply.error[:2] == (408, "ModelTimeoutException")
    world.assert_settled()


async def test_an_error_in_mid_stream_is_a_frame(world: WireWorld) -> None:
    """What was said stands; the exception frame ends it."""
    reply = await world.call("ConverseStream", **say("[[echo: fail_after=2]] a b c"))
    names = [name for name, _ in reply.frames]
    assert reply.status == 200
    assert names == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "modelStreamErrorException",
    ]
    body = json.dumps({"messages": say("[[echo: fail_after=1]] a b")["messages"]})
    reply = await world.call("InvokeModelWithResponseStream", modelId=ECHO, body=body)
    assert [name for name, _ in reply.frames][-1] == "modelStreamErrorException"
    world.assert_settled()


async def test_limits_have_the_names_that_sdks_act_on(world: WireWorld) -> None:
    """A rate is worth a retry, a budget is not."""
    world.authority.key_limits = Limits(requests_per_minute=1)
    assert (await world.call("Converse", **say("hi"))).status == 200
    reply = await world.call("Converse", **say("hi"))
    assert reply.error[:2] == (429, "ThrottlingException")
    assert int(reply.headers["x-amz-retry-after"]) > 0
    world.authority.key_limits = Limits(budget_nano=1)
    reply = await world.call("Converse", **say("hi"))
    assert reply.error[:2] == (400, "ServiceQuotaExceededException")


async def test_a_prompt_that_does_not_fit(world: WireWorld) -> None:
    """The words by which clients recognise it, and both numbers."""
    reply = await world.call("Converse", **say("word " * 9000))
    assert reply.error[:2] == (400, "ValidationException")
    assert "Input is too long for requested model" in reply.error[2]
    assert "9000" in reply.error[2]


@pytest.mark.parametrize(
    ("key", "headers", "code"),
    [
        (None, {}, "MissingAuthenticationTokenException"),
        (None, {"authorization": "Basic x"}, "IncompleteSignatureException"),
        (None, {"authorization": "AWS4-HMAC-SHA256 x"}, "IncompleteSignatureException"),
        (None, {"authorization": "Bearer wrong"}, "UnrecognizedClientException"),
        (("AKIDOTHER", SECRET), {}, "UnrecognizedClientException"),
        ((ACCESS_KEY, "wrong"), {}, "InvalidSignatureException"),
    ],
)
async def test_bad_credentials(
    world: WireWorld, key: tuple[str, str] | None, headers: dict[str, str], code: str
) -> None:
    """403, with the name that tells which half is wrong."""
    url = f"http://h/model/{ECHO}/converse"
    reply = await world.send("POST", url, body=b"{}", headers=headers, key=key)
    assert reply.error[:2] == (403, code)


async def test_a_bearer_key_works_and_the_prefix_too(world: WireWorld) -> None:
    """What AWS calls an API key; and the mount that leaves the root to others."""
    body = json.dumps({"messages": say("hi")["messages"]}).encode()
    headers = {"authorization": "Bearer good"}
    for prefix in ("", "/bedrock"):
        url = f"http://h{prefix}/model/{ECHO}/converse"
        assert (await world.send("POST", url, body=body, headers=headers, key=None)).status == 200
        assert (await world.send("POST", url, body=body)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "named"),
    [
        ("GET", "/guardrails", "ListGuardrails"),
        ("POST", "/agents/A/", "PrepareAgent"),
        ("POST", "/model/m/invoke-with-bidirectional-stream", "InvokeModelWithBidirectionalStream"),
        ("POST", f"/model/{ECHO}/converse/", "This address"),
        ("GET", "/bedrock/nowhere", "This address"),
        ("GET", "/bedrock/", "This address"),
    ],
)
async def test_what_is_not_served_is_named(
    world: WireWorld, method: str, path: str, named: str
) -> None:
    """AWS's own answer to an operation that it does not know."""
    reply = await world.send(method, f"http://h{path}", body=b"")
    assert reply.error[:2] == (404, "UnknownOperationException")
    assert reply.error[2].startswith(named)


@pytest.mark.parametrize("path", ["/v1/models", "/", "", "/models/x", "/bedrocky/model/m/converse"])
async def test_other_addresses_are_left_to_others(world: WireWorld, path: str) -> None:
    """One root carries many surfaces."""
    with pytest.raises(AssertionError):
        await world.send("GET", f"http://h{path}")


async def test_a_retry_is_answered_again_and_billed_once(world: WireWorld) -> None:
    """SDKs keep the invocation id over their attempts."""
    url = f"http://h/model/{ECHO}/converse"
    body = json.dumps({"messages": say("hi")["messages"]}).encode()
    headers = {"amz-sdk-invocation-id": "one-call"}
    first = await world.send("POST", url, body=body, headers=headers)
    second = await world.send("POST", url, body=body, headers=headers)
    assert first.json["output"] == second.json["output"]
    assert second.headers["x-kilonova-replayed"] == "true"
    assert len(world.ledger.records) == 1
    other = f"http://h/model/us.{ECHO}/converse"
    reply = await world.send("POST", other, body=body, headers=headers)
    assert reply.error[:2] == (400, "ConflictException")


async def test_a_stream_that_is_closed_frees_the_engine(world: WireWorld) -> None:
    """What the edge does when a client leaves."""
    request = Request(
        method="POST",
        raw_path=f"/model/{ECHO}/converse-stream".encode(),
        query=b"",
        headers=[(b"authorization", b"Bearer good")],
        trace=Trace(),
    )
    request.body = json.dumps(
        {"messages": say("[[echo: hang_after=2]] a b c")["messages"]}
    ).encode()
    endpoint = world.surface.find(request)
    assert endpoint is not None
    answer = await endpoint.handle(request)
    assert isinstance(answer, Stream)
    for _ in range(3):
        await anext(answer.chunks)
    assert world.engine.running == 1
    await answer.chunks.aclose()
    assert world.engine.running == 0
    world.assert_settled()
    assert world.ledger.records[0].outcome == "cancelled"
