"""The official SDK of Google against a running server: models, tokens, vectors, leaving early."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from contract.gemini.sdk import CLIENTS, ECHO, SPARK, gemini, vertex
from contract.observed import gauge, usage, wait_for_settled
from servers import Server

# The SDK makes a class of its own from aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Inheritance class AiohttpClientSession:DeprecationWarning"
)


@pytest.fixture(scope="module", params=list(CLIENTS))
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    with CLIENTS[request.param](server.url, server.bearer_key) as one:
        yield one


@pytest.mark.supports("whole", "google-genai models")
def test_models_are_listed(client: genai.Client) -> None:
    """Protects model pickers, which page by themselves."""
    found = [str(one.name) for one in client.models.list(config={"page_size": 1})]
    assert {ECHO, SPARK} <= {name.split("/")[-1] for name in found}
    assert len(found) == len(set(found))
    assert list(client.models.list(config={"query_base": False})) == []


def test_one_model_is_retrieved(client: genai.Client) -> None:
    """Protects ids with colons, aliases, and the error for others."""
    assert str(client.models.get(model=SPARK).name).endswith(f"models/{SPARK}")
    assert str(client.models.get(model="echo").name).endswith(f"models/{ECHO}")
    with pytest.raises(errors.ClientError) as caught:
        client.models.get(model="gemini-9")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


def test_openai_still_lists_its_models(server: Server) -> None:
    """Protects the path that both wires have: who shows no sign of Google's gets OpenAI's."""
    request = urllib.request.Request(
        f"{server.url}/v1/models", headers={"authorization": f"Bearer {server.bearer_key}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["object"] == "list"


@pytest.mark.supports("whole, usage", "google-genai count_tokens")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_tokens_are_counted_as_they_are_billed(client: genai.Client, model: str) -> None:
    """Protects callers who plan: the count is the prompt's part of the usage."""
    text = "How many tokens are these?"
    count = client.models.count_tokens(model=model, contents=text).total_tokens
    answer = client.models.generate_content(
        model=model, contents=text, config=types.GenerateContentConfig(max_output_tokens=1)
    )
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.prompt_token_count == count


def test_vertex_counts_tools_and_instructions(server: Server) -> None:
    """Protects the fuller form of the count, which only Vertex AI's mode sends."""
    tool = types.Tool(function_declarations=[types.FunctionDeclaration(name="now")])
    config = types.CountTokensConfig(system_instruction="Be brief.", tools=[tool])
    with vertex(server.url, server.bearer_key) as client:
        bare = client.models.count_tokens(model=ECHO, contents="one two").total_tokens
        full = client.models.count_tokens(model=ECHO, contents="one two", config=config)
    assert bare == 2
    assert full.total_tokens is not None
    assert full.total_tokens > 4


def test_counting_is_free(server: Server) -> None:
    """Protects the bill: nothing is settled for a count."""
    key = server.new_key()
    mine = Server(server.url, server.home, server.process, key_id=key["id"])
    with gemini(server.url, key["bearer_key"]) as client:
        client.models.count_tokens(model=ECHO, contents="one two")
        client.models.generate_content(model=ECHO, contents="one two")
    assert wait_for_settled(mine, 1)["requests"] == 1


@pytest.mark.supports("whole", "google-genai embed_content")
def test_vectors(client: genai.Client) -> None:
    """Protects search: one vector a text, the size asked for, whatever method the SDK picks."""
    answer = client.models.embed_content(
        model=ECHO,
        contents=["red fish", "blue fish"],
        config=types.EmbedContentConfig(output_dimensionality=8, task_type="RETRIEVAL_QUERY"),
    )
    vectors = [one.values for one in answer.embeddings or []]
    assert [len(vector or []) for vector in vectors] == [8, 8]
    assert vectors[0] != vectors[1]


@pytest.mark.supports("refusals", "google-genai embed_content", how="refused")
def test_a_model_without_vectors_is_refused(client: genai.Client) -> None:
    """Protects callers who ask a model that does not embed."""
    with pytest.raises(errors.ClientError) as caught:
        client.models.embed_content(model=SPARK, contents="x")
    assert caught.value.status == "INVALID_ARGUMENT"


@pytest.mark.supports("image", "google-genai generate_content", how="refused")
def test_an_image_is_refused_where_the_model_does_not_see(client: genai.Client) -> None:
    """Protects callers from an answer about a picture that nobody looked at."""
    image = types.Part.from_bytes(data=b"\x89PNG", mime_type="image/png")
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model=SPARK, contents=[image, "What is it?"])
    assert "image input" in str(caught.value.message)


@pytest.mark.supports("cancel", "google-genai generate_content")
def test_leaving_early_frees_the_engine_and_bills_what_came(server: Server) -> None:
    """Protects capacity and the bill: a closed stream ends the work behind it."""
    key = server.new_key()
    mine = Server(server.url, server.home, server.process, key_id=key["id"])
    with gemini(server.url, key["bearer_key"]) as client:
        stream = client.models.generate_content_stream(
            model=ECHO, contents="[[echo: tokens=5000, delay_ms=20]] word"
        )
        for _, _chunk in zip(range(3), stream, strict=False):
            pass
        stream.close()  # type: ignore[attr-defined]
    assert 3 <= wait_for_settled(mine, 1)["output"] < 5000
    _wait_until_idle(server)


async def test_a_cancelled_task_leaves_no_work(server: Server) -> None:
    """Protects capacity from callers with deadlines of their own."""
    client = gemini(server.url, server.bearer_key)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await client.aio.models.generate_content(model=ECHO, contents="[[echo: hang]]")
    await client.aio.aclose()
    await asyncio.to_thread(_wait_until_idle, server)


async def test_many_at_once(server: Server) -> None:
    """Protects against cross-talk: each of many gets its own answer."""
    client = gemini(server.url, server.bearer_key)

    async def one(number: int) -> str | None:
        answer = await client.aio.models.generate_content(model=ECHO, contents=f"number {number}")
        return answer.text

    answers = await asyncio.gather(*(one(number) for number in range(32)))
    await client.aio.aclose()
    assert answers == [f"number {number}" for number in range(32)]


@pytest.mark.parametrize("path", ["/v1beta", "/v1", "/gemini/v1beta"])
def test_the_bare_method_streams_an_array(server: Server, path: str) -> None:
    """Protects callers without an SDK: a key in the query, and one JSON document as the answer."""
    body: Any = {"contents": {"parts": {"text": "one two"}}}
    request = urllib.request.Request(
        f"{server.url}{path}/models/echo:streamGenerateContent?key={server.bearer_key}",
        data=json.dumps(body).encode(),
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        chunks = json.load(answer)
    texts = [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks]
    assert texts == ["one", " two", ""]


def _wait_until_idle(server: Server) -> None:
    deadline_s = time.monotonic() + 5
    # The scrape itself is a request.
    while gauge(server, "kilonova_inflight") > 1 and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert gauge(server, "kilonova_inflight") <= 1


def test_usage_is_counted_under_the_key(server: Server) -> None:
    """Protects reports: what comes in over this wire is in the same books."""
    key = server.new_key()
    mine = Server(server.url, server.home, server.process, key_id=key["id"])
    with vertex(server.url, key["bearer_key"]) as client:
        client.models.generate_content(model=ECHO, contents="one two three")
    wait_for_settled(mine, 1)
    assert usage(mine) == {"requests": 1, "output": 3}
