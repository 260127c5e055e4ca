"""The Anthropic SDK against a running server: counts, models, clouds' clients, async, leaving."""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import openai
import pytest

from servers import Server

ECHO = "kilonova.echo-v1:0"
SPARK = "kilonova.spark-v1:0"
ADD: Any = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key=server.bearer_key, base_url=server.url) as one:
        yield one


@pytest.fixture
async def async_client(server: Server) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(api_key=server.bearer_key, base_url=server.url) as one:
        yield one


def says(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.mark.supports("whole, usage", "anthropic messages.count_tokens")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_counts_are_what_is_billed(client: anthropic.Anthropic, model: str) -> None:
    """Protects budgets: the count of a prompt is the input that its answer reports."""
    prompt: Any = {
        "model": model,
        "messages": says("how many tokens is this"),
        "system": "count well",
        "tools": [{"name": "add", "description": "Adds.", "input_schema": ADD}],
    }
    counted = client.messages.count_tokens(**prompt)
    usage = client.messages.create(max_tokens=4, **prompt).usage
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    assert counted.input_tokens == usage.input_tokens + cached


@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_usage_is_what_the_other_wire_reports(server: Server, model: str) -> None:
    """Protects the bill: one conversation has one price, whoever's words it is asked in."""
    with openai.OpenAI(api_key=server.bearer_key, base_url=f"{server.url}/v1") as other:
        function = {"name": "add", "description": "Adds.", "parameters": ADD}
        call = {"id": "call_1", "type": "function"}
        call["function"] = {"name": "add", "arguments": '{"a":3}'}  # type: ignore[assignment]
        history: Any = [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "add 3"},
            {"role": "assistant", "content": "well", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "4"},
            {"role": "user", "content": "thanks"},
        ]
        theirs = other.chat.completions.create(
            model=model, messages=history, max_tokens=4, temperature=0,
            tools=[{"type": "function", "function": function}],  # type: ignore[list-item,typeddict-item]
        ).usage  # fmt: skip
    use = {"type": "tool_use", "id": "call_1", "name": "add", "input": {"a": 3}}
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "4"}
    messages: Any = [
        *says("add 3"),
        {"role": "assistant", "content": [{"type": "text", "text": "well"}, use]},
        {"role": "user", "content": [result, {"type": "text", "text": "thanks"}]},
    ]
    with anthropic.Anthropic(api_key=server.bearer_key, base_url=server.url) as client:
        ours = client.messages.create(
            model=model, messages=messages, system="be brief", max_tokens=4,
            tools=[{"name": "add", "description": "Adds.", "input_schema": ADD}],
            extra_body={"temperature": 0},
        ).usage  # fmt: skip
    assert theirs is not None
    assert ours.input_tokens + (ours.cache_read_input_tokens or 0) == theirs.prompt_tokens
    assert ours.output_tokens == theirs.completion_tokens


@pytest.mark.supports("whole", "anthropic models")
def test_models_in_both_vendors_forms(server: Server, client: anthropic.Anthropic) -> None:
    """Protects the one path that both have: each client gets the list it understands."""
    models = {model.id: model for model in client.models.list(limit=1)}
    assert {ECHO, SPARK} <= models.keys()
    assert models[SPARK].display_name == "Kilonova Spark"
    assert (models[SPARK].max_input_tokens or 0) > 0
    assert models[SPARK].capabilities is not None
    assert models[SPARK].capabilities.structured_outputs.supported
    assert client.models.retrieve("echo").id == ECHO
    with pytest.raises(anthropic.NotFoundError, match="vendor/model:1"):
        client.models.retrieve("vendor/model:1")
    with openai.OpenAI(api_key=server.bearer_key, base_url=f"{server.url}/v1") as other:
        assert {model.object for model in other.models.list()} == {"model"}


def test_all_forms_of_the_credential(server: Server) -> None:
    """Protects older SDKs, other clouds' flavours and people with curl; any version is welcome."""
    body = b'{"model":"echo","max_tokens":4,"messages":[{"role":"user","content":"hi"}]}'
    forms = (
        {"authorization": f"Bearer {server.bearer_key}", "anthropic-version": "2023-06-01"},
        {"x-api-key": server.bearer_key, "anthropic-version": "2099-01-01"},
        {"api-key": server.bearer_key},
    )
    for headers in forms:
        for path in ("/v1/messages", "/anthropic/v1/messages"):
            asked = urllib.request.Request(server.url + path, data=body, headers=headers)
            with urllib.request.urlopen(asked, timeout=30) as answer:
                assert answer.status == 200
                assert answer.headers["request-id"].startswith("req_")


@pytest.mark.supports("whole, stream", "AnthropicBedrock messages")
def test_the_bedrock_client(server: Server) -> None:
    """Protects AWS's flavour: signed or with a key, whole and streamed, in AWS's frames."""
    signed: Any = {"aws_access_key": server.access_key_id, "aws_region": "us-east-1"}
    signed["aws_secret_key"] = server.secret_access_key
    for credential in (signed, {"api_key": server.bearer_key, "aws_region": "us-east-1"}):
        with anthropic.AnthropicBedrock(base_url=server.url, **credential) as client:
            asked: Any = {"model": ECHO, "max_tokens": 16}
            whole = client.messages.create(messages=says("one two"), **asked)
            assert whole.content[0].type == "text"
            assert whole.content[0].text == "one two"
            with client.messages.stream(messages=says("one two"), **asked) as stream:
                assert stream.get_final_message().usage == whole.usage
            with pytest.raises(anthropic.BadRequestError, match="messages.0: "):
                client.messages.create(messages=says(""), **asked)
            with pytest.raises(anthropic.APIStatusError) as caught:
                list(
                    client.messages.create(
                        messages=says("[[echo: fail_after=1]] a b"), stream=True, **asked
                    )
                )
            broken: Any = caught.value.body
            assert broken["error"]["type"] == "modelStreamErrorException"


@pytest.mark.supports("whole", "AnthropicBedrockMantle messages")
def test_the_mantle_client(server: Server) -> None:
    """Protects AWS's newer flavour, which signs for a service of its own."""
    credential: Any = {"aws_access_key": server.access_key_id, "aws_region": "us-east-1"}
    credential["aws_secret_key"] = server.secret_access_key
    url = f"{server.url}/anthropic"
    with anthropic.AnthropicBedrockMantle(base_url=url, **credential) as client:
        answer = client.messages.create(model=ECHO, max_tokens=16, messages=says("hello"))
        assert client.messages.count_tokens(model=ECHO, messages=says("a b")).input_tokens == 2
    assert answer.content[0].type == "text"
    assert answer.content[0].text == "hello"


@pytest.mark.supports("whole", "AnthropicVertex messages")
def test_the_vertex_client(server: Server) -> None:
    """Protects Google's flavour: the model in the path, counts at a path of their own."""
    with anthropic.AnthropicVertex(
        region="europe-west1",
        project_id="mine",
        access_token=server.bearer_key,
        base_url=f"{server.url}/v1",
    ) as client:
        asked: Any = {"model": ECHO, "messages": says("one two")}
        whole = client.messages.create(max_tokens=16, **asked)
        with client.messages.stream(max_tokens=16, **asked) as stream:
            assert stream.get_final_text() == "one two"
        assert whole.content[0].type == "text"
        assert whole.content[0].text == "one two"
        assert client.messages.count_tokens(**asked).input_tokens == 2
        with pytest.raises(anthropic.NotFoundError):
            client.messages.create(model="none", max_tokens=4, messages=says("x"))


def _inflight(server: Server) -> float:
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    lines = [line for line in text.splitlines() if line.startswith("kilonova_inflight")]
    # The scrape itself is a request.
    return max(0.0, float(lines[0].split()[-1]) - 1)


@pytest.mark.supports("cancel", "anthropic messages")
def test_leaving_early_frees_the_engine_and_bills_what_came(server: Server) -> None:
    """Protects capacity and the bill: a closed stream ends the work, and its tokens are paid."""
    key = server.new_key()
    with anthropic.Anthropic(api_key=key["bearer_key"], base_url=server.url) as client:
        asked: Any = {"model": ECHO, "max_tokens": 5000}
        text = "[[echo: tokens=5000, delay_ms=20]] word"
        with client.messages.stream(messages=says(text), **asked) as stream:
            for _, _piece in zip(range(3), stream.text_stream, strict=False):
                pass
    deadline_s = time.monotonic() + 5
    while _inflight(server) > 0 and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert _inflight(server) == 0
    listed: Any = server.admin("GET", "/requests?limit=1000")["data"]
    [record] = [row for row in listed if row["key_id"] == key["id"]]
    assert record["outcome"] == "cancelled"
    assert record["dialect"] == "anthropic"
    assert 3 <= record["output_tokens"] < 100


async def test_the_async_client(async_client: anthropic.AsyncAnthropic) -> None:
    """Protects asynchronous callers: whole, streamed, counted and listed."""
    asked: Any = {"model": ECHO, "messages": says("one two")}
    whole = await async_client.messages.create(max_tokens=16, **asked)
    assert whole.content[0].type == "text"
    async with async_client.messages.stream(max_tokens=16, **asked) as stream:
        assert await stream.get_final_text() == whole.content[0].text == "one two"
    assert (await async_client.messages.count_tokens(**asked)).input_tokens == 2
    assert ECHO in [model.id async for model in async_client.models.list()]


async def test_many_at_once(async_client: anthropic.AsyncAnthropic) -> None:
    """Protects against cross-talk: each of many gets its own answer."""

    async def one(number: int) -> Any:
        answer = await async_client.messages.create(
            model=ECHO, max_tokens=16, messages=says(f"number {number}")
        )
        return answer.content[0]

    answers = await asyncio.gather(*(one(number) for number in range(32)))
    assert [answer.text for answer in answers] == [f"number {number}" for number in range(32)]
