"""Times as an operator writes them: dates, or RFC 3339 times; without a zone they are in UTC."""

from datetime import UTC, datetime

from kilonova.admin.views import milliseconds
from kilonova.core.errors import InvalidRequest

__all__ = ["parse_time"]


def parse_time(text: str, *, param: str) -> int:
    """Milliseconds since the epoch; a date is its first instant. Raises InvalidRequest."""
    try:
        parsed = datetime.fromisoformat(text)
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        return milliseconds(aware)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"{param}: {text[:40]!r} is neither a date (2026-11-23) nor a time "
            "(2026-11-23T08:45:00Z).",
            param=param,
        ) from None
