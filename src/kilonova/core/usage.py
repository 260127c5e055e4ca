"""How much one request used, and the record that is kept of it for ever."""

from typing import Literal

from msgspec import Struct

__all__ = ["Outcome", "Usage", "UsageRecord"]

Outcome = Literal["completed", "cancelled", "failed", "recovered"]


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens by kind. The three input kinds are disjoint; ``reasoning`` is part of ``output``."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def prompt_tokens(self) -> int:
        """All input tokens, cached or not."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.output_tokens


class UsageRecord(Struct, frozen=True, kw_only=True):
    """What one request used and cost its caller. Written once when its permit settles.

    Times are milliseconds since the epoch; money is in nano-units of ``currency``.
    ``shortfall_nano`` is the price of work that was done and is not charged (after a crash).
    """

    request_id: str
    organisation_id: str
    project_id: str
    key_id: str
    model_id: str
    dialect: str
    outcome: Outcome
    usage: Usage
    price_nano: int
    currency: str
    price_version: str
    started_ms: int
    finished_ms: int
    first_token_ms: int | None = None
    shortfall_nano: int = 0
