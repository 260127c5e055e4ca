"""The real boto3 against a real server: signed, over HTTP, on the echo engine."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import boto3
import botocore.auth
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from servers import Server, served

ECHO = "kilonova.echo-v1:0"
OTHER = "vendor.echo-v1:0"
_CONFIG = f"""
[engines.spark]
enabled = false

[models."{OTHER}"]
engine = "echo"
native_body = "chat-completions"
price = "free"
"""
_TOOL = {
    "toolSpec": {
        "name": "get_weather",
        "description": "The weather of a place.",
        "inputSchema": {
            "json": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            }
        },
    }
}

Connect = Callable[..., Any]


@pytest.fixture(scope="module")
def echo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of echo models alone, one of which has a native body of another family."""
    with served(tmp_path_factory.mktemp("boto3"), config=_CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def connect(echo_server: Server) -> Connect:
    """Makes a client: `connect(service, attempts=…, prefix=…, key=…)`."""

    def make(
        name: str = "bedrock-runtime",
        *,
        attempts: int = 3,
        prefix: str = "",
        key: tuple[str, str] | None = None,
    ) -> Any:
        access_key_id, secret = key or (echo_server.access_key_id, echo_server.secret_access_key)
        return boto3.client(
            name,
            endpoint_url=echo_server.url + prefix,
            region_name="eu-west-3",
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}),
        )

    return make


@pytest.fixture(scope="module")
def runtime(connect: Connect) -> Any:
    return connect()


def _say(text: str, **more: Any) -> dict[str, Any]:
    message = {"role": "user", "content": [{"text": text}]}
    return {"modelId": ECHO, "messages": [message], **more}


def _text(answer: dict[str, Any]) -> str:
    return "".join(b.get("text", "") for b in answer["output"]["message"]["content"])


@pytest.mark.supports("whole", "boto3 Converse, ConverseStream")
def test_a_whole_answer(runtime: Any) -> None:
    """Text, stop reason, usage, and the request id that support will ask for."""
    answer = runtime.converse(
        **_say("hello there", system=[{"text": "be brief"}], inferenceConfig={"maxTokens": 50})
    )
    assert _text(answer) == "hello there"
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"]["inputTokens"] == 4
    assert answer["usage"]["outputTokens"] == 2
    assert answer["ResponseMetadata"]["RequestId"].startswith("req_")
    assert answer["ResponseMetadata"]["RetryAttempts"] == 0


def test_a_limit_and_a_stop_sequence(runtime: Any) -> None:
    """Both end the text, each under its own name."""
    answer = runtime.converse(**_say("a b c d", inferenceConfig={"maxTokens": 2}))
    assert answer["stopReason"] == "max_tokens"
    assert answer["usage"]["outputTokens"] == 2
    answer = runtime.converse(**_say("a b STOP c", inferenceConfig={"stopSequences": ["STOP"]}))
    assert answer["stopReason"] == "stop_sequence"
    assert _text(answer).strip() == "a b"


@pytest.mark.supports("stream", "boto3 Converse, ConverseStream")
def test_a_streamed_answer(runtime: Any) -> None:
    """The events in order, usage exactly once, at the end."""
    events = list(runtime.converse_stream(**_say("hello there"))["stream"])
    names = [next(iter(event)) for event in events]
    assert names[0] == "messageStart"
    assert names[-3:] == ["contentBlockStop", "messageStop", "metadata"]
    assert names.count("metadata") == 1
    deltas = [
        event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event
    ]
    assert "".join(delta["text"] for delta in deltas) == "hello there"
    assert events[-1]["metadata"]["usage"]["totalTokens"] == 4
    assert events[-1]["metadata"]["metrics"]["latencyMs"] >= 0


@pytest.mark.supports("tool loop, forced tool", "boto3 Converse, ConverseStream")
@pytest.mark.parametrize("choice", [{"any": {}}, {"tool": {"name": "get_weather"}}, {"auto": {}}])
def test_a_tool_loop(runtime: Any, choice: dict[str, Any]) -> None:
    """Forced or not: the call comes as an object, its result goes back, and the answer ends."""
    config = {"tools": [_TOOL], "toolChoice": choice}
    request = _say("call get_weather for Oslo", toolConfig=config)
    answer = runtime.converse(**request)
    assert answer["stopReason"] == "tool_use"
    message = answer["output"]["message"]
    use = message["content"][-1]["toolUse"]
    assert use["name"] == "get_weather"
    assert isinstance(use["input"]["city"], str)
    result = {"toolUseId": use["toolUseId"], "content": [{"json": {"sky": "clear"}}]}
    request["messages"] += [message, {"role": "user", "content": [{"toolResult": result}]}]
    request["toolConfig"] = {"tools": [_TOOL]}
    answer = runtime.converse(**request)
    assert answer["stopReason"] == "end_turn"
    assert "clear" in _text(answer)


def test_a_streamed_tool_call(runtime: Any) -> None:
    """The input comes as fragments of JSON text."""
    config = {"tools": [_TOOL], "toolChoice": {"any": {}}}
    events = list(runtime.converse_stream(**_say("Oslo", toolConfig=config))["stream"])
    starts = [e["contentBlockStart"]["start"] for e in events if "contentBlockStart" in e]
    assert starts[0]["toolUse"]["name"] == "get_weather"
    deltas = [e["contentBlockDelta"]["delta"] for e in events if "contentBlockDelta" in e]
    assert "city" in json.loads("".join(delta["toolUse"]["input"] for delta in deltas))


@pytest.mark.supports("JSON", "boto3 Converse, ConverseStream")
def test_a_json_schema(runtime: Any) -> None:
    """The text is a document of the schema that was asked for."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    output = {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(schema)}}}
    answer = runtime.converse(**_say("seven", outputConfig={"textFormat": output}))
    assert isinstance(json.loads(_text(answer))["n"], int)


@pytest.mark.supports("whole, usage", "boto3 CountTokens")
def test_tokens_are_counted_as_they_are_billed(runtime: Any) -> None:
    """Both forms of CountTokens."""
    request = _say("how many tokens are these", system=[{"text": "be brief"}])
    converse = {"messages": request["messages"], "system": request["system"]}
    counted = runtime.count_tokens(modelId=ECHO, input={"converse": converse})["inputTokens"]
    assert counted == runtime.converse(**request)["usage"]["inputTokens"]
    body = json.dumps(converse)
    counted = runtime.count_tokens(modelId=ECHO, input={"invokeModel": {"body": body}})
    invoked = json.loads(runtime.invoke_model(modelId=ECHO, body=body)["body"].read())
    assert counted["inputTokens"] == invoked["usage"]["inputTokens"]


@pytest.mark.parametrize(
    "identifier",
    [
        f"us.{ECHO}",
        f"arn:aws:bedrock:us-east-1::foundation-model/{ECHO}",
        f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{ECHO}",
    ],
)
def test_percent_encoded_names(runtime: Any, identifier: str) -> None:
    """boto3 encodes colons and slashes of an ARN, and signs the path encoded twice."""
    assert runtime.converse(**{**_say("hi"), "modelId": identifier})["stopReason"] == "end_turn"


def test_a_path_in_the_endpoint_url(connect: Connect) -> None:
    """The mount under /bedrock, whose prefix the signature covers."""
    client = connect(prefix="/bedrock")
    assert _text(client.converse(**_say("hi"))) == "hi"


def test_many_at_once(runtime: Any) -> None:
    """Answers do not mix."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: runtime.converse(**_say(f"number {i}")), range(32)))
    assert [_text(answer) for answer in answers] == [f"number {i}" for i in range(32)]


@pytest.mark.supports("whole", "boto3 ListFoundationModels, GetFoundationModel")
def test_the_control_plane(connect: Connect) -> None:
    """The models on offer, and one of them by the ARN that the list gives."""
    control = connect("bedrock")
    summaries = control.list_foundation_models(byInferenceType="ON_DEMAND")["modelSummaries"]
    listed = {summary["modelId"]: summary for summary in summaries}
    assert {ECHO, OTHER} <= set(listed)
    assert listed["kilonova.embed-v1:0"]["outputModalities"] == ["EMBEDDING"]
    arn = summaries[0]["modelArn"]
    assert control.get_foundation_model(modelIdentifier=arn)["modelDetails"]["modelArn"] == arn
    with pytest.raises(control.exceptions.ResourceNotFoundException):
        control.get_foundation_model(modelIdentifier="no.such-v1:0")


@pytest.mark.parametrize(
    ("service", "operation"), [("bedrock", "list_guardrails"), ("bedrock-agent", "list_agents")]
)
def test_an_operation_that_is_not_served(connect: Connect, service: str, operation: str) -> None:
    """AWS's own name for it, and no retry."""
    with pytest.raises(ClientError) as raised:
        getattr(connect(service), operation)()
    assert _code(raised.value) == ("UnknownOperationException", 404, 0)


def _code(error: ClientError) -> tuple[str, int, int]:
    response = error.response
    metadata = response["ResponseMetadata"]
    return response["Error"]["Code"], metadata["HTTPStatusCode"], metadata["RetryAttempts"]


@pytest.mark.supports("errors", "boto3 Converse, ConverseStream")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[echo: fail_before]]", ("ModelErrorException", 424, 0)),
        ("[[echo: timeout]]", ("ModelTimeoutException", 408, 0)),
        ("[[echo: not_ready]]", ("ModelNotReadyException", 429, 2)),
        ("[[echo: overloaded]]", ("ServiceUnavailableException", 503, 2)),
        ("word " * 9_000, ("ValidationException", 400, 0)),
        (" ", ("ValidationException", 400, 0)),
    ],
)
@pytest.mark.parametrize("operation", ["converse", "converse_stream"])
def test_failures_have_their_names_and_attempts(
    runtime: Any, operation: str, text: str, expected: tuple[str, int, int]
) -> None:
    """Before its first event a stream fails as a whole answer does, and boto3 retries alike."""
    with pytest.raises(ClientError) as raised:
        getattr(runtime, operation)(**_say(text))
    assert _code(raised.value) == expected
    assert type(raised.value) is getattr(runtime.exceptions, expected[0])


def test_an_unknown_model(runtime: Any) -> None:
    """A bad request, which lists what there is."""
    with pytest.raises(runtime.exceptions.ValidationException, match=f"identifier.*{ECHO}"):
        runtime.converse(**{**_say("hi"), "modelId": "no.such-v1:0"})


@pytest.mark.slow
def test_limits(echo_server: Server, connect: Connect) -> None:
    """A rate is throttling and is waited for; a budget is a quota and is not retried."""
    key = echo_server.new_key("--rpm", "1")
    limited = connect(key=(key["access_key_id"], key["secret_access_key"]), attempts=1)
    limited.converse(**_say("hi"))
    with pytest.raises(limited.exceptions.ThrottlingException) as raised:
        limited.converse(**_say("hi"))
    headers = raised.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert 0 < int(headers["x-amz-retry-after"]) <= 60_000
    key = echo_server.new_key("--budget", "0.000000001")
    poor = connect(key=(key["access_key_id"], key["secret_access_key"]))
    with pytest.raises(ClientError) as raised:
        poor.converse(**_say("hi"))
    assert _code(raised.value) == ("ServiceQuotaExceededException", 400, 0)


def test_wrong_credentials(echo_server: Server, connect: Connect) -> None:
    """403, once, and which half is wrong."""
    for key, code in (
        (("KNAKNOBODY", "x"), "UnrecognizedClientException"),
        ((echo_server.access_key_id, "wrong"), "InvalidSignatureException"),
    ):
        with pytest.raises(ClientError) as raised:
            connect(key=key).converse(**_say("hi"))
        assert _code(raised.value) == (code, 403, 0)


def test_a_wrong_clock(runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told as such, since the signature itself is right."""
    real = botocore.auth.get_current_datetime
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda: real() - timedelta(minutes=16)
    )
    with pytest.raises(ClientError, match="Check the clock") as raised:
        runtime.converse(**_say("hi"))
    assert _code(raised.value)[:2] == ("InvalidSignatureException", 403)


def test_a_break_in_mid_stream(runtime: Any) -> None:
    """What came before stands; then boto3 raises the modelled exception."""
    seen: list[str] = []
    stream = runtime.converse_stream(**_say("[[echo: fail_after=2]] a b c"))["stream"]
    with pytest.raises(EventStreamError, match="modelStreamErrorException"):
        seen.extend(next(iter(event)) for event in stream)
    assert seen == ["messageStart", "contentBlockDelta", "contentBlockDelta"]


@pytest.mark.supports("cancel", "boto3 Converse, ConverseStream")
def test_a_client_that_leaves(echo_server: Server, runtime: Any) -> None:
    """The request is settled as cancelled, for what was delivered."""
    answer = runtime.converse_stream(**_say("[[echo: tokens=4000, delay_ms=5]] word"))
    request_id = answer["ResponseMetadata"]["RequestId"]
    for number, _ in enumerate(answer["stream"]):
        if number == 5:
            break
    answer["stream"].close()
    line = _logged(echo_server, request_id)
    assert line["outcome"] == "cancelled"
    assert 4 <= line["output_tokens"] < 1_000


def _logged(server: Server, request_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for text in (server.home / "server.log").read_text().splitlines():
            if request_id in text and '"event":"request"' in text:
                line: dict[str, Any] = json.loads(text)
                return line
        time.sleep(0.05)
    raise AssertionError(f"{request_id} was not settled")
