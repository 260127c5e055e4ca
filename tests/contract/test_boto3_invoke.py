"""InvokeModel through the real boto3: the body of every family, whole, streamed and counted."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, get_args

import anthropic
import boto3
import pytest
from botocore.exceptions import EventStreamError

from kilonova.catalog.native_body import NativeBody
from kilonova.dialects.bedrock.families import EMBEDDINGS
from servers import Server, served

_TALKING = [name for name in get_args(NativeBody) if name not in EMBEDDINGS]
_ABILITIES = ["chat", "tools", "json", "embeddings", "completion", "prefill"]
_CONFIG = "[engines.spark]\nenabled = false\n" + "".join(
    f'\n[models."native.{name}-v1:0"]\nengine = "echo"\nnative_body = "{name}"\n'
    f"abilities = {json.dumps(_ABILITIES)}\nprice = 'free'\n"
    for name in get_args(NativeBody)
)

ECHO = "kilonova.echo-v1:0"
_USER: Any = {"role": "user", "content": "one two"}

Body = dict[str, Any]


def _said(text: str) -> list[Body]:
    return [{"role": "user", "content": text}]


# A user's text as each family takes it, cut after 20 tokens.
_BODIES: dict[str, Callable[[str], Body]] = {
    "anthropic-messages": lambda text: {
        "anthropic_version": "bedrock-2023-05-31", "max_tokens": 20, "messages": _said(text),
    },
    "chat-completions": lambda text: {"messages": _said(text), "max_tokens": 20},
    "cohere-command": lambda text: {"message": text, "max_tokens": 20},
    "deepseek-text": lambda text: {"prompt": text, "max_tokens": 20},
    "gpt-oss": lambda text: {"messages": _said(text), "max_completion_tokens": 20},
    "llama": lambda text: {"prompt": text, "max_gen_len": 20},
    "messages-v1": lambda text: {
        "messages": [{"role": "user", "content": [{"text": text}]}],
        "inferenceConfig": {"maxTokens": 20},
    },
    "mistral-chat": lambda text: {"messages": _said(text), "max_tokens": 20},
    "mistral-text": lambda text: {"prompt": text, "max_tokens": 20},
    "titan-text": lambda text: {
        "inputText": text, "textGenerationConfig": {"maxTokenCount": 20},
    },
}  # fmt: skip


def _model(family: str) -> str:
    return f"native.{family}-v1:0"


@pytest.fixture(scope="module")
def natives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an echo model of every family."""
    with served(tmp_path_factory.mktemp("natives"), config=_CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def runtime(natives: Server) -> Iterator[Any]:
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=natives.url,
        region_name="eu-west-3",
        aws_access_key_id=natives.access_key_id,
        aws_secret_access_key=natives.secret_access_key,
    )
    yield client
    client.close()


def _invoke(runtime: Any, model: str, body: Body) -> tuple[Body, dict[str, str]]:
    answer = runtime.invoke_model(modelId=model, body=json.dumps(body))
    assert answer["contentType"] == "application/json"
    return json.loads(answer["body"].read()), answer["ResponseMetadata"]["HTTPHeaders"]


def _stream(runtime: Any, model: str, body: Body) -> Iterator[Body]:
    stream = runtime.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))
    with closing(stream["body"]) as events:
        for event in events:
            yield json.loads(event["chunk"]["bytes"])


def _text(document: Body) -> str:
    """What a whole answer or a chunk says, where each family says it."""
    match document:
        case {"type": "message", "content": [{"text": text}]}:
            return str(text)
        case {"output": {"message": {"content": [{"text": text}]}}}:
            return str(text)
        case {"contentBlockDelta": {"delta": {"text": text}}} | {"delta": {"text": text}}:
            return str(text)
        case {"event_type": "text-generation", "text": text} | {"response_id": _, "text": text}:
            return str(text)
        case {"choices": [{"delta": said}]} | {"choices": [{"message": said}]}:
            return str(said.get("content") or "")
        case {"choices": [{"text": text}]} | {"outputs": [{"text": text}]}:
            return str(text)
        case {"generation": text} | {"results": [{"outputText": text}]} | {"outputText": text}:
            return str(text)
    return ""


@pytest.mark.supports("whole, stream, usage", "boto3 InvokeModel, …WithResponseStream")
@pytest.mark.parametrize("family", _TALKING)
def test_every_family_answers_in_its_own_body(runtime: Any, family: str) -> None:
    """Whole and streamed alike, counted as billed, with AWS's headers and metrics."""
    model, body = _model(family), _BODIES[family]("one two three")
    whole, headers = _invoke(runtime, model, body)
    assert _text(whole) == "one two three"
    chunks = list(_stream(runtime, model, body))
    assert "".join(map(_text, chunks)) == "one two three"
    metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
    assert all("amazon-bedrock-invocationMetrics" not in chunk for chunk in chunks[:-1])
    assert all("kilonova" not in chunk for chunk in chunks[:-1])
    assert chunks[-1]["kilonova"]["price"] == headers["x-kilonova-price"]
    told = {
        "inputTokenCount": int(headers["x-amzn-bedrock-input-token-count"]),
        "outputTokenCount": int(headers["x-amzn-bedrock-output-token-count"]),
    }
    assert told == {"inputTokenCount": 3, "outputTokenCount": 3}
    assert told.items() <= metrics.items()
    native = {"invokeModel": {"body": json.dumps(body)}}
    assert runtime.count_tokens(modelId=model, input=native)["inputTokens"] == 3


@pytest.mark.parametrize("family", _TALKING)
def test_every_family_is_cut_at_its_own_limit(runtime: Any, family: str) -> None:
    """The name of the limit is read: an answer of 30 tokens ends after 20, and says so."""
    body = _BODIES[family]("[[echo: tokens=30]] word")
    whole, headers = _invoke(runtime, _model(family), body)
    assert headers["x-amzn-bedrock-output-token-count"] == "20"
    words = ('"length"', '"LENGTH"', '"max_tokens"', '"MAX_TOKENS"')
    assert any(word in json.dumps(whole) for word in words)


@pytest.mark.supports("errors", "boto3 InvokeModel, …WithResponseStream")
@pytest.mark.parametrize("family", _TALKING)
def test_a_stream_that_breaks_raises(runtime: Any, family: str) -> None:
    """What came before stands; then boto3 raises the modelled exception."""
    body = _BODIES[family]("[[echo: fail_after=2]] a b c")
    seen: list[str] = []
    with pytest.raises(EventStreamError, match="modelStreamErrorException"):
        seen.extend(map(_text, _stream(runtime, _model(family), body)))
    assert "".join(seen) == "a b"


@pytest.mark.parametrize("family", _TALKING)
def test_another_familys_body_is_refused_with_the_right_one(runtime: Any, family: str) -> None:
    """The caller learns the family, and a body of it that works as it stands."""
    other = _BODIES["titan-text" if family != "titan-text" else "llama"]("x")
    with pytest.raises(runtime.exceptions.ValidationException) as raised:
        _invoke(runtime, _model(family), other)
    message = raised.value.response["Error"]["Message"]
    assert f"'{family}': {{" in message
    example = json.loads(message[message.index(f"'{family}': ") + len(family) + 4 :])
    assert _text(_invoke(runtime, _model(family), example)[0])


@pytest.mark.parametrize(
    "identifier",
    [
        "us.native.anthropic-messages-v1:0",
        "arn:aws:bedrock:us-east-1::foundation-model/native.anthropic-messages-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
        "us.native.anthropic-messages-v1:0",
        "native.llama-v1:0",
        ECHO,
    ],
)
def test_anthropics_body_goes_to_any_name_of_any_model(runtime: Any, identifier: str) -> None:
    """Its own SDK for AWS asks every model alike; boto3 with the same body may, too."""
    whole, _ = _invoke(runtime, identifier, _BODIES["anthropic-messages"]("hello"))
    assert whole["content"] == [{"type": "text", "text": "hello"}]
    with pytest.raises(runtime.exceptions.ValidationException, match="model: "):
        _invoke(runtime, identifier, {**_BODIES["anthropic-messages"]("x"), "model": "m"})


@pytest.mark.supports("forced tool", "boto3 InvokeModel, …WithResponseStream")
def test_a_tool_is_called_in_each_body_that_has_tools(runtime: Any) -> None:
    """One call with the same arguments, in four spellings."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    function = {"name": "get_weather", "description": "The weather.", "parameters": schema}
    tools: dict[str, Body] = {
        "anthropic-messages": {
            "tools": [{"name": "get_weather", "input_schema": schema}],
            "tool_choice": {"type": "any"},
        },
        "mistral-chat": {
            "tools": [{"type": "function", "function": function}], "tool_choice": "any",
        },
        "messages-v1": {
            "toolConfig": {
                "tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": schema}}}]
            }
        },
        "cohere-command": {
            "tools": [
                {
                    "name": "get_weather",
                    "parameter_definitions": {"city": {"type": "str", "required": True}},
                }
            ]
        },
    }  # fmt: skip
    calls = {}
    for family, more in tools.items():
        body = {**_BODIES[family]("call get_weather for Oslo"), **more}
        calls[family] = _called(_invoke(runtime, _model(family), body)[0])
        streamed = json.dumps(list(_stream(runtime, _model(family), body)))
        assert "get_weather" in streamed
    assert len({json.dumps(call) for call in calls.values()}) == 1, calls


def _called(document: Body) -> Body:
    match document:
        case {"content": [{"type": "tool_use", "name": name, "input": given}]}:
            return {name: given}
        case {"choices": [{"message": {"tool_calls": [{"function": call}]}}]}:
            return {call["name"]: json.loads(call["arguments"])}
        case {"output": {"message": {"content": [{"toolUse": call}]}}}:
            return {call["name"]: call["input"]}
        case {"tool_calls": [call]}:
            return {call["name"]: call["parameters"]}
    raise AssertionError(document)


@pytest.mark.supports("tool loop", "boto3 InvokeModel, …WithResponseStream")
def test_cohere_hands_results_of_tools_back(runtime: Any) -> None:
    """The calls are repeated beside their results, without ids."""
    body = {
        **_BODIES["cohere-command"]("weather?"),
        "tools": [{"name": "get_weather"}],
        "tool_results": [
            {"call": {"name": "get_weather", "parameters": {}}, "outputs": [{"sky": "clear"}]}
        ],
    }
    whole, _ = _invoke(runtime, _model("cohere-command"), body)
    assert "clear" in whole["text"]


@pytest.mark.supports("refusals", "boto3 InvokeModel, …WithResponseStream", how="refused")
@pytest.mark.parametrize(
    ("family", "more", "words"),
    [
        ("llama", {"images": ["aGk="]}, "images: "),
        ("llama", {"temperature": 3}, "#/temperature: "),
        ("llama", {"colour": 1}, r"extraneous key \[colour\]"),
        ("mistral-text", {"stop": ["x"] * 11}, "#/stop: "),
        ("deepseek-text", {"prompt": ""}, "#/prompt: "),
        ("cohere-command", {"documents": [{"title": "a"}]}, "documents: "),
        ("cohere-command", {"raw_prompting": True, "preamble": "x"}, "raw_prompting"),
        ("chat-completions", {"stream": True}, "'stream'"),
        ("chat-completions", {"model": "another"}, "'model'"),
        ("gpt-oss", {"functions": [{}]}, "functions"),
        ("titan-text", {"textGenerationConfig": {"maxTokenCount": 0}}, "maxTokenCount"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(
    runtime: Any, family: str, more: Body, words: str
) -> None:
    """No field is dropped in silence."""
    with pytest.raises(runtime.exceptions.ValidationException, match=words):
        _invoke(runtime, _model(family), {**_BODIES[family]("x"), **more})


@pytest.mark.supports("hints", "boto3 InvokeModel, …WithResponseStream", how="ignored")
@pytest.mark.parametrize(
    ("family", "more", "ignored"),
    [
        ("cohere-command", {"prompt_truncation": "OFF"}, "prompt_truncation"),
        ("chat-completions", {"user": "u", "chat_template": "x"}, "chat_template, user"),
        ("mistral-chat", {"safe_prompt": False}, "safe_prompt"),
        ("anthropic-messages", {"metadata": {}}, "metadata"),
    ],
)
def test_hints_that_are_ignored_are_listed(
    runtime: Any, family: str, more: Body, ignored: str
) -> None:
    """In the header that all wires have for it."""
    _, headers = _invoke(runtime, _model(family), {**_BODIES[family]("x"), **more})
    assert headers["x-kilonova-ignored"] == ignored


@pytest.mark.supports("whole", "boto3 InvokeModel (vectors)")
def test_vectors_are_the_same_in_every_body(runtime: Any) -> None:
    """Three families, one vector a text; none of them streams."""
    titan, headers = _invoke(runtime, _model("text-embeddings"), {"inputText": "red fish"})
    assert headers["x-amzn-bedrock-input-token-count"] == "2"
    single = {"embeddingPurpose": "GENERIC_INDEX", "text": {"value": "red fish"}}
    asked = {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": single}
    nova, headers = _invoke(runtime, _model("nova-embeddings"), asked)
    assert nova["embeddings"] == [{"embeddingType": "TEXT", "embedding": titan["embedding"]}]
    assert headers["x-kilonova-ignored"] == "embeddingPurpose"
    asked = {"texts": ["red fish", "blue"], "input_type": "search_document"}
    cohere, headers = _invoke(runtime, _model("cohere-embed"), asked)
    assert cohere["embeddings"][0] == titan["embedding"]
    assert len(cohere["embeddings"]) == 2
    assert headers["x-amzn-bedrock-input-token-count"] == "3"
    with pytest.raises(runtime.exceptions.ValidationException, match="embeddings"):
        list(_stream(runtime, _model("cohere-embed"), asked))
    with pytest.raises(runtime.exceptions.ValidationException, match="video: "):
        params = {"video": {"format": "mp4"}}
        wrong = {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params}
        _invoke(runtime, _model("nova-embeddings"), wrong)


@pytest.mark.supports("whole", "boto3 InvokeModel (vectors)")
def test_documents_are_ranked(runtime: Any) -> None:
    """Protects searches by Cohere's rerank body: the nearest first, by place, and counted."""
    asked = {"query": "red fish", "documents": ["blue bird", "red fish", "red"], "api_version": 2}
    ranked, headers = _invoke(runtime, _model("cohere-rerank"), asked)
    places = [each["index"] for each in ranked["results"]]
    assert places == [1, 2, 0]
    scores = [each["relevance_score"] for each in ranked["results"]]
    assert scores[0] == 1.0
    assert sorted(scores, reverse=True) == scores
    assert 0 <= scores[-1] < scores[1] < 1
    assert headers["x-amzn-bedrock-input-token-count"] == "7"
    best, _ = _invoke(runtime, _model("cohere-rerank"), {**asked, "top_n": 1})
    assert best["results"] == ranked["results"][:1]
    with pytest.raises(runtime.exceptions.ValidationException, match="rank_fields: "):
        _invoke(runtime, _model("cohere-rerank"), {**asked, "rank_fields": ["text"]})


def test_every_invocation_is_booked_under_aws(natives: Server, runtime: Any) -> None:
    """Whatever the body, the operation is AWS's: one record each, under one label."""
    before = _booked(natives).keys()
    for family in ("anthropic-messages", "chat-completions", "llama"):
        _invoke(runtime, _model(family), _BODIES[family]("one two"))
    with anthropic.AnthropicBedrock(
        base_url=natives.url, api_key=natives.bearer_key, aws_region="us-east-1"
    ) as client:
        client.messages.create(model=ECHO, max_tokens=9, messages=[_USER])
    new = [row for name, row in _booked(natives).items() if name not in before]
    assert [(row["dialect"], row["input_tokens"]) for row in new] == [("bedrock", 2)] * 4


def _booked(server: Server) -> dict[str, Any]:
    rows: Any = server.admin("GET", "/requests?limit=1000")["data"]
    return {row["id"]: row for row in rows}


@pytest.mark.supports("errors", "AnthropicBedrock messages")
@pytest.mark.parametrize(
    ("text", "model", "failure"),
    [
        ("x", "no.such-v1:0", anthropic.BadRequestError),
        ("word " * 9_000, ECHO, anthropic.BadRequestError),
        ("[[echo: not_ready]]", ECHO, anthropic.RateLimitError),
        ("[[echo: overloaded]]", ECHO, anthropic.InternalServerError),
    ],
)
def test_anthropics_sdk_for_aws_sees_awss_failures(
    natives: Server, text: str, model: str, failure: type[anthropic.APIStatusError]
) -> None:
    """The status is AWS's, as on AWS: it decides the class and the retries."""
    with anthropic.AnthropicBedrock(
        base_url=natives.url, api_key=natives.bearer_key, aws_region="us-east-1", max_retries=0
    ) as client:
        said: Any = {"role": "user", "content": text}
        with pytest.raises(failure) as raised:
            client.messages.create(model=model, max_tokens=9, messages=[said])
        body: Any = raised.value.body
        assert body["message"]
    with (
        anthropic.AnthropicBedrock(
            base_url=natives.url, api_key="wrong", aws_region="us-east-1"
        ) as client,
        pytest.raises(anthropic.PermissionDeniedError),
    ):
        client.messages.create(model=ECHO, max_tokens=9, messages=[_USER])
