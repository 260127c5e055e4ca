"""A SigV4 signature in an HTTP request, bound to the request's bytes for the gateway to prove."""

from hashlib import sha256

from kilonova.core.identity import SignedCredential
from kilonova.dialects.wire.sigv4 import AcceptRule, RequestParts, Signature, parse, verify
from kilonova.web.message import Request

__all__ = ["signature", "signed_credential"]

_RULE = AcceptRule()


def signature(request: Request) -> Signature | None:
    """What the caller claims, unproven. None when the request is not signed."""
    return parse(_text_headers(request))


def signed_credential(request: Request) -> SignedCredential | None:
    """None when the request is not signed. Raises Unauthenticated for a broken signature."""
    headers = _text_headers(request)
    claim = parse(headers)
    if claim is None:
        return None

    def prove(secret: str, now_s: float) -> None:
        parts = RequestParts(
            method=request.method,
            raw_path=request.raw_path.decode("latin-1"),
            raw_query=request.query.decode("latin-1"),
            headers=headers,
            body_sha256=sha256(request.body).hexdigest(),
        )
        verify(claim, parts, secret, now_s=now_s, rule=_RULE)

    return SignedCredential(claim.access_key_id, prove)


def _text_headers(request: Request) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.header_list:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers
