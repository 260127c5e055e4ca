"""What the official SDK of Google makes of every failure: which error, after how many attempts."""

from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from contract.gemini.sdk import ECHO, Attempts, gemini, vertex
from servers import Server

# The SDK makes a class of its own from aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Inheritance class AiohttpClientSession:DeprecationWarning"
)

QUICK = types.HttpRetryOptions(attempts=3, initial_delay=0.01, max_delay=0.02, jitter=0.01)


@pytest.fixture
def attempts() -> Iterator[Attempts]:
    one = Attempts()
    with one.http:
        yield one


@pytest.fixture
def client(server: Server, attempts: Attempts) -> genai.Client:
    """It may try three times, as its users tell it to; by default it tries once."""
    return gemini(server.url, server.bearer_key, retry_options=QUICK, httpx_client=attempts.http)


def ask(client: genai.Client, text: str = "x", **config: Any) -> types.GenerateContentResponse:
    model = config.pop("model", ECHO)
    settings = types.GenerateContentConfig(**config)
    return client.models.generate_content(model=model, contents=text, config=settings)


@pytest.mark.supports("errors", "google-genai generate_content")
@pytest.mark.parametrize(
    ("text", "more", "kind", "status", "count"),
    [
        ("x", {"model": "gemini-9"}, errors.ClientError, "NOT_FOUND", 1),
        ("w " * 9000, {}, errors.ClientError, "INVALID_ARGUMENT", 1),
        ("x", {"max_output_tokens": 0}, errors.ClientError, "INVALID_ARGUMENT", 1),
        ("x", {"temperature": 3}, errors.ClientError, "INVALID_ARGUMENT", 1),
        ("x", {"candidate_count": 2}, errors.ClientError, "INVALID_ARGUMENT", 1),
        ("x", {"cached_content": "cachedContents/1"}, errors.ClientError, "INVALID_ARGUMENT", 1),
        ("x", {"response_modalities": ["AUDIO"]}, errors.ClientError, "INVALID_ARGUMENT", 1),
        ("[[echo: overloaded]]", {}, errors.ServerError, "UNAVAILABLE", 3),
        ("[[echo: not_ready]]", {}, errors.ServerError, "UNAVAILABLE", 3),
        ("[[echo: fail_before]]", {}, errors.ServerError, "INTERNAL", 3),
        ("[[echo: timeout]]", {}, errors.ServerError, "DEADLINE_EXCEEDED", 3),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_each_failure_is_the_sdks_own_error(
    client: genai.Client, attempts: Attempts, text: str, more: dict[str, Any],
    kind: type[errors.APIError], status: str, count: int,
) -> None:  # fmt: skip
    """Protects callers: what can succeed later is tried three times, the rest once."""
    with pytest.raises(kind) as caught:
        ask(client, text, **more)
    assert caught.value.status == status
    assert caught.value.message
    assert attempts.count == count


def test_by_default_nothing_is_tried_again(server: Server, attempts: Attempts) -> None:
    """Protects the reading of the table above: the SDK retries only where it is told to."""
    client = gemini(server.url, server.bearer_key, httpx_client=attempts.http)
    with pytest.raises(errors.ServerError):
        ask(client, "[[echo: overloaded]]")
    assert attempts.count == 1


@pytest.mark.supports("refusals", "google-genai generate_content", how="refused")
def test_a_tool_that_runs_elsewhere_is_refused_by_name(client: genai.Client) -> None:
    """Protects callers from answers that were not searched for."""
    with pytest.raises(errors.ClientError) as caught:
        ask(client, "x", tools=[types.Tool(google_search=types.GoogleSearch())])
    assert "googleSearch" in str(caught.value.message)


@pytest.mark.parametrize("mode", [gemini, vertex])
@pytest.mark.parametrize("key", ["wrong", "kn_live_" + "x" * 40])
def test_a_wrong_key(server: Server, attempts: Attempts, key: str, mode: Any) -> None:
    """Protects everything: one attempt, in both modes."""
    client = mode(server.url, key, retry_options=QUICK, httpx_client=attempts.http)
    with pytest.raises(errors.ClientError) as caught:
        ask(client)
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")
    assert attempts.count == 1


def test_a_used_up_budget_is_not_tried_again(server: Server, attempts: Attempts) -> None:
    """Protects against storms: the SDK retries every 429, so this is none."""
    key = server.new_key("--budget", "0.000001")["bearer_key"]
    client = gemini(server.url, key, retry_options=QUICK, httpx_client=attempts.http)
    with pytest.raises(errors.ClientError) as caught:
        ask(client, "one two three four", max_output_tokens=100)
    assert (caught.value.code, caught.value.status) == (400, "FAILED_PRECONDITION")
    assert attempts.count == 1


def test_a_rate_limit_tells_how_long_to_wait(server: Server, attempts: Attempts) -> None:
    """Protects callers within their limits: 429, tried again, with the wait in Google's detail."""
    key = server.new_key("--rpm", "6")["bearer_key"]
    once = gemini(server.url, key, httpx_client=attempts.http)
    with pytest.raises(errors.ClientError):
        for _ in range(20):
            ask(once)
    before = attempts.count
    client = gemini(server.url, key, retry_options=QUICK, httpx_client=attempts.http)
    with pytest.raises(errors.ClientError) as caught:
        ask(client)
    assert attempts.count - before == 3
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    details: Any = caught.value.details
    kinds = {one["@type"].rpartition(".")[2]: one for one in details["error"]["details"]}
    assert 0 < float(kinds["RetryInfo"]["retryDelay"].removesuffix("s")) <= 10


@pytest.mark.parametrize("mode", [gemini, vertex])
def test_a_stream_that_breaks_raises(server: Server, attempts: Attempts, mode: Any) -> None:
    """Protects callers from half an answer; nothing is retried once it has begun."""
    client = mode(server.url, server.bearer_key, retry_options=QUICK, httpx_client=attempts.http)
    seen = ""
    with pytest.raises(errors.ServerError) as caught:
        for chunk in client.models.generate_content_stream(
            model=ECHO, contents="[[echo: fail_after=2]] one two three"
        ):
            seen += chunk.text or ""
    assert caught.value.status == "INTERNAL"
    assert seen.split() == ["one", "two"]
    assert attempts.count == 1


async def test_a_stream_that_breaks_raises_in_the_async_client(server: Server) -> None:
    """Protects the same for asynchronous callers, who read the stream in another way."""
    client = gemini(server.url, server.bearer_key)
    stream = await client.aio.models.generate_content_stream(
        model=ECHO, contents="[[echo: fail_after=2]] one two three"
    )
    with pytest.raises(errors.ServerError):
        async for _ in stream:
            pass
    await client.aio.aclose()


def test_a_stream_that_fails_at_once_is_an_ordinary_error(
    client: genai.Client, attempts: Attempts
) -> None:
    """Protects retries: before the first event, a failure has its status."""
    with pytest.raises(errors.ServerError) as caught:
        list(client.models.generate_content_stream(model=ECHO, contents="[[echo: overloaded]]"))
    assert caught.value.code == 503
    assert attempts.count == 3


def test_the_same_idempotency_key_is_answered_once(client: genai.Client) -> None:
    """Protects the bill of a caller who repeats a request by hand; another body is a conflict."""
    options = types.HttpOptions(headers={"Idempotency-Key": "contract-gemini-1"})
    one = ask(client, "hello", http_options=options)
    two = ask(client, "hello", http_options=options)
    assert one.text == two.text
    with pytest.raises(errors.ClientError) as caught:
        ask(client, "other", http_options=options)
    assert (caught.value.code, caught.value.status) == (409, "ALREADY_EXISTS")


def test_a_method_that_is_not_served_says_so(client: genai.Client, attempts: Attempts) -> None:
    """Protects callers of caches, files and batches: an error of this wire, tried once."""
    with pytest.raises(errors.ClientError) as caught:
        client.caches.create(model=ECHO, config={"contents": "x"})
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    assert "not served here" in str(caught.value.message)
    assert attempts.count == 1
