"""The home folder: private, locked, and never half written."""

import stat
from pathlib import Path

import pytest

from kilonova.home import Home, HomeInUseError, ServerNote


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    """Protects the store: one process writes, and the other learns where it runs."""
    first, second = Home(tmp_path), Home(tmp_path)
    first.prepare()
    first.lock()
    first.write_server_note(ServerNote(url="http://127.0.0.1:1", pid=7))
    with pytest.raises(HomeInUseError, match=r"http://127\.0\.0\.1:1"):
        second.lock()
    first.unlock()
    second.lock()
    second.unlock()


def test_secrets_are_for_their_owner(tmp_path: Path) -> None:
    """Protects the admin token from other users of the machine."""
    home = Home(tmp_path / "home")
    home.prepare()
    token = home.admin_token()
    assert token.startswith("kn_admin_")
    assert home.admin_token() == token
    assert stat.S_IMODE(home.admin_token_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_a_broken_note_is_no_note(tmp_path: Path) -> None:
    """Protects the command line after a crash."""
    home = Home(tmp_path)
    assert home.server_note() is None
    (tmp_path / "server.json").write_text("{")
    assert home.server_note() is None
