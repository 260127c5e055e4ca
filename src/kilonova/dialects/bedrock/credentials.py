"""Where the credential sits in a request to AWS: a SigV4 signature, or a bearer key."""

from kilonova.core.errors import Unauthenticated
from kilonova.core.identity import BearerCredential, Credential
from kilonova.dialects.wire.signed import signature, signed_credential
from kilonova.gateway.call import Call
from kilonova.web.message import Request

__all__ = ["DIALECT", "call", "region"]

DIALECT = "bedrock"
_REGION = "us-east-1"


def call(request: Request) -> Call:
    """The call as the gateway wants it. Raises Unauthenticated where there is no credential."""
    # SDKs keep the invocation id over their attempts, so a retry is answered from memory.
    key = request.header(b"idempotency-key") or request.header(b"amz-sdk-invocation-id")
    return Call(
        credential=_credential(request),
        dialect=DIALECT,
        trace=request.trace,
        idempotency_key=key,
        body=b"\n".join((request.raw_path, request.body)),
    )


def region(request: Request) -> str:
    """The region that the caller signed for: any is accepted, it is only a label."""
    claim = signature(request)
    return claim.region if claim else _REGION


def _credential(request: Request) -> Credential:
    authorization = request.header(b"authorization")
    if not authorization:
        raise Unauthenticated(
            "Missing Authentication Token: sign the request (SigV4) or send a bearer key.",
            reason="missing",
        )
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return BearerCredential(token.strip())
    signed = signed_credential(request)
    if signed is None:
        raise Unauthenticated(
            "The Authorization header must be AWS4-HMAC-SHA256 or Bearer.", reason="malformed"
        )
    return signed
