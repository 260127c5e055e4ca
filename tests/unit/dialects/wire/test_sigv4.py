"""Kilonova's verifier against botocore's signer, on thousands of seeded requests."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from msgspec.structs import replace

from kilonova.core.errors import Unauthenticated
from kilonova.dialects.wire.sigv4 import AcceptRule, RequestParts, Signature, parse, verify

_NOW = datetime(2026, 11, 23, 8, 0, 0, tzinfo=UTC)
_NOW_S = _NOW.timestamp()
_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
_RULE = AcceptRule()
_SEGMENTS = (
    "model", "kilonova.spark-v1:0", "arn:aws:bedrock:us-east-1:1:inference-profile/us.x:0",
    "converse", "a b", "é€", "~x_.-", "%41", "1+1=2", "*", "(v)",
)  # fmt: skip
_HEADERS = ("  two  spaces  ", "tab\there", "plain", "", 'quoted "a   b"', "a,b,  c")


@pytest.fixture(autouse=True)
def _fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: _NOW)


def _sign(
    url: str, *, method: str = "POST", headers: Mapping[str, str] | None = None, body: bytes = b""
) -> RequestParts:
    request = AWSRequest(method, url, headers=dict(headers or {}), data=body)
    signer = botocore.auth.SigV4Auth(Credentials("AKIDEXAMPLE", _SECRET), "bedrock", "eu-north-1")
    signer.add_auth(request)
    split = urlsplit(url)
    received = {name.lower(): value for name, value in request.headers.items()}
    received.setdefault("host", split.netloc)
    return RequestParts(method, split.path, split.query, received, sha256(body).hexdigest())


def _claim(parts: RequestParts) -> Signature:
    signature = parse(parts.headers)
    assert signature is not None
    return signature


def _accept(parts: RequestParts, *, secret: str = _SECRET, now_s: float = _NOW_S) -> None:
    verify(_claim(parts), parts, secret, now_s=now_s, rule=_RULE)


def _random_request(rng: random.Random) -> RequestParts:
    segments = rng.choices(_SEGMENTS, k=rng.randint(0, 5))
    keeps = rng.choice(("-._~", "-._~:", "-._~:;+"))
    path = "/" + "/".join(quote(s, safe=keeps) for s in segments) + rng.choice(("", "/"))
    names = rng.choices(("a", "A", "b%20c", "x-y", "%C3%A9", "z~"), k=rng.randint(0, 4))
    pairs = [name + rng.choice(("", "=", "=1", "=%2F%3A", "=a+b", "==")) for name in names]
    url = f"http://127.0.0.1:8040{path}" + ("?" + "&".join(pairs) if pairs else "")
    headers = {f"X-Test-{i}": rng.choice(_HEADERS) for i in range(rng.randint(0, 4))}
    body = rng.choice((b"", b"{}", rng.randbytes(rng.randint(1, 300))))
    if rng.random() < 0.3:
        headers["X-Amz-Content-SHA256"] = sha256(body).hexdigest()
    return _sign(url, method=rng.choice(("GET", "POST", "PUT")), headers=headers, body=body)


def test_what_botocore_signs_is_accepted_and_no_other_secret_is() -> None:
    """Any request that botocore can sign verifies, and only with the secret that signed it."""
    rng = random.Random(8040)
    for _ in range(2000):
        parts = _random_request(rng)
        _accept(parts)
        with pytest.raises(Unauthenticated):
            _accept(parts, secret=_SECRET[:-1])


def _tampered(parts: RequestParts) -> dict[str, RequestParts]:
    def with_header(name: str, value: str) -> RequestParts:
        return replace(parts, headers={**parts.headers, name: value})

    authorization = parts.headers["authorization"]
    return {
        "method": replace(parts, method="PUT"),
        "path": replace(parts, raw_path=parts.raw_path + "x"),
        "slash": replace(parts, raw_path=parts.raw_path + "/"),
        "decoded path": replace(parts, raw_path=parts.raw_path.replace("%3A", ":")),
        "query": replace(parts, raw_query="a=1&b=3"),
        "more query": replace(parts, raw_query="a=1&b=2&c=3"),
        "body": replace(parts, body_sha256=sha256(b"other").hexdigest()),
        "host": with_header("host", "127.0.0.1:8041"),
        "signed header": with_header("x-test", "other"),
        "time": with_header("x-amz-date", "20261123T080001Z"),
        "day": with_header("x-amz-date", "20261122T235959Z"),
        "region": with_header("authorization", authorization.replace("eu-north-1", "eu-south-1")),
        "digest": with_header("authorization", _flipped(authorization)),
        "digest of body": with_header("x-amz-content-sha256", sha256(b"other").hexdigest()),
        "unsigned body": with_header("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        "missing header": replace(
            parts, headers={k: v for k, v in parts.headers.items() if k != "x-test"}
        ),
    }


def test_every_change_to_a_signed_request_is_refused() -> None:
    """Nothing that was signed can be altered on the way."""
    url = "http://127.0.0.1:8040/model/a%3Ab/converse?a=1&b=2"
    parts = _sign(url, headers={"X-Test": "1"}, body=b"{}")
    _accept(parts)
    for what, altered in _tampered(parts).items():
        with pytest.raises(Unauthenticated) as refusal:
            _accept(altered)
        assert refusal.value.reason == "signature", what


def _flipped(authorization: str) -> str:
    return authorization[:-1] + ("0" if authorization[-1] != "0" else "1")


@pytest.mark.parametrize(("skew_s", "is_accepted"), [(-901, 0), (-899, 1), (899, 1), (901, 0)])
def test_the_clock_may_be_off_by_fifteen_minutes(skew_s: int, is_accepted: int) -> None:
    """A captured request is of no use after the window, and a wrong clock is told so."""
    parts = _sign("http://h/model/m/converse")
    if is_accepted:
        _accept(parts, now_s=_NOW_S + skew_s)
        return
    with pytest.raises(Unauthenticated, match="Check the clock") as refusal:
        _accept(parts, now_s=_NOW_S + skew_s)
    assert refusal.value.reason == "skew"


def test_a_signature_for_another_service_is_refused() -> None:
    """A request signed for S3 does not open Bedrock."""
    parts = _sign("http://h/model/m/converse")
    rule = AcceptRule(services=frozenset({"s3"}))
    with pytest.raises(Unauthenticated, match="correct service: 's3'"):
        verify(_claim(parts), parts, _SECRET, now_s=_NOW_S, rule=rule)


@pytest.mark.parametrize("header", ["host", "x-amz-date"])
def test_host_and_date_must_be_signed(header: str) -> None:
    """Without them a signature could be moved to another server or another day."""
    parts = _sign("http://h/model/m/converse")
    signature = _claim(parts)
    signed = tuple(name for name in signature.signed_headers if name != header)
    with pytest.raises(Unauthenticated, match="SignedHeaders"):
        verify(replace(signature, signed_headers=signed), parts, _SECRET, now_s=_NOW_S, rule=_RULE)


def test_authority_stands_for_host_over_http2() -> None:
    """The AWS SDK for JavaScript signs `:authority` over HTTP/2; the server sees it as host."""
    parts = _sign("http://h/model/m/converse", headers={":authority": "h"})
    headers = {name: value for name, value in parts.headers.items() if name != ":authority"}
    assert ":authority" in _claim(parts).signed_headers
    _accept(replace(parts, headers=headers))


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=A/20261123/r/bedrock/aws4_request, SignedHeaders=host",
        f"AWS4-HMAC-SHA256 Credential=A/r/s/aws4_request, SignedHeaders=a, Signature={'0' * 64}",
        f"AWS4-HMAC-SHA256 Credential=A/1/r/s/aws4_req, SignedHeaders=a, Signature={'0' * 64}",
        "AWS4-HMAC-SHA256 Credential=A/1/r/s/aws4_request, SignedHeaders=a, Signature=xyz",
        f"AWS4-HMAC-SHA256 Credential=A/1/r/s/aws4_request, SignedHeaders=a, Signature={'0' * 64}",
    ],
)
def test_a_malformed_authorization_says_what_is_missing(authorization: str) -> None:
    """The last of them is well formed, but no X-Amz-Date goes with it."""
    with pytest.raises(Unauthenticated) as refusal:
        parse({"authorization": authorization})
    assert refusal.value.reason == "malformed"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer kn_live_x"}])
def test_other_schemes_are_left_to_others(headers: dict[str, str]) -> None:
    """A bearer key is no broken signature."""
    assert parse(headers) is None


_CLAIM = "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64


@pytest.mark.parametrize("amz_date", ["20269999T999999Z", "00000101T000000Z"])
def test_a_date_that_does_not_exist_is_malformed(amz_date: str) -> None:
    """Protects the log and the caller: it is no unexpected failure, which SDKs would retry."""
    credential = f"A/{amz_date[:8]}/r/bedrock/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, {_CLAIM}"
    with pytest.raises(Unauthenticated) as refusal:
        parse({"authorization": authorization, "x-amz-date": amz_date})
    assert refusal.value.reason == "malformed"


def test_a_credential_has_a_length() -> None:
    """Protects memory: signing keys are remembered by a scope that the caller makes up."""
    headers = {"x-amz-date": "20261123T080000Z"}
    for length, is_accepted in ((20, True), (300, False)):
        credential = f"A/20261123/{'r' * length}/bedrock/aws4_request"
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, {_CLAIM}"
        if is_accepted:
            assert parse(headers) is not None
            continue
        with pytest.raises(Unauthenticated) as refusal:
            parse(headers)
        assert refusal.value.reason == "malformed"
