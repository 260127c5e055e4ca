"""Named places where a test may let the process die, as a power cut would.

``KILONOVA_CRASH_POINT=name:n`` in the environment at process start ends the process at the n-th
passage of that place, without flushing anything. Otherwise ``crash_point`` is an empty function.
Every durable step has a place before and after it; the tests crash at all of them.
"""

import os
from collections.abc import Callable

__all__ = ["CRASH_POINTS", "crash_point"]

CRASH_POINTS = (
    "migrate.begun",
    "migrate.written",
    "migrate.committed",
    "vault.key_written",
    "vault.key_renamed",
    "reserve.queued",
    "reserve.written",
    "checkpoint.written",
    "settle.queued",
    "settle.hold_deleted",
    "settle.record_written",
    "settle.entries_written",
    "settle.balances_written",
    "settle.spending_written",
    "settle.hours_written",
    "accounts.written",
    "adjustment.queued",
    "closing.frozen",
    "closing.drawn_up",
    "closing.queued",
    "shelf.file_written",
    "shelf.file_renamed",
    "shelf.written",
    "shelf.file_removed",
    "commit.begun",
    "commit.done",
    "commit.acknowledged",
    "recovery.begun",
    "recovery.hold_settled",
    "recovery.done",
)

_VARIABLE = "KILONOVA_CRASH_POINT"
_EXIT_STATUS = 137


def _pass(_name: str) -> None:
    """Nothing is armed: the whole cost is one call."""


def _armed(setting: str) -> Callable[[str], None]:
    name, _, passage = setting.partition(":")
    if name not in CRASH_POINTS:
        raise ValueError(f"{_VARIABLE}={setting!r}: choose one of {', '.join(CRASH_POINTS)}")
    left = int(passage or "1")

    def crash_point(passed: str) -> None:
        nonlocal left
        if passed == name:
            left -= 1
            if left == 0:
                os._exit(_EXIT_STATUS)

    return crash_point


crash_point = _armed(os.environ[_VARIABLE]) if _VARIABLE in os.environ else _pass
