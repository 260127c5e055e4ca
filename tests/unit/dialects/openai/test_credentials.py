"""Where a credential may sit on this wire, and that no other is tried after a bad one."""

import pytest

from kilonova.core.errors import Unauthenticated
from kilonova.core.identity import BearerCredential, SignedCredential
from kilonova.dialects.openai.credentials import call, credential
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Header, Request


def request(*headers: Header) -> Request:
    return Request(
        method="POST", raw_path=b"/v1/x", query=b"", headers=list(headers), trace=Trace()
    )


@pytest.mark.parametrize(
    "header",
    [
        (b"authorization", b"Bearer kn_live_1"),
        (b"authorization", b"bearer  kn_live_1 "),
        (b"x-api-key", b"kn_live_1"),
        (b"api-key", b"kn_live_1"),
    ],
)
def test_bearer_keys_are_found(header: Header) -> None:
    """Protects clients of OpenAI and of its relatives."""
    assert credential(request(header)) == BearerCredential("kn_live_1")


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], "missing"),
        ([(b"authorization", b"Bearer ")], "missing"),
        ([(b"authorization", b"Basic eDp5")], "malformed"),
        ([(b"authorization", b"AWS4-HMAC-SHA256 nonsense")], "malformed"),
        ([(b"authorization", b"")], "malformed"),
        ([(b"authorization", b"Basic eDp5"), (b"api-key", b"kn_live_1")], "malformed"),
    ],
)
def test_bad_credentials_are_refused(headers: list[Header], reason: str) -> None:
    """Protects against mix-ups: a second credential never rescues a first one."""
    with pytest.raises(Unauthenticated) as caught:
        credential(request(*headers))
    assert caught.value.reason == reason


def test_signatures_are_handed_on() -> None:
    """Protects the SDK's Bedrock flavour, which signs instead of sending a key."""
    signature = (
        b"AWS4-HMAC-SHA256 Credential=AKIAKN/20261123/us-east-1/bedrock-mantle/aws4_request, "
        b"SignedHeaders=host;x-amz-date, Signature=" + b"0" * 64
    )
    found = credential(
        request(
            (b"authorization", signature),
            (b"host", b"localhost"),
            (b"x-amz-date", b"20261123T000000Z"),
        )
    )
    assert isinstance(found, SignedCredential)
    assert found.access_key_id == "AKIAKN"
    with pytest.raises(Unauthenticated):
        found.prove("secret", 1_795_392_000.0)


def test_the_idempotency_key_reaches_the_gateway() -> None:
    """Protects retries from being billed twice."""
    made = call(request((b"authorization", b"Bearer k"), (b"idempotency-key", b"abc")))
    assert made.idempotency_key == "abc"


def test_an_empty_idempotency_key_is_none() -> None:
    """Protects callers whose client always sends the header: their requests are not one."""
    made = call(request((b"authorization", b"Bearer k"), (b"idempotency-key", b"")))
    assert made.idempotency_key is None
