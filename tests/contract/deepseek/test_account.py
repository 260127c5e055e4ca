"""What DeepSeek's clients see of money and of failures: balance, 402, and each error's sentence."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from servers import Server

MODEL = "deepseek-chat"


@pytest.fixture(scope="module")
def client(thinkers: Server) -> Iterator[openai.OpenAI]:
    key, url = thinkers.bearer_key, thinkers.url
    with openai.OpenAI(api_key=key, base_url=url, max_retries=0) as one:
        yield one


def ask(client: openai.OpenAI, text: str = "x", **more: Any) -> Any:
    asked = {"model": MODEL, "messages": [{"role": "user", "content": text}]}
    return client.chat.completions.create(**asked | more)


def balance_of(server: Server, key: str, path: str = "/user/balance") -> Any:
    headers = {"authorization": f"Bearer {key}", "accept": "application/json"}
    answer = httpx.get(server.url + path, headers=headers, timeout=10)
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("root", ["", "/v1", "/deepseek", "/deepseek/v1", "/deepseek/beta"])
def test_the_balance_is_what_is_left(thinkers: Server, root: str) -> None:
    """Protects dashboards: the budget, less what was spent, as exact decimals."""
    key = thinkers.new_key("--budget", "0.5")["bearer_key"]
    path = f"{root}/user/balance"
    assert balance_of(thinkers, key, path)["balance_infos"][0]["total_balance"] == "0.50"
    with openai.OpenAI(api_key=key, base_url=thinkers.url) as client:
        answer = ask(client, "one two")
    assert answer.usage.total_tokens == 4
    assert balance_of(thinkers, key, path) == {
        "is_available": True,
        "balance_infos": [
            {
                "currency": "USD",
                "total_balance": "0.499996",
                "topped_up_balance": "0.499996",
                "granted_balance": "0.00",
            }
        ],
    }


def test_without_a_budget_no_amount_is_made_up(thinkers: Server) -> None:
    """Protects honesty: a caller without a limit has no balance to tell."""
    key = thinkers.bearer_key
    assert balance_of(thinkers, key) == {"is_available": True, "balance_infos": []}


def test_an_empty_account_is_402(thinkers: Server) -> None:
    """Protects clients that stop at 402: one attempt, DeepSeek's own sentence, and no balance."""
    key = thinkers.new_key("--budget", "0.000001")["bearer_key"]
    client = openai.OpenAI(api_key=key, base_url=thinkers.url)
    with client, pytest.raises(openai.APIStatusError) as caught:
        ask(client, "one two three", max_tokens=100)
    error = caught.value
    assert error.status_code == 402
    assert "Insufficient Balance" in error.message
    assert (error.type, error.code) == ("unknown_error", "invalid_request_error")


def test_a_wrong_key_is_told_as_deepseek_does(thinkers: Server) -> None:
    """Protects everything: 401, on the chat, the models and the balance."""
    with openai.OpenAI(api_key="sk-wrong", base_url=thinkers.url) as client:
        for call in (lambda: ask(client), client.models.list):
            with pytest.raises(openai.AuthenticationError, match="Authentication Fails") as caught:
                call()
            assert caught.value.type == "authentication_error"
    answer = httpx.get(f"{thinkers.url}/user/balance", timeout=10)
    assert answer.status_code == 401


@pytest.mark.supports("errors", "openai chat.completions (DeepSeek)")
@pytest.mark.parametrize(
    ("more", "status", "sentence"),
    [
        ({"model": "deepseek-coder"}, 400, "Model Not Exist"),
        ({"text": "w " * 9000}, 400, "maximum context length is 8192"),
        ({"max_tokens": "many"}, 422, "Failed to deserialize the JSON body"),
        ({"extra_body": {"wings": 2}}, 422, "Unknown parameter: 'wings'"),
        ({"temperature": 3}, 400, "Invalid 'temperature'"),
        ({"text": "[[echo: overloaded]]"}, 503, "overloaded"),
        ({"text": "[[echo: not_ready]]"}, 503, "loading"),
        ({"text": "[[echo: fail_before]]"}, 500, "failed"),
        ({"text": "[[echo: timeout]]"}, 504, "too long"),
    ],
)
def test_each_failure(client: openai.OpenAI, more: Any, status: int, sentence: str) -> None:
    """Protects clients that look for DeepSeek's statuses and sentences."""
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, **more)
    assert caught.value.status_code == status
    assert sentence in caught.value.message
    body: Any = caught.value.body
    assert set(body) == {"message", "type", "param", "code"}


def test_a_stream_that_breaks_raises(client: openai.OpenAI) -> None:
    """Protects callers from half an answer that looks whole."""
    with pytest.raises(openai.APIError) as caught:
        list(ask(client, "[[echo: fail_after=1]] one two", stream=True))
    assert caught.value.type == "server_error"


def test_a_rate_limit_is_429(thinkers: Server) -> None:
    """Protects waiting: the status, the wait, and what is left of the limit."""
    key = thinkers.new_key("--rpm", "1")["bearer_key"]
    with openai.OpenAI(api_key=key, base_url=thinkers.url, max_retries=0) as client:
        ask(client)
        with pytest.raises(openai.RateLimitError, match="Rate Limit Reached") as caught:
            ask(client)
    headers = caught.value.response.headers
    assert int(headers["retry-after"]) <= 60
    assert headers["x-ratelimit-remaining-requests"] == "0"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/deepseek/user/balance", 405),
        ("GET", "/chat/completions", 405),
        ("POST", "/beta/chat/completions/", 404),
        ("POST", "/deepseekchat/completions", 404),
        ("POST", "/beta/v1/chat/completions", 404),
    ],
)
def test_other_addresses_are_not_its_own(
    thinkers: Server, method: str, path: str, status: int
) -> None:
    """Protects the other surfaces on the same port."""
    headers = {"authorization": f"Bearer {thinkers.bearer_key}"}
    answer = httpx.request(method, thinkers.url + path, headers=headers, json={}, timeout=10)
    assert answer.status_code == status
