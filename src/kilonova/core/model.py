"""A model as the platform sells it: what it can do, where it runs, what it costs."""

from typing import Literal

from msgspec import Struct

from kilonova.core.money import TOKENS_PER_PRICE, divide_half_even
from kilonova.core.usage import Usage

__all__ = ["DISCOUNT_WHOLE", "PLATFORM", "Ability", "Model", "Price", "ThinkingControl"]

# The engine of what runs inside the platform itself.
PLATFORM = "platform"
# A discount is in millionths of this.
DISCOUNT_WHOLE = 1_000_000

Ability = Literal[
    "chat",
    "tools",
    "json",
    "embeddings",
    "vision",
    "reasoning",
    "logprobs",
    "classify",
    "completion",
    "prefill",
]
ThinkingControl = Literal["switch", "effort", "budget"]


class Price(Struct, frozen=True, kw_only=True):
    """What one request is charged: nano-units of ``currency`` per million tokens of each kind.

    A price book resolves everything else (tier, hour, length, organisation) before the request
    starts; ``version`` names the row of the book that it came from. Tokens written into a cache
    for long cost ``cache_write`` and reasoning costs ``output`` where they have no rate of their
    own. ``discount_ppm`` (millionths) is taken off the sum.
    """

    currency: str = "USD"
    version: str = "free"
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_long: int | None = None
    output: int = 0
    reasoning: int | None = None
    discount_ppm: int = 0

    @property
    def reasoning_rate(self) -> int:
        return self.output if self.reasoning is None else self.reasoning

    @property
    def cache_write_long_rate(self) -> int:
        return self.cache_write if self.cache_write_long is None else self.cache_write_long

    @property
    def dearest_output(self) -> int:
        """The most that a token of output can cost, before the discount."""
        return max(self.output, self.reasoning_rate)

    @property
    def has_paid_output(self) -> bool:
        """Whether a token of output can cost anything."""
        return self.dearest_output > 0 and self.discount_ppm < DISCOUNT_WHOLE

    @property
    def rates(self) -> tuple[int, ...]:
        """Input, cache read, cache write, the same for long, output, reasoning."""
        return (
            self.input,
            self.cache_read,
            self.cache_write,
            self.cache_write_long_rate,
            self.output,
            self.reasoning_rate,
        )

    def charge(self, usage: Usage) -> int:
        """The price of a request in nano-units, rounded once, half to even."""
        total = self._sum(usage) * (DISCOUNT_WHOLE - self.discount_ppm)
        return divide_half_even(total, TOKENS_PER_PRICE * DISCOUNT_WHOLE)

    def list_charge(self, usage: Usage) -> int:
        """As ``charge``, had the caller no discount."""
        return divide_half_even(self._sum(usage), TOKENS_PER_PRICE)

    def worst_case(self, *, input_tokens: int, output_tokens: int) -> int:
        """An upper bound of ``charge`` for these counts, however the input is cached."""
        dearest = max(self.input, self.cache_read, self.cache_write, self.cache_write_long_rate)
        total = input_tokens * dearest + output_tokens * self.dearest_output
        total *= DISCOUNT_WHOLE - self.discount_ppm
        return -(-total // (TOKENS_PER_PRICE * DISCOUNT_WHOLE))

    def affordable_output(self, amount_nano: int) -> int:
        """The most tokens of output that surely cost no more. Needs ``has_paid_output``."""
        rate = self.dearest_output * (DISCOUNT_WHOLE - self.discount_ppm)
        return amount_nano * TOKENS_PER_PRICE * DISCOUNT_WHOLE // rate

    def _sum(self, usage: Usage) -> int:
        total = (
            usage.input_tokens * self.input
            + usage.cache_read_tokens * self.cache_read
            + usage.cache_write_tokens * self.cache_write
            + usage.output_tokens * self.output
        )
        if usage.cache_write_long_tokens:
            total += usage.cache_write_long_tokens * self.cache_write_long_rate
        if self.reasoning is not None:
            total += usage.reasoning_tokens * (self.reasoning - self.output)
        return total


class Model(Struct, frozen=True, kw_only=True):
    """One entry of the catalogue.

    ``engine`` names the engine that runs it and ``engine_model`` the name under which that engine
    knows it. ``context_tokens`` holds prompt and answer together; a request without a limit of its
    own gets at most ``output_tokens_max``. ``thinking_controls`` is what callers may say about the
    thoughts of a model with the ability ``reasoning``: whether, how hard, how many tokens. One that
    ``needs_thoughts_back`` refuses its calls of tools in a conversation without what led to them.
    ``price`` is its own, where the price list has none; None: it has none of its own either.
    """

    id: str
    name: str
    provider: str
    engine: str
    engine_model: str = ""
    aliases: tuple[str, ...] = ()
    abilities: tuple[Ability, ...] = ("chat",)
    context_tokens: int = 2048
    output_tokens_max: int = 2048
    native_body: str = "chat-completions"
    has_strict_turns: bool = False
    thinking_controls: tuple[ThinkingControl, ...] = ("switch", "effort")
    needs_thoughts_back: bool = False
    price: Price | None = Price()
    licence: str = "unknown"
    created_s: int = 1_767_225_600
    description: str = ""

    def can(self, ability: Ability) -> bool:
        return ability in self.abilities
