"""Who may use the admin API: the holder of the operator's token, and nobody else."""

import hashlib
import hmac

from kilonova.core.errors import Forbidden, Unauthenticated
from kilonova.core.identity import BearerCredential
from kilonova.core.ports import Authority
from kilonova.web.message import Request

__all__ = ["Access"]


class Access:
    """Closed by default: without a token, nobody gets in."""

    def __init__(self, token: str | None, authority: Authority) -> None:
        self._digest = _digest(token) if token else None
        self._authority = authority

    def check(self, request: Request) -> None:
        """Raises Forbidden for the key of an organisation, Unauthenticated for all else."""
        scheme, _, token = (request.header(b"authorization") or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated(
                "The admin API needs the operator's token: 'Authorization: Bearer …' with what is "
                "in admin.token in the server's home.",
                reason="missing",
            )
        if self._digest is not None and hmac.compare_digest(_digest(token), self._digest):
            return
        # A key that is wrong, revoked or expired raises Unauthenticated here.
        self._authority.principal(BearerCredential(token))
        raise Forbidden("The admin API is the operator's. Keys of organisations do not open it.")


def _digest(token: str) -> bytes:
    """Digests have one length, so comparing them tells nothing about the length of the token."""
    return hashlib.sha256(token.encode()).digest()
