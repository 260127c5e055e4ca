"""The operator's own certificate: what is wrong with it is said before a client finds out."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

from kilonova.tls.certificate import read_certificate
from kilonova.tls.error import TlsError
from unit.tls.certificates import NOW, locked, own, write

CURVE = ec.generate_private_key(ec.SECP256R1())


def refused(folder: Path, pair: tuple[bytes, bytes]) -> str:
    with pytest.raises(TlsError) as caught:
        read_certificate(*write(folder, pair), NOW)
    return str(caught.value)


@pytest.mark.parametrize(
    "key",
    [CURVE, ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()],
    ids=["p256", "p384", "ed25519"],
)
def test_a_good_pair_is_read(tmp_path: Path, key: CertificateIssuerPrivateKeyTypes) -> None:
    """Protects operators with a certificate from anywhere: names and end are known."""
    found = read_certificate(*write(tmp_path, own(key=key)), NOW)
    assert found.names == ("ai.example.com",)
    assert found.expires_at == NOW + timedelta(days=60)


def test_a_chain_is_read_by_its_first_certificate(tmp_path: Path) -> None:
    """Protects public certificates, which come with intermediates behind them."""
    (leaf, key), (other, _) = own(key=CURVE), own(("authority.example",))
    found = read_certificate(*write(tmp_path, (leaf + other, key)), NOW)
    assert found.names == ("ai.example.com",)
    text = refused(tmp_path, (other + leaf, key))
    assert "comes first, its chain after it" in text


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ((b"", own()[1]), "own.crt holds no certificate in PEM form"),
        ((b"\x30\x82", own()[1]), "own.crt holds no certificate in PEM form"),
        ((own()[0], b"x"), "own.key holds no private key in PEM form"),
        ((own()[0], own()[1]), "does not belong to the first certificate"),
        ((own(key=CURVE)[0], locked(CURVE)), "own.key is locked with a password"),
        (own(ends_at=NOW), "expired at 2026-11-23 12:00 UTC"),
        (own(begins_at=NOW + timedelta(hours=1)), "is valid from 2026-11-23 13:00 UTC only"),
        (own(()), "names no host"),
        (own(key=ec.generate_private_key(ec.SECP521R1())), "of a kind that the server cannot use"),
        (own(key=rsa.generate_private_key(65_537, 1_024)), "RSA of 2048 bits or more"),
    ],
    ids=[
        "empty", "binary", "no key", "another key", "locked", "expired", "early", "nameless",
        "p521", "rsa1024",
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, pair: tuple[bytes, bytes], words: str) -> None:
    """Protects the first start with a new certificate from a stack of library errors."""
    assert words in refused(tmp_path, pair)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Protects against a path with a slip in it."""
    with pytest.raises(TlsError, match=r"none\.crt cannot be read: No such file"):
        read_certificate(tmp_path / "none.crt", tmp_path / "none.key", NOW)
