"""Service tiers by Google's names."""

import pytest

from kilonova.core.errors import InvalidRequest
from kilonova.dialects.gemini.tiers import decode_tier, tier_header


@pytest.mark.parametrize(
    ("word", "tier"),
    [
        (None, "default"), ("", "default"), ("standard", "default"), ("STANDARD", "default"),
        ("SERVICE_TIER_UNSPECIFIED", "default"), ("flex", "flex"), ("SERVICE_TIER_FLEX", "flex"),
        ("priority", "priority"),
    ],
)  # fmt: skip
def test_both_spellings_mean_the_same(word: str | None, tier: str) -> None:
    """Protects callers of the API and of its enum, which spell the tiers differently."""
    assert decode_tier(word) == tier


def test_what_is_no_tier_is_refused() -> None:
    """Protects the header and the books from a caller's text."""
    for word in ("fl ex", "x" * 60, "fl\nex", "é"):
        with pytest.raises(InvalidRequest, match="serviceTier"):
            decode_tier(word)


def test_the_default_tier_is_called_standard() -> None:
    """Protects clients that look for a downgrade by Google's own word."""
    assert tier_header("default") == (b"x-gemini-service-tier", b"standard")
    assert tier_header("flex") == (b"x-gemini-service-tier", b"flex")
