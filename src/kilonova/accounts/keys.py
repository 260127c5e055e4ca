"""The shape of keys. Pure but for randomness; a wrong key can be told from a typing error offline.

Bearer key: ``kn_live_``, 28 random characters of base 62 (166 bits), and a CRC-32 of all before it
in 6 more characters, so that secret scanners find leaked keys without false alarms. Access keys
have the lengths of AWS's, because its SDKs and tools check them.
"""

import secrets
from zlib import crc32

__all__ = ["BEARER_PREFIX", "hint_of", "is_bearer", "new_access_key_id", "new_bearer", "new_secret"]

BEARER_PREFIX = "kn_live_"
_ACCESS_PREFIX = "KNAK"

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_RANDOM_LENGTH = 28
_CHECK_LENGTH = 6
_ACCESS_LENGTH = 16
_SECRET_LENGTH = 40


def new_bearer() -> str:
    """A fresh bearer key."""
    body = BEARER_PREFIX + _random(_BASE62, _RANDOM_LENGTH)
    return body + _check(body)


def is_bearer(text: str) -> bool:
    """Whether the text has the shape and the check characters of a bearer key."""
    if len(text) != len(BEARER_PREFIX) + _RANDOM_LENGTH + _CHECK_LENGTH or not text.isascii():
        return False
    body = text[:-_CHECK_LENGTH]
    return text.startswith(BEARER_PREFIX) and _check(body) == text[-_CHECK_LENGTH:]


def hint_of(bearer: str) -> str:
    """What may be shown of a bearer key later: enough to recognise it, too little to use it."""
    return f"{BEARER_PREFIX}…{bearer[-4:]}"


def new_access_key_id() -> str:
    """The public half of an access key: 20 characters."""
    return _ACCESS_PREFIX + _random(_BASE32, _ACCESS_LENGTH)


def new_secret() -> str:
    """The secret half of an access key: 40 characters, 238 bits."""
    return _random(_BASE62, _SECRET_LENGTH)


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def _check(body: str) -> str:
    number = crc32(body.encode())
    digits = []
    for _ in range(_CHECK_LENGTH):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
