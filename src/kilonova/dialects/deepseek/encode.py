"""What DeepSeek says in words of its own: cached tokens, and the balance. Pure."""

from typing import Literal

import msgspec
from msgspec import Struct

from kilonova.core.money import format_nano
from kilonova.core.usage import Usage
from kilonova.dialects.openai.answer_schema import WireUsage, wire_usage

__all__ = ["encode_balance", "usage_of"]


class _CacheUsage(WireUsage, frozen=True):
    """OpenAI's usage, and the prompt's tokens once more: found in the cache, or not."""

    prompt_cache_hit_tokens: int
    prompt_cache_miss_tokens: int


class _BalanceInfo(Struct, frozen=True):
    """Amounts are decimal text. Nothing is granted here, so all of it was topped up."""

    currency: str
    total_balance: str
    topped_up_balance: str
    granted_balance: Literal["0.00"] = "0.00"


class _Balance(Struct, frozen=True):
    is_available: bool
    balance_infos: tuple[_BalanceInfo, ...]


def usage_of(usage: Usage) -> WireUsage:
    """Hits and misses add up to the tokens of the prompt."""
    wire = wire_usage(usage)
    return _CacheUsage(
        wire.prompt_tokens,
        wire.completion_tokens,
        wire.total_tokens,
        wire.prompt_tokens_details,
        wire.completion_tokens_details,
        usage.cache_read_tokens,
        usage.prompt_tokens - usage.cache_read_tokens,
    )


def encode_balance(left_nano: int | None, currency: str) -> bytes:
    """Where no budget limits the caller there is no amount to tell, and none is made up."""
    if left_nano is None:
        return msgspec.json.encode(_Balance(True, ()))
    amount = _decimal(max(0, left_nano))
    return msgspec.json.encode(_Balance(left_nano > 0, (_BalanceInfo(currency, amount, amount),)))


def _decimal(nano: int) -> str:
    """At least two decimals, and never rounded."""
    text = format_nano(nano)
    return text[:-7] + text[-7:].rstrip("0")
