"""The refusal of a request for which there is no money: which budget, what is left, until when.

It names owners of the caller's own request alone: its key, project and organisation.
"""

from typing import NamedTuple

from kilonova.core.budgets import BudgetRefusal, owner_kind, reset_ms
from kilonova.core.errors import BudgetExceeded, RateLimited
from kilonova.core.money import format_nano
from kilonova.gateway.budgets import Budget, Window

__all__ = ["HELD_RETRY_S", "Lack", "refuse_money"]

# When running requests hold what another needs: nobody knows when they end, but it is soon.
HELD_RETRY_S = 2.0


class Lack(NamedTuple):
    """A budget that does not leave what a request may cost."""

    level_id: str
    budget: Budget
    window: Window

    @property
    def unspent_nano(self) -> int:
        """What is left when every running request turns out to cost nothing."""
        return self.budget.amount_nano - self.window.spent_nano

    @property
    def reason(self) -> str:
        reason = f"{owner_kind(self.level_id)}_budget"
        return reason if self.budget.window == "total" else f"{reason}_{self.budget.window}"

    @property
    def name(self) -> str:
        return f"{_NAMES[self.budget.window]} of this {owner_kind(self.level_id)} ({self.level_id})"


_NAMES = {"total": "budget", "day": "daily budget", "month": "monthly budget"}
_LASTING = {"day": 0, "month": 1, "total": 2}


def refuse_money(lacking: list[Lack], amount_nano: int) -> BudgetExceeded | RateLimited:
    """Of all the budgets that lack the amount, the one that does so for longest: waiting for
    another would be in vain."""
    spent = [lack for lack in lacking if amount_nano > lack.unspent_nano]
    longest = max(spent or lacking, key=lambda lack: _LASTING[lack.budget.window])
    return (_overspent if spent else _held)(longest, amount_nano)


def _overspent(lack: Lack, amount_nano: int) -> BudgetExceeded | RateLimited:
    """Retrying does not help: what is spent alone leaves too little."""
    refusal = BudgetRefusal(
        level_id=lack.level_id,
        window=lack.budget.window,
        left_nano=max(0, lack.unspent_nano),
        resets_ms=reset_ms(lack.budget.window, lack.window.first_day),
    )
    until = "" if refusal.reset is None else f" until it is new at {refusal.reset}"
    state = "does not cover" if refusal.left_nano else "is used up and does not cover"
    return BudgetExceeded(
        f"The {lack.name} {state} this request, which may cost up to {format_nano(amount_nano)}: "
        f"{format_nano(refusal.left_nano)} is left{until}. Ask the operator to raise the budget, "
        "or ask for fewer output tokens.",
        reason=lack.reason,
        budget=refusal,
    )


def _held(lack: Lack, amount_nano: int) -> BudgetExceeded | RateLimited:
    """Waiting helps: running requests give back what they hold."""
    held_nano = lack.window.held_nano
    return RateLimited(
        f"Running requests hold {format_nano(held_nano)} of the {lack.name} until they end: this "
        f"request may cost up to {format_nano(amount_nano)} and "
        f"{format_nano(max(0, lack.unspent_nano - held_nano))} is free. "
        f"Retry in {HELD_RETRY_S:.1f} seconds, or set max_tokens on every request, so that each "
        "holds less.",
        retry_after_s=HELD_RETRY_S,
        reason=lack.reason,
    )
