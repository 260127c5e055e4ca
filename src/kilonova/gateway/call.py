"""Who asked, how, and over which wire: what a dialect hands to the gateway beside the request."""

from msgspec import Struct

from kilonova.core.identity import Credential, Principal
from kilonova.telemetry.trace import Trace

__all__ = ["Call", "Caller"]


class Call(Struct, frozen=True, kw_only=True):
    """``idempotency_key`` names retries of one request; ``body`` are the bytes it must match."""

    credential: Credential
    dialect: str
    trace: Trace
    idempotency_key: str | None = None
    body: bytes = b""


class Caller(Struct, frozen=True):
    """A call whose credential was proven. Only ``Gateway.authorise`` makes one.

    ``generation`` is the authority's when it did: while it stands, so does the principal.
    """

    call: Call
    principal: Principal
    generation: int = 0
