"""The installation's own authority: made once, constrained, and its certificates always fresh."""

import socket
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from kilonova.home import Home
from kilonova.settings import ServerSettings, TlsSettings
from kilonova.tls.error import TlsError
from kilonova.tls.keeper import CertificateKeeper
from unit.tls.certificates import NOW, own, write

PRIVATE = ("localhost", "127.0.0.1", "::1")


class Days:
    """A clock that goes on when it is told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, days: float) -> None:
        self.now += timedelta(days=days)


@pytest.fixture
def days() -> Days:
    return Days()


def keep(path: Path, days: Days, *, host: str = "127.0.0.1", **tls: Any) -> CertificateKeeper:
    home = Home(path)
    home.prepare()
    return CertificateKeeper(home, ServerSettings(host=host), TlsSettings(**tls), now=days)


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_authority_is_made_once(tmp_path: Path, days: Days) -> None:
    """Protects those who trust it: every start shows the same one, and the same certificate."""
    first = keep(tmp_path, days).current
    assert first.authority_file is not None
    authority = first.authority_file.read_bytes()
    second = keep(tmp_path, days).current
    assert first == second
    assert first.authority_file.read_bytes() == authority
    assert set(first.names) == set(PRIVATE)


def test_everything_is_for_the_owner_alone(tmp_path: Path, days: Days) -> None:
    """Protects the key with which anyone could pose as this server."""
    keep(tmp_path, days)
    folder = tmp_path / "tls"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert files == dict.fromkeys(
        ("authority.key", "authority.pem", "bundle.pem", "server.pem"), 0o600
    )


def test_what_clients_get_holds_no_key(tmp_path: Path, days: Days) -> None:
    """Protects the authority: the files that people hand around are public."""
    current = keep(tmp_path, days).current
    assert current.authority_file is not None
    assert current.bundle_file is not None
    for path in (current.authority_file, current.bundle_file):
        assert b"PRIVATE" not in path.read_bytes()
    authority = current.authority_file.read_bytes()
    assert current.bundle_file.read_bytes().endswith(authority)


def test_the_authority_signs_servers_of_private_networks_only(tmp_path: Path, days: Days) -> None:
    """Protects those who trust it: a stolen key opens no connection to the outside."""
    found = certificate(tmp_path / "tls" / "authority.pem") if keep(tmp_path, days) else None
    assert found is not None
    extensions = found.extensions
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert (basic.value.ca, basic.value.path_length) == (True, 0)
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.digital_signature) == (True, False)
    limits = extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    allowed = {str(name.value) for name in limits.value.permitted_subtrees or ()}
    assert {"localhost", "internal", "10.0.0.0/8", "::1/128"} <= allowed
    assert not {"com", "example.com", "0.0.0.0/0"} & allowed


def test_the_certificate_is_renewed_a_month_ahead(tmp_path: Path, days: Days) -> None:
    """Protects a server that runs for years: nobody sees an expired certificate."""
    keeper = keep(tmp_path, days)
    before = keeper.current
    assert before.expires_at == NOW + timedelta(days=90)
    days.pass_(59)
    assert not keeper.renew()
    days.pass_(1.1)
    assert keeper.renew()
    assert keeper.current.expires_at > before.expires_at
    assert not keeper.renew()


def test_new_names_make_a_new_certificate(tmp_path: Path, days: Days) -> None:
    """Protects those who give the machine another name: the authority stays."""
    before = keep(tmp_path, days).current
    after = keep(tmp_path, days, host="192.168.1.7", names=("box.lan", "bücher.internal")).current
    assert after.pem != before.pem
    assert set(after.names) == {*PRIVATE, "192.168.1.7", "box.lan", "xn--bcher-kva.internal"}
    assert after.authority_file == before.authority_file


def test_names_known_on_the_first_day_may_be_public(tmp_path: Path, days: Days) -> None:
    """Protects a server with a public name; its subdomains come with it, its neighbours do not."""
    current = keep(tmp_path, days, names=("ai.example.com",)).current
    assert "ai.example.com" in current.names
    assert "eu.ai.example.com" in keep(tmp_path, days, names=("eu.ai.example.com",)).current.names
    with pytest.raises(TlsError, match=r"'example\.com' is none of them.*tls\.certificate_file"):
        keep(tmp_path, days, names=("example.com",))
    with pytest.raises(TlsError, match=r"203\.0\.113\.9"):
        keep(tmp_path, days, host="203.0.113.9")


def test_the_machines_own_name_is_there_where_others_may_come(
    tmp_path: Path, days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects containers: a new host name each time is left out, not a reason to fail."""
    monkeypatch.setattr(socket, "gethostname", lambda: "node-1")
    assert "node-1" in keep(tmp_path, days, host="0.0.0.0").current.names
    monkeypatch.setattr(socket, "gethostname", lambda: "node-2")
    assert set(keep(tmp_path, days, host="0.0.0.0").current.names) == set(PRIVATE)


@pytest.mark.parametrize("name", ["https://x", "x:8040", "a b", "", "-x", "x..y", "a" * 64])
def test_what_is_no_name_is_refused(tmp_path: Path, days: Days, name: str) -> None:
    """Protects operators who write an address where a name belongs."""
    with pytest.raises(TlsError, match="is no name for a certificate"):
        keep(tmp_path, days, names=(name,))


def test_a_damaged_certificate_is_made_again(tmp_path: Path, days: Days) -> None:
    """Protects the start: what can be made again is no reason to fail."""
    before = keep(tmp_path, days).current
    for content in (b"", b"x", own()[0], before.authority_file.read_bytes()):  # type: ignore[union-attr]
        before.certificate_file.write_bytes(content)
        assert set(keep(tmp_path, days).current.names) == set(PRIVATE)
    (tmp_path / "tls" / "authority.pem").unlink()
    keep(tmp_path, days)
    assert (tmp_path / "tls" / "authority.pem").exists()


def test_a_damaged_authority_is_not_replaced_silently(tmp_path: Path, days: Days) -> None:
    """Protects those who trust it: a new one is for the operator to choose."""
    keep(tmp_path, days)
    path = tmp_path / "tls" / "authority.key"
    whole = path.read_bytes()
    for content, words in ((b"", "damaged"), (own()[1] + own()[0], "do not belong together")):
        path.write_bytes(content)
        with pytest.raises(TlsError, match=f"{words}.*delete it"):
            keep(tmp_path, days)
    path.write_bytes(whole)
    days.pass_(3651)
    with pytest.raises(TlsError, match="has expired"):
        keep(tmp_path, days)


def test_an_authority_near_its_end_does_not_sign_every_minute(tmp_path: Path, days: Days) -> None:
    """Protects the last month of ten years from a new certificate at each look."""
    keep(tmp_path, days)
    days.pass_(3640)
    keeper = keep(tmp_path, days)
    assert not keeper.renew()


def test_own_files_are_looked_at_again(tmp_path: Path, days: Days) -> None:
    """Protects renewals by other tools: the new file is taken up, a bad one is told and is not."""
    write(tmp_path, own())
    keeper = keep(tmp_path, days, certificate_file="own.crt", key_file="own.key")
    assert keeper.current.authority_file is None
    assert not keeper.renew()
    write(tmp_path, own())
    assert keeper.renew()
    served = keeper.current
    (tmp_path / "own.crt").write_bytes(own()[0])
    with pytest.raises(TlsError, match="does not belong"):
        keeper.renew()
    assert keeper.current == served
    assert not (tmp_path / "tls").exists()


@pytest.mark.parametrize(
    ("given", "missing"), [("certificate_file", "key_file"), ("key_file", "certificate_file")]
)
def test_half_a_pair_is_refused(tmp_path: Path, days: Days, given: str, missing: str) -> None:
    """Protects against serving a certificate that was not asked for."""
    with pytest.raises(TlsError, match=f"tls.{missing} is not set"):
        keep(tmp_path, days, **{given: "x"})
