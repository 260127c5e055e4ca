"""The official OpenAI SDK against a running server: models, embeddings, async, leaving early."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest

from servers import Server

ECHO = "kilonova.echo-v1:0"
SPARK = "kilonova.spark-v1:0"


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=server.bearer_key, base_url=f"{server.url}/v1") as one:
        yield one


@pytest.fixture
async def async_client(server: Server) -> AsyncIterator[openai.AsyncOpenAI]:
    key, url = server.bearer_key, f"{server.url}/v1"
    async with openai.AsyncOpenAI(api_key=key, base_url=url) as one:
        yield one


def says(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.mark.supports("whole", "openai models")
def test_models_are_listed(client: openai.OpenAI) -> None:
    """Protects model pickers."""
    models = {model.id: model for model in client.models.list()}
    assert {ECHO, SPARK} <= models.keys()
    assert models[SPARK].object == "model"
    assert models[SPARK].owned_by


def test_one_model_is_retrieved(client: openai.OpenAI) -> None:
    """Protects ids with colons, aliases, and the error for others, slashes included."""
    assert client.models.retrieve(SPARK).id == SPARK
    assert client.models.retrieve("echo").id == ECHO
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("vendor/model:1")
    assert caught.value.code == "model_not_found"
    assert "vendor/model:1" in caught.value.message


@pytest.mark.supports("whole", "openai embeddings")
@pytest.mark.parametrize("how", ["default", "float", "base64"])
def test_embeddings(client: openai.OpenAI, how: str) -> None:
    """Protects search: the SDK's default is base64, and all forms hold the same numbers."""
    more: Any = {} if how == "default" else {"encoding_format": how}
    answer = client.embeddings.create(
        model=ECHO, input=["red fish", "blue fish"], dimensions=8, **more
    )
    plain = client.embeddings.create(
        model=ECHO, input="red fish", dimensions=8, encoding_format="float"
    )
    first: Any = answer.data[0].embedding
    if how == "base64":
        assert isinstance(first, str)
    else:
        assert first == pytest.approx(plain.data[0].embedding)
    assert [one.index for one in answer.data] == [0, 1]
    assert answer.usage.prompt_tokens == 4
    assert answer.model == ECHO


@pytest.mark.supports("refusals", "openai embeddings", how="refused")
def test_embeddings_refuse_by_name(client: openai.OpenAI) -> None:
    """Protects callers who send tokens, or ask a model that does not embed."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=ECHO, input=[1, 2, 3])
    assert caught.value.param == "input[0]"
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model=SPARK, input="x")


@pytest.mark.supports("cancel", "openai chat.completions")
def test_leaving_early_frees_the_engine(server: Server, client: openai.OpenAI) -> None:
    """Protects capacity: a closed stream ends the work behind it."""
    asked: Any = {"model": ECHO, "messages": says("[[echo: tokens=5000, delay_ms=20]] word")}
    with client.chat.completions.create(stream=True, **asked) as stream:
        for _, _chunk in zip(range(3), stream, strict=False):
            pass
    deadline_s = time.monotonic() + 5
    while _inflight(server) > 0 and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert _inflight(server) == 0


def _inflight(server: Server) -> float:
    import urllib.request

    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    lines = [line for line in text.splitlines() if line.startswith("kilonova_inflight")]
    # The scrape itself is a request.
    return max(0.0, float(lines[0].split()[-1]) - 1)


async def test_the_async_client(async_client: openai.AsyncOpenAI) -> None:
    """Protects asynchronous callers: whole and streamed."""
    whole = await async_client.chat.completions.create(model=ECHO, messages=says("one two"))
    assert whole.choices[0].message.content == "one two"
    text = ""
    async for chunk in await async_client.chat.completions.create(
        model=ECHO, messages=says("one two"), stream=True
    ):
        text += chunk.choices[0].delta.content or ""
    assert text == "one two"


async def test_many_at_once(async_client: openai.AsyncOpenAI) -> None:
    """Protects against cross-talk: each of many gets its own answer."""

    async def one(number: int) -> str | None:
        answer = await async_client.chat.completions.create(
            model=ECHO, messages=says(f"number {number}")
        )
        return answer.choices[0].message.content

    answers = await asyncio.gather(*(one(number) for number in range(32)))
    assert answers == [f"number {number}" for number in range(32)]


async def test_a_cancelled_task_leaves_no_work(
    server: Server, async_client: openai.AsyncOpenAI
) -> None:
    """Protects capacity from callers with deadlines of their own."""
    asked: Any = {"model": ECHO, "messages": says("[[echo: hang]]")}
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await async_client.chat.completions.create(**asked)
    deadline_s = time.monotonic() + 5
    while await asyncio.to_thread(_inflight, server) > 0 and time.monotonic() < deadline_s:
        await asyncio.sleep(0.05)
    assert await asyncio.to_thread(_inflight, server) == 0
