"""What the Azure flavour of the SDK makes of every failure, and the form that it comes in."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from contract.raw import chat_body, post
from servers import Server

ECHO = "kilonova.echo-v1:0"
PATH = f"/openai/deployments/{ECHO}/chat/completions"


class Attempts:
    """An HTTP client for the SDK that counts what it sends."""

    def __init__(self) -> None:
        self.count = 0
        self.http = httpx2.Client(event_hooks={"request": [self._note]})

    def _note(self, request: httpx2.Request) -> None:
        self.count += 1


def azure(server: Server, attempts: Attempts, key: str = "") -> openai.AzureOpenAI:
    return openai.AzureOpenAI(
        azure_endpoint=server.url,
        api_key=key or server.bearer_key,
        api_version="2024-10-21",
        http_client=attempts.http,
    )


def ask(client: openai.OpenAI, text: str = "x", **more: Any) -> Any:
    asked = {"model": ECHO, "messages": [{"role": "user", "content": text}]}
    return client.chat.completions.create(**asked | more)


@pytest.fixture
def attempts() -> Iterator[Attempts]:
    one = Attempts()
    with one.http:
        yield one


@pytest.mark.supports("errors", "AzureOpenAI chat.completions")
@pytest.mark.parametrize(
    ("more", "kind", "code", "count"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, "DeploymentNotFound", 1),
        ({"text": "w " * 9000}, openai.BadRequestError, "context_length_exceeded", 1),
        ({"max_tokens": 0}, openai.BadRequestError, "integer_below_min_value", 1),
        ({"extra_body": {"wings": 2}}, openai.BadRequestError, "unknown_parameter", 1),
        ({"extra_body": {"data_sources": []}}, openai.BadRequestError, "unsupported_parameter", 1),
        ({"extra_body": {"enhancements": {}}}, openai.BadRequestError, "unsupported_parameter", 1),
        ({"text": "[[echo: overloaded]]"}, openai.InternalServerError, "ServiceUnavailable", 3),
        ({"text": "[[echo: timeout]]"}, openai.APIStatusError, "Timeout", 3),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_each_failure_is_the_sdks_own_exception(
    server: Server, attempts: Attempts, more: Any, kind: type[openai.APIStatusError],
    code: str, count: int,
) -> None:  # fmt: skip
    """Protects callers: what can succeed later is tried three times, the rest once."""
    with pytest.raises(kind) as caught:
        ask(azure(server, attempts), **more)
    assert caught.value.code == code
    assert caught.value.request_id is not None
    assert attempts.count == count


def test_a_missing_deployment_says_which_there_are(server: Server, attempts: Attempts) -> None:
    """Protects the first hour of every move: Azure's sentence, and the names that work."""
    with pytest.raises(openai.NotFoundError) as caught:
        ask(azure(server, attempts), model="gpt-9")
    assert "The API deployment for this resource does not exist." in caught.value.message
    assert ECHO in caught.value.message


@pytest.mark.parametrize(
    ("key", "says"), [("wrong", ""), ("eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln", "Entra ID")]
)
def test_a_wrong_key(server: Server, attempts: Attempts, key: str, says: str) -> None:
    """Protects everything: one attempt; and a token that nobody can check is told so."""
    client = openai.AzureOpenAI(
        azure_endpoint=server.url,
        azure_ad_token=key,
        api_version="2024-10-21",
        http_client=attempts.http,
    )
    with pytest.raises(openai.AuthenticationError) as caught:
        ask(client)
    assert caught.value.code == "401"
    assert says in caught.value.message
    assert attempts.count == 1


def test_a_used_up_budget_is_not_tried_again(server: Server, attempts: Attempts) -> None:
    """Protects against storms: the SDK retries every 429 that does not tell it otherwise."""
    key = server.new_key("--budget", "0.000001")["bearer_key"]
    with pytest.raises(openai.RateLimitError) as caught:
        ask(azure(server, attempts, key), "one two three four", max_tokens=100)
    assert caught.value.code == "insufficient_quota"
    assert attempts.count == 1


def test_a_rate_limit_tells_how_long_to_wait(server: Server, attempts: Attempts) -> None:
    """Protects callers within their limits: in a header, and in the words that some parse."""
    key = server.new_key("--rpm", "60")["bearer_key"]
    client = azure(server, attempts, key)
    impatient = client.with_options(max_retries=0)
    with pytest.raises(openai.RateLimitError) as caught:
        for _ in range(100):
            ask(impatient)
    assert caught.value.code == "429"
    assert "Please retry after 1 seconds." in caught.value.message
    assert int(caught.value.response.headers["retry-after-ms"]) <= 1000
    started_s = time.monotonic()
    assert ask(client).choices
    assert time.monotonic() - started_s < 5


def test_a_stream_that_breaks_raises(server: Server, attempts: Attempts) -> None:
    """Protects callers from half an answer."""
    with pytest.raises(openai.APIError) as caught:
        list(ask(azure(server, attempts), "[[echo: fail_after=2]] one two three", stream=True))
    assert caught.value.code == "engine_failed"
    assert attempts.count == 1


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (PATH, 404, "404"),
        (f"{PATH}?api-version=", 400, "BadRequest"),
        (f"{PATH}?api-version=soon", 400, "BadRequest"),
        (f"{PATH}/?api-version=2024-10-21", 404, "404"),
        (f"/openai/deployments/{ECHO}/images/generations?api-version=2024-10-21", 404, "404"),
        ("/openai/deployments//chat/completions?api-version=2024-10-21", 404, "404"),
        ("/openai/deployments/%ff%fe/chat/completions?api-version=preview", 404,
         "DeploymentNotFound"),
    ],
)  # fmt: skip
def test_addresses_that_lead_nowhere(server: Server, path: str, status: int, code: str) -> None:
    """Protects callers who mistype an address: an error in Azure's form, never another wire's."""
    found, headers, body = post(server, path, chat_body("x"), {"api-key": server.bearer_key})
    assert found == status, body
    assert json.loads(body)["error"]["code"] == code
    assert headers["apim-request-id"] == headers["x-request-id"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"[1]", "invalid_type"),
        (b"{" * 100_000, "request_too_large"),
        (b'{"a":' * 5_000, "invalid_json"),
        (b'{"model":"x","model":"y","messages":[]}', "invalid_json"),
        (b'{"messages":[{"role":"user","content":"\xff"}]}', "invalid_json"),
        (b'{"messages":[],"temperature":NaN}', "invalid_json"),
    ],
)
def test_bad_bodies(server: Server, body: bytes, code: str) -> None:
    """Protects the server: whatever is sent, the caller is told what is wrong with it."""
    path = f"{PATH}?api-version=2024-10-21"
    status, _, answer = post(server, path, body, {"api-key": server.bearer_key})
    assert status in (400, 413)
    assert json.loads(answer)["error"]["code"] == code


def test_nothing_is_read_before_the_key(server: Server) -> None:
    """Protects the server from strangers: without a key, a body is not looked at."""
    path = f"{PATH}?api-version=2024-10-21"
    status, _, body = post(server, path, b"{", {})
    assert status == 401
    assert json.loads(body)["error"]["code"] == "401"
