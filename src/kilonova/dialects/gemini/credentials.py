"""Where the credential sits in a request on Google's wire.

The Gemini API takes a key in a header or in the query; Vertex AI takes a bearer token.
"""

from urllib.parse import parse_qsl

from kilonova.core.errors import Unauthenticated
from kilonova.core.identity import BearerCredential
from kilonova.dialects.wire.bearer import bearer, bearer_of
from kilonova.gateway.call import Call
from kilonova.web.message import Request

__all__ = ["DIALECT", "call", "has_key", "query"]

DIALECT = "gemini"

_KEY = b"x-goog-api-key"
_QUERY_FIELDS_MAX = 64


def query(request: Request) -> dict[str, str]:
    """The parameters of the query; of equal names the last counts."""
    text = request.query.decode("latin-1")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_QUERY_FIELDS_MAX)
    except ValueError:
        return {}
    return {name.removeprefix("$"): value for name, value in pairs}


def has_key(request: Request) -> bool:
    """Whether the caller shows a key in a way that only Google's clients have."""
    if _KEY in request.headers or b"x-goog-api-client" in request.headers:
        return True
    return b"key=" in request.query and "key" in query(request)


def call(request: Request) -> Call:
    """The call as the gateway wants it. Raises Unauthenticated where there is no credential."""
    return Call(
        credential=_credential(request),
        dialect=DIALECT,
        trace=request.trace,
        idempotency_key=request.header(b"idempotency-key") or None,
        body=request.body,
    )


def _credential(request: Request) -> BearerCredential:
    """A header that is there counts, well-formed or not: no other is tried instead of it."""
    key = request.header(_KEY)
    if key is not None:
        return bearer(key)
    if request.header(b"authorization") is not None:
        shown = bearer_of(request)
        if shown is None:
            raise Unauthenticated(
                "The Authorization header is not understood. Send 'Authorization: Bearer "
                "YOUR_KEY', or the key in the header 'x-goog-api-key'.",
                reason="malformed",
            )
        return shown
    in_query = query(request).get("key") if request.query else None
    if in_query is None:
        raise Unauthenticated(
            "Method doesn't allow unregistered callers (callers without established identity). "
            "Please use API Key or other form of API consumer identity to call this API: send the "
            "key in the header 'x-goog-api-key'.",
            reason="missing",
        )
    return bearer(in_query)
