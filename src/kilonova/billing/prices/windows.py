"""Hours of the week in which a price holds, by the clock on the wall of one time zone.

A window opens and closes at whole minutes of local time. Where clocks are put back, the hour that
comes twice belongs to the window both times; where they are put forward, the hour that is left
out belongs to nothing. Whether two conditions can hold at once is decided exactly, in local time.
"""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

__all__ = ["ALWAYS", "DAY_MINUTES", "Condition", "Wall", "Window", "zones_of"]

DAY_MINUTES = 24 * 60


class Wall(Struct, frozen=True):
    """A minute on the wall; ``day`` is None for any day that no window leaves out."""

    weekday: int
    minute: int
    day: date | None = None


class Window(Struct, frozen=True, kw_only=True):
    """``days`` are weekdays, 0 is Monday; ``spans`` are minutes of the day, ends excluded.

    On the dates ``closed`` (holidays) it does not open at all.
    """

    name: str
    zone: ZoneInfo
    days: frozenset[int] = frozenset(range(7))
    spans: tuple[tuple[int, int], ...] = ((0, DAY_MINUTES),)
    closed: frozenset[date] = frozenset()

    def is_open(self, wall: Wall) -> bool:
        if wall.weekday not in self.days or wall.day in self.closed:
            return False
        return any(first <= wall.minute < end for first, end in self.spans)


class Condition(Struct, frozen=True, kw_only=True):
    """When a row holds: during one window, or outside of some. All windows are of one zone."""

    during: Window | None = None
    outside: tuple[Window, ...] = ()

    @property
    def windows(self) -> tuple[Window, ...]:
        return self.outside if self.during is None else (self.during, *self.outside)

    def holds(self, at_ms: int) -> bool:
        """At this moment (milliseconds since the epoch)."""
        windows = self.windows
        if not windows:
            return True
        local = datetime.fromtimestamp(at_ms // 1000, windows[0].zone)
        wall = Wall(local.weekday(), local.hour * 60 + local.minute, local.date())
        return self.holds_by(wall)

    def meets(self, other: "Condition") -> bool:
        """True when there is a minute of some day in which both hold."""
        windows = (*self.windows, *other.windows)
        return any(self.holds_by(wall) and other.holds_by(wall) for wall in _walls(windows))

    def __str__(self) -> str:
        parts = [] if self.during is None else [f"during {self.during.name}"]
        if self.outside:
            parts.append(f"outside {', '.join(window.name for window in self.outside)}")
        return " ".join(parts)

    def holds_by(self, wall: Wall) -> bool:
        if self.during is not None and not self.during.is_open(wall):
            return False
        return not any(window.is_open(wall) for window in self.outside)


ALWAYS = Condition()


def zones_of(conditions: Iterable[Condition]) -> set[str]:
    """The names of the time zones that conditions look at."""
    return {window.zone.key for each in conditions for window in each.windows}


def _walls(windows: tuple[Window, ...]) -> list[Wall]:
    """Every kind of minute that these windows can tell apart."""
    edges = {0}
    edges.update(edge for window in windows for span in window.spans for edge in span)
    minutes = sorted(edges - {DAY_MINUTES})
    holidays = {day for window in windows for day in window.closed}
    days: list[tuple[int, date | None]] = [(weekday, None) for weekday in range(7)]
    days += [(day.weekday(), day) for day in sorted(holidays)]
    return [Wall(weekday, minute, day) for weekday, day in days for minute in minutes]
