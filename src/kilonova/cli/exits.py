"""What the command line's exit codes mean, and which failure leads to which."""

from kilonova.core.errors import (
    BudgetExceeded,
    Forbidden,
    InvalidRequest,
    KilonovaError,
    NotFound,
    RateLimited,
    Unauthenticated,
)

__all__ = [
    "AUTH",
    "CONFIG",
    "FAILURE",
    "INTEGRITY",
    "INTERRUPTED",
    "NOT_FOUND",
    "OK",
    "QUOTA",
    "UNREACHABLE",
    "USAGE",
    "CommandError",
    "exit_code",
]

OK = 0
FAILURE = 1
USAGE = 2
CONFIG = 3
NOT_FOUND = 4
AUTH = 5
UNREACHABLE = 6
QUOTA = 7
INTEGRITY = 8
INTERRUPTED = 130

_CODES: tuple[tuple[type[KilonovaError], int], ...] = (
    (NotFound, NOT_FOUND),
    (Unauthenticated, AUTH),
    (Forbidden, AUTH),
    (RateLimited, QUOTA),
    (BudgetExceeded, QUOTA),
    (InvalidRequest, USAGE),
)


class CommandError(Exception):
    """Ends a command: a sentence for standard error, and an exit code."""

    def __init__(self, message: str, *, code: int = FAILURE) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def exit_code(error: KilonovaError) -> int:
    """The exit code of a failure of the platform; 1 where none of the others fits."""
    if isinstance(error, InvalidRequest) and error.reason == "package_missing":
        return CONFIG
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILURE)
