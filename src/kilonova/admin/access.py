"""Who may use the admin API: the holder of the operator's token, and members in their sessions.

What a member may do is decided in ``rights``; a key of an organisation opens nothing here.
"""

import hashlib
import hmac

from kilonova.admin.ports import Staff
from kilonova.core.errors import Forbidden, Unauthenticated
from kilonova.core.identity import BearerCredential
from kilonova.core.members import SignedIn
from kilonova.core.ports import Authority
from kilonova.web.message import Request
from kilonova.web.session import refuse_other_sites, session_of

__all__ = ["Access"]

_SAFE = ("GET", "HEAD")


class Access:
    """Closed by default: without a token and without ``staff``, nobody gets in."""

    def __init__(
        self, token: str | None, authority: Authority, *, staff: Staff | None = None
    ) -> None:
        self._digest = _digest(token) if token else None
        self._authority = authority
        self._staff = staff

    def is_operator(self, request: Request) -> bool:
        """Whether the operator's token is in the header."""
        token = _bearer(request.header(b"authorization"))
        return self._digest is not None and hmac.compare_digest(_digest(token), self._digest)

    def check(self, request: Request) -> SignedIn | None:
        """None for the operator. A header that is there counts; no cookie is tried instead of it.

        Raises Forbidden for the key of an organisation, Unauthenticated for all else.
        """
        header = request.header(b"authorization")
        if header is None and self._staff is not None:
            signed_in = self._signed_in(request, self._staff)
            if signed_in is not None:
                return signed_in
        token = _bearer(header)
        if not token:
            raise Unauthenticated(
                "The admin API needs the operator's token: 'Authorization: Bearer …' with what is "
                "in admin.token in the server's home.",
                reason="missing",
            )
        if self.is_operator(request):
            return None
        # A key that is wrong, revoked or expired raises Unauthenticated here.
        self._authority.principal(BearerCredential(token))
        raise Forbidden("The admin API is the operator's. Keys of organisations do not open it.")

    def _signed_in(self, request: Request, staff: Staff) -> SignedIn | None:
        credential = session_of(request)
        if credential is None:
            return None
        refuse_other_sites(request)
        found = staff.find(credential) if request.method in _SAFE else staff.prove(credential)
        request.trace.organisation_id = found.member.organisation_id
        return found


def _bearer(header: str | None) -> str:
    """The token in the header; empty where there is none."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _digest(token: str) -> bytes:
    """Digests have one length, so comparing them tells nothing about the length of the token."""
    return hashlib.sha256(token.encode()).digest()
