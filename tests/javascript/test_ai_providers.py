"""The AI SDK with each of its providers, unmodified, over HTTPS: what no conversation shows."""

from typing import Any

import pytest

from javascript import node
from javascript.node import Seen
from servers import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(700),
    pytest.mark.xdist_group("javascript"),
    # What a provider sends does not depend on how it is carried.
    pytest.mark.parametrize("wire", ["tls"], indirect=True),
]

PROVIDERS = (
    "chat", "responses", "azure", "azureResponses", "deepseek", "anthropic", "google", "bedrock",
)  # fmt: skip

# What the wires say of the same failure; the SDK tries all of 408, 409, 429 and 5xx again.
_STATUS = {
    "model": 404,
    "tooLong": 400,
    "invalid": 400,
    "key": 401,
    "budget": 429,
    "rate": 429,
    "conflict": 409,
    "overloaded": 503,
    "notReady": 503,
    "engine": 502,
    "timeout": 504,
}
_OTHERWISE = {
    "azure": {"timeout": 408},
    "deepseek": {"model": 400, "budget": 402, "engine": 500},
    "anthropic": {"budget": 402, "overloaded": 529},
    "google": {"budget": 400, "engine": 500},
    "bedrock": {
        "model": 400,
        "key": 403,
        "budget": 400,
        "conflict": 400,
        "notReady": 429,
        "engine": 424,
        "timeout": 408,
    },
}


@pytest.fixture(scope="module")
def seen(wire: Server, bad_keys: dict[str, str]) -> Seen:
    """What each scenario of providers.mjs saw."""
    return node.run("providers.mjs", wire, **bad_keys)


@pytest.mark.supports(
    "forced tool",
    "AI SDK openai.chat",
    "AI SDK openai (Responses)",
    "AI SDK azure.chat",
    "AI SDK azure (Responses)",
    "AI SDK deepseek",
    "AI SDK anthropic",
    "AI SDK google",
    "AI SDK amazon-bedrock",
)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_forced_tool(seen: Seen, provider: str) -> None:
    """Protects agents: any tool or this one, whole or streamed, comes parsed by its schema."""
    called = ["get_weather", {"city": "Oslo"}]
    assert node.ok(seen, f"{provider} tools") == [called, "tool-calls", called]


@pytest.mark.supports(
    "JSON",
    "AI SDK openai.chat",
    "AI SDK openai (Responses)",
    "AI SDK azure.chat",
    "AI SDK azure (Responses)",
    "AI SDK deepseek",
    "AI SDK anthropic",
    "AI SDK google",
    "AI SDK amazon-bedrock",
)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_document(seen: Seen, provider: str) -> None:
    """Protects typed callers: a document of the schema, which DeepSeek's provider tells its model
    in words alone: there it is any document."""
    document = {"echo": "Oslo"} if provider == "deepseek" else {"city": "Oslo"}
    assert node.ok(seen, f"{provider} object") == [document, document]


@pytest.mark.supports(
    "errors",
    "AI SDK openai.chat",
    "AI SDK openai (Responses)",
    "AI SDK azure.chat",
    "AI SDK azure (Responses)",
    "AI SDK deepseek",
    "AI SDK anthropic",
    "AI SDK google",
    "AI SDK amazon-bedrock",
)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_failures_have_their_status_and_attempts(seen: Seen, provider: str) -> None:
    """Protects callers: what can succeed later is tried three times, the rest once."""
    statuses = _STATUS | _OTHERWISE.get(provider, {})
    expected = {name: _told(status) for name, status in statuses.items()}
    assert node.ok(seen, f"{provider} failures") == expected


def _told(status: int) -> list[Any]:
    if status in (408, 409, 429) or status >= 500:
        return ["AI_RetryError", "AI_APICallError", status, 3]
    return ["AI_APICallError", "AI_APICallError", status, 1]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stream_that_fails_says_so(seen: Seen, provider: str) -> None:
    """Protects callers from half an answer that looks whole: before it begins, and within."""
    assert node.ok(seen, f"{provider} streamFails") == [["", True], ["one two", True]]


@pytest.mark.supports(
    "whole",
    "AI SDK openai.embeddingModel",
    "AI SDK azure.embeddingModel",
    "AI SDK google.embeddingModel",
    "AI SDK amazon-bedrock.embeddingModel",
)
@pytest.mark.parametrize("provider", ["chat", "azure", "google", "bedrock"])
def test_vectors(seen: Seen, provider: str) -> None:
    """Protects searchers: a vector for each text, and what it cost."""
    lengths, tokens = node.ok(seen, f"{provider} vectors")
    assert lengths == [64, 64]
    assert tokens == (None if provider == "google" else 3)
