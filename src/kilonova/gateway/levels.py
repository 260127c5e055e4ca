"""Requests, tokens and money that the levels (key, project, organisation) may still use.

All of it lives in memory and is checked and reserved in one step without an await between, so that
no two requests can pass on the same remainder. What was spent before this process started comes
from the ledger, once for each level.
"""

import math
from collections.abc import Callable

from kilonova.core.errors import BudgetExceeded, RateLimited
from kilonova.core.identity import Level, Limits, Rate
from kilonova.core.money import format_nano

__all__ = ["Bucket", "Levels"]

# When running requests hold what another needs: nobody knows when they end, but it is soon.
_HELD_RETRY_S = 2.0


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

    __slots__ = ("held_nano", "held_tokens", "limits", "requests", "spent_nano", "tokens")

    def __init__(self, spent_nano: int) -> None:
        self.spent_nano = spent_nano
        self.held_nano = 0
        self.held_tokens = 0
        self.limits = Limits()
        self.requests: Bucket | None = None
        self.tokens: Bucket | None = None

    def adopt(self, limits: Limits, now_s: float) -> None:
        if limits is self.limits or limits == self.limits:
            return
        self.requests = _refit(self.requests, limits.requests_per_minute, now_s)
        self.tokens = _refit(self.tokens, limits.tokens_per_minute, now_s)
        self.limits = limits

    def unspent_nano(self) -> int | None:
        """What is left when every running request turns out to cost nothing."""
        budget = self.limits.budget_nano
        return None if budget is None else budget - self.spent_nano

    def left_nano(self) -> int | None:
        unspent_nano = self.unspent_nano()
        return None if unspent_nano is None else unspent_nano - self.held_nano


class Levels:
    """``spent_nano(level_id)`` tells what earlier processes already settled."""

    def __init__(self, spent_nano: Callable[[str], int]) -> None:
        self._spent_nano = spent_nano
        self._states: dict[str, _State] = {}

    def budget_left_nano(self, levels: tuple[Level, ...], now_s: float) -> int | None:
        """The smallest remainder over all levels, or None where no level has a budget."""
        remainders = [self._state(level, now_s).left_nano() for level in levels]
        known = [left for left in remainders if left is not None]
        return min(known) if known else None

    def tokens_per_request_max(self, levels: tuple[Level, ...]) -> int | None:
        """No request can ever reserve more tokens than a level may use in a minute."""
        known = [level.limits.tokens_per_minute for level in levels]
        limits = [limit for limit in known if limit is not None]
        return min(limits) if limits else None

    def rates(self, levels: tuple[Level, ...], now_s: float) -> tuple[Rate | None, Rate | None]:
        """Requests and tokens of the level that has the fewest left; None where none is limited."""
        requests, tokens = [], []
        for level in levels:
            limits = level.limits
            if limits.requests_per_minute is None and limits.tokens_per_minute is None:
                continue
            state = self._state(level, now_s)
            if state.requests is not None:
                requests.append(state.requests)
            if state.tokens is not None:
                tokens.append(state.tokens)
        return _tightest(requests, now_s), _tightest(tokens, now_s)

    def reserve(
        self, levels: tuple[Level, ...], *, tokens: int, amount_nano: int, now_s: float
    ) -> None:
        """Takes one request, its tokens and its money from every level, or raises and takes none.

        Raises RateLimited (waiting helps) or BudgetExceeded (it does not).
        """
        states = [self._state(level, now_s) for level in levels]
        owned = [(level.id, state) for level, state in zip(levels, states, strict=True)]
        for level_id, state in owned:
            _refuse_overspent(level_id, state, amount_nano)
        for level_id, state in owned:
            _refuse_for_now(level_id, state, tokens=tokens, amount_nano=amount_nano, now_s=now_s)
        for state in states:
            state.held_nano += amount_nano
            state.held_tokens += tokens
            if state.requests is not None:
                state.requests.take(1)
            if state.tokens is not None:
                state.tokens.take(tokens)

    def settle(
        self,
        levels: tuple[Level, ...],
        *,
        held_nano: int,
        price_nano: int,
        held_tokens: int,
        used_tokens: int,
    ) -> None:
        """Turns a reservation into spending and gives back what was not used."""
        for level in levels:
            state = self._states[level.id]
            state.held_nano -= held_nano
            state.held_tokens -= held_tokens
            state.spent_nano += price_nano
            assert state.held_nano >= 0, "a permit was settled twice"
            assert state.held_tokens >= 0, "a permit was settled twice"
            if state.tokens is not None:
                state.tokens.give_back(max(0, held_tokens - used_tokens))

    def _state(self, level: Level, now_s: float) -> _State:
        state = self._states.get(level.id)
        if state is None:
            state = self._states[level.id] = _State(self._spent_nano(level.id))
        state.adopt(level.limits, now_s)
        return state


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


def _owner(level_id: str) -> str:
    return _OWNERS.get(level_id.partition("_")[0], "level")


_OWNERS = {"key": "key", "proj": "project", "org": "organisation"}


def _refuse_overspent(level_id: str, state: _State, amount_nano: int) -> None:
    """Waiting does not help: what is spent alone leaves too little."""
    unspent_nano = state.unspent_nano()
    if unspent_nano is not None and amount_nano > unspent_nano:
        owner = _owner(level_id)
        raise BudgetExceeded(
            f"The budget of this {owner} ({level_id}) is used up: this request may cost up to "
            f"{format_nano(amount_nano)} and {format_nano(max(0, unspent_nano))} is left. Ask the "
            "operator to raise the budget, or ask for fewer output tokens.",
            reason=f"{owner}_budget",
        )


def _refuse_for_now(
    level_id: str, state: _State, *, tokens: int, amount_nano: int, now_s: float
) -> None:
    """Waiting helps: running requests give back what they hold, and buckets fill up."""
    left_nano = state.left_nano()
    if left_nano is not None and amount_nano > left_nano:
        owner = _owner(level_id)
        raise RateLimited(
            f"Running requests hold {format_nano(state.held_nano)} of the budget of this {owner} "
            f"({level_id}) until they end: this request may cost up to {format_nano(amount_nano)} "
            f"and {format_nano(max(0, left_nano))} is free. Retry in {_HELD_RETRY_S:.1f} seconds, "
            "or set max_tokens on every request, so that each holds less.",
            retry_after_s=_HELD_RETRY_S,
            reason=f"{owner}_budget",
        )
    _check_rate(level_id, state.requests, amount=1, now_s=now_s, what="requests")
    _check_rate(
        level_id, state.tokens, amount=tokens, now_s=now_s, what="tokens", held=state.held_tokens
    )


def _check_rate(
    level_id: str, bucket: Bucket | None, *, amount: int, now_s: float, what: str, held: int = 0
) -> None:
    if bucket is None:
        return
    wait_s = bucket.wait_s(amount, now_s)
    if wait_s > 0 or amount > bucket.per_minute:
        wait_s, held_too = max(wait_s, 0.05), ""
        if held:
            held_too = f", and running requests hold {held} until they end"
            if amount <= bucket.left(now_s) + held:
                wait_s = min(wait_s, _HELD_RETRY_S)
        raise RateLimited(
            f"Rate limit reached: {bucket.per_minute} {what} of this {_owner(level_id)} per minute "
            f"({level_id}); this request needs {amount}{held_too}. "
            f"Retry in {wait_s:.1f} seconds.",
            retry_after_s=wait_s,
            reason=what,
        )
