"""The money of one level: spent and held in each of its windows, and what its budgets leave.

A hold is against the windows in which its request began, and so is its settlement, even after
midnight. What earlier processes spent comes from the ledger, once for each window; from then on
this process alone adds to it.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from kilonova.core.budgets import (
    ALERT_PERCENTS,
    BUDGET_WINDOWS,
    REFUSED,
    Alert,
    BudgetStanding,
    first_days,
    reset_ms,
    window_name,
)
from kilonova.core.identity import BudgetWindow, Limits

__all__ = ["Budget", "Purse", "Spending", "Window"]

# So many days, and so many months, are remembered at least. Settlements that wait for the disk are
# not in the ledger's file yet, so a window that may be touched again is not dropped at once.
_REMEMBERED = 8
# More than any budget, and than can be spent.
_NEVER = 2**63


class Spending(Protocol):
    """What a ledger knows of earlier processes. See ``core.ports.Ledger``."""

    def spent_nano(self, level_id: str) -> int: ...

    def spent_by_day(self, level_id: str, first_day: int) -> dict[int, int]: ...


class Window:
    """One window of one level. ``lines`` counts the shares of its budget that were told, and
    ``line_nano`` is where the next one lies. Another amount has lines of its own."""

    __slots__ = (
        *("_lines", "_refused", "budget_nano", "first_day", "held_nano", "line_nano"),
        "spent_nano",
    )

    def __init__(self, first_day: int, spent_nano: int) -> None:
        self.first_day = first_day
        self.spent_nano = spent_nano
        self.held_nano = 0
        self.budget_nano = 0
        self.line_nano = _NEVER
        # By the amount under which they were told.
        self._lines: dict[int, int] = {}
        self._refused: set[int] = set()

    @property
    def lines(self) -> int:
        return self._lines.get(self.budget_nano, 0)

    def cross(self) -> int:
        """The share of the line that was reached, in percent; the next one is watched."""
        percent = ALERT_PERCENTS[self.lines]
        self._lines[self.budget_nano] = self.lines + 1
        self.arm(self.budget_nano)
        return percent

    def refuse(self) -> bool:
        """True for the first refusal of a budget that nobody was told to be used up."""
        is_news = bool(self.budget_nano) and self.budget_nano not in self._refused
        self._refused.add(self.budget_nano)
        return is_news and self.lines < len(ALERT_PERCENTS)

    def arm(self, budget_nano: int) -> None:
        """A budget of nothing is a switch, and has no lines."""
        self.budget_nano = budget_nano
        self.line_nano = _NEVER
        if budget_nano and self.lines < len(ALERT_PERCENTS):
            # Rounded up: a share is reached when it is reached whole.
            self.line_nano = -(-budget_nano * ALERT_PERCENTS[self.lines] // 100)


class Budget(NamedTuple):
    """``place`` is that of its window in ``BUDGET_WINDOWS``."""

    place: int
    window: BudgetWindow
    amount_nano: int
    is_soft: bool


_TOTAL, _DAY, _MONTH = range(len(BUDGET_WINDOWS))

Windows = tuple[Window, Window, Window]


class Purse:
    """Of one key, project or organisation."""

    __slots__ = (
        "_day",
        "_days",
        "_ledger",
        "_level_id",
        "_months",
        "_now",
        "_total",
        "all",
        "hard",
    )

    def __init__(self, level_id: str, ledger: Spending) -> None:
        self._level_id = level_id
        self._ledger = ledger
        self._total = Window(0, ledger.spent_nano(level_id))
        self._days: dict[int, Window] = {}
        self._months: dict[int, Window] = {}
        self._day: int | None = None
        self._now: Windows = (self._total, self._total, self._total)
        # The budgets there are, and those of them that refuse.
        self.all: tuple[Budget, ...] = ()
        self.hard: tuple[Budget, ...] = ()

    def adopt(self, limits: Limits) -> None:
        """What was spent and held stays so; budgets are held against it."""
        amounts = (limits.budget_nano, limits.budget_day_nano, limits.budget_month_nano)
        self.all = tuple(
            Budget(place, window, amount, window in limits.soft_budgets)
            for place, (window, amount) in enumerate(zip(BUDGET_WINDOWS, amounts, strict=True))
            if amount is not None
        )
        self.hard = tuple(budget for budget in self.all if not budget.is_soft)
        for window in self._days.values():
            self._arm(window, _DAY)
        for window in self._months.values():
            self._arm(window, _MONTH)
        self._arm(self._total, _TOTAL)

    def at(self, day: int) -> Windows:
        """The windows in which a request counts that begins on this day."""
        if day == self._day:
            return self._now
        self._now, self._day = self._windows(day), day
        return self._now

    def left_nano(self, day: int) -> int | None:
        """The least that a hard budget leaves; None where nothing refuses."""
        if not self.hard:
            return None
        windows = self.at(day)
        return min(
            budget.amount_nano - windows[budget.place].spent_nano - windows[budget.place].held_nano
            for budget in self.hard
        )

    def has(self, day: int, amount_nano: int) -> bool:
        """Whether every hard budget leaves this much while everything runs that does. What costs
        nothing needs none, not even where a budget was lowered below what is spent."""
        if not amount_nano:
            return True
        windows = self.at(day)
        for place, _, budget_nano, _ in self.hard:
            window = windows[place]
            if amount_nano > budget_nano - window.spent_nano - window.held_nano:
                return False
        return True

    def lacking(self, day: int, amount_nano: int) -> Iterator[tuple[Budget, Window]]:
        """The hard budgets because of which ``has`` is false."""
        windows = self.at(day)
        for budget in self.hard:
            window = windows[budget.place]
            if amount_nano > budget.amount_nano - window.spent_nano - window.held_nano:
                yield budget, window

    def hold(self, day: int, amount_nano: int) -> None:
        for window in self.at(day):
            window.held_nano += amount_nano

    def settle(self, day: int, *, held_nano: int, price_nano: int) -> bool:
        """Whether a line was crossed."""
        has_crossed = False
        for window in self.at(day):
            window.held_nano -= held_nano
            window.spent_nano += price_nano
            assert window.held_nano >= 0, "a permit was settled twice"
            if window.spent_nano >= window.line_nano:
                has_crossed = True
        return has_crossed

    def crossed(self, day: int, at_ms: int) -> Iterator[Alert]:
        """The shares that were reached and not told yet."""
        windows = self.at(day)
        for budget in self.all:
            window = windows[budget.place]
            while window.spent_nano >= window.line_nano:
                yield self._alert(budget, window, percent=window.cross(), at_ms=at_ms)

    def refused(self, day: int, amount_nano: int, at_ms: int) -> Iterator[Alert]:
        """What is to be told of the hard budgets because of which this much was refused."""
        for budget, window in self.lacking(day, amount_nano):
            if window.refuse():
                yield self._alert(budget, window, percent=REFUSED, at_ms=at_ms)

    def standing(self, day: int) -> tuple[BudgetStanding, ...]:
        """All three windows, those without a budget too."""
        budgets = {budget.place: budget for budget in self.all}
        return tuple(
            BudgetStanding(
                window=name,
                budget_nano=budgets[place].amount_nano if place in budgets else None,
                is_soft=place in budgets and budgets[place].is_soft,
                spent_nano=window.spent_nano,
                held_nano=window.held_nano,
                resets_ms=reset_ms(name, window.first_day),
            )
            for place, (name, window) in enumerate(zip(BUDGET_WINDOWS, self.at(day), strict=True))
        )

    def _alert(self, budget: Budget, window: Window, *, percent: int, at_ms: int) -> Alert:
        return Alert(
            level_id=self._level_id,
            budget=budget.window,
            window=window_name(budget.window, window.first_day),
            percent=percent,
            budget_nano=budget.amount_nano,
            spent_nano=window.spent_nano,
            raised_ms=at_ms,
        )

    def _arm(self, window: Window, place: int) -> None:
        amounts = [budget.amount_nano for budget in self.all if budget.place == place]
        window.arm(amounts[0] if amounts else 0)

    def _windows(self, day: int) -> Windows:
        _, _, month = first_days(day)
        if day not in self._days or month not in self._months:
            self._load(day, month)
        return self._total, self._days[day], self._months[month]

    def _load(self, day: int, month: int) -> None:
        """From the ledger, whatever is not remembered; nobody has spent in it meanwhile."""
        spent = self._ledger.spent_by_day(self._level_id, month)
        end = first_days(month + 31)[2]
        if month not in self._months:
            in_month = sum(nano for each, nano in spent.items() if each < end)
            self._months[month] = Window(month, in_month)
            self._arm(self._months[month], _MONTH)
        if day not in self._days:
            self._days[day] = Window(day, spent.get(day, 0))
            self._arm(self._days[day], _DAY)
        _forget(self._days, keep=day)
        _forget(self._months, keep=month)


def _forget(windows: dict[int, Window], *, keep: int) -> None:
    """The ones that were loaded first, and in which nothing runs any more."""
    for first_day in list(windows)[: max(0, len(windows) - _REMEMBERED)]:
        if first_day != keep and windows[first_day].held_nano == 0:
            del windows[first_day]
