"""Every way in which a request can fail, as one closed tree.

    KilonovaError
    ├── InvalidRequest       the caller must change the request
    │   ├── ContextTooLong   the prompt does not fit the model's context
    │   └── RequestTooLarge  the body is over a size limit
    ├── Unauthenticated      no key, a wrong key, or a signature that does not verify
    ├── Forbidden            the key is known, but may not do this
    ├── NotFound             no such model, key or route
    ├── Conflict             the same idempotency key with another body, a name already taken
    ├── RateLimited          requests or tokens per minute are used up; waiting helps
    ├── BudgetExceeded       money, or room to keep things, is used up; waiting does not help
    ├── ContentRefused       a guardrail refused the content
    ├── ModelNotReady        the model is loading or its engine restarts
    ├── Overloaded           queue full, draining, or the store cannot take more
    ├── EngineTimeout        the engine did not answer in time
    ├── EngineFailed         the engine broke
    └── Internal             everything unexpected; only the edge makes it

Raise them inside. At the edge each dialect's ``errors.py`` holds one table from these classes to
the vendor's status, code and body; a class without a row in every table fails a test.
"""

from typing import ClassVar

from kilonova.core.budgets import BudgetRefusal

__all__ = [
    "LEAVES",
    "BudgetExceeded",
    "Conflict",
    "ContentRefused",
    "ContextTooLong",
    "EngineFailed",
    "EngineTimeout",
    "Forbidden",
    "Internal",
    "InvalidRequest",
    "KilonovaError",
    "ModelNotReady",
    "NotFound",
    "Overloaded",
    "RateLimited",
    "RequestTooLarge",
    "Unauthenticated",
]


class KilonovaError(Exception):
    """A failure with a sentence that says what to do.

    ``param`` names the field at fault, ``retry_after_s`` the wait after which a retry makes sense,
    ``reason`` is a short machine-readable refinement (for example ``unknown_key``, ``expired``).
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self.reason = reason


class InvalidRequest(KilonovaError):
    """The request cannot be served as it is written."""

    code = "invalid_request"


class ContextTooLong(InvalidRequest):
    """The prompt (and the output asked for) does not fit the context; both numbers are kept.

    ``text`` is the place in the list of a text to embed, which needs no room for an answer.
    """

    code = "context_too_long"

    def __init__(self, *, input_tokens: int, context_tokens: int, text: int | None = None) -> None:
        what, room = "the prompt", ", of which at least one must be left for the answer"
        if text is not None:
            what, room = f"text {text} (counted from 0)", ""
        super().__init__(
            f"Input is too long for requested model: {what} has {input_tokens} tokens and the "
            f"context holds {context_tokens}{room}. "
            "Shorten it or choose a model with a larger context.",
            param="messages" if text is None else "input",
        )
        self.input_tokens = input_tokens
        self.context_tokens = context_tokens


class RequestTooLarge(InvalidRequest):
    """The body, its nesting or one of its lists is over a limit."""

    code = "request_too_large"


class Unauthenticated(KilonovaError):
    """``reason`` is one of missing, malformed, unknown_key, revoked, expired, signature, skew."""

    code = "unauthenticated"


class Forbidden(KilonovaError):
    """The caller is known and lacks the right."""

    code = "forbidden"


class NotFound(KilonovaError):
    """What was named does not exist, or not for this caller."""

    code = "not_found"


class Conflict(KilonovaError):
    """The request contradicts something that already exists."""

    code = "conflict"


class RateLimited(KilonovaError):
    """A per-minute limit is used up; ``retry_after_s`` says when it is not."""

    code = "rate_limited"
    retryable = True


class BudgetExceeded(KilonovaError):
    """A budget, or what a project may keep, is used up; retrying cannot help.

    ``budget`` is the one that refused, where it was one of money.
    """

    code = "budget_exceeded"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        reason: str | None = None,
        budget: BudgetRefusal | None = None,
    ) -> None:
        super().__init__(message, param=param, reason=reason)
        self.budget = budget


class ContentRefused(KilonovaError):
    """A guardrail refused the prompt or the answer."""

    code = "content_refused"


class ModelNotReady(KilonovaError):
    """The model is loading or its engine is being restarted."""

    code = "model_not_ready"
    retryable = True


class Overloaded(KilonovaError):
    """No capacity now: the queue is full, the server drains, or the disk is full."""

    code = "overloaded"
    retryable = True


class EngineTimeout(KilonovaError):
    """The engine took longer than the limit allows."""

    code = "engine_timeout"
    retryable = True


class EngineFailed(KilonovaError):
    """The engine broke before or while it answered."""

    code = "engine_failed"
    retryable = True


class Internal(KilonovaError):
    """Unexpected. Made at the edge only, so that nothing internal is shown to a caller."""

    code = "internal"
    retryable = True


LEAVES: tuple[type[KilonovaError], ...] = (
    InvalidRequest,
    ContextTooLong,
    RequestTooLarge,
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    RateLimited,
    BudgetExceeded,
    ContentRefused,
    ModelNotReady,
    Overloaded,
    EngineTimeout,
    EngineFailed,
    Internal,
)
