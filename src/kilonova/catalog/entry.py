"""A model as it is written in TOML, and its way into the platform's vocabulary."""

from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
from msgspec import Struct

from kilonova.catalog.native_body import VECTOR_BODIES, NativeBody
from kilonova.core.model import Ability, Model, Price, ThinkingControl
from kilonova.core.money import parse_nano

__all__ = ["ModelEntry", "PriceEntry", "parse_entry", "read_entry"]

_CHOICES: dict[str, Any] = {
    "native_body": NativeBody,
    "abilities": Ability,
    "thinking_controls": ThinkingControl,
}


class PriceEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Decimal text per million tokens of each kind, in ``currency`` or the installation's."""

    input: str
    currency: str | None = None
    cache_read: str | None = None
    cache_write: str | None = None
    cache_write_long: str | None = None
    output: str | None = None
    reasoning: str | None = None
    version: str = "unversioned"

    def price(self, currency: str) -> Price:
        """Cached input costs what other input costs unless a price of its own is given.

        Raises ValueError for what is no decimal text, or is below zero."""
        plain = _rate(self.input)
        return Price(
            currency=self.currency or currency,
            input=plain,
            cache_read=plain if self.cache_read is None else _rate(self.cache_read),
            cache_write=plain if self.cache_write is None else _rate(self.cache_write),
            cache_write_long=None
            if self.cache_write_long is None
            else _rate(self.cache_write_long),
            output=_rate(self.output or "0"),
            reasoning=None if self.reasoning is None else _rate(self.reasoning),
            version=self.version,
        )


def _rate(text: str) -> int:
    rate = parse_nano(text)
    if rate < 0:
        raise ValueError(f"price: {text} is below zero")
    return rate


class ModelEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of a catalogue file and of ``[models."id"]`` in kilonova.toml."""

    id: str
    engine: str
    name: str = ""
    provider: str = "local"
    description: str = ""
    aliases: tuple[str, ...] = ()
    engine_model: str = ""
    abilities: tuple[Ability, ...] = ("chat", "tools", "json", "logprobs")
    context_tokens: int = 4096
    output_tokens_max: int | None = None
    native_body: NativeBody | None = None
    has_strict_turns: bool = False
    thinking_controls: tuple[ThinkingControl, ...] = ("switch", "effort")
    needs_thoughts_back: bool = False
    licence: str = "unknown"
    price: PriceEntry | Literal["free"] | None = None

    def model(self, currency: str) -> Model:
        """Raises ValueError for a price that is none, and for a body without its ability."""
        return Model(
            id=self.id,
            name=self.name or self.id,
            provider=self.provider,
            description=self.description,
            aliases=self.aliases,
            engine=self.engine,
            engine_model=self.engine_model,
            abilities=self.abilities,
            context_tokens=self.context_tokens,
            output_tokens_max=self.output_tokens_max or self.context_tokens,
            native_body=self._own_body(),
            has_strict_turns=self.has_strict_turns,
            thinking_controls=self.thinking_controls,
            needs_thoughts_back=self.needs_thoughts_back,
            licence=self.licence,
            price=self._own_price(currency),
        )

    def _own_price(self, currency: str) -> Price | None:
        if self.price is None:
            return None
        if self.price == "free":
            return Price(currency=currency)
        price = self.price.price(currency)
        if self.price.output is None and {"chat", "completion"} & set(self.abilities):
            raise ValueError("price.output: missing; the model writes answers")
        return price

    def _own_body(self) -> NativeBody:
        body = self.native_body
        if body is None:
            return _native_body(self.abilities)
        needed: Ability = "embeddings" if body in VECTOR_BODIES else "chat"
        if needed not in self.abilities:
            raise ValueError(
                f"native_body: {body!r} needs the ability {needed!r}, and the model's abilities "
                f"are {', '.join(self.abilities) or 'none'}"
            )
        return body


def _native_body(abilities: tuple[Ability, ...]) -> NativeBody:
    """What most models of a kind speak."""
    makes_vectors = "embeddings" in abilities and "chat" not in abilities
    return "text-embeddings" if makes_vectors else "chat-completions"


def parse_entry(fields: dict[str, Any], *, where: str, currency: str = "USD") -> Model:
    """A model from decoded TOML; ``currency`` is that of a price that names none.

    Raises ValueError that names ``where`` and the field at fault."""
    try:
        return msgspec.convert(fields, ModelEntry).model(currency)
    except (msgspec.ValidationError, ValueError) as error:
        raise ValueError(f"{where}: {error}{_choices(str(error))}") from None


def _choices(message: str) -> str:
    """What may stand where a word is not one of those that are known."""
    for field, words in _CHOICES.items():
        if message.startswith("Invalid enum value") and f"`$.{field}" in message:
            return f"; known: {', '.join(get_args(words))}"
    return ""


def read_entry(path: Path) -> Model:
    """A model from a catalogue file."""
    return parse_entry(msgspec.toml.decode(path.read_bytes()), where=path.name)
