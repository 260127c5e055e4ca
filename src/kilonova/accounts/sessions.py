"""Sessions of members in the console: opened, proven, ended.

The browser holds a random token; the store holds its keyed digest, so a stolen table opens nothing.
A session ends when it is idle, when it is old, and at once when it is ended here. Its CSRF token is
made from its token, so that it needs no place of its own.
"""

import hmac
import secrets

from msgspec import Struct
from msgspec.structs import replace

from kilonova.accounts.member_store import Change, MemberStore
from kilonova.accounts.vault import Vault
from kilonova.core.clock import Clock
from kilonova.core.errors import Forbidden, Unauthenticated
from kilonova.core.identity import SessionCredential
from kilonova.core.members import Gone, Member, OpenedSession, Session, SignedIn, is_at_least

__all__ = ["SessionLimits", "Sessions"]

_PREFIX = "kn_session_"
_SEEN_EVERY_MS = 60_000


class SessionLimits(Struct, frozen=True, kw_only=True):
    """After ``idle_s`` without a request, and after ``max_s`` in any case, it is over."""

    idle_s: float = 12 * 3600.0
    max_s: float = 7 * 86_400.0


class Sessions:
    """Belongs to the event loop. Nothing is remembered: each request reads the row anew, so what
    was ended is ended everywhere."""

    def __init__(
        self, store: MemberStore, vault: Vault, clock: Clock, *, limits: SessionLimits
    ) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._limits = limits

    async def open(self, member: Member, *beside: Change, **notes: str) -> OpenedSession:
        """A fresh session; ``beside`` and ``notes`` are written together with it."""
        token = _PREFIX + secrets.token_urlsafe(32)
        now_ms = self._now_ms()
        session = Session(
            digest=self._vault.digest(token), member_id=member.id, created_ms=now_ms, seen_ms=now_ms
        )
        await self._store.write(*beside, session, notes=notes)
        return OpenedSession(
            member=member,
            token=token,
            csrf=self._csrf(token),
            expires_ms=now_ms + round(self._limits.max_s * 1000),
        )

    def find(self, credential: SessionCredential) -> SignedIn:
        """Who it is. For what only reads: the CSRF token is not looked at."""
        session = self._store.session(self._vault.digest(credential.token))
        now_ms = self._now_ms()
        if session is None or self._is_over(session, now_ms):
            raise _signed_out()
        member = self._store.member(session.member_id)
        if member is None:
            raise _signed_out()
        if now_ms - session.seen_ms > _SEEN_EVERY_MS:
            self._store.touch(replace(session, seen_ms=now_ms))
        expires_ms = session.created_ms + round(self._limits.max_s * 1000)
        return SignedIn(
            member=member,
            session=session,
            csrf=self._csrf(credential.token),
            expires_ms=expires_ms,
        )

    def prove(self, credential: SessionCredential) -> SignedIn:
        """As ``find``, and our own page asked: for what changes something or costs money."""
        found = self.find(credential)
        if not hmac.compare_digest(found.csrf.encode(), credential.csrf.encode()):
            raise Forbidden(
                "The request lacks the session's x-kilonova-csrf header. Reload the page.",
                reason="csrf",
            )
        return found

    def key_of(self, credential: SessionCredential) -> str:
        """The id of the key that a request to a model is counted on. Raises Forbidden where the
        member may not ask models, or the key is not the member's own."""
        member = self.prove(credential).member
        if not is_at_least(member.role, "developer"):
            raise Forbidden(
                "Your role may look, but not ask models. Ask an admin for the role developer.",
                reason="role",
            )
        if self._store.member_of_key(credential.key_id) != member.id:
            raise Forbidden("This key is not yours. Reload the page.", reason="key")
        return credential.key_id

    async def end(self, session: Session) -> None:
        """Signs this browser out."""
        await self._store.write(Gone("session", session.digest))

    async def end_all(self, member_id: str) -> None:
        """Signs the member out everywhere."""
        await self._store.write(Gone("sessions", member_id))

    def _csrf(self, token: str) -> str:
        return self._vault.digest(f"csrf {token}").hex()[:40]

    def _is_over(self, session: Session, now_ms: int) -> bool:
        return (
            now_ms >= session.created_ms + self._limits.max_s * 1000
            or now_ms >= session.seen_ms + self._limits.idle_s * 1000
        )

    def _now_ms(self) -> int:
        return round(self._clock.now_s() * 1000)


def _signed_out() -> Unauthenticated:
    return Unauthenticated("You are signed out. Sign in again.", reason="signed_out")
