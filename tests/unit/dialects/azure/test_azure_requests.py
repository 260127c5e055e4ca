"""Azure's addresses and what it adds to OpenAI's bodies, taken apart."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilonova.core.errors import InvalidRequest, KilonovaError
from kilonova.dialects.azure.addresses import Address, find_address
from kilonova.dialects.azure.decode import IGNORED, REFUSED, decode
from kilonova.dialects.openai.schema import ChatBody, EmbeddingBody


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/openai/deployments/a%2Fb/completions", Address(b"/completions", "a/b")),
        ("/openai/responses", Address(b"/responses")),
        ("/openai/files/file-1/content", Address(b"/files/file-1/content")),
        ("/azure/openai/models", Address(b"/models")),
        ("/azure/eastus/openai/v1/models", Address(b"/models", has_version=False)),
        ("/openai/v1/deployments/a/embeddings", Address(b"/embeddings", "a", has_version=False)),
        ("/openai/v1/models", None),
        ("/openai", None),
        ("/openaix/models", None),
        ("/v1/models", None),
        ("/azure/a/b/openai/models", None),
    ],
)
def test_addresses(path: str, address: Address | None) -> None:
    """Protects routing: what is Azure's, and which part of it is OpenAI's path."""
    assert find_address(path.encode()) == address


def test_what_azures_clients_send_is_handed_on_as_it_is() -> None:
    """Protects the bytes that an idempotency key stands for, and the time that a copy takes."""
    body = b'{"messages": [], "model": "d"}'
    assert decode(body, "d").body is body


def test_the_deployment_names_the_model() -> None:
    """Protects callers from a model that they did not ask for: the body has no say."""
    decoded = decode(b'{"model":"other","messages":[1]}', "d")
    assert json.loads(decoded.body) == {"model": "d", "messages": [1]}
    assert decoded.ignored == ("model",)
    without = decode(b'{"messages":[1],"user_security_context":{}}', "d")
    assert json.loads(without.body) == {"model": "d", "messages": [1]}
    assert without.ignored == ("user_security_context",)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused_members(name: str) -> None:
    """Protects callers from answers that ignore their data: refused, with the name and advice."""
    with pytest.raises(InvalidRequest, match=name) as caught:
        decode(json.dumps({"model": "d", name: []}).encode(), "d")
    assert caught.value.param == name


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_null_asks_for_nothing(name: str) -> None:
    """Protects clients that send every member that they know."""
    decoded = decode(json.dumps({"messages": [], "model": "d", name: None}).encode(), "d")
    assert json.loads(decoded.body) == {"messages": [], "model": "d"}


def test_the_lists_are_about_what_openai_does_not_have() -> None:
    """Protects the lists: a member that OpenAI's wire honours one day must leave them."""
    known = {*ChatBody.__struct_fields__, *EmbeddingBody.__struct_fields__}
    assert known & (IGNORED.keys() | REFUSED.keys()) == {"model"}


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_body_breaks_it(body: bytes) -> None:
    """Protects the server: whatever comes, a caller's error comes of it, or an object."""
    try:
        decoded = decode(body, "d\"'\u2028")
    except KilonovaError:
        return
    assert json.loads(decoded.body)["model"] == "d\"'\u2028"
