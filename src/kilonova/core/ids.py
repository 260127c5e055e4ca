"""Identifiers that carry their kind: ``org_…``, ``proj_…``, ``key_…``, ``req_…``.

Time-ordered (48 bits of milliseconds) and random (80 bits), in Crockford's base 32.
"""

import os
import time

__all__ = ["new_id", "time_ms"]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS = {character: value for value, character in enumerate(_ALPHABET)}
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


def new_id(kind: str) -> str:
    """A fresh identifier such as ``req_06f3…`` (kind, underscore, 26 characters)."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    pairs = [_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)]
    return f"{kind}_{''.join(pairs)}"


def time_ms(name: str) -> int:
    """When an identifier was made; ``name`` may stand without its kind."""
    number = 0
    for character in name[-26:]:
        number = number << 5 | _DIGITS[character]
    return number >> 80
