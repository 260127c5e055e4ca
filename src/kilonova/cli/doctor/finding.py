"""What a check found: a verdict, what was seen, and what to do about it."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from kilonova.cli.run import EXPECTED

__all__ = ["Check", "Finding", "Verdict", "run_check"]

Verdict = Literal["OK", "WARN", "FAIL"]


class Finding(Struct, frozen=True, kw_only=True):
    """``fix`` is empty exactly when all is well."""

    check: str
    verdict: Verdict
    detail: str
    fix: str = ""


class Check(Struct, frozen=True):
    """``look`` gives verdict, detail and fix. Whatever it raises is a failure of the check."""

    name: str
    look: Callable[[], tuple[Verdict, str, str]]


def run_check(check: Check) -> Finding:
    """One finding, always: a doctor that falls over helps nobody."""
    try:
        verdict, detail, fix = check.look()
    except EXPECTED as error:
        verdict, detail, fix = "FAIL", str(error), "See what the message says."
    except Exception as error:  # noqa: BLE001 (what broke is the finding)
        verdict, detail = "FAIL", f"{type(error).__name__}: {error}"
        fix = "See what the message says."
    return Finding(
        check=check.name, verdict=verdict, detail=detail, fix="" if verdict == "OK" else fix
    )
