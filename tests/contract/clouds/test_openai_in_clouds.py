"""OpenAI's SDK in the clouds that serve its wire: signed for Bedrock, and below Vertex AI."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.providers.bedrock import bedrock
from openai.providers.vertex import vertex

from servers import Server

ECHO = "kilonova.echo-v1:0"
SPARK = "kilonova.spark-v1:0"
VERTEX = "/v1/projects/mine/locations/europe-west1"

ADD: Any = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
    },
}


def signing(server: Server, **more: Any) -> openai.BedrockOpenAI:
    options = {
        "base_url": f"{server.url}/openai/v1",
        "aws_region": "us-east-1",
        "aws_access_key_id": server.access_key_id,
        "aws_secret_access_key": server.secret_access_key,
    }
    return openai.BedrockOpenAI(**options | more)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.BedrockOpenAI]:
    with signing(server) as one:
        yield one


def says(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.mark.supports("whole", "BedrockOpenAI chat.completions")
def test_a_signed_answer(client: openai.BedrockOpenAI) -> None:
    """Protects AWS accounts: an access key pair is a credential on this wire, too."""
    answer = client.chat.completions.create(model=ECHO, messages=says("hello"))
    assert answer.choices[0].message.content == "hello"
    assert SPARK in [model.id for model in client.models.list()]
    assert client.models.retrieve(SPARK).id == SPARK


@pytest.mark.supports("stream", "BedrockOpenAI chat.completions")
def test_a_signed_stream(client: openai.BedrockOpenAI) -> None:
    """Protects chat windows."""
    stream = client.chat.completions.create(model=ECHO, messages=says("é 日本"), stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "é 日本"


@pytest.mark.supports("forced tool", "BedrockOpenAI chat.completions")
def test_a_signed_tool_call(client: openai.BedrockOpenAI) -> None:
    """Protects agents."""
    answer = client.chat.completions.create(
        model=SPARK, messages=says("What is 3 and 3?"), tools=[ADD], tool_choice="required",
        max_tokens=60,
    )  # fmt: skip
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert set(json.loads(calls[0].function.arguments)) == {"a", "b"}


@pytest.mark.supports("whole, stream", "BedrockOpenAI responses")
def test_signed_responses(client: openai.BedrockOpenAI) -> None:
    """Protects the API that AWS recommends here: whole, streamed, and continued."""
    first = client.responses.create(model=ECHO, input="hello")
    assert first.output_text == "hello"
    second = client.responses.create(model=ECHO, input="again", previous_response_id=first.id)
    assert second.output_text
    events = list(client.responses.create(model=ECHO, input="one two", stream=True))
    assert events[-1].type == "response.completed"


async def test_an_async_signed_answer(server: Server) -> None:
    """Protects async callers."""
    async with openai.AsyncBedrockOpenAI(
        base_url=f"{server.url}/openai/v1",
        aws_region="us-east-1",
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
    ) as client:
        answer = await client.chat.completions.create(model=ECHO, messages=says("hello"))
    assert answer.choices[0].message.content == "hello"


@pytest.mark.parametrize("endpoint", ["mantle", "runtime"])
def test_both_endpoints_of_the_provider(server: Server, endpoint: Any) -> None:
    """Protects the plain client with a provider: both names that it signs for are known."""
    provider = bedrock(
        endpoint=endpoint,
        base_url=f"{server.url}/openai/v1",
        region="eu-central-1",
        access_key_id=server.access_key_id,
        secret_access_key=server.secret_access_key,
    )
    with openai.OpenAI(provider=provider) as client:
        answer = client.chat.completions.create(model=ECHO, messages=says("hello"))
    assert answer.choices[0].message.content == "hello"


def test_a_bedrock_api_key(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects callers whose environment holds a Bedrock key."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", server.bearer_key)
    monkeypatch.setenv("AWS_BEDROCK_BASE_URL", f"{server.url}/openai/v1")
    with openai.BedrockOpenAI() as client:
        answer = client.chat.completions.create(model=ECHO, messages=says("hello"))
    assert answer.choices[0].message.content == "hello"


@pytest.mark.parametrize(
    "wrong", [{"aws_secret_access_key": "x" * 40}, {"aws_access_key_id": "AKIAUNKNOWN000000000"}]
)
def test_a_wrong_signature(server: Server, wrong: dict[str, str]) -> None:
    """Protects everything: the SDK's own authentication error."""
    with signing(server, **wrong) as client, pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model=ECHO, messages=says("hello"))
    assert caught.value.code == "invalid_api_key"


@pytest.mark.supports("errors", "BedrockOpenAI chat.completions")
@pytest.mark.parametrize(
    ("model", "text", "kind"),
    [
        ("gpt-9", "x", openai.NotFoundError),
        (ECHO, "w " * 9000, openai.BadRequestError),
        (ECHO, "[[echo: fail_before]]", openai.InternalServerError),
    ],
)
def test_errors_are_the_sdks_own(
    client: openai.BedrockOpenAI, model: str, text: str, kind: type[Exception]
) -> None:
    """Protects callers' handlers: behind a signature the errors are the same."""
    with pytest.raises(kind):
        client.with_options(max_retries=0).chat.completions.create(model=model, messages=says(text))


@pytest.mark.supports("whole", "openai responses, chat.completions (Vertex AI)")
@pytest.mark.parametrize("path", ["/publishers/openai/v1", "/endpoints/openapi"])
@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_below_vertex_ai(server: Server, path: str, version: str) -> None:
    """Protects Google's customers: OpenAI's provider for Vertex, and its plain client there."""
    root = server.url + VERTEX.replace("v1", version) + path
    provider = vertex(base_url=root, token_provider=lambda: server.bearer_key)
    with openai.OpenAI(provider=provider) as client:
        answer = client.chat.completions.create(model=ECHO, messages=says("hello"))
        assert answer.choices[0].message.content == "hello"
        assert client.responses.create(model=ECHO, input="hello").output_text == "hello"
