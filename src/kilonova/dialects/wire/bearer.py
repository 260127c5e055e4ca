"""Keys that are sent as they are: in the Authorization header, or alone in another one."""

from kilonova.core.errors import Unauthenticated
from kilonova.core.identity import BearerCredential
from kilonova.web.message import Request

__all__ = ["bearer", "bearer_of"]


def bearer(token: str) -> BearerCredential:
    """The credential of a key. Raises Unauthenticated where it is blank."""
    stripped = token.strip()
    if not stripped:
        raise Unauthenticated("The API key in the request is empty.", reason="missing")
    return BearerCredential(stripped)


def bearer_of(request: Request) -> BearerCredential | None:
    """What ``Authorization: Bearer`` carries; None where the header has another scheme or none."""
    scheme, _, token = (request.header(b"authorization") or "").partition(" ")
    return bearer(token) if scheme.lower() == "bearer" else None
