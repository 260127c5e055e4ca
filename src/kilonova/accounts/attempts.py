"""How often somebody may try to sign in: a few times at once, then ever so often.

By e-mail, so that a password cannot be guessed, and for all together, so that the machine cannot be
kept busy. A name is slowed down, never locked: locking is a way to keep its owner out.
"""

from collections import OrderedDict

from kilonova.core.clock import Clock
from kilonova.core.errors import RateLimited

__all__ = ["Attempts"]

_EVERYBODY = ""
_NAMES_MAX = 10_000


class Attempts:
    """Belongs to the event loop. ``per_minute`` is for one name, twelve times as many for all."""

    def __init__(self, clock: Clock, *, per_minute: int) -> None:
        self._clock = clock
        self._per_minute = per_minute
        # By name: what was used of its allowance, and when that was.
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, name: str) -> None:
        """Counts an attempt before it is made. Raises RateLimited."""
        self._take(_EVERYBODY, self._per_minute * 12)
        self._take(name, self._per_minute)

    def forgive(self, name: str) -> None:
        """After a right password."""
        self._used.pop(name, None)

    def _take(self, name: str, per_minute: int) -> None:
        now_s = self._clock.monotonic_s()
        used, at_s = self._used.get(name, (0.0, now_s))
        used = max(0.0, used - (now_s - at_s) * per_minute / 60)
        if used + 1 > per_minute:
            wait_s = (used + 1 - per_minute) * 60 / per_minute
            raise RateLimited(
                f"Too many attempts. Wait {round(wait_s) or 1} seconds.", retry_after_s=wait_s
            )
        self._used[name] = (used + 1, now_s)
        self._used.move_to_end(name)
        if len(self._used) > _NAMES_MAX:
            self._used.popitem(last=False)
