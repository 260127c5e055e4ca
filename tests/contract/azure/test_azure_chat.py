"""The Azure flavour of the official OpenAI SDK against a running server."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest

from servers import Server

ECHO = "kilonova.echo-v1:0"
SPARK = "kilonova.spark-v1:0"
DEPLOYMENT = "my-deployment"
VERSION = "2024-10-21"

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


def azure(server: Server, **more: Any) -> openai.AzureOpenAI:
    options = {"azure_endpoint": server.url, "api_key": server.bearer_key, "api_version": VERSION}
    return openai.AzureOpenAI(**options | more)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.AzureOpenAI]:
    with azure(server) as one:
        yield one


@pytest.fixture
async def async_client(server: Server) -> AsyncIterator[openai.AsyncAzureOpenAI]:
    async with openai.AsyncAzureOpenAI(
        azure_endpoint=server.url, azure_ad_token=server.bearer_key, api_version=VERSION
    ) as one:
        yield one


def says(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.mark.supports("whole", "AzureOpenAI chat.completions")
@pytest.mark.parametrize(
    ("deployment", "model"), [(DEPLOYMENT, ECHO), ("echo", ECHO), (SPARK, SPARK)]
)
def test_a_deployment_answers(client: openai.AzureOpenAI, deployment: str, model: str) -> None:
    """Protects callers' names: a configured one, an alias and an id are deployments alike."""
    raw = client.chat.completions.with_raw_response.create(
        model=deployment, messages=says("Hello there"), max_tokens=8
    )
    answer = raw.parse()
    assert answer.model == model
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0
    assert raw.headers["apim-request-id"] == answer._request_id
    assert "x-kilonova-ignored" not in raw.headers


def test_nothing_is_said_about_filters_that_are_not_there(client: openai.AzureOpenAI) -> None:
    """Protects the truth: results of a filter would claim that somebody looked."""
    answer = client.chat.completions.create(model=DEPLOYMENT, messages=says("hello"))
    assert "content_filter" not in answer.to_json()
    assert "prompt_filter_results" not in answer.to_json()


@pytest.mark.supports("hints", "AzureOpenAI chat.completions", how="ignored")
def test_the_deployment_of_the_client_wins(server: Server) -> None:
    """Protects clients made for one deployment: Azure ignores the model, and here it is said."""
    with azure(server, azure_deployment=DEPLOYMENT) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="gpt-4o",
            messages=says("hello"),
            user="u",
            extra_body={"user_security_context": {"application_name": "x"}},
        )
        assert raw.parse().model == ECHO
        ignored = raw.headers["x-kilonova-ignored"].split(", ")
        assert ignored[:2] == ["model", "user_security_context"]
        assert SPARK in [model.id for model in client.models.list()]


@pytest.mark.supports("stream", "AzureOpenAI chat.completions")
def test_a_streamed_answer(client: openai.AzureOpenAI) -> None:
    """Protects chat windows: text in pieces, and the usage where it is asked for."""
    chunks = list(
        client.chat.completions.create(
            model=DEPLOYMENT,
            messages=says("one two three"),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(pieces) == "one two three"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3


@pytest.mark.supports("forced tool, tool loop", "AzureOpenAI chat.completions")
def test_a_forced_tool_is_called(client: openai.AzureOpenAI) -> None:
    """Protects agents: a real model calls the tool that it must, and its result goes back."""
    asked: Any = {"model": SPARK, "tools": [ADD], "max_tokens": 60}
    history = says("What is 3 and 3?")
    first = client.chat.completions.create(messages=history, tool_choice="required", **asked)
    message = first.choices[0].message
    assert message.tool_calls is not None
    [call] = message.tool_calls
    assert call.type == "function"
    assert set(json.loads(call.function.arguments)) == {"a", "b"}
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "6"}
    turn: Any = message.to_dict()
    second = client.chat.completions.create(messages=[*history, turn, result], **asked)
    assert second.choices[0].finish_reason is not None


@pytest.mark.supports("JSON", "AzureOpenAI chat.completions")
def test_json_has_the_schema(client: openai.AzureOpenAI) -> None:
    """Protects typed answers."""
    schema = ADD["function"]["parameters"]
    answer = client.chat.completions.create(
        model=SPARK,
        messages=says("3 and 4"),
        max_tokens=60,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "sum", "schema": schema, "strict": True},
        },
    )
    assert set(json.loads(answer.choices[0].message.content or "")) == {"a", "b"}


@pytest.mark.supports("whole", "AzureOpenAI responses")
@pytest.mark.parametrize("deployment", [{}, {"azure_deployment": DEPLOYMENT}])
def test_responses(server: Server, deployment: Any) -> None:
    """Protects the newer API: its path names no deployment, whatever the client was made for."""
    with azure(server, api_version="2025-04-01-preview", **deployment) as client:
        first = client.responses.create(model=DEPLOYMENT, input="hello")
        assert first.output_text == "hello"
        again = client.responses.create(
            model=DEPLOYMENT, input="more", previous_response_id=first.id
        )
        assert client.responses.retrieve(again.id).previous_response_id == first.id
        events = list(client.responses.create(model=DEPLOYMENT, input="a b", stream=True))
        assert events[-1].type == "response.completed"
        client.responses.delete(first.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(first.id)


def test_the_base_url_may_hold_the_deployment(server: Server) -> None:
    """Protects clients that were given the address of one deployment: all they ask is below it."""
    with openai.AzureOpenAI(
        base_url=f"{server.url}/openai/deployments/{DEPLOYMENT}",
        api_key=server.bearer_key,
        api_version=VERSION,
    ) as client:
        assert client.chat.completions.create(model="any", messages=says("x")).model == ECHO
        assert client.responses.create(model="any", input="hello").output_text == "hello"
        assert SPARK in [model.id for model in client.models.list()]


@pytest.mark.supports("whole", "AzureOpenAI completions")
def test_a_raw_prompt_is_continued(client: openai.AzureOpenAI) -> None:
    """Protects the oldest API of Azure."""
    answer = client.completions.create(model=DEPLOYMENT, prompt="one two", max_tokens=8)
    assert answer.choices[0].text


@pytest.mark.supports("whole", "AzureOpenAI files")
def test_files_are_kept(client: openai.AzureOpenAI) -> None:
    """Protects uploads: a form, whose bytes are nobody's but the file's."""
    kept = client.files.create(file=("a.jsonl", b'{"model":"x"}\n'), purpose="batch")
    assert client.files.content(kept.id).read() == b'{"model":"x"}\n'
    assert kept.id in [file.id for file in client.files.list()]
    assert client.files.delete(kept.id).deleted


@pytest.mark.supports("whole", "AzureOpenAI embeddings")
def test_embeddings(client: openai.AzureOpenAI) -> None:
    """Protects search."""
    answer = client.embeddings.create(model=DEPLOYMENT, input=["red", "blue"], dimensions=8)
    assert [len(one.embedding) for one in answer.data] == [8, 8]
    assert answer.model == ECHO


@pytest.mark.supports("whole", "AzureOpenAI models")
def test_models_are_listed_with_what_they_can_do(client: openai.AzureOpenAI) -> None:
    """Protects pickers of both kinds: OpenAI's fields and Azure's."""
    models = {model.id: model for model in client.models.list()}
    assert models[SPARK].created
    found: Any = client.models.retrieve(DEPLOYMENT)
    assert found.id == ECHO
    assert found.capabilities["chat_completion"] is True
    assert found.status == "succeeded"


async def test_async_with_a_token(async_client: openai.AsyncAzureOpenAI) -> None:
    """Protects async callers, and those whose key comes where Entra's token would."""
    answer = await async_client.chat.completions.create(model=DEPLOYMENT, messages=says("a b"))
    assert answer.choices[0].message.content == "a b"
    stream = await async_client.chat.completions.create(
        model=DEPLOYMENT, messages=says("a b"), stream=True
    )
    pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(pieces) == "a b"


@pytest.mark.parametrize("endpoint", ["/azure", "/azure/westeurope"])
def test_an_endpoint_may_have_a_path(server: Server, endpoint: str) -> None:
    """Protects endpoints behind a gateway, one for each region."""
    with azure(server, azure_endpoint=server.url + endpoint) as client:
        answer = client.chat.completions.create(model=DEPLOYMENT, messages=says("hello"))
        assert answer.choices[0].message.content == "hello"


@pytest.mark.parametrize("root", ["/openai/v1", "/azure/openai/v1"])
def test_the_newer_form(server: Server, root: str) -> None:
    """Protects both clients of the form without versions: the deployment is the model."""
    plain = openai.OpenAI(base_url=server.url + root, api_key=server.bearer_key)
    older = openai.AzureOpenAI(
        base_url=server.url + root, api_key=server.bearer_key, api_version="preview"
    )
    for client in (plain, older):
        with client:
            answer = client.chat.completions.create(model=DEPLOYMENT, messages=says("hello"))
            assert answer.model == ECHO
            assert SPARK in [model.id for model in client.models.list()]


def test_requests_are_booked_under_their_wire(server: Server, client: openai.AzureOpenAI) -> None:
    """Protects the operator's picture: who comes by which wire."""
    answer = client.chat.completions.create(model=DEPLOYMENT, messages=says("hello"))
    booked = server.admin("GET", "/requests?limit=1000")["data"]
    assert isinstance(booked, list)
    found = {row["id"]: row["dialect"] for row in booked}
    assert found[answer._request_id] == "azure"
