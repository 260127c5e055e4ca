"""Where the credential sits in a request on Anthropic's wire.

The SDK sends its key as ``Authorization: Bearer``, older ones as ``x-api-key``, the Azure flavour
as ``x-api-key`` and ``api-key``; the AWS flavours sign.
"""

from kilonova.core.errors import Unauthenticated
from kilonova.core.identity import Credential
from kilonova.dialects.wire.bearer import bearer, bearer_of
from kilonova.dialects.wire.signed import signed_credential
from kilonova.gateway.call import Call
from kilonova.web.message import Request

__all__ = ["DIALECT", "call", "credential"]

DIALECT = "anthropic"


def call(request: Request) -> Call:
    """The call as the gateway wants it. Raises Unauthenticated where there is no credential."""
    return Call(
        credential=credential(request),
        dialect=DIALECT,
        trace=request.trace,
        idempotency_key=request.header(b"idempotency-key") or None,
        # On clouds' addresses the path names the model.
        body=b"\n".join((request.raw_path, request.body)),
    )


def credential(request: Request) -> Credential:
    """A header that is there counts, well-formed or not: no other is tried instead of it."""
    if request.header(b"authorization") is not None:
        shown = bearer_of(request)
        if shown is not None:
            return shown
        signed = signed_credential(request)
        if signed is None:
            raise Unauthenticated("invalid Authorization header", reason="malformed")
        return signed
    token_alone = request.header(b"x-api-key") or request.header(b"api-key")
    if token_alone is None:
        raise Unauthenticated(
            "An API key is needed: send 'x-api-key: YOUR_KEY' or 'Authorization: Bearer YOUR_KEY'.",
            reason="missing",
        )
    return bearer(token_alone)
