"""What a caller has in hand after one answer, read through the vendor's own types."""

from typing import Any, Protocol

from msgspec import Struct

from kilonova.core.events import FinishReason

# No wire has a lower limit.
FEW = 16


class Reach(Struct, frozen=True, kw_only=True):
    """Where a server is, how to prove who asks, and which model is asked."""

    url: str
    bearer: str
    access_key_id: str
    secret: str
    model: str


class Heard(Struct, frozen=True, kw_only=True):
    """``prompt_tokens`` are all of them, ``cached_tokens`` among them; so ``output_tokens``."""

    text: str
    thought: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    reason: FinishReason
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    thought_tokens: int


class Wire(Protocol):
    """A client of one vendor that holds the canonical conversation."""

    def ask(self, *, is_streamed: bool) -> Heard:
        """The question of the conversation; the answer is kept."""

    def answer(self, *, is_streamed: bool) -> Heard:
        """The results of the calls that were made, in the vendor's own form."""

    def say(self, text: str, *, is_streamed: bool) -> Heard:
        """A question without tools, answered by at most ``FEW`` tokens at temperature 0."""

    def show(self, png: bytes) -> None:
        """The words ``See:`` and a picture."""

    def leave(self, text: str) -> None:
        """Reads the first piece of a streamed answer and goes."""

    def close(self) -> None: ...
