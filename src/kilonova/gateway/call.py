"""Who asked, how, and over which wire: what a dialect hands to the gateway beside the request."""

from msgspec import Struct

from kilonova.core.identity import BearerCredential, Credential, Principal
from kilonova.telemetry.trace import Trace

__all__ = ["Call", "Caller"]

# A signature can be checked as long as it holds the request that it signs.
_PROVEN = BearerCredential("")


class Call(Struct, frozen=True, kw_only=True):
    """``idempotency_key`` names retries of one request; ``body`` are the bytes it must match."""

    credential: Credential
    dialect: str
    trace: Trace
    idempotency_key: str | None = None
    body: bytes = b""


class Caller(Struct, frozen=True):
    """A call whose credential was proven. Only ``Gateway.authorise`` makes the first one.

    ``generation`` is the authority's when it did: while it stands, so does the principal.
    """

    call: Call
    principal: Principal
    generation: int = 0

    def beside(self, path: str, *, idempotency_key: str | None = None) -> "Caller":
        """The same caller in a call of its own, with its own request id: a permit has one.

        For what is done beside a request, or after it, when nothing of it may be held any more."""
        own = self.call
        trace = Trace(own.trace.method, path)
        for name in ("dialect", "parent", "organisation_id", "project_id", "key_id"):
            setattr(trace, name, getattr(own.trace, name))
        call = Call(
            credential=_PROVEN,
            dialect=own.dialect,
            trace=trace,
            idempotency_key=idempotency_key,
            body=b"" if idempotency_key is None else own.body,
        )
        return Caller(call, self.principal, self.generation)
