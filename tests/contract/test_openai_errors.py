"""What the official OpenAI SDK makes of every failure: which exception, after how many attempts."""

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
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


def ask(client: openai.OpenAI, text: str = "x", **more: Any) -> Any:
    asked = {"model": ECHO, "messages": [{"role": "user", "content": text}]}
    return client.chat.completions.create(**asked | more)


@pytest.fixture
def attempts() -> Iterator[Attempts]:
    one = Attempts()
    with one.http:
        yield one


@pytest.fixture
def client(server: Server, attempts: Attempts) -> openai.OpenAI:
    return openai.OpenAI(
        api_key=server.bearer_key, base_url=f"{server.url}/v1", http_client=attempts.http
    )


@pytest.mark.supports("errors", "openai chat.completions")
@pytest.mark.parametrize(
    ("more", "kind", "code", "count"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, "model_not_found", 1),
        ({"text": "w " * 9000}, openai.BadRequestError, "context_length_exceeded", 1),
        ({"max_tokens": 0}, openai.BadRequestError, "integer_below_min_value", 1),
        ({"max_tokens": 10**12}, openai.BadRequestError, "integer_above_max_value", 1),
        ({"n": 9}, openai.BadRequestError, "integer_above_max_value", 1),
        ({"modalities": ["audio"]}, openai.BadRequestError, "unsupported_parameter", 1),
        ({"messages": []}, openai.BadRequestError, "empty_array", 1),
        ({"extra_body": {"wings": 2}}, openai.BadRequestError, "unknown_parameter", 1),
        ({"text": "[[echo: overloaded]]"}, openai.InternalServerError, "server_is_overloaded", 3),
        ({"text": "[[echo: not_ready]]"}, openai.InternalServerError, "model_not_ready", 3),
        ({"text": "[[echo: fail_before]]"}, openai.InternalServerError, "engine_failed", 3),
        ({"text": "[[echo: timeout]]"}, openai.InternalServerError, "engine_timeout", 3),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_each_failure_is_the_sdks_own_exception(
    client: openai.OpenAI, attempts: Attempts, more: Any, kind: type[openai.APIStatusError],
    code: str, count: int,
) -> None:  # fmt: skip
    """Protects callers: what can succeed later is tried three times, the rest once."""
    with pytest.raises(kind) as caught:
        ask(client, **more)
    assert caught.value.code == code
    assert caught.value.request_id is not None
    assert attempts.count == count


@pytest.mark.parametrize("key", ["wrong", "kn_live_" + "x" * 40])
def test_a_wrong_key(server: Server, attempts: Attempts, key: str) -> None:
    """Protects everything: one attempt, and the SDK's authentication error."""
    client = openai.OpenAI(api_key=key, base_url=f"{server.url}/v1", http_client=attempts.http)
    with pytest.raises(openai.AuthenticationError) as caught:
        ask(client)
    assert caught.value.code == "invalid_api_key"
    assert attempts.count == 1


def test_a_used_up_budget_is_not_tried_again(server: Server, attempts: Attempts) -> None:
    """Protects against storms: the SDK retries every 429 that does not tell it otherwise."""
    key = server.new_key("--budget", "0.000001")["bearer_key"]
    client = openai.OpenAI(api_key=key, base_url=f"{server.url}/v1", http_client=attempts.http)
    with pytest.raises(openai.RateLimitError) as caught:
        ask(client, "one two three four", max_tokens=100)
    assert caught.value.code == "insufficient_quota"
    assert attempts.count == 1


def test_money_that_a_running_request_holds_is_waited_for(
    server: Server, attempts: Attempts
) -> None:
    """Protects callers beside a long answer: the SDK waits, tries again, and gets its own."""
    key = server.new_key("--budget", "0.001")["bearer_key"]
    client = openai.OpenAI(api_key=key, base_url=f"{server.url}/v1", http_client=attempts.http)
    text = "[[echo: delay_ms=50]] " + "a " * 12
    running = client.chat.completions.with_raw_response.create(
        model=ECHO, messages=[{"role": "user", "content": text}], stream=True
    )
    assert running.headers["x-kilonova-limited"] == "budget"
    with pytest.raises(openai.RateLimitError, match="Running requests hold 0.001") as caught:
        ask(client.with_options(max_retries=0))
    assert caught.value.code == "rate_limit_exceeded"
    running.parse().close()
    assert ask(client).choices[0].message.content == "x"


def test_a_rate_limit_tells_how_long_to_wait(server: Server, attempts: Attempts) -> None:
    """Protects callers within their limits: the SDK waits as told, and succeeds."""
    key = server.new_key("--rpm", "60")["bearer_key"]
    client = openai.OpenAI(api_key=key, base_url=f"{server.url}/v1", http_client=attempts.http)
    impatient = client.with_options(max_retries=0)
    with pytest.raises(openai.RateLimitError) as caught:
        for _ in range(100):
            ask(impatient)
    assert caught.value.code == "rate_limit_exceeded"
    wait_s = int(caught.value.response.headers["retry-after-ms"]) / 1000
    assert 0 < wait_s <= 1
    started_s = time.monotonic()
    before = attempts.count
    assert ask(client).choices
    assert attempts.count - before in (1, 2, 3)
    assert time.monotonic() - started_s < 5


def test_a_stream_that_breaks_raises(client: openai.OpenAI, attempts: Attempts) -> None:
    """Protects callers from half an answer; nothing is retried once it has begun."""
    seen = ""
    with pytest.raises(openai.APIError) as caught:
        for chunk in ask(client, "[[echo: fail_after=2]] one two three", stream=True):
            seen += chunk.choices[0].delta.content or ""
    assert caught.value.code == "engine_failed"
    assert seen.split() == ["one", "two"]
    assert attempts.count == 1


def test_a_stream_that_fails_at_once_is_an_ordinary_error(
    client: openai.OpenAI, attempts: Attempts
) -> None:
    """Protects retries: before the first event, a failure has its status."""
    with pytest.raises(openai.InternalServerError):
        ask(client, "[[echo: overloaded]]", stream=True)
    assert attempts.count == 3


def test_the_same_idempotency_key_is_answered_once(client: openai.OpenAI) -> None:
    """Protects the bill of a caller who repeats a request by hand; another body is a conflict."""
    headers = {"Idempotency-Key": "contract-openai-1"}
    one = ask(client, "hello", extra_headers=headers)
    two = ask(client, "hello", extra_headers=headers)
    assert one.choices[0].message.content == two.choices[0].message.content
    assert (one.id, one.created) == (two.id, two.created)
    with pytest.raises(openai.ConflictError):
        ask(client, "other", extra_headers=headers)
