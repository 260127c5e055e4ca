"""Thoughts in the hands of clients: what was changed is found, what was hidden comes back."""

from base64 import b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

SEAL = ReasoningSeal(b"k" * 32)
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts, texts)
def test_a_signature_is_of_one_text(text: str, other: str) -> None:
    """Protects models from thoughts that they never had."""
    signature = SEAL.sign(text)
    assert SEAL.has_signed(text, signature)
    assert SEAL.has_signed(other, signature) == (other == text)
    assert not ReasoningSeal(b"o" * 32).has_signed(text, signature)


@given(texts)
def test_what_was_hidden_comes_back(text: str) -> None:
    """Protects conversations whose thoughts are kept back: they go on, byte for byte the same."""
    token = SEAL.hide(text)
    assert SEAL.hide(text) == token
    assert SEAL.reveal(token) == text
    assert SEAL.reveal(urlsafe_b64encode(b64decode(token)).decode().rstrip("=")) == text
    assert ReasoningSeal(b"o" * 32).reveal(token) is None
    assert not SEAL.has_signed(text, token)
    assert SEAL.reveal(SEAL.sign(text)) is None


def test_a_hidden_text_cannot_be_read() -> None:
    """Protects what is kept back: nothing of it stands in the token."""
    assert b"secret" not in b64decode(SEAL.hide("the secret plan"))


@pytest.mark.parametrize("place", range(0, 32, 3))
def test_any_change_is_found(place: int) -> None:
    """Protects the same when a single character was changed."""
    for made in (SEAL.sign("thought"), SEAL.hide("thought")):
        changed = (
            made[:place] + ("A" if made[place : place + 1] != "A" else "B") + made[place + 1 :]
        )
        assert not SEAL.has_signed("thought", changed)
        assert SEAL.reveal(changed) is None


@pytest.mark.parametrize("token", ["", "=", "a", "é", "kn", "!!!!", "a2 4C", "A" * 70_000, "a24C"])
def test_anything_may_be_sent(token: str) -> None:
    """Protects the server from tokens that were never any."""
    assert not SEAL.has_signed("", token)
    assert SEAL.reveal(token) is None
