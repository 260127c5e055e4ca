"""Requests, tokens and money that the levels (key, project, organisation) may still use.

All of it lives in memory and is checked and reserved in one step without an await between, so that
no two requests can pass on the same remainder. What was spent before this process started comes
from the ledger, once for each level and window.
"""

import math
from collections.abc import Callable, Iterator

from msgspec import Struct

from kilonova.core.books import DAY_MS
from kilonova.core.budgets import Alert, BudgetStanding, owner_kind
from kilonova.core.clock import Clock
from kilonova.core.errors import BudgetExceeded, RateLimited
from kilonova.core.identity import Level, Limits, Rate
from kilonova.gateway.budgets import Purse, Spending
from kilonova.gateway.no_money import HELD_RETRY_S, Lack, refuse_money

__all__ = ["Bucket", "Claim", "Levels", "standing_reader"]


class Bucket:
    """A token bucket: ``per_minute`` of capacity, refilled evenly over the minute."""

    __slots__ = ("_filled_s", "_level", "per_minute")

    def __init__(self, per_minute: int, now_s: float) -> None:
        self.per_minute = per_minute
        self._level = float(per_minute)
        self._filled_s = now_s

    def wait_s(self, amount: int, now_s: float) -> float:
        """0 when ``amount`` is there; else the seconds until it is."""
        elapsed_s = max(0.0, now_s - self._filled_s)
        self._level = min(self.per_minute, self._level + elapsed_s * self.per_minute / 60)
        self._filled_s = now_s
        if amount <= self._level:
            return 0.0
        return (min(amount, self.per_minute) - self._level) * 60 / self.per_minute

    def used(self, now_s: float) -> int:
        """What is missing from a full bucket."""
        return math.ceil(self.per_minute - self.left(now_s))

    def left(self, now_s: float) -> float:
        """What can be taken now, in parts of one, too."""
        if now_s != self._filled_s:
            self.wait_s(0, now_s)
        return self._level

    @property
    def rate(self) -> Rate:
        """What was left when it was last looked at."""
        missing_s = (self.per_minute - self._level) * 60 / self.per_minute
        return Rate(self.per_minute, max(0, math.floor(self._level)), missing_s)

    def take(self, amount: int) -> None:
        self._level -= amount

    def give_back(self, amount: int) -> None:
        self._level = min(self.per_minute, self._level + amount)


class _State:
    """What one level used and holds."""

    __slots__ = ("held_tokens", "level_id", "limits", "purse", "requests", "tokens")

    def __init__(self, level_id: str, ledger: Spending) -> None:
        self.level_id = level_id
        self.purse = Purse(level_id, ledger)
        self.held_tokens = 0
        self.limits = Limits()
        self.requests: Bucket | None = None
        self.tokens: Bucket | None = None

    def adopt(self, limits: Limits, now_s: float) -> bool:
        """Whether anything is new."""
        if limits is self.limits or limits == self.limits:
            return False
        self.requests = _refit(self.requests, limits.requests_per_minute, now_s)
        self.tokens = _refit(self.tokens, limits.tokens_per_minute, now_s)
        self.purse.adopt(limits)
        self.limits = limits
        return True


class Claim(Struct, frozen=True, gc=False):
    """What one request takes from its levels: tokens and money, in the windows of its start."""

    levels: tuple[Level, ...]
    tokens: int
    amount_nano: int
    started_ms: int

    @property
    def day(self) -> int:
        return self.started_ms // DAY_MS


class Levels:
    """``ledger`` tells what earlier processes settled; ``on_alert`` is told, in the same step, each
    share of a budget that is reached, and the first refusal of each."""

    def __init__(self, ledger: Spending, on_alert: Callable[[Alert], None] | None = None) -> None:
        self._ledger = ledger
        self._on_alert = on_alert or _ignore
        self._states: dict[str, _State] = {}

    def budget_left_nano(
        self, levels: tuple[Level, ...], *, at_ms: int, now_s: float
    ) -> int | None:
        """The smallest remainder over all levels and windows, or None where nothing refuses."""
        day = at_ms // DAY_MS
        states = [self._state(level, at_ms=at_ms, now_s=now_s) for level in levels]
        remainders = [state.purse.left_nano(day) for state in states]
        known = [left for left in remainders if left is not None]
        return min(known) if known else None

    def standing(self, level: Level, *, at_ms: int, now_s: float) -> tuple[BudgetStanding, ...]:
        """The budgets of one level now, and what was spent where there is none. What is found to
        have reached a line is told."""
        state = self._state(level, at_ms=at_ms, now_s=now_s)
        self._tell(state, at_ms // DAY_MS, at_ms)
        return state.purse.standing(at_ms // DAY_MS)

    def standings(self, at_ms: int) -> Iterator[tuple[str, BudgetStanding]]:
        """Every level that was seen, with each of its budgets."""
        for level_id, state in self._states.items():
            if state.purse.all:
                for standing in state.purse.standing(at_ms // DAY_MS):
                    if standing.budget_nano is not None:
                        yield level_id, standing

    def tokens_per_request_max(self, levels: tuple[Level, ...]) -> int | None:
        """No request can ever reserve more tokens than a level may use in a minute."""
        known = [level.limits.tokens_per_minute for level in levels]
        limits = [limit for limit in known if limit is not None]
        return min(limits) if limits else None

    def rates(
        self, levels: tuple[Level, ...], *, at_ms: int, now_s: float
    ) -> tuple[Rate | None, Rate | None]:
        """Requests and tokens of the level that has the fewest left; None where none is limited."""
        requests, tokens = [], []
        for level in levels:
            limits = level.limits
            if limits.requests_per_minute is None and limits.tokens_per_minute is None:
                continue
            state = self._state(level, at_ms=at_ms, now_s=now_s)
            if state.requests is not None:
                requests.append(state.requests)
            if state.tokens is not None:
                tokens.append(state.tokens)
        return _tightest(requests, now_s), _tightest(tokens, now_s)

    def reserve(self, claim: Claim, *, now_s: float) -> None:
        """Takes one request, its tokens and its money from every level, or raises and takes none.

        Raises RateLimited (waiting helps) or BudgetExceeded (it does not).
        """
        day, amount_nano, tokens = claim.day, claim.amount_nano, claim.tokens
        at_ms = claim.started_ms
        states = [self._state(level, at_ms=at_ms, now_s=now_s) for level in claim.levels]
        for state in states:
            if not state.purse.has(day, amount_nano):
                raise self._refuse(states, claim)
        for state in states:
            _check_rate(state, state.requests, amount=1, now_s=now_s, what="requests")
            _check_rate(state, state.tokens, amount=tokens, now_s=now_s, what="tokens")
        for state in states:
            state.purse.hold(day, amount_nano)
            state.held_tokens += tokens
            if state.requests is not None:
                state.requests.take(1)
            if state.tokens is not None:
                state.tokens.take(tokens)

    def settle(self, claim: Claim, *, price_nano: int, used_tokens: int, at_ms: int) -> None:
        """Turns a reservation into spending and gives back what was not used."""
        day = claim.day
        for level in claim.levels:
            state = self._states[level.id]
            has_crossed = state.purse.settle(
                day, held_nano=claim.amount_nano, price_nano=price_nano
            )
            state.held_tokens -= claim.tokens
            assert state.held_tokens >= 0, "a permit was settled twice"
            if state.tokens is not None:
                state.tokens.give_back(max(0, claim.tokens - used_tokens))
            if has_crossed:
                self._tell(state, day, at_ms)

    def _refuse(self, states: list[_State], claim: Claim) -> RateLimited | BudgetExceeded:
        error = refuse_money(list(_lacking(states, claim)), claim.amount_nano)
        # Where running requests hold what is left, waiting helps, and nobody has to know.
        if isinstance(error, BudgetExceeded):
            for state in states:
                for alert in state.purse.refused(claim.day, claim.amount_nano, claim.started_ms):
                    self._on_alert(alert)
        return error

    def _state(self, level: Level, *, at_ms: int, now_s: float) -> _State:
        state = self._states.get(level.id)
        if state is None:
            state = self._states[level.id] = _State(level.id, self._ledger)
        if level.limits is not state.limits and state.adopt(level.limits, now_s):
            # Lines that were crossed before: by an earlier process, or under an older budget.
            self._tell(state, at_ms // DAY_MS, at_ms)
        return state

    def _tell(self, state: _State, day: int, at_ms: int) -> None:
        for alert in state.purse.crossed(day, at_ms):
            self._on_alert(alert)


def standing_reader(
    ledger: Spending, clock: Clock
) -> Callable[[Level], tuple[BudgetStanding, ...]]:
    """How budgets stand where no request runs, and none is admitted."""
    levels = Levels(ledger)

    def standing(level: Level) -> tuple[BudgetStanding, ...]:
        at_ms = round(clock.now_s() * 1000)
        return levels.standing(level, at_ms=at_ms, now_s=clock.monotonic_s())

    return standing


def _ignore(_alert: Alert) -> None:
    """Nobody wants to know."""


def _tightest(buckets: list[Bucket], now_s: float) -> Rate | None:
    if not buckets:
        return None
    return min(buckets, key=lambda bucket: bucket.left(now_s)).rate


def _refit(bucket: Bucket | None, per_minute: int | None, now_s: float) -> Bucket | None:
    """The bucket for a new limit. What was used of the old one stays used."""
    if per_minute is None:
        return None
    if bucket is not None and bucket.per_minute == per_minute:
        return bucket
    fresh = Bucket(per_minute, now_s)
    if bucket is not None:
        fresh.take(bucket.used(now_s))
    return fresh


def _lacking(states: list[_State], claim: Claim) -> Iterator[Lack]:
    for state in states:
        for budget, window in state.purse.lacking(claim.day, claim.amount_nano):
            yield Lack(state.level_id, budget, window)


def _check_rate(
    state: _State, bucket: Bucket | None, *, amount: int, now_s: float, what: str
) -> None:
    """Waiting helps: running requests give back tokens, and buckets fill up."""
    if bucket is None:
        return
    wait_s = bucket.wait_s(amount, now_s)
    if wait_s > 0 or amount > bucket.per_minute:
        wait_s, held_too = max(wait_s, 0.05), ""
        held = state.held_tokens if what == "tokens" else 0
        if held:
            held_too = f", and running requests hold {held} until they end"
            if amount <= bucket.left(now_s) + held:
                wait_s = min(wait_s, HELD_RETRY_S)
        raise RateLimited(
            f"Rate limit reached: {bucket.per_minute} {what} of this {owner_kind(state.level_id)} "
            f"per minute ({state.level_id}); this request needs {amount}{held_too}. "
            f"Retry in {wait_s:.1f} seconds.",
            retry_after_s=wait_s,
            reason=what,
        )
