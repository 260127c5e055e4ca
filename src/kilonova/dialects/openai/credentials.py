"""Where the credential sits in a request on OpenAI's wire.

``Authorization: Bearer`` first; ``x-api-key`` and ``api-key`` serve clients of its relatives. The
Bedrock flavour of OpenAI's SDK signs its requests instead. The console's own pages have the cookie
of a session.
"""

from kilonova.core.errors import Unauthenticated
from kilonova.core.identity import Credential, SignedCredential
from kilonova.dialects.wire.bearer import bearer, bearer_of
from kilonova.dialects.wire.signed import signed_credential
from kilonova.gateway.call import Call
from kilonova.web.message import Request
from kilonova.web.session import refuse_other_sites, session_of

__all__ = ["DIALECT", "call", "credential"]

DIALECT = "openai"


def call(request: Request) -> Call:
    """The call as the gateway wants it. Raises Unauthenticated where there is no credential."""
    return Call(
        credential=credential(request),
        # A relative's surface has said so before it handed the request on.
        dialect=request.trace.dialect or DIALECT,
        trace=request.trace,
        idempotency_key=request.header(b"idempotency-key") or None,
        body=request.body,
    )


def credential(request: Request) -> Credential:
    """A header that is there counts, well-formed or not: no other is tried instead of it."""
    if request.header(b"authorization") is not None:
        shown = bearer_of(request)
        if shown is not None:
            return shown
        return _signed(request)
    names = (b"x-api-key", b"api-key", b"x-goog-api-key")
    token_alone = next((key for name in names if (key := request.header(name))), None)
    if token_alone is None:
        session = session_of(request)
        if session is not None:
            refuse_other_sites(request)
            return session
        raise Unauthenticated(
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            reason="missing",
        )
    return bearer(token_alone)


def _signed(request: Request) -> SignedCredential:
    signed = signed_credential(request)
    if signed is None:
        raise Unauthenticated(
            "The Authorization header is not understood. Send 'Authorization: Bearer YOUR_KEY'.",
            reason="malformed",
        )
    return signed
