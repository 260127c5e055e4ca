"""Budgets of a day, a month and a life, against a reference that adds up every request anew."""

from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kilonova.core.budgets import Alert, first_days, reset_ms, window_name
from kilonova.core.errors import BudgetExceeded, RateLimited
from kilonova.core.identity import BudgetWindow, Level, Limits
from kilonova.gateway.levels import Claim, Levels
from world import ListLedger, World, ask

DAY_MS = 86_400_000
NOON_MS = round(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp() * 1000)
WINDOWS: tuple[BudgetWindow, ...] = ("total", "day", "month")


def take(levels: Levels, limits: Limits, amount_nano: int, at_ms: int = NOON_MS) -> Claim:
    claim = Claim((Level("proj_1", limits),), 1, amount_nano, at_ms)
    levels.reserve(claim, now_s=0.0)
    return claim


def test_a_request_counts_on_the_day_on_which_it_began() -> None:
    """Protects yesterday's budget from today, and today's from what ends after midnight."""
    levels, limits = Levels(ListLedger()), Limits(budget_day_nano=10)
    before_midnight_ms = NOON_MS + DAY_MS // 2 - 1
    late = take(levels, limits, 8, before_midnight_ms)
    whole = take(levels, limits, 10, before_midnight_ms + 1)
    levels.settle(late, price_nano=8, used_tokens=1, at_ms=before_midnight_ms + 500)
    levels.settle(whole, price_nano=4, used_tokens=1, at_ms=before_midnight_ms + 500)
    left = levels.budget_left_nano(late.levels, at_ms=before_midnight_ms, now_s=0.0)
    assert left == 2
    assert levels.budget_left_nano(late.levels, at_ms=before_midnight_ms + 1, now_s=0.0) == 6


def test_a_budget_that_comes_later_counts_what_was_spent() -> None:
    """Protects operators who set a budget at noon: the morning is in it, of this process and of
    the ones before, and the month has its other days."""
    ledger = ListLedger()
    today = NOON_MS // DAY_MS
    ledger.spent["proj_1"] = 107
    ledger.spent_on = {("proj_1", today): 3, ("proj_1", today - 5): 4, ("proj_1", today - 40): 100}
    levels = Levels(ledger)
    claim = take(levels, Limits(), 2)
    levels.settle(claim, price_nano=2, used_tokens=1, at_ms=NOON_MS)
    level = Level("proj_1", Limits(budget_nano=200, budget_day_nano=10, budget_month_nano=20))
    standing = {one.window: one for one in levels.standing(level, at_ms=NOON_MS, now_s=0.0)}
    assert {window: one.spent_nano for window, one in standing.items()} == {
        "total": 109, "day": 5, "month": 9,
    }  # fmt: skip
    assert {window: one.left_nano for window, one in standing.items()} == {
        "total": 91, "day": 5, "month": 11,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("limits", "reason", "reset"),
    [
        (Limits(budget_nano=5), "project_budget", None),
        (Limits(budget_day_nano=5), "project_budget_day", "2026-11-24T00:00:00Z"),
        (Limits(budget_month_nano=5), "project_budget_month", "2026-12-01T00:00:00Z"),
        (
            Limits(budget_day_nano=5, budget_month_nano=6),
            "project_budget_month",
            "2026-12-01T00:00:00Z",
        ),
        (Limits(budget_day_nano=1, budget_nano=6), "project_budget", None),
    ],
)
def test_a_refusal_says_which_budget_and_until_when(
    limits: Limits, reason: str, reset: str | None
) -> None:
    """Protects callers who plan: of several, the one that refuses for longest is told."""
    with pytest.raises(BudgetExceeded, match="proj_1") as caught:
        take(Levels(ListLedger()), limits, 7)
    assert caught.value.reason == reason
    assert caught.value.budget is not None
    assert caught.value.budget.reset == reset
    assert caught.value.retry_after_s is None
    if reset is not None:
        assert reset in caught.value.message


def test_a_soft_budget_refuses_nothing_and_tells() -> None:
    """Protects production from its own alarm, and the alarm from being silent."""
    told: list[Alert] = []
    levels = Levels(ListLedger(), told.append)
    limits = Limits(budget_day_nano=10, soft_budgets=("day",))
    claim = take(levels, limits, 25)
    assert levels.budget_left_nano(claim.levels, at_ms=NOON_MS, now_s=0.0) is None
    levels.settle(claim, price_nano=25, used_tokens=1, at_ms=NOON_MS + 7)
    assert [(one.budget, one.window, one.percent, one.spent_nano) for one in told] == [
        ("day", "2026-11-23", 50, 25), ("day", "2026-11-23", 80, 25), ("day", "2026-11-23", 100, 25)
    ]  # fmt: skip


def test_each_line_is_told_once_a_window() -> None:
    """Protects who reads alerts from a flood, and from silence on the next day."""
    told: list[Alert] = []
    levels, limits = Levels(ListLedger(), told.append), Limits(budget_day_nano=100)
    for day in (0, 1):
        for _ in range(10):
            claim = take(levels, limits, 10, NOON_MS + day * DAY_MS)
            levels.settle(claim, price_nano=10, used_tokens=1, at_ms=NOON_MS)
    assert [(one.window[-2:], one.percent, one.spent_nano) for one in told] == [
        ("23", 50, 50), ("23", 80, 80), ("23", 100, 100),
        ("24", 50, 50), ("24", 80, 80), ("24", 100, 100),
    ]  # fmt: skip


def test_a_lowered_budget_that_is_passed_already_is_told() -> None:
    """Protects the alert that no settlement would raise: from now on every request is refused."""
    told: list[Alert] = []
    levels = Levels(ListLedger(), told.append)
    claim = take(levels, Limits(budget_nano=100), 40)
    levels.settle(claim, price_nano=40, used_tokens=1, at_ms=NOON_MS)
    assert told == []
    with pytest.raises(BudgetExceeded):
        take(levels, Limits(budget_nano=20), 1)
    assert [one.percent for one in told] == [50, 80, 100]


def test_a_raised_budget_is_told_of_anew() -> None:
    """Protects whoever raises a budget that is used up: its shares are told again, and those of an
    amount that was told before are not."""
    told: list[Alert] = []
    levels = Levels(ListLedger(), told.append)
    for budget, price in ((100, 100), (200, 60), (100, 0), (200, 0), (200, 40)):
        claim = Claim((Level("key_1", Limits(budget_nano=budget)),), 1, 0, NOON_MS)
        levels.reserve(claim, now_s=0.0)
        levels.settle(claim, price_nano=price, used_tokens=1, at_ms=NOON_MS)
    assert [(one.budget_nano, one.percent) for one in told] == [
        *((100, 50), (100, 80), (100, 100)),
        *((200, 50), (200, 80), (200, 100)),
    ]
    assert len({one.id for one in told}) == len(told)


def test_the_first_refusal_of_a_hard_budget_is_told() -> None:
    """Protects operators of budgets that refuse before they are used up: no share tells of it."""
    told: list[Alert] = []
    levels, limits = Levels(ListLedger(), told.append), Limits(budget_nano=100)
    claim = take(levels, limits, 40)
    levels.settle(claim, price_nano=40, used_tokens=1, at_ms=NOON_MS)
    for _ in range(3):
        with pytest.raises(BudgetExceeded):
            take(levels, limits, 61)
    assert [(one.percent, one.spent_nano, one.is_refusal) for one in told] == [(0, 40, True)]
    held = take(levels, limits, 60)
    with pytest.raises(RateLimited):
        take(levels, Limits(budget_nano=100, requests_per_minute=9), 30)
    levels.settle(held, price_nano=60, used_tokens=1, at_ms=NOON_MS)
    with pytest.raises(BudgetExceeded):
        take(levels, limits, 1)
    assert [one.percent for one in told] == [0, 50, 80, 100]


def test_windows_end_where_the_calendar_says() -> None:
    """Protects the turn of months and years, leap days among them."""

    def day(year: int, month: int, date: int) -> int:
        return int(datetime(year, month, date, tzinfo=UTC).timestamp()) // 86_400

    for start, end in (((2026, 12, 1), (2027, 1, 1)), ((2028, 2, 1), (2028, 3, 1))):
        assert reset_ms("month", day(*start)) == day(*end) * DAY_MS
        assert first_days(day(*end) - 1)[2] == day(*start)
    assert reset_ms("day", day(2028, 2, 29)) == day(2028, 3, 1) * DAY_MS
    assert window_name("month", day(2028, 2, 1)) == "2028-02"


async def test_without_max_tokens_the_tightest_window_cuts() -> None:
    """Protects small budgets of a day: the answer ends at what they leave."""
    world = World()
    world.authority.key_limits = Limits(
        budget_nano=10**12, budget_day_nano=10_000, budget_month_nano=10**9
    )
    caller = world.caller()
    await (await world.gateway.chat(caller, ask("a b"))).collect()
    assert caller.call.trace.limited_by == "budget"
    assert world.ledger.holds[0].held_nano <= 10_000
    world.assert_settled()


class _Done:
    """A settled request, as the reference remembers it."""

    def __init__(self, claim: Claim, price_nano: int) -> None:
        self.level_ids = [level.id for level in claim.levels]
        self.day = claim.day
        self.amount_nano = price_nano


_AMOUNTS = st.none() | st.integers(0, 60)
_LIMITS = st.builds(
    Limits,
    budget_nano=_AMOUNTS,
    budget_day_nano=_AMOUNTS,
    budget_month_nano=_AMOUNTS,
    soft_budgets=st.sets(st.sampled_from(WINDOWS)).map(tuple),
)
_IDS = ("key_1", "key_2", "proj_1", "org_1")


class BudgetsMachine(RuleBasedStateMachine):
    """Reserve, settle, release, time that runs and steps back, new limits, crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = NOON_MS
        self.done: list[_Done] = []
        self.open: list[Claim] = []
        self.limits = dict.fromkeys(_IDS, Limits())
        self.told: list[Alert] = []
        self.levels = self._levels()

    # The ledger that a new process reads.
    def spent_nano(self, level_id: str) -> int:
        return sum(one.amount_nano for one in self.done if level_id in one.level_ids)

    def spent_by_day(self, level_id: str, first_day: int) -> dict[int, int]:
        days: dict[int, int] = {}
        for one in self.done:
            if level_id in one.level_ids and one.day >= first_day:
                days[one.day] = days.get(one.day, 0) + one.amount_nano
        return days

    def _levels(self) -> Levels:
        return Levels(self, self._tell)

    def _tell(self, alert: Alert) -> None:
        if alert.id not in {one.id for one in self.told}:
            self.told.append(alert)
        else:
            assert self.has_crashed, f"{alert.id} was raised twice by one process"

    has_crashed = False

    def _in(self, window: BudgetWindow, level_id: str, at_ms: int) -> tuple[int, int]:
        """Spent and held of the window that this time lies in, added up anew."""
        place = WINDOWS.index(window)
        start = first_days(at_ms // DAY_MS)[place]

        def is_in(day: int) -> bool:
            return first_days(day)[place] == start

        spent = sum(o.amount_nano for o in self.done if level_id in o.level_ids and is_in(o.day))
        held = sum(
            claim.amount_nano
            for claim in self.open
            if level_id in [level.id for level in claim.levels] and is_in(claim.day)
        )
        return spent, held

    @staticmethod
    def _budgets(limits: Limits) -> dict[BudgetWindow, int | None]:
        amounts = (limits.budget_nano, limits.budget_day_nano, limits.budget_month_nano)
        return dict(zip(WINDOWS, amounts, strict=True))

    @rule(key=st.sampled_from(("key_1", "key_2")), amount_nano=st.integers(0, 30))
    def reserve(self, key: str, amount_nano: int) -> None:
        levels = tuple(Level(name, self.limits[name]) for name in (key, "proj_1", "org_1"))
        has_room, has_hope = True, True
        for level in levels:
            for window, budget in self._budgets(level.limits).items():
                if budget is None or window in level.limits.soft_budgets:
                    continue
                spent, held = self._in(window, level.id, self.now_ms)
                has_room &= amount_nano == 0 or spent + held + amount_nano <= budget
                has_hope &= amount_nano == 0 or spent + amount_nano <= budget
        claim = Claim(levels, 1, amount_nano, self.now_ms)
        try:
            self.levels.reserve(claim, now_s=0.0)
        except BudgetExceeded:
            assert not has_hope
        except RateLimited:
            assert has_hope
            assert not has_room
        else:
            assert has_room
            self.open.append(claim)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 99), share=st.integers(0, 100))
    def settle(self, which: int, share: int) -> None:
        claim = self.open.pop(which % len(self.open))
        price_nano = claim.amount_nano * share // 100
        self.levels.settle(claim, price_nano=price_nano, used_tokens=1, at_ms=self.now_ms)
        self.done.append(_Done(claim, price_nano))

    @rule(hours=st.sampled_from((1, 11, 24, 24 * 8, 24 * 31, 24 * 400, -1, -24, -24 * 40)))
    def move_clock(self, hours: int) -> None:
        self.now_ms = max(NOON_MS - 100 * DAY_MS, self.now_ms + hours * 3_600_000)

    @rule(level_id=st.sampled_from(_IDS), limits=_LIMITS)
    def change_limits(self, level_id: str, limits: Limits) -> None:
        self.limits[level_id] = limits

    @rule(share=st.integers(0, 100))
    def crash(self, share: int) -> None:
        """Recovery bills a part of what was open; the next process begins with the ledger."""
        self.done += [_Done(claim, claim.amount_nano * share // 100) for claim in self.open]
        self.open = []
        self.has_crashed = True
        self.levels = self._levels()

    @invariant()
    def every_window_stands_as_the_reference_says(self) -> None:
        """And what was reached was told."""
        for level_id in _IDS:
            level = Level(level_id, self.limits[level_id])
            for one in self.levels.standing(level, at_ms=self.now_ms, now_s=0.0):
                expected = self._in(one.window, level_id, self.now_ms)
                assert (one.spent_nano, one.held_nano) == expected

        told = {one.id for one in self.told}
        for level_id, limits in self.limits.items():
            for place, (window, budget) in enumerate(self._budgets(limits).items()):
                spent, _ = self._in(window, level_id, self.now_ms)
                name = window_name(window, first_days(self.now_ms // DAY_MS)[place])
                for percent in (50, 80, 100):
                    alert = Alert(
                        level_id=level_id, budget=window, window=name, percent=percent,
                        budget_nano=budget or 0, spent_nano=0, raised_ms=0,
                    )  # fmt: skip
                    if budget and spent * 100 >= budget * percent:
                        assert alert.id in told


TestBudgets = BudgetsMachine.TestCase
TestBudgets.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
