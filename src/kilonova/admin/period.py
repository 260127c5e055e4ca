"""Times as an operator writes them: dates, or RFC 3339 times; without a zone they are in UTC."""

from datetime import UTC, datetime

from kilonova.admin.views import milliseconds
from kilonova.core.errors import InvalidRequest

__all__ = ["parse_span", "parse_time"]


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


def parse_span(first: str | None, end: str | None, *, end_ms: int) -> tuple[int, int]:
    """As milliseconds since the epoch, ``end`` not in it; without them from 0 to ``end_ms``.

    Raises InvalidRequest also for an end that does not come after the beginning."""
    since_ms = 0 if first is None else parse_time(first, param="from")
    until_ms = end_ms if end is None else parse_time(end, param="to")
    if until_ms <= since_ms:
        # What was given last is at fault; without it, the beginning lies beyond all time.
        param = "from" if end is None else "to"
        raise InvalidRequest(
            f"{param}: {end or 'the end'} does not come after {first or '1970-01-01'}.", param=param
        )
    return since_ms, until_ms
