"""A model as the platform sells it: what it can do, where it runs, what it costs."""

from typing import Literal

from msgspec import Struct

from kilonova.core.money import TOKENS_PER_PRICE, divide_half_even
from kilonova.core.usage import Usage

__all__ = ["PLATFORM", "Ability", "Model", "Price", "ThinkingControl"]

# The engine of what runs inside the platform itself.
PLATFORM = "platform"

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
    """Nano-units of ``currency`` per million tokens of each kind; ``version`` pins a price book."""

    currency: str = "USD"
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    version: str = "free"

    def charge(self, usage: Usage) -> int:
        """The price of a request in nano-units, rounded once, half to even."""
        total = (
            usage.input_tokens * self.input
            + usage.cache_read_tokens * self.cache_read
            + usage.cache_write_tokens * self.cache_write
            + usage.output_tokens * self.output
        )
        return divide_half_even(total, TOKENS_PER_PRICE)

    def worst_case(self, *, input_tokens: int, output_tokens: int) -> int:
        """An upper bound of ``charge`` for these counts, however the input is cached."""
        dearest = max(self.input, self.cache_read, self.cache_write)
        total = input_tokens * dearest + output_tokens * self.output
        return -(-total // TOKENS_PER_PRICE)


class Model(Struct, frozen=True, kw_only=True):
    """One entry of the catalogue.

    ``engine`` names the engine that runs it and ``engine_model`` the name under which that engine
    knows it. ``context_tokens`` holds prompt and answer together; a request without a limit of its
    own gets at most ``output_tokens_max``. ``thinking_controls`` is what callers may say about the
    thoughts of a model with the ability ``reasoning``: whether, how hard, how many tokens. One that
    ``needs_thoughts_back`` refuses its calls of tools in a conversation without what led to them.
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
    price: Price = Price()
    licence: str = "unknown"
    created_s: int = 1_767_225_600
    description: str = ""

    def can(self, ability: Ability) -> bool:
        return ability in self.abilities
