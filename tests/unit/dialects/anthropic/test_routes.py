"""The surface over the real request path, without a socket: paths, headers, ends of streams."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from kilonova.core.errors import EngineFailed, KilonovaError
from kilonova.core.identity import Limits
from kilonova.dialects.anthropic import AnthropicSurface
from kilonova.telemetry.trace import Trace
from kilonova.web.endpoint import Answer, Endpoint
from kilonova.web.message import Header, Request, Response, Stream
from unit.dialects.anthropic.answers import SEAL
from world import ECHO, World

KEY = (b"authorization", b"Bearer good")
VERSION = (b"anthropic-version", b"2026-10-21")
SDK = (b"x-stainless-lang", b"python")
VERTEX = "/v1/projects/p/locations/l/publishers/anthropic/models"


class Client:
    """Asks the surface as the edge would."""

    def __init__(self) -> None:
        self.world = World()
        self.surface = AnthropicSurface(self.world.gateway, seal=SEAL, body_bytes_max=1 << 20)

    def find(self, method: str, path: str, *headers: Header) -> Endpoint | None:
        return self.surface.find(_request(method, path, b"", headers))

    async def send(self, method: str, path: str, body: object = None, *headers: Header) -> Answer:
        content = b"" if body is None else json.dumps(body).encode()
        request = _request(method, path, content, headers or (KEY, VERSION))
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

    async def stream(self, text: str, path: str = "/v1/messages", *headers: Header) -> Stream:
        answer = await self.send("POST", path, ask(text, stream=True), *headers)
        assert isinstance(answer, Stream)
        return answer


def _request(method: str, path: str, body: bytes, headers: tuple[Header, ...]) -> Request:
    path, _, query = path.partition("?")
    request = Request(
        method=method,
        raw_path=path.encode(),
        query=query.encode(),
        headers=list(headers),
        trace=Trace(),
    )
    request.body = body
    return request


def ask(text: str, **more: object) -> dict[str, object]:
    messages = [{"role": "user", "content": text}]
    return {"model": ECHO, "max_tokens": 2000, "messages": messages, **more}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Every permit is settled once when a test ends, whatever it did."""
    one = Client()
    yield one
    one.world.assert_settled()


@pytest.mark.parametrize("root", ["", "/anthropic"])
async def test_the_api_is_mounted_twice(client: Client, root: str) -> None:
    """Protects clients of the clouds that serve this wire under a prefix."""
    answer, body = await client.whole("POST", f"{root}/v1/messages?beta=true", ask("hello"))
    assert answer.status == 200
    assert body["content"] == [{"type": "text", "text": "hello"}]
    counted = {"model": ECHO, "messages": [{"role": "user", "content": "a b"}]}
    _, body = await client.whole("POST", f"{root}/v1/messages/count_tokens", counted)
    assert body == {"input_tokens": 2}
    for path in ("/v1/models", "/v1/models/echo", "/v1/models/kilonova.echo-v1%3A0"):
        assert (await client.whole("GET", root + path))[0].status == 200


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/v1/models", ()),
        ("GET", "/v1/models/x", (KEY,)),
        ("POST", "/v1/chat/completions", ()),
        ("GET", "/v1/files", ()),
        ("POST", "/model/m/invoke", (SDK,)),
        ("POST", "/v1/projects/p/locations/l/publishers/google/models/m:rawPredict", ()),
        ("POST", "/openai/v1/models", (VERSION,)),
        ("GET", "/anthropic", ()),
    ],
)
async def test_other_paths_belong_to_others(
    client: Client, method: str, path: str, headers: tuple[Header, ...]
) -> None:
    """Protects the other surfaces on the same address: what is shared is told by headers."""
    assert client.find(method, path, *headers) is None


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/v1/models", (VERSION,)),
        ("GET", "/v1/models/a%2Fb", (VERSION,)),
        ("GET", "/anthropic/v1/models", ()),
        ("POST", "/v1/messages/batches", ()),
        ("GET", "/v1/files", (VERSION,)),
        ("POST", f"{VERTEX}/m@2026:rawPredict", (VERSION,)),
        ("POST", f"{VERTEX.replace('/v1/', '/v1beta1/')}/m%3A0:streamRawPredict", ()),
    ],
)
async def test_these_paths_are_ours(
    client: Client, method: str, path: str, headers: tuple[Header, ...]
) -> None:
    """Protects this wire's clients from answers in another vendor's form."""
    assert client.find(method, path, *headers) is not None


async def test_what_is_missing_is_said(client: Client) -> None:
    """Protects newcomers: the form is the vendor's, and the words say what there is."""
    for method, path in (("POST", "/v1/messages/batches"), ("GET", "/anthropic/v1/nothing")):
        answer, body = await client.whole(method, path)
        assert answer.status == 404
        assert body["error"]["type"] == "not_found_error"
        assert "POST /v1/messages" in body["error"]["message"]
    answer, body = await client.whole("GET", "/v1/models/a%2Fb")
    assert answer.status == 404
    assert "a/b" in body["error"]["message"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/messages/batches", "no batches of messages"),
        ("/anthropic/v1/messages/batches/msgbatch_1/results", "no batches of messages"),
        ("/v1/files", "No files are kept on this wire"),
        ("/v1/files/file_1/content", "No files are kept on this wire"),
        ("/v1/complete", "send messages to POST /v1/messages"),
    ],
)
async def test_what_is_not_offered_is_refused_by_name(
    client: Client, path: str, words: str
) -> None:
    """Protects callers of batches and files from looking for a mistake of their own."""
    for method in ("GET", "POST", "DELETE"):
        answer, body = await client.whole(method, path)
        assert answer.status == 404
        assert body["error"]["type"] == "not_found_error"
        assert words in body["error"]["message"]


async def test_limits_are_told_before_they_are_met(client: Client) -> None:
    """Protects programs that pace themselves: what is left, and when all of it is there again."""
    answer, _ = await client.whole("POST", "/v1/messages", ask("x"))
    assert not [name for name, _ in answer.headers if name.startswith(b"anthropic-ratelimit")]
    client.world.authority.key_limits = Limits(requests_per_minute=2, tokens_per_minute=10_000)
    for remaining in (1, 0):
        answer, _ = await client.whole("POST", "/v1/messages", ask("x"))
        told = dict(answer.headers)
        assert told[b"anthropic-ratelimit-requests-limit"] == b"2"
        assert told[b"anthropic-ratelimit-requests-remaining"] == b"%d" % remaining
        assert told[b"anthropic-ratelimit-tokens-limit"] == b"10000"
        reset = told[b"anthropic-ratelimit-requests-reset"].decode()
        assert datetime.fromisoformat(reset) > datetime.now(UTC)
    answer, _ = await client.whole("POST", "/v1/messages", ask("x"))
    assert answer.status == 429
    assert dict(answer.headers)[b"anthropic-ratelimit-requests-remaining"] == b"0"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/x"),
        ("POST", f"{VERTEX}/m:rawPredict"),
        ("POST", f"{VERTEX}/count-tokens:rawPredict"),
    ],
)
async def test_nothing_is_served_without_a_key(client: Client, method: str, path: str) -> None:
    """Protects every route, before its body is even looked at."""
    for key in (
        (b"authorization", b"Bearer bad"),
        (b"authorization", b"Bearer "),
        (b"authorization", b"Basic x"),
        (b"x-api-key", b"bad"),
        (b"x-api-key", b" "),
        (b"x-other", b"good"),
    ):
        answer, body = await client.whole(method, path, {"broken": 1}, key, VERSION, SDK)
        assert answer.status == 401
        assert body["error"]["type"] == "authentication_error"


async def test_any_header_may_carry_the_key(client: Client) -> None:
    """Protects SDKs of all years and flavours; the first that is there is the one that counts."""
    for key in (KEY, (b"x-api-key", b"good"), (b"api-key", b" good ")):
        assert (await client.whole("POST", "/v1/messages", ask("x"), key))[0].status == 200
    both = ((b"authorization", b"Bearer bad"), (b"x-api-key", b"good"))
    assert (await client.whole("POST", "/v1/messages", ask("x"), *both))[0].status == 401


async def test_hints_price_and_replays_stand_in_headers(client: Client) -> None:
    """Protects callers: what was ignored, what it cost, and that it was billed once."""
    more = (KEY, (b"anthropic-beta", b"b"), (b"idempotency-key", b"k"))
    body = ask("two words", metadata={"user_id": "u"})
    answer, one = await client.whole("POST", "/v1/messages", body, *more)
    headers = dict(answer.headers)
    assert headers[b"x-kilonova-ignored"] == b"metadata, anthropic-beta"
    assert headers[b"x-kilonova-price"] == b"0.000004000"
    assert headers[b"request-id"].startswith(b"req_")
    again, two = await client.whole("POST", "/v1/messages", body, *more)
    assert one["content"] == two["content"]
    assert dict(again.headers)[b"x-kilonova-replayed"] == b"true"
    assert len(client.world.ledger.records) == 1
    other, _ = await client.whole("POST", "/anthropic/v1/messages", body, *more)
    assert other.status == 409


async def test_counts_are_free(client: Client) -> None:
    """Protects the bill: nothing is reserved, nothing is settled, and no price is named."""
    counted = {"model": "echo", "messages": [{"role": "user", "content": "a b"}]}
    answer, _ = await client.whole("POST", "/v1/messages/count_tokens", counted)
    assert b"x-kilonova-price" not in dict(answer.headers)
    assert client.world.ledger.holds == []
    del counted["model"]
    answer, body = await client.whole("POST", "/v1/messages/count_tokens", counted)
    assert body["error"]["message"] == "model: Field required"


async def test_a_stream_is_named_events(client: Client) -> None:
    """Protects clients that dispatch on the event's name, as the SDK does."""
    stream = await client.stream("one two")
    text = b"".join([chunk async for chunk in stream.chunks]).decode()
    events = [block.split("\n") for block in text.split("\n\n")[:-1]]
    for name, data in events:
        assert name.removeprefix("event: ") == json.loads(data.removeprefix("data: "))["type"]
    assert events[0][0] == "event: message_start"
    assert events[-1] == ["event: message_stop", 'data: {"type":"message_stop"}']
    assert (b"cache-control", b"no-cache") in stream.headers


async def test_a_stream_that_breaks_says_so_in_the_vendors_words(client: Client) -> None:
    """Protects clients from taking half an answer for a whole one."""
    stream = await client.stream("[[echo: fail_after=2]] one two three")
    seen = b""
    with pytest.raises(EngineFailed) as caught:
        async for chunk in stream.chunks:
            seen += chunk
    assert b"message_stop" not in seen
    last = stream.fail(caught.value)
    assert last.startswith(b"event: error\ndata: ")
    assert json.loads(last.partition(b"data: ")[2])["error"]["type"] == "api_error"


async def test_a_client_that_leaves_frees_the_engine(client: Client) -> None:
    """Protects capacity: closing the chunks settles what was delivered."""
    stream = await client.stream("[[echo: tokens=1000]] word")
    for _ in range(5):
        await anext(stream.chunks)
    await stream.chunks.aclose()
    [record] = client.world.ledger.records
    assert record.outcome == "cancelled"
    assert record.dialect == "anthropic"
    assert 0 < record.usage.output_tokens < 1000


async def test_a_stream_that_never_began_can_be_settled(client: Client) -> None:
    """Protects permits: the edge closes the source of a stream whose head did not leave."""
    stream = await client.stream("a b c")
    assert client.world.admission.open_requests
    assert stream.source is not None
    await stream.source.aclose()
    assert not client.world.admission.open_requests


async def test_googles_path_names_the_model(client: Client) -> None:
    """Protects the Vertex flavour: no model in the body, and streams in both places or none."""
    body = ask("hello", anthropic_version="vertex-2023-10-16")
    del body["model"]
    answer, said = await client.whole("POST", f"{VERTEX}/kilonova.echo-v1%3A0:rawPredict", body)
    assert said["model"] == ECHO
    answer, said = await client.whole("POST", f"{VERTEX}/echo:streamRawPredict", body)
    assert answer.status == 400
    assert said["error"]["message"].startswith("stream: ")
    answer, _ = await client.whole("POST", f"{VERTEX}/none:rawPredict", body)
    assert answer.status == 404


async def test_models_come_in_pages(client: Client) -> None:
    """Protects model pickers: only models that talk, and the query is read."""
    talking = [model.id for model in client.world.gateway.models() if model.can("chat")]
    _, body = await client.whole("GET", "/v1/models")
    assert [model["id"] for model in body["data"]] == talking
    _, body = await client.whole("GET", f"/v1/models?limit=1&after_id={talking[0]}")
    assert [model["id"] for model in body["data"]] == talking[1:2]
    answer, body = await client.whole("GET", "/v1/models?limit=0")
    assert answer.status == 400
    assert body["error"]["type"] == "invalid_request_error"
