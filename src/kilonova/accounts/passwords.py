"""Passwords: what is kept of them, and how slowly they are tried. Argon2id (RFC 9106).

Hashing takes 64 MiB and a tenth of a second on purpose, so one is computed at a time, in a thread,
and few may wait: sign-ins never slow the request path down.
"""

import asyncio
from collections.abc import Callable

from kilonova.core.errors import InvalidRequest, Overloaded

__all__ = ["Passwords"]

_MEMORY_KIB = 64 * 1024
_PASSES = 3
_WAITING_MAX = 16
_LENGTH_MIN = 10
_LENGTH_MAX = 256
# Looked at in place of a member who does not exist, so that both take as long.
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=1$QmVsb25ncyB0byBub2JvZHk"
    "$vbwv9prP5qVVU6hPVKBXUVHK9ZPPXy/tqnWxOrpUBkw"
)


class Passwords:
    """Belongs to the event loop. ``memory_kib`` is smaller in tests only."""

    def __init__(self, *, memory_kib: int = _MEMORY_KIB) -> None:
        self._memory_kib = memory_kib
        self._one = asyncio.Semaphore(1)
        self._waiting = 0

    def check_strength(self, password: str, *, email: str) -> None:
        """Raises InvalidRequest. Length is what counts (NIST SP 800-63B); classes are not asked."""
        if not _LENGTH_MIN <= len(password) <= _LENGTH_MAX:
            raise InvalidRequest(
                f"A password has {_LENGTH_MIN} to {_LENGTH_MAX} characters.",
                param="password",
                reason="password_length",
            )
        name = email.partition("@")[0]
        if len(set(password)) < 5 or password.lower() in (email, name * 2):
            raise InvalidRequest(
                "This password is too easy to guess.", param="password", reason="password_weak"
            )

    async def hash(self, password: str) -> str:
        """What may be kept of a password, with its salt and its costs."""
        return await self._slowly(_hash, password, str(self._memory_kib))

    async def is_right(self, password: str, kept: str) -> bool:
        """Also for a ``kept`` that is empty, which nothing matches, and which takes as long."""
        answer = await self._slowly(_verify, password, kept or _NOBODY)
        return bool(answer) and bool(kept)

    async def _slowly(self, work: Callable[[str, str], str], password: str, other: str) -> str:
        if self._waiting >= _WAITING_MAX:
            raise Overloaded("Too many are signing in at once. Retry shortly.", retry_after_s=5)
        self._waiting += 1
        try:
            async with self._one:
                return await asyncio.to_thread(work, password, other)
        finally:
            self._waiting -= 1


def _hash(password: str, memory_kib: str) -> str:
    from argon2 import PasswordHasher

    hasher = PasswordHasher(time_cost=_PASSES, memory_cost=int(memory_kib), parallelism=1)
    return hasher.hash(password)


def _verify(password: str, kept: str) -> str:
    """The kept hash where the password is right, else nothing."""
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        PasswordHasher().verify(kept, password)
    except (VerificationError, InvalidHashError):
        return ""
    return kept
