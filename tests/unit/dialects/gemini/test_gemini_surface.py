"""The surface over the real request path, without a socket: paths, headers, ends of streams."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from kilonova.core.errors import ContentRefused, EngineFailed
from unit.dialects.gemini.gemini_world import KEY, MODEL, Client, ask
from world import ECHO

VERTEX = f"projects/p/locations/us-central1/publishers/google/models/{ECHO}"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """Every permit is settled once when a test ends, whatever it did."""
    one = Client()
    yield one
    one.world.assert_settled()


@pytest.mark.parametrize(
    "path",
    [
        f"/v1beta/models/{ECHO}",
        f"/v1/models/{ECHO}",
        f"/v1alpha/models/{ECHO}",
        f"/gemini/v1beta/models/{ECHO}",
        f"/v1beta1/{VERTEX}",
        f"/v1/{VERTEX}",
        f"/v1beta1/publishers/google/models/{ECHO}",
        "/v1beta1/projects/p/locations/l/publishers/kilonova/models/echo-v1%3A0",
        "/v1/projects/p/locations/l/endpoints/echo",
        "/v1beta/models/echo",
    ],
)
async def test_content_is_generated_under_every_path(client: Client, path: str) -> None:
    """Protects the Gemini API, Vertex AI, its express mode, and a prefix of our own."""
    answer, body = await client.whole("POST", f"{path}:generateContent", ask("hello there"))
    assert answer.status == 200
    assert body["candidates"] == [
        {
            "content": {"parts": [{"text": "hello there"}], "role": "model"},
            "finishReason": "STOP",
            "index": 0,
        }
    ]
    assert body["usageMetadata"] == {
        "promptTokenCount": 2,
        "candidatesTokenCount": 2,
        "totalTokenCount": 4,
    }
    assert body["modelVersion"] == ECHO
    assert body["responseId"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("GET", f"/v1/models/{ECHO}"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1beta/openai/chat/completions"),
        ("POST", "/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict"),
        ("GET", "/healthz"),
        ("POST", "/model/m/converse"),
    ],
)
async def test_other_paths_belong_to_others(client: Client, method: str, path: str) -> None:
    """Protects the other wires on the same address: only Google's clients see this one there."""
    assert client.find(method, path) is None


@pytest.mark.parametrize("mark", ["header", "query", "client"])
async def test_shared_paths_are_told_apart_by_the_caller(client: Client, mark: str) -> None:
    """Protects ``GET /v1/models``, which three vendors' clients ask."""
    headers = {"header": (KEY,), "query": (), "client": ((b"x-goog-api-client", b"gl-node/1"),)}
    query = "?key=good" if mark == "query" else ""
    assert client.find("GET", f"/v1/models{query}", *headers[mark]) is not None


@pytest.mark.parametrize("path", ["/v1beta/models/m:generateImages", "/v1/corpora"])
async def test_what_is_not_served_says_so(client: Client, path: str) -> None:
    """Protects callers of other methods: an error of this wire, that names what there is."""
    answer, body = await client.whole("POST", path, {})
    assert answer.status == 404
    assert body["error"]["status"] == "NOT_FOUND"
    assert "generateContent" in body["error"]["message"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1beta/cachedContents", "Contents are not cached by name"),
        ("/v1beta1/projects/p/locations/l/cachedContents/c1", "Contents are not cached by name"),
        ("/v1beta/interactions", "Conversations are not kept"),
        ("/v1beta/files", "No files are kept on this wire"),
        ("/upload/v1beta/files", "No files are kept on this wire"),
        (f"{MODEL}:batchGenerateContent", "There are no batches"),
        (f"{MODEL}:asyncBatchEmbedContent", "use batchEmbedContents"),
        ("/v1beta/tunedModels", "Models are not tuned here"),
        ("/v1beta/fileSearchStores", "Nothing is searched here"),
    ],
)
async def test_what_is_not_offered_is_refused_by_name(
    client: Client, path: str, words: str
) -> None:
    """Protects callers of caches, files and batches from looking for a mistake of their own."""
    answer, body = await client.whole("POST", path, {})
    assert answer.status == 404
    assert body["error"]["status"] == "NOT_FOUND"
    assert words in body["error"]["message"]


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("", ((b"x-goog-api-key", b"good"),)),
        ("", ((b"authorization", b"Bearer good"),)),
        ("?key=good", ((b"accept", b"*/*"),)),
    ],
)
async def test_every_form_of_credential(
    client: Client, target: str, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    """Protects keys in the header and the query, and the bearer tokens of Vertex AI."""
    answer, _ = await client.whole("POST", f"{MODEL}:generateContent{target}", ask("x"), *headers)
    assert answer.status == 200


@pytest.mark.parametrize(
    "header",
    [(b"accept", b"*/*"), (b"x-goog-api-key", b"bad"), (b"authorization", b"Basic Zm9v"),
     (b"x-goog-api-key", b" ")],
)  # fmt: skip
async def test_without_a_good_key_nothing_happens(
    client: Client, header: tuple[bytes, bytes]
) -> None:
    """Protects everything: one status, and a reason that Google's clients know."""
    answer, body = await client.whole("POST", f"{MODEL}:generateContent", ask("x"), header)
    assert answer.status == 401
    assert body["error"]["status"] == "UNAUTHENTICATED"
    assert body["error"]["details"][0]["reason"] == "API_KEY_INVALID"


async def test_a_bad_header_is_not_replaced_by_a_good_query(client: Client) -> None:
    """Protects against a key that a proxy or a link smuggles in."""
    answer, _ = await client.whole(
        "POST", f"{MODEL}:generateContent?key=good", ask("x"), (b"x-goog-api-key", b"bad")
    )
    assert answer.status == 401


async def test_ignored_hints_and_the_price_are_in_the_headers(client: Client) -> None:
    """Protects callers who believe that a hint did something; unsafe names cannot end a header."""
    body = ask("x", safetySettings=[{"category": "C", "threshold": "T"}], labels={"a": "b"})
    target = f"{MODEL}:generateContent?prettyPrint=true&a%0D%0Ab=1"
    answer, _ = await client.whole("POST", target, body, KEY, (b"x-goog-user-project", b"p"))
    headers = dict(answer.headers)
    assert headers[b"x-kilonova-ignored"] == (
        b"labels, safetySettings, x-goog-user-project, ?prettyPrint, ?a??b"
    )
    assert headers[b"x-kilonova-price"] == b"0.000002000"


async def test_a_retry_is_answered_from_memory(client: Client) -> None:
    """Protects the bill of a caller who repeats a request by hand."""
    key = (b"idempotency-key", b"k1")
    one, first = await client.whole("POST", f"{MODEL}:generateContent", ask("hello"), KEY, key)
    two, again = await client.whole("POST", f"{MODEL}:generateContent", ask("hello"), KEY, key)
    assert b"x-kilonova-replayed" not in dict(one.headers)
    assert dict(two.headers)[b"x-kilonova-replayed"] == b"true"
    assert first["candidates"] == again["candidates"]
    assert len(client.world.ledger.records) == 1


async def test_events_say_what_is_new_and_the_last_one_how_much(client: Client) -> None:
    """Protects streaming callers: pieces of text, then the reason and the usage, and no [DONE]."""
    stream = await client.stream("one two")
    assert dict(stream.headers)[b"content-type"] == b"text/event-stream; charset=utf-8"
    events = [json.loads(chunk.removeprefix(b"data: ")) async for chunk in stream.chunks]
    texts = [event["candidates"][0]["content"]["parts"][0]["text"] for event in events]
    assert texts == ["one", " two", ""]
    assert [event["candidates"][0].get("finishReason") for event in events] == [None, None, "STOP"]
    assert events[-1]["usageMetadata"]["totalTokenCount"] == 4
    assert len({event["responseId"] for event in events}) == 1


async def test_without_alt_the_stream_is_one_array(client: Client) -> None:
    """Protects callers of the bare method: the bytes are one JSON document."""
    stream = await client.stream("one two", alt="")
    assert dict(stream.headers)[b"content-type"].startswith(b"application/json")
    document = json.loads(b"".join([chunk async for chunk in stream.chunks]))
    assert [one["candidates"][0]["content"]["parts"] for one in document] == [
        [{"text": "one"}],
        [{"text": " two"}],
        [{"text": ""}],
    ]


@pytest.mark.parametrize("alt", ["?alt=sse", ""])
async def test_a_stream_that_breaks_ends_with_an_error(client: Client, alt: str) -> None:
    """Protects callers from half an answer that looks whole, in both layouts."""
    stream = await client.stream("[[echo: fail_after=2]] one two three", alt=alt)
    content = b""
    with pytest.raises(EngineFailed) as caught:
        async for chunk in stream.chunks:
            content += chunk
    content += stream.fail(caught.value)
    if alt:
        last = json.loads(content.split(b"\n\n")[-2].removeprefix(b"data: "))
    else:
        last = json.loads(content)[-1]
    assert last["error"]["code"] == 500
    assert last["error"]["status"] == "INTERNAL"


async def test_a_refusal_in_mid_stream_is_a_finish(client: Client) -> None:
    """Protects clients that look for SAFETY, which is how Google ends such a stream."""
    stream = await client.stream("one two", alt="")
    first = await anext(stream.chunks)
    await stream.chunks.aclose()
    document = json.loads(first + stream.fail(ContentRefused("No.")))
    assert document[-1]["candidates"] == [
        {"finishReason": "SAFETY", "finishMessage": "No.", "index": 0}
    ]


async def test_an_error_before_the_stream_is_laid_out_as_the_stream(client: Client) -> None:
    """Protects readers of arrays: an error is one, too; an event stream gets a plain error."""
    for alt, is_array in (("", True), ("?alt=sse", False)):
        target = f"{MODEL}:streamGenerateContent{alt}"
        answer, body = await client.whole("POST", target, ask("[[echo: overloaded]]"))
        assert answer.status == 503
        error = body[0] if is_array else body
        assert error["error"]["status"] == "UNAVAILABLE"


async def test_leaving_frees_the_engine_and_bills_what_was_delivered(client: Client) -> None:
    """Protects capacity and the bill."""
    stream = await client.stream("[[echo: tokens=500]] word")
    for _ in range(3):
        await anext(stream.chunks)
    await stream.chunks.aclose()
    await asyncio.sleep(0)
    record = client.world.ledger.records[-1]
    assert record.outcome == "cancelled"
    assert 3 <= record.usage.output_tokens < 10


async def test_counting_is_free_and_counts_what_generating_bills(client: Client) -> None:
    """Protects callers who plan with it: the same number, no entry in the ledger."""
    body = ask("three short words", systemInstruction={"parts": [{"text": "be brief"}]})
    _, count = await client.whole("POST", f"{MODEL}:countTokens", body)
    whole = {"generateContentRequest": {"model": "models/x", **body}}
    _, again = await client.whole("POST", f"{MODEL}:countTokens", whole)
    assert client.world.ledger.records == []
    _, answer = await client.whole("POST", f"{MODEL}:generateContent", body)
    assert count == again == {"totalTokens": 5}
    assert answer["usageMetadata"]["promptTokenCount"] == 5


async def test_models_come_in_pages(client: Client) -> None:
    """Protects pickers that page: every model once, and a refusal of odd numbers."""
    seen, token = [], ""
    while True:
        _, page = await client.whole("GET", f"/v1beta/models?pageSize=2&pageToken={token}")
        assert 1 <= len(page["models"]) <= 2
        seen += [model["name"] for model in page["models"]]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert seen == [f"models/{model.id}" for model in client.world.gateway.models()]
    answer, _ = await client.whole("GET", "/v1beta/models?pageToken=x")
    assert answer.status == 400


async def test_a_model_says_what_it_can_do(client: Client) -> None:
    """Protects pickers: limits and methods, under the name of either API."""
    _, one = await client.whole("GET", "/v1beta/models/echo")
    assert one["name"] == f"models/{ECHO}"
    assert one["inputTokenLimit"] == 8192
    assert {"generateContent", "countTokens"} <= set(one["supportedGenerationMethods"])
    _, two = await client.whole("GET", f"/v1beta1/publishers/google/models/{ECHO}")
    assert two["name"] == f"publishers/google/models/{ECHO}"
    answer, body = await client.whole("GET", "/v1beta/models/gpt-9")
    assert answer.status == 404
    assert "gpt-9" in body["error"]["message"]


async def test_nobody_has_models_of_their_own(client: Client) -> None:
    """Protects the SDK's listing of tuned models: an empty list rather than an error."""
    _, body = await client.whole("GET", "/v1beta/tunedModels")
    assert body == {"tunedModels": []}
    for path in ("/v1beta1/projects/p/locations/l/models", "/v1beta1/models"):
        _, body = await client.whole("GET", path)
        assert body == {"models": []}


async def test_vectors_in_each_form(client: Client) -> None:
    """Protects search over all three methods: the same vectors, and billing once each."""
    content = {"parts": [{"text": "red fish"}]}
    _, one = await client.whole(
        "POST", f"{MODEL}:embedContent", {"content": content, "outputDimensionality": 4}
    )
    _, batch = await client.whole(
        "POST",
        f"{MODEL}:batchEmbedContents",
        {"requests": [{"model": "models/m", "content": content, "outputDimensionality": 4}] * 2},
    )
    _, configured = await client.whole(
        "POST",
        f"/v1beta1/{VERTEX}:embedContent",
        {"content": content, "embedContentConfig": {"outputDimensionality": 4}},
    )
    assert configured == one
    answer, predicted = await client.whole(
        "POST",
        f"/v1beta1/{VERTEX}:predict",
        {
            "instances": [{"content": "red fish", "task_type": "RETRIEVAL_QUERY"}],
            "parameters": {"outputDimensionality": 4},
        },
    )
    vector = one["embedding"]["values"]
    assert len(vector) == 4
    assert [one["values"] for one in batch["embeddings"]] == [vector, vector]
    assert predicted["predictions"][0]["embeddings"]["values"] == vector
    assert predicted["predictions"][0]["embeddings"]["statistics"]["token_count"] == 2
    assert dict(answer.headers)[b"x-kilonova-ignored"] == b"instances.taskType"
    assert len(client.world.ledger.records) == 4


async def test_vectors_of_different_sizes_are_refused(client: Client) -> None:
    """Protects callers from vectors that do not fit each other."""
    content = {"parts": [{"text": "x"}]}
    requests = [{"content": content, "outputDimensionality": size} for size in (4, 8)]
    answer, _ = await client.whole("POST", f"{MODEL}:batchEmbedContents", {"requests": requests})
    assert answer.status == 400


async def test_other_formats_are_refused(client: Client) -> None:
    """Protects callers who ask for protocol buffers from getting JSON."""
    answer, body = await client.whole("POST", f"{MODEL}:generateContent?alt=proto", ask("x"))
    assert answer.status == 400
    assert "proto" in body["error"]["message"]
