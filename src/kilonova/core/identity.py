"""Who calls: organisations, projects, keys, and the credentials that prove them."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

__all__ = [
    "BearerCredential",
    "BudgetWindow",
    "Credential",
    "Key",
    "Level",
    "Limits",
    "Organisation",
    "Principal",
    "Project",
    "Rate",
    "SessionCredential",
    "SignedCredential",
]


BudgetWindow = Literal["total", "day", "month"]


class Limits(Struct, frozen=True, kw_only=True):
    """``None`` means no limit. Budgets are in nano-units: over the life of their owner, of each
    day and of each month (UTC). One that is soft raises alerts and refuses nothing."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    budget_nano: int | None = None
    budget_day_nano: int | None = None
    budget_month_nano: int | None = None
    soft_budgets: tuple[BudgetWindow, ...] = ()

    @property
    def has_budget(self) -> bool:
        return (self.budget_nano, self.budget_day_nano, self.budget_month_nano) != (None,) * 3


class Rate(Struct, frozen=True):
    """How much of a limit per minute is left now, and when all of it will be there again."""

    per_minute: int
    remaining: int
    full_in_s: float


class Organisation(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    limits: Limits = Limits()
    created_ms: int = 0


class Project(Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    name: str
    limits: Limits = Limits()
    created_ms: int = 0


class Key(Struct, frozen=True, kw_only=True):
    """What is kept of a key. Never the key itself: a digest, and the secret in encrypted form.
    ``made_by`` is the member who made it; None is the operator."""

    id: str
    organisation_id: str
    project_id: str
    name: str = ""
    bearer_digest: bytes | None = None
    bearer_hint: str | None = None
    access_key_id: str | None = None
    secret_encrypted: bytes | None = None
    limits: Limits = Limits()
    created_ms: int = 0
    expires_ms: int | None = None
    revoked_ms: int | None = None
    made_by: str | None = None


class Level(Struct, frozen=True):
    """One of the three owners whose limits a request must respect."""

    id: str
    limits: Limits


class Principal(Struct, frozen=True, kw_only=True):
    """The proven caller. ``levels`` are key, project and organisation, in this order."""

    organisation_id: str
    project_id: str
    key_id: str
    levels: tuple[Level, ...]


class BearerCredential(Struct, frozen=True):
    token: str


class SignedCredential(Struct, frozen=True):
    """A request signature. ``prove(secret, now_s)`` raises Unauthenticated unless it verifies.

    The dialect that read the request binds its bytes into ``prove``; only the gateway, which knows
    the secret of ``access_key_id``, can call it.
    """

    access_key_id: str
    prove: Callable[[str, float], None]


class SessionCredential(Struct, frozen=True, kw_only=True):
    """A browser that is signed in to the console. ``csrf`` proves that our own page sent the
    request; ``key_id`` is the member's key that it is counted on, where it asks a model."""

    token: str
    csrf: str = ""
    key_id: str = ""

    def __repr__(self) -> str:
        """Without the token: a representation ends up in logs."""
        return "SessionCredential()"


Credential = BearerCredential | SignedCredential | SessionCredential
