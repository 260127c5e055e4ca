"""The OpenAI SDK for JavaScript in its Azure flavour, unmodified, over HTTPS and plain HTTP."""

import pytest

from javascript import node
from javascript.node import Seen
from servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700), pytest.mark.xdist_group("javascript")]


@pytest.fixture(scope="module")
def seen(wire: Server, bad_keys: dict[str, str]) -> Seen:
    """What each scenario of azure.mjs saw."""
    return node.run("azure.mjs", wire, **bad_keys)


@pytest.mark.supports("whole", "AzureOpenAI (JS) embeddings")
@pytest.mark.supports("whole, stream", "AzureOpenAI (JS) chat.completions")
def test_answers(seen: Seen) -> None:
    """Protects Azure's customers: whole, streamed, bound to one deployment, and vectors."""
    assert node.ok(seen, "whole") == {"text": "hello", "hasId": True}
    assert seen["stream"] == "a b"
    assert seen["deployment"] == ["kilonova.echo-v1:0", "hello"]
    assert seen["embeddings"] == 2


def test_a_key_where_the_token_would_be(seen: Seen) -> None:
    """Protects callers whose code asks a provider for Entra's token."""
    assert seen["token"] == "hello"


@pytest.mark.supports("forced tool", "AzureOpenAI (JS) chat.completions")
def test_a_forced_tool(seen: Seen) -> None:
    """Protects agents: the call fits its schema."""
    assert seen["tools"] == ["get_weather", {"city": "Oslo"}]


@pytest.mark.supports("errors", "AzureOpenAI (JS) chat.completions")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model", ["NotFoundError", 404, "DeploymentNotFound", 1]),
        ("tooLong", ["BadRequestError", 400, "context_length_exceeded", 1]),
        ("invalid", ["BadRequestError", 400, "unsupported_parameter", 1]),
        ("key", ["AuthenticationError", 401, "401", 1]),
        ("budget", ["RateLimitError", 429, "insufficient_quota", 1]),
        ("rate", ["RateLimitError", 429, "429", 3]),
        ("conflict", ["ConflictError", 409, "conflict", 1]),
        ("overloaded", ["InternalServerError", 503, "ServiceUnavailable", 3]),
        ("notReady", ["InternalServerError", 503, "ServiceUnavailable", 3]),
        ("engine", ["InternalServerError", 502, "BadGateway", 3]),
        ("timeout", ["APIError", 408, "Timeout", 3]),
        ("late", ["APIConnectionTimeoutError", None, None, 3]),
    ],
)
def test_each_failure_is_the_sdks_own_exception(
    seen: Seen, name: str, expected: list[object]
) -> None:
    """Protects callers: what can succeed later is tried three times, the rest once."""
    assert node.ok(seen, "failures")[name] == expected
