"""Thoughts that a client carries and sends back: signed where it sees them, sealed where not.

One ``ReasoningSeal`` for all wires, made in ``app`` from a key of the installation's own:

    signature = seal.sign(thought)         beside a thought that is shown
    seal.has_signed(thought, signature)    False: the thought or the signature was changed
    is_foreign(signature)                  True: another service made it, nothing can be said of it
    token = seal.hide(thought)             instead of a thought that is kept back
    seal.reveal(token)                     the thought again; None: not hidden here, or changed

Both are Base64 text, the same for the same thought; either alphabet is read, padded or not. They
hold across restarts and on every node of an installation, and nowhere else.
"""

import binascii
import hmac
from base64 import b64decode, b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

__all__ = ["ReasoningSeal", "is_foreign"]

# What a token is stands in its first bytes, so that neither kind passes for the other.
_SIGNED = b"kn\x01"
_HIDDEN = b"kn\x02"
_SIGNATURE_BYTES = 24
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


class ReasoningSeal:
    """Signs and hides. Holds key material: never print, log or serialise one."""

    def __init__(self, key: bytes) -> None:
        self._signing = hmac.digest(key, b"signing", "sha256")
        # SIV: the nonce is made of the text, so that equal answers stay equal byte for byte.
        self._cipher = AESSIV(hmac.digest(key, b"hiding", "sha512"))

    def sign(self, thought: str) -> str:
        """The signature of this text."""
        return b64encode(_SIGNED + self._digest(thought)).decode()

    def has_signed(self, thought: str, signature: str) -> bool:
        """True for the signature of exactly this text, made here."""
        return hmac.compare_digest(_bytes(signature), _SIGNED + self._digest(thought))

    def hide(self, thought: str) -> str:
        """The text, readable by nobody else."""
        return b64encode(_HIDDEN + self._cipher.encrypt(thought.encode(), None)).decode()

    def reveal(self, token: str) -> str | None:
        """The text that was hidden in the token; None for everything else."""
        sealed = _bytes(token)
        if not sealed.startswith(_HIDDEN):
            return None
        try:
            return self._cipher.decrypt(sealed[len(_HIDDEN) :], None).decode()
        except (InvalidTag, ValueError):
            return None

    def _digest(self, thought: str) -> bytes:
        return hmac.digest(self._signing, thought.encode(), "sha256")[:_SIGNATURE_BYTES]


def is_foreign(signature: str) -> bool:
    """Whether it was made elsewhere. What it signs must not be read as a thought of ours."""
    return bool(signature) and not _bytes(signature).startswith((_SIGNED, _HIDDEN))


def _bytes(token: str) -> bytes:
    """Empty for what is no Base64."""
    try:
        plain = token.encode("ascii").translate(_URL_SAFE).rstrip(b"=")
        return b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return b""
