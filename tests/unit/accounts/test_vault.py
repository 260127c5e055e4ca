"""The master key: made once, kept private, and missed loudly."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from kilonova.accounts.vault import Vault, VaultError
from kilonova.core.identity import Key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "master.key"


def _sealed(vault: Vault, secret: str) -> Key:
    sealed = vault.seal(secret, organisation_id="org_1", key_id="key_1")
    return Key(id="key_1", organisation_id="org_1", project_id="proj_1", secret_encrypted=sealed)


def test_the_key_file_is_private_and_stays(path: Path) -> None:
    """Protects secrets at rest, and every later start."""
    first = Vault.open(path, can_create=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["master.key"]
    again = Vault.open(path, can_create=False)
    assert again.fingerprint == first.fingerprint
    assert again.digest("kn_live_x") == first.digest("kn_live_x")
    assert again.unseal(_sealed(first, "secret")) == "secret"


def test_a_crash_while_making_it_leaves_no_half_key(path: Path) -> None:
    """Protects the first start after a crash in the very first one."""
    path.with_name("master.key.new").write_text("half")
    vault = Vault.open(path, can_create=True)
    assert Vault.open(path, can_create=False).fingerprint == vault.fingerprint


def test_a_missing_key_is_not_replaced_while_it_is_needed(path: Path) -> None:
    """Protects callers: a silent new key would lock them all out."""
    with pytest.raises(VaultError, match=r"is missing.*Restore"):
        Vault.open(path, can_create=False)
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_readable_key_is_refused(path: Path, mode: int) -> None:
    """Protects secrets from other users of the machine."""
    Vault.open(path, can_create=True)
    path.chmod(mode)
    with pytest.raises(VaultError, match="chmod 600"):
        Vault.open(path, can_create=False)


@pytest.mark.parametrize(
    "content",
    [b"", b"kilonova-master-key-1:", b"kilonova-master-key-1:AAAA\n", b"\xff\xfe", b"x" * 200],
)
def test_something_else_is_not_taken_for_a_key(path: Path, content: bytes) -> None:
    """Protects against a truncated or foreign file."""
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(VaultError, match="is not a master key"):
        Vault.open(path, can_create=True)


def test_another_master_key_opens_nothing() -> None:
    """Protects against a restored database beside the wrong master key."""
    with pytest.raises(VaultError, match="another master key"):
        Vault(b"b" * 32).unseal(_sealed(Vault(b"a" * 32), "secret"))


def test_a_secret_is_bound_to_its_owner() -> None:
    """Protects customers from a row that is copied to another organisation or key."""
    vault = Vault(b"a" * 32)
    key = _sealed(vault, "secret")
    for stolen in (replace(key, organisation_id="org_2"), replace(key, id="key_2")):
        with pytest.raises(VaultError, match="does not open"):
            vault.unseal(stolen)


def test_every_purpose_has_a_key_of_its_own() -> None:
    """Protects the pepper: the fingerprint, which is shown, says nothing about it."""
    vault = Vault(b"a" * 32)
    assert len(vault.fingerprint) == 16
    assert vault.digest("x").hex()[:16] != vault.fingerprint
    assert vault.digest("x") != Vault(b"b" * 32).digest("x")
    assert _sealed(vault, "same").secret_encrypted != _sealed(vault, "same").secret_encrypted
