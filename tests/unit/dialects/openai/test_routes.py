"""The surface over the real request path, without a socket: mounts, headers, ends of streams."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kilonova.core.errors import EngineFailed, KilonovaError
from kilonova.dialects.openai import OpenAISurface
from kilonova.telemetry.trace import Trace
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Header, Request, Response, Stream
from world import ECHO, World

KEY = (b"authorization", b"Bearer good")


class Client:
    """Asks the surface as the edge would."""

    def __init__(self) -> None:
        self.world = World()
        self.surface = OpenAISurface(
            self.world.gateway, shelf=self.world.shelf, body_bytes_max=1 << 20
        )

    def find(self, method: str, path: str) -> Endpoint | None:
        return self.surface.find(_request(method, path, b"", ()))

    async def send(self, method: str, path: str, body: object = None, *headers: Header) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        request = _request(method, path, content, headers or (KEY,))
        endpoint = self.surface.find(request)
        assert endpoint is not None, f"nothing at {method} {path}"
        try:
            return await endpoint.handle(request)
        except KilonovaError as error:
            return endpoint.fail(error, request)

    async def whole(
        self, method: str, path: str, body: object = None, *headers: Header
    ) -> tuple[Response, dict[str, Any]]:
        answer = await self.send(method, path, body, *headers)
        assert isinstance(answer, Response)
        return answer, json.loads(answer.body)

    async def stream(self, text: str, **more: object) -> Stream:
        answer = await self.send("POST", "/v1/chat/completions", ask(text, stream=True, **more))
        assert isinstance(answer, Stream)
        return answer


def _request(method: str, path: str, body: bytes, headers: tuple[Header, ...]) -> Request:
    request = Request(
        method=method, raw_path=path.encode(), query=b"", headers=list(headers), trace=Trace()
    )
    request.body = body
    return request


def ask(text: str, **more: object) -> dict[str, object]:
    return {"model": ECHO, "messages": [{"role": "user", "content": text}], **more}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Every permit is settled once when a test ends, whatever it did."""
    one = Client()
    yield one
    one.world.assert_settled()


@pytest.mark.parametrize("root", ["/v1", "/openai/v1"])
async def test_the_api_is_mounted_twice(client: Client, root: str) -> None:
    """Protects clients of the clouds that serve this wire under their own prefix."""
    answer, body = await client.whole("POST", f"{root}/chat/completions", ask("hello"))
    assert answer.status == 200
    assert body["choices"][0]["message"]["content"] == "hello"
    for path in ("/models", f"/models/{ECHO}"):
        assert (await client.whole("GET", root + path))[0].status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat/completions"),
        ("POST", "/v1/chat/completions/"),
        ("POST", "/v1/models/x"),
        ("GET", "/v1/models/"),
        ("GET", "/v1/completions"),
        ("POST", "/chat/completions"),
    ],
)
async def test_other_paths_belong_to_others(client: Client, method: str, path: str) -> None:
    """Protects the other surfaces on the same address; trailing slashes are significant."""
    assert client.find(method, path) is None


@pytest.mark.parametrize("name", ["kilonova.echo-v1%3A0", "kilonova.echo-v1:0", "echo"])
async def test_models_are_found_by_any_spelling(client: Client, name: str) -> None:
    """Protects clients that encode the colon, those that do not, and aliases."""
    _, body = await client.whole("GET", f"/v1/models/{name}")
    assert body["id"] == ECHO
    assert body["object"] == "model"


@pytest.mark.parametrize("name", ["a%2Fb", "a/b", "%FF"])
async def test_ids_with_slashes_are_one_id(client: Client, name: str) -> None:
    """Protects ids like ``vendor/model``: the answer names all of it."""
    answer, body = await client.whole("GET", f"/v1/models/{name}")
    assert answer.status == 404
    assert body["error"]["code"] == "model_not_found"


async def test_hints_and_price_stand_in_headers(client: Client) -> None:
    """Protects callers: what was ignored is said, and what it cost."""
    scopes = ((b"openai-organization", b"o"), (b"openai-project", b"p"))
    body = ask("two words", user="u", reasoning_effort="low")
    answer, _ = await client.whole("POST", "/v1/chat/completions", body, KEY, *scopes)
    headers = dict(answer.headers)
    assert headers[b"x-kilonova-ignored"] == (
        b"user, reasoning_effort, openai-organization, openai-project"
    )
    assert headers[b"x-kilonova-price"] == b"0.000004000"
    assert headers[b"x-request-id"].startswith(b"req_")
    plain, _ = await client.whole("POST", "/v1/chat/completions", ask("x"))
    assert b"x-kilonova-ignored" not in dict(plain.headers)


async def test_retries_with_a_key_are_answered_again(client: Client) -> None:
    """Protects the bill: the second attempt repeats the first and says so."""
    key = (b"idempotency-key", b"abc")
    first, one = await client.whole("POST", "/v1/chat/completions", ask("hello"), KEY, key)
    again, two = await client.whole("POST", "/v1/chat/completions", ask("hello"), KEY, key)
    assert one["choices"] == two["choices"]
    assert b"x-kilonova-replayed" not in dict(first.headers)
    assert dict(again.headers)[b"x-kilonova-replayed"] == b"true"
    assert len(client.world.ledger.records) == 1
    other, _ = await client.whole("POST", "/v1/chat/completions", ask("bye"), KEY, key)
    assert other.status == 409


async def test_a_named_tier_is_answered_with_the_default_one(client: Client) -> None:
    """Protects callers who ask for a tier: the answer says which one served them."""
    answer, body = await client.whole(
        "POST", "/v1/chat/completions", ask("x", service_tier="priority")
    )
    assert body["service_tier"] == "default"
    assert dict(answer.headers)[b"x-kilonova-ignored"] == b"service_tier"
    _, plain = await client.whole("POST", "/v1/chat/completions", ask("x"))
    assert "service_tier" not in plain


async def test_a_stream_ends_with_done(client: Client) -> None:
    """Protects clients that wait for the end mark."""
    stream = await client.stream("one two three")
    chunks = [chunk async for chunk in stream.chunks]
    assert chunks[-1] == b"data: [DONE]\n\n"
    assert all(chunk.startswith(b"data: ") for chunk in chunks)
    assert client.world.ledger.records[0].outcome == "completed"


async def test_a_stream_that_breaks_says_so_in_the_vendors_words(client: Client) -> None:
    """Protects clients from taking half an answer for a whole one."""
    stream = await client.stream("[[echo: fail_after=2]] one two three")
    seen = b""
    with pytest.raises(EngineFailed) as caught:
        async for chunk in stream.chunks:
            seen += chunk
    assert b"[DONE]" not in seen
    last = stream.fail(caught.value)
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "engine_failed"


async def test_a_client_that_leaves_frees_the_engine(client: Client) -> None:
    """Protects capacity: closing the chunks settles what was delivered."""
    stream = await client.stream("[[echo: tokens=1000]] word")
    for _ in range(5):
        await anext(stream.chunks)
    await stream.chunks.aclose()
    [record] = client.world.ledger.records
    assert record.outcome == "cancelled"
    assert 0 < record.usage.output_tokens < 1000


async def test_embeddings_cost_their_input(client: Client) -> None:
    """Protects the bill of embeddings."""
    body = {"model": ECHO, "input": ["a b", "c"], "dimensions": 4}
    answer, vectors = await client.whole("POST", "/v1/embeddings", body)
    assert [one["index"] for one in vectors["data"]] == [0, 1]
    assert [len(one["embedding"]) for one in vectors["data"]] == [4, 4]
    assert vectors["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert dict(answer.headers)[b"x-kilonova-price"] == b"0.000003000"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/embeddings"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/x"),
    ],
)
async def test_nothing_is_served_without_a_key(client: Client, method: str, path: str) -> None:
    """Protects every route, before its body is even looked at."""
    for key in (b"Bearer bad", b"Bearer ", b"Basic x"):
        answer, body = await client.whole(method, path, {"broken": 1}, (b"authorization", key))
        assert answer.status == 401
        assert body["error"]["code"] == "invalid_api_key"


async def test_a_stream_that_nobody_reads_is_settled(client: Client) -> None:
    """Protects capacity: a client may be gone before its first byte could be sent."""
    stream = await client.stream("one two three")
    await stream.chunks.aclose()
    del stream
    for _ in range(3):
        await asyncio.sleep(0)
    assert client.world.ledger.records[0].outcome == "cancelled"


async def test_a_stream_that_never_began_can_be_settled(client: Client) -> None:
    """Protects permits: the edge closes the source of a stream whose head did not leave."""
    stream = await client.stream("a b c")
    assert client.world.admission.open_requests
    assert stream.source is not None
    await stream.source.aclose()
    assert not client.world.admission.open_requests
