"""The master key of a home, and what is derived from it: the digest of bearer keys, the sealing of
secrets and of what callers keep, the key of thoughts that clients carry. The file is the one thing
that a backup of the database must not lie beside.

Every purpose has a key of its own (HKDF-SHA-256), so that none can stand in for another.
"""

import base64
import binascii
import hmac
import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kilonova.core.crash import crash_point
from kilonova.core.identity import Key

__all__ = ["Vault", "VaultError"]

_HEADER = "kilonova-master-key-1"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = b"\x01"


class VaultError(Exception):
    """The master key cannot be used; the message says what to do. Start-up stops here."""


class Vault:
    """Digests and seals. Holds key material: never print, log or serialise one."""

    def __init__(self, master: bytes) -> None:
        def derive(purpose: str) -> bytes:
            label = f"kilonova 1 {purpose}".encode()
            return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=label).derive(master)

        self._pepper = derive("bearer digest")
        self._cipher = AESGCM(derive("secret sealing"))
        self._content_cipher = AESGCM(derive("content sealing"))
        self.fingerprint = derive("fingerprint").hex()[:16]
        self.reasoning_key = derive("reasoning seal")

    @classmethod
    def open(cls, path: Path, *, can_create: bool) -> "Vault":
        """Read the master key, or make one where nothing depends on an older one yet."""
        if not path.exists():
            if not can_create:
                raise VaultError(
                    f"{path} is missing, but the store holds keys that only this master key opens. "
                    "Restore the file from your backup; a new one would lock out every caller."
                )
            _create(path)
        return cls(_read(path))

    def digest(self, bearer: str) -> bytes:
        """What is kept of a bearer key. Without the pepper a stolen table tells nothing."""
        return hmac.digest(self._pepper, bearer.encode(), "sha256")

    def seal(self, secret: str, *, organisation_id: str, key_id: str) -> bytes:
        """Encrypt, bound to its owner: a row copied to another organisation does not open."""
        nonce = os.urandom(_NONCE_BYTES)
        bound = _bound_to(organisation_id, key_id)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret.encode(), bound)

    def unseal(self, key: Key) -> str:
        """The secret of an access key. Raises VaultError where the master key is another one."""
        sealed = key.secret_encrypted
        assert sealed is not None, f"{key.id} has no secret"
        assert sealed[:1] == _VERSION, f"the secret of {key.id} was sealed by a newer Kilonova"
        nonce, text = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            bound = _bound_to(key.organisation_id, key.id)
            return self._cipher.decrypt(nonce, text, bound).decode()
        except InvalidTag:
            raise VaultError(
                f"The secret of {key.id} does not open: it was sealed with another master key, or "
                "its row was changed. Restore the master key that belongs to this store."
            ) from None

    def seal_content(self, content: bytes, *, bound_to: str) -> bytes:
        """As ``core.shelf.Sealer``: what a caller gave us to keep."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._content_cipher.encrypt(nonce, content, bound_to.encode())

    def unseal_content(self, sealed: bytes, *, bound_to: str) -> bytes:
        """Raises VaultError where it was sealed elsewhere or changed."""
        nonce, text = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] == _VERSION:
                return self._content_cipher.decrypt(nonce, text, bound_to.encode())
        except (InvalidTag, ValueError):
            pass
        raise VaultError(
            "Something that was kept does not open: it was sealed with another master key, or it "
            "was changed on disk. Restore the master key that belongs to this store."
        )


def _bound_to(organisation_id: str, key_id: str) -> bytes:
    return f"{organisation_id}\n{key_id}".encode()


def _create(path: Path) -> None:
    # Written aside and renamed when it is on disk: a crash leaves a whole key or none.
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        master = base64.b64encode(os.urandom(_KEY_BYTES)).decode()
        os.write(descriptor, f"{_HEADER}:{master}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    crash_point("vault.key_written")
    draft.rename(path)
    _sync_folder(path.parent)
    crash_point("vault.key_renamed")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise VaultError(
            f"{path} can be read by others (mode {mode:04o}). Run: chmod 600 {path}; "
            "if anyone may have read it, replace every key."
        )
    try:
        header, _, encoded = path.read_text().strip().rpartition(":")
        master = base64.b64decode(encoded, validate=True)
    except (UnicodeDecodeError, binascii.Error):
        header, master = "", b""
    if header != _HEADER or len(master) != _KEY_BYTES:
        raise VaultError(f"{path} is not a master key of Kilonova. Restore it from your backup.")
    return master
