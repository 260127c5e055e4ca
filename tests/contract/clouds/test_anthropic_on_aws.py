"""Anthropic's SDK for the platform that AWS bills: signed under a name of its own."""

from typing import Any

import anthropic
import pytest

from servers import Server

ECHO = "kilonova.echo-v1:0"


def signing(server: Server, **more: Any) -> anthropic.AnthropicAWS:
    options = {
        "base_url": server.url,
        "aws_region": "us-east-1",
        "aws_access_key": server.access_key_id,
        "aws_secret_key": server.secret_access_key,
        "workspace_id": "default",
    }
    return anthropic.AnthropicAWS(**options | more)


def says(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.mark.supports("hints", "AnthropicAWS messages", how="ignored")
@pytest.mark.supports("whole, stream", "AnthropicAWS messages")
def test_the_aws_client(server: Server) -> None:
    """Protects AWS's customers: signed requests, whole and streamed; the workspace is no secret."""
    with signing(server) as client:
        raw = client.messages.with_raw_response.create(
            model=ECHO, max_tokens=16, messages=says("hello")
        )
        answer = raw.parse()
        with client.messages.stream(model=ECHO, max_tokens=16, messages=says("a b")) as stream:
            assert stream.get_final_text() == "a b"
        assert client.messages.count_tokens(model=ECHO, messages=says("a b")).input_tokens == 2
        assert ECHO in [model.id for model in client.models.list()]
    assert answer.content[0].type == "text"
    assert answer.content[0].text == "hello"
    assert raw.headers["x-kilonova-ignored"] == "anthropic-workspace-id"


@pytest.mark.supports("errors", "AnthropicAWS messages")
def test_a_wrong_secret(server: Server) -> None:
    """Protects everything: the SDK's own authentication error."""
    with (
        signing(server, aws_secret_key="x" * 40) as client,
        pytest.raises(anthropic.AuthenticationError),
    ):
        client.messages.create(model=ECHO, max_tokens=16, messages=says("hello"))
