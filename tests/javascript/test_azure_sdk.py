"""The OpenAI SDK for JavaScript in its Azure flavour, unmodified, over HTTPS and plain HTTP."""

import pytest

from javascript import node
from javascript.node import Seen
from servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700), pytest.mark.xdist_group("javascript")]


@pytest.fixture(scope="module")
def seen(wire: Server) -> Seen:
    """What each scenario of azure.mjs saw."""
    return node.run("azure.mjs", wire)


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


@pytest.mark.supports("errors", "AzureOpenAI (JS) chat.completions")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deployment", ["NotFoundError", 404, "DeploymentNotFound", 1]),
        ("parameter", ["BadRequestError", 400, "unsupported_parameter", 1]),
        ("overloaded", ["InternalServerError", 503, "ServiceUnavailable", 3]),
        ("key", ["AuthenticationError", 401, "401", 1]),
    ],
)
def test_each_failure_is_the_sdks_own_exception(
    seen: Seen, name: str, expected: list[object]
) -> None:
    """Protects callers: what can succeed later is tried three times, the rest once."""
    assert node.ok(seen, "failures")[name] == expected
