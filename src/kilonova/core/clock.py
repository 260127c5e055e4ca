"""Time as something that is passed in, so that tests can own it."""

import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "ClockError", "SteadyClock", "SystemClock"]

# Further behind its own books than this, a clock is wrong and not merely corrected.
_BEHIND_MS_MAX = 300_000


class Clock(Protocol):
    """What tells the time: the machine, or a test."""

    def now_s(self) -> float:
        """Seconds since the epoch."""

    def monotonic_s(self) -> float:
        """Seconds that never go back."""


class SystemClock:
    """The machine's own clock. It is read for every event, so nothing stands between."""

    now_s = staticmethod(time.time)
    monotonic_s = staticmethod(time.monotonic)


class ClockError(RuntimeError):
    """The machine's clock stands behind what was booked already."""


class SteadyClock:
    """The clock of the books: time never goes back in it, nor behind the youngest entry.

    Where the clock under it is put back, it stands still until that one has caught up, so that no
    request ends before it began, and no record falls behind one that is older."""

    def __init__(self, clock: Clock, *, newest_ms: int = 0) -> None:
        """``newest_ms`` is the end of the youngest request in the books. Raises ClockError when
        the clock is minutes behind it."""
        now_ms = round(clock.now_s() * 1000)
        if newest_ms - now_ms > _BEHIND_MS_MAX:
            raise ClockError(
                f"The clock of this machine says {_moment(now_ms)}, and the youngest request in "
                f"the books ended at {_moment(newest_ms)}. Set the clock right: what is booked by "
                "a wrong one falls into the wrong hours and months."
            )
        self._clock = clock
        self._latest_s = newest_ms / 1000
        self.monotonic_s = clock.monotonic_s

    def now_s(self) -> float:
        self._latest_s = max(self._latest_s, self._clock.now_s())
        return self._latest_s


def _moment(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
