"""DeepSeek's own words: cached tokens, the balance, and which addresses are its own."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilonova.core.usage import Usage
from kilonova.dialects.deepseek.addresses import operation_of
from kilonova.dialects.deepseek.encode import encode_balance, usage_of

tokens = st.integers(0, 10**6)


@given(st.builds(Usage, input_tokens=tokens, cache_read_tokens=tokens, cache_write_tokens=tokens))
def test_hits_and_misses_are_the_prompt(usage: Usage) -> None:
    """Protects callers who price by them: the two add up to the prompt, whatever was cached."""
    wire = msgspec.to_builtins(usage_of(usage))
    assert wire["prompt_cache_hit_tokens"] == usage.cache_read_tokens
    assert (
        wire["prompt_cache_hit_tokens"] + wire["prompt_cache_miss_tokens"] == wire["prompt_tokens"]
    )


@pytest.mark.parametrize(
    ("left_nano", "is_available", "amounts"),
    [
        (None, True, []),
        (110_000_000_000, True, ["110.00"]),
        (500_000_000, True, ["0.50"]),
        (1, True, ["0.000000001"]),
        (0, False, ["0.00"]),
        (-5, False, ["0.00"]),
    ],
)
def test_the_balance_is_exact(
    left_nano: int | None, is_available: bool, amounts: list[str]
) -> None:
    """Protects money: nothing is rounded, an overdrawn account has nothing, and no limit no sum."""
    balance = json.loads(encode_balance(left_nano, "CNY"))
    assert balance["is_available"] is is_available
    assert [one["total_balance"] for one in balance["balance_infos"]] == amounts
    assert [one["topped_up_balance"] for one in balance["balance_infos"]] == amounts
    assert {one["currency"] for one in balance["balance_infos"]} <= {"CNY"}


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        (b"/chat/completions", b"/chat/completions"),
        (b"/beta/completions", b"/completions"),
        (b"/deepseek/v1/models", b"/models"),
        (b"/deepseek/beta/chat/completions", b"/chat/completions"),
        (b"/models/a%2Fb", b"/models/a%2Fb"),
        (b"/v1/user/balance", b"/user/balance"),
        (b"/v1/chat/completions", None),
        (b"/v1/models", None),
        (b"/models/", None),
        (b"/chat/completions/", None),
        (b"/beta/v1/models", None),
        (b"/model/x/converse", None),
        (b"/deepseek", None),
    ],
)
def test_addresses(path: bytes, operation: bytes | None) -> None:
    """Protects the other surfaces: only DeepSeek's own addresses are taken."""
    assert operation_of(path) == operation
