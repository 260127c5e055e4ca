"""The signature of a thinking block: a fingerprint of its text.

Clients must send thinking back unchanged, and show a block only when it carries a signature. The
fingerprint finds a text that was changed on the way; it is no proof of who wrote it. Signatures of
other services are taken as they are.
"""

from base64 import b64encode
from hashlib import blake2b

__all__ = ["is_broken", "sign"]

_PREFIX = "kn1"


def sign(thinking: str) -> str:
    """The signature of this text."""
    digest = blake2b(thinking.encode(), digest_size=24).digest()
    return _PREFIX + b64encode(digest).decode()


def is_broken(thinking: str, signature: str) -> bool:
    """True for a signature of ours that is not this text's. A text kept back carries none."""
    return bool(thinking) and signature.startswith(_PREFIX) and signature != sign(thinking)
