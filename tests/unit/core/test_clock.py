"""Time in the books never goes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilonova.core.clock import ClockError, SteadyClock


class Wall:
    """A clock that a test sets, backwards too."""

    def __init__(self, now_s: float) -> None:
        self.now = now_s

    def now_s(self) -> float:
        return self.now

    def monotonic_s(self) -> float:
        return 7.0


@given(st.lists(st.integers(0, 10_000), min_size=1), st.integers(0, 300))
def test_it_never_goes_back(moments: list[int], behind_s: int) -> None:
    """Protects periods: whatever the machine's clock does, the books' own only moves on, and is
    right again as soon as the machine's has caught up."""
    wall = Wall(moments[0])
    newest_s = moments[0] + behind_s
    clock = SteadyClock(wall, newest_ms=newest_s * 1000)
    told = []
    for moment in moments:
        wall.now = moment
        told.append(clock.now_s())
        assert told[-1] == max(newest_s, *moments[: len(told)], 0)
    assert told == sorted(told)
    assert clock.monotonic_s() == 7.0


def test_a_clock_minutes_behind_the_books_is_an_error() -> None:
    """Protects months that are over: a machine that woke up in the past books nothing."""
    SteadyClock(Wall(1_000.0), newest_ms=1_300_000)
    with pytest.raises(ClockError, match="says 1970-01-01T00:16:40Z.*1970-01-01T00:21:40Z"):
        SteadyClock(Wall(1_000.0), newest_ms=1_300_001)
