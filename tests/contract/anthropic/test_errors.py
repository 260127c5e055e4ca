"""What the Anthropic SDK makes of every failure: which exception, after how many attempts."""

import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest

from servers import Server

ECHO = "kilonova.echo-v1:0"


class Attempts:
    """An HTTP client for the SDK that counts what it sends."""

    def __init__(self) -> None:
        self.count = 0
        self.http = httpx2.Client(event_hooks={"request": [self._note]})

    def _note(self, request: httpx2.Request) -> None:
        self.count += 1


def ask(client: anthropic.Anthropic, text: str = "x", **more: Any) -> Any:
    asked = {"model": ECHO, "messages": says(text), "max_tokens": 64}
    return client.messages.create(**asked | more)


def says(*content: Any) -> Any:
    return [{"role": "user", "content": one} for one in content]


@pytest.fixture
def attempts() -> Iterator[Attempts]:
    one = Attempts()
    with one.http:
        yield one


@pytest.fixture
def client(server: Server, attempts: Attempts) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        api_key=server.bearer_key, base_url=server.url, http_client=attempts.http
    )


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
BY_URL = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
NO_RESULT = {"type": "tool_result", "tool_use_id": "call_1", "content": "x"}


@pytest.mark.supports("errors", "anthropic messages")
@pytest.mark.parametrize(
    ("more", "kind", "words", "count"),
    [
        ({"model": "claude-9"}, anthropic.NotFoundError, "claude-9", 1),
        ({"text": "w " * 9000}, anthropic.BadRequestError, "prompt is too long: 9000", 1),
        ({"max_tokens": 0}, anthropic.BadRequestError, "max_tokens: ", 1),
        ({"extra_body": {"max_tokens": "4"}}, anthropic.BadRequestError, "valid integer", 1),
        ({"messages": []}, anthropic.BadRequestError, "messages: List should have at least 1", 1),
        ({"messages": says("")}, anthropic.BadRequestError, "non-empty content", 1),
        ({"messages": says([IMAGE])}, anthropic.BadRequestError, "image input", 1),
        ({"messages": says([BY_URL])}, anthropic.BadRequestError, "'url' images", 1),
        ({"messages": says([DOCUMENT])}, anthropic.BadRequestError, "'document' blocks", 1),
        ({"messages": says([NO_RESULT])}, anthropic.BadRequestError, "unexpected `tool_use_id`", 1),
        ({"tools": [SEARCH]}, anthropic.BadRequestError, "web_search_20250305", 1),
        ({"inference_geo": "eu"}, anthropic.BadRequestError, "inference_geo", 1),
        ({"speed": "fast"}, anthropic.BadRequestError, "speed", 1),
        ({"extra_body": {"wings": 2}}, anthropic.BadRequestError, "wings: Extra inputs", 1),
        ({"extra_body": {"top_p": 2}}, anthropic.BadRequestError, "less than or equal to 1", 1),
        ({"text": "[[echo: overloaded]]"}, anthropic.OverloadedError, "overloaded", 3),
        ({"text": "[[echo: not_ready]]"}, anthropic.ServiceUnavailableError, "loading", 3),
        ({"text": "[[echo: fail_before]]"}, anthropic.InternalServerError, "failed", 3),
        ({"text": "[[echo: timeout]]"}, anthropic.GatewayTimeoutError, "too long", 3),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_each_failure_is_the_sdks_own_exception(
    client: anthropic.Anthropic, attempts: Attempts, more: Any,
    kind: type[anthropic.APIStatusError], words: str, count: int,
) -> None:  # fmt: skip
    """Protects callers: what can succeed later is tried three times, the rest once."""
    with pytest.raises(kind) as caught:
        ask(client, **more)
    assert words in (caught.value.api_message or "")
    assert type(caught.value) is kind
    body: Any = caught.value.body
    assert body["type"] == "error"
    assert body["request_id"] == caught.value.request_id
    assert attempts.count == count


@pytest.mark.parametrize("key", ["wrong", "kn_live_" + "x" * 40])
def test_a_wrong_key(server: Server, attempts: Attempts, key: str) -> None:
    """Protects everything: one attempt, and the SDK's authentication error."""
    client = anthropic.Anthropic(api_key=key, base_url=server.url, http_client=attempts.http)
    with pytest.raises(anthropic.AuthenticationError) as caught:
        ask(client)
    assert caught.value.type == "authentication_error"
    assert attempts.count == 1


def test_a_body_over_the_limit(client: anthropic.Anthropic, attempts: Attempts) -> None:
    """Protects memory: too many brackets are the SDK's own error, at once."""
    many = [{"type": "text", "text": "x"} for _ in range(2_000)]
    with pytest.raises(anthropic.RequestTooLargeError):
        ask(client, messages=says(*[many] * 20))
    assert attempts.count == 1


def test_a_used_up_budget_is_not_tried_again(server: Server, attempts: Attempts) -> None:
    """Protects against storms: a bill is no matter of waiting."""
    key = server.new_key("--budget", "0.000001")["bearer_key"]
    client = anthropic.Anthropic(api_key=key, base_url=server.url, http_client=attempts.http)
    with pytest.raises(anthropic.PaymentRequiredError) as caught:
        ask(client, "one two three four", max_tokens=100)
    assert caught.value.type == "billing_error"
    assert attempts.count == 1


def test_a_rate_limit_tells_how_long_to_wait(server: Server, attempts: Attempts) -> None:
    """Protects callers within their limits: the SDK waits as told, and succeeds."""
    key = server.new_key("--rpm", "60")["bearer_key"]
    client = anthropic.Anthropic(api_key=key, base_url=server.url, http_client=attempts.http)
    impatient = client.with_options(max_retries=0)
    with pytest.raises(anthropic.RateLimitError) as caught:
        for _ in range(100):
            ask(impatient)
    assert caught.value.type == "rate_limit_error"
    assert 0 < int(caught.value.response.headers["retry-after-ms"]) <= 1000
    started_s = time.monotonic()
    before = attempts.count
    assert ask(client).content
    assert attempts.count - before in (1, 2, 3)
    assert time.monotonic() - started_s < 5


def test_a_stream_that_breaks_raises(client: anthropic.Anthropic, attempts: Attempts) -> None:
    """Protects callers from half an answer; nothing is retried once it has begun."""
    seen = ""
    with pytest.raises(anthropic.APIStatusError) as caught:
        for event in ask(client, "[[echo: fail_after=2]] one two three", stream=True):
            if event.type == "content_block_delta":
                seen += event.delta.text
    body: Any = caught.value.body
    assert body["error"]["type"] == "api_error"
    assert body["request_id"] == caught.value.request_id
    assert seen.split() == ["one", "two"]
    assert attempts.count == 1


def test_a_stream_that_fails_at_once_is_an_ordinary_error(
    client: anthropic.Anthropic, attempts: Attempts
) -> None:
    """Protects retries: before the first event, a failure has its status."""
    with pytest.raises(anthropic.OverloadedError):
        ask(client, "[[echo: overloaded]]", stream=True)
    assert attempts.count == 3


def test_the_same_idempotency_key_is_answered_once(
    client: anthropic.Anthropic, attempts: Attempts
) -> None:
    """Protects the bill of a caller who repeats a request by hand; another body is a conflict."""
    headers = {"Idempotency-Key": "contract-anthropic-1"}
    one = ask(client, "hello", extra_headers=headers)
    two = client.messages.with_raw_response.create(
        model=ECHO, messages=says("hello"), max_tokens=64, extra_headers=headers
    )
    assert two.parse().content == one.content
    assert two.headers["x-kilonova-replayed"] == "true"
    with pytest.raises(anthropic.ConflictError):
        ask(client, "other", extra_headers=headers)
    assert attempts.count == 3


def test_what_is_not_served_is_said_in_the_vendors_form(client: anthropic.Anthropic) -> None:
    """Protects newcomers: a missing route names those that are there."""
    with pytest.raises(anthropic.NotFoundError, match="POST /v1/messages"):
        client.messages.batches.list()
    with pytest.raises(anthropic.NotFoundError, match="GET /v1/files"):
        client.files.list()
