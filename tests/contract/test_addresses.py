"""Addresses and methods that no wire serves."""

import httpx2
import pytest

from servers import Server


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/embeddings", "POST"),
        ("POST", "/v1/models", "GET"),
        ("GET", "/v1/messages", "POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(
    server: Server, method: str, path: str, allow: str
) -> None:
    """Protects newcomers: the path exists, and the answer says how it is used."""
    answer = httpx2.request(method, server.url + path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/", "/v1/nothing", "/v2/chat", "/v1/audio/speech", "/healthz"]
)
def test_an_unknown_address_is_not_there_for_any_method(
    server: Server, method: str, path: str
) -> None:
    """Protects newcomers from a promise: no method helps where nothing is served."""
    answer = httpx2.request(method, server.url + path)
    assert answer.status_code == 404
    assert "allow" not in answer.headers
