"""What budgets cost: CPU of one reserve and settle on three levels, in memory.

``python -m benchmarks.levels``: without budgets, with three, and with all nine. The best of many
short rounds, since whatever else runs on the machine can only add.
"""

import platform
import sys
import time

from kilonova.core.identity import Level, Limits
from kilonova.gateway.levels import Claim, Levels

_ROUNDS = 200
_REQUESTS = 500
_STARTED_MS = 1_795_392_000_000
_MUCH = 10**18
_CASES = {
    "no budgets": Limits(),
    "a budget on each level": Limits(budget_nano=_MUCH),
    "day, month and total on each level": Limits(
        budget_nano=_MUCH, budget_day_nano=_MUCH, budget_month_nano=_MUCH
    ),
}


class _NothingSpent:
    def spent_nano(self, _level_id: str) -> int:
        return 0

    def spent_by_day(self, _level_id: str, _first_day: int) -> dict[int, int]:
        return {}


def _round_us(levels: Levels, owners: tuple[Level, ...]) -> float:
    start_s = time.thread_time()
    for _ in range(_REQUESTS):
        claim = Claim(owners, 150, 1000, _STARTED_MS)
        levels.reserve(claim, now_s=1.0)
        levels.settle(claim, price_nano=10, used_tokens=100, at_ms=_STARTED_MS)
    return (time.thread_time() - start_s) / _REQUESTS * 1e6


def _main() -> None:
    write = sys.stdout.write
    write(f"{platform.platform()}, Python {platform.python_version()}, ")
    write(f"{time.strftime('%Y-%m-%d')}\n\n| case | CPU µs a request |\n|---|---|\n")
    for name, limits in _CASES.items():
        owners = tuple(Level(level_id, limits) for level_id in ("key_1", "proj_1", "org_1"))
        levels = Levels(_NothingSpent())
        best_us = min(_round_us(levels, owners) for _ in range(_ROUNDS))
        write(f"| {name} | {best_us:.1f} |\n")


if __name__ == "__main__":
    _main()
