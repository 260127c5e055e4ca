"""Times as a person reads them on the command line."""

from datetime import UTC, datetime

__all__ = ["when"]


def when(moment: datetime | None) -> str:
    """``2026-11-23 08:45`` in UTC; a dash for never."""
    return "-" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
