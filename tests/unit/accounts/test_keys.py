"""The shape of keys: strong, recognisable, and checked offline."""

import re
from zlib import crc32

from kilonova.accounts.keys import (
    hint_of,
    is_bearer,
    new_access_key_id,
    new_bearer,
    new_secret,
)


def test_a_bearer_key_has_its_prefix_and_its_check() -> None:
    """Protects the format that secret scanners look for."""
    key = new_bearer()
    assert re.fullmatch(r"kn_live_[0-9A-Za-z]{34}", key)
    assert is_bearer(key)
    assert 62**28 > 2**160


def test_a_typing_error_is_noticed_offline() -> None:
    """Protects callers from a puzzling "unknown key" when they lost a character."""
    key = new_bearer()
    for position in range(len(key)):
        other = "a" if key[position] != "a" else "b"
        assert not is_bearer(key[:position] + other + key[position + 1 :])
    assert not is_bearer(key[:-1])
    assert not is_bearer(key + "0")
    assert not is_bearer("kn_live_" + "é" * 34)
    assert not is_bearer("")


def test_the_check_is_a_crc32_in_base_62() -> None:
    """Protects scanners elsewhere: the check characters are documented and stay."""
    body = "kn_live_" + "0" * 28
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number, check = crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        check = alphabet[digit] + check
    assert is_bearer(body + check.rjust(6, "0"))


def test_an_access_key_has_the_lengths_that_sdks_expect() -> None:
    """Protects tools that check 20 and 40 characters."""
    assert re.fullmatch(r"KNAK[A-Z2-7]{16}", new_access_key_id())
    assert re.fullmatch(r"[0-9A-Za-z]{40}", new_secret())


def test_keys_do_not_repeat() -> None:
    """Protects against a random source that is not one."""
    assert len({new_bearer() for _ in range(200)}) == 200
    assert len({new_secret() for _ in range(200)}) == 200


def test_a_hint_tells_little() -> None:
    """Protects the key: four characters are shown, thirty are not."""
    key = new_bearer()
    assert hint_of(key) == f"kn_live_…{key[-4:]}"
