"""Budgets as values: the windows they run over, how they stand, what refused, and alerts.

A window is known by its first day (days since the epoch, UTC): 0 for the whole life of an owner.
A request counts in the windows in which it began, whenever it ends.
"""

from asyncio import Future
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Protocol

from msgspec import Struct

from kilonova.core.identity import BudgetWindow
from kilonova.core.money import format_nano

__all__ = [
    "ALERT_PERCENTS",
    "BUDGET_WINDOWS",
    "REFUSED",
    "Alert",
    "AlertBook",
    "BudgetRefusal",
    "BudgetStanding",
    "alert_key",
    "first_days",
    "owner_kind",
    "reset_ms",
    "window_name",
]

BUDGET_WINDOWS: tuple[BudgetWindow, ...] = ("total", "day", "month")
# The shares of a budget at which somebody is told, in percent.
ALERT_PERCENTS = (50, 80, 100)
# In the place of a share: a hard budget has refused a request.
REFUSED = 0

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_DAY_MS = 86_400_000
_OWNERS = {"key": "key", "proj": "project", "org": "organisation"}


class Alert(Struct, frozen=True, kw_only=True):
    """A budget has reached a share of itself, or (``percent`` 0) has refused a request for the
    first time, before it was reached. ``window`` names the one of that budget, as ``2026-11-23``,
    ``2026-11`` or, for the whole life, the empty text. Told once for each, and anew under another
    amount."""

    level_id: str
    budget: BudgetWindow
    window: str
    percent: int
    budget_nano: int
    spent_nano: int
    raised_ms: int

    @property
    def id(self) -> str:
        """The same for one and the same alert, however often it is sent."""
        amount = format_nano(self.budget_nano)
        return (
            f"alert_{self.level_id}:{self.budget}:{self.window or 'life'}:{self.percent}:{amount}"
        )

    @property
    def is_refusal(self) -> bool:
        """Whether it is about a request that was refused, and not about a share."""
        return self.percent == REFUSED


class BudgetStanding(Struct, frozen=True, kw_only=True):
    """One budget of one owner now. ``budget_nano`` None: there is none, and spending is counted.
    ``resets_ms`` is when the window ends; None for the whole life."""

    window: BudgetWindow
    budget_nano: int | None
    is_soft: bool
    spent_nano: int
    held_nano: int
    resets_ms: int | None

    @property
    def left_nano(self) -> int | None:
        """Never below zero; None where there is no budget."""
        if self.budget_nano is None:
            return None
        return max(0, self.budget_nano - self.spent_nano - self.held_nano)


class BudgetRefusal(Struct, frozen=True, kw_only=True):
    """The budget that refused a request: one of its own key, project or organisation."""

    level_id: str
    window: BudgetWindow
    left_nano: int
    resets_ms: int | None

    @property
    def reset(self) -> str | None:
        """When the budget is new again, by RFC 3339; None: never by itself."""
        if self.resets_ms is None:
            return None
        return datetime.fromtimestamp(self.resets_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class AlertBook(Protocol):
    """Where alerts are kept. Belongs to the event loop; reads see what is durable."""

    def is_told(self, alert: Alert) -> bool:
        """Whether this share of this window's budget was told before, under this amount."""

    def find(self, alert_id: str) -> Alert | None:
        """The alert of this id, if it was raised."""

    def save(self, alerts: Sequence[Alert]) -> "Future[None]":
        """Done when they are on disk. One that is there already stays as it is; under another
        amount it takes the place of the one before."""

    def page(self, *, after: Alert | None, limit: int) -> list[Alert]:
        """The next ones in the order in which they were raised, behind ``after``."""


def alert_key(alert_id: str) -> tuple[str, str, str, int] | None:
    """Level, budget, window and percent of ``Alert.id``, whatever its amount; None for what is no
    such id."""
    level_id, _, rest = alert_id.removeprefix("alert_").partition(":")
    budget, _, rest = rest.partition(":")
    window, _, rest = rest.partition(":")
    percent, _, _ = rest.partition(":")
    if not percent.isdecimal() or len(percent) > 3:
        return None
    return level_id, budget, "" if window == "life" else window, int(percent)


@lru_cache(maxsize=64)
def first_days(day: int) -> tuple[int, int, int]:
    """The first days of the windows that ``day`` lies in, in the order of ``BUDGET_WINDOWS``."""
    month = date.fromordinal(_EPOCH_ORDINAL + day).replace(day=1)
    return 0, day, month.toordinal() - _EPOCH_ORDINAL


def reset_ms(window: BudgetWindow, first_day: int) -> int | None:
    """When a window that begins on ``first_day`` ends, in milliseconds since the epoch."""
    if window == "total":
        return None
    if window == "day":
        return (first_day + 1) * _DAY_MS
    return first_days(first_day + 31)[2] * _DAY_MS


def window_name(window: BudgetWindow, first_day: int) -> str:
    """As in ``Alert.window``."""
    if window == "total":
        return ""
    name = date.fromordinal(_EPOCH_ORDINAL + first_day).isoformat()
    return name if window == "day" else name[:7]


def owner_kind(level_id: str) -> str:
    """``key``, ``project`` or ``organisation``."""
    return _OWNERS.get(level_id.partition("_")[0], "level")
