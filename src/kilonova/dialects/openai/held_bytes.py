"""The bytes that are held for callers meanwhile: a file until it is read, a conversation until it
is answered. Requests for them are short, so that no bound on bodies holds them back.
"""

from collections import Counter

from kilonova.core.errors import Overloaded

__all__ = ["HeldBytes"]


class HeldBytes:
    """One organisation may hold half of what all may: no reader who is slow shuts out the rest."""

    def __init__(self, bytes_max: int, *, refusal: str) -> None:
        self._bytes_max = bytes_max
        self._refusal = refusal
        self._held: Counter[str] = Counter()

    def take(self, organisation_id: str, size: int) -> None:
        """Raises Overloaded where too much is held already."""
        is_full = self._held.total() + size > self._bytes_max
        if is_full or self._held[organisation_id] + size > self._bytes_max // 2:
            raise Overloaded(self._refusal, retry_after_s=1)
        self._held[organisation_id] += size

    def give_back(self, organisation_id: str, size: int) -> None:
        """Undoes ``take``."""
        self._held[organisation_id] -= size
        if not self._held[organisation_id]:
            del self._held[organisation_id]
