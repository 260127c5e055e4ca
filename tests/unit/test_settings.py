"""Configuration: what is wrong is named, what is right wins in the documented order."""

from pathlib import Path

import pytest

from kilonova.settings import SettingsError, load_settings


def write(path: Path, text: str) -> Path:
    file = path / "kilonova.toml"
    file.write_text(text)
    return file


def test_defaults_need_no_file() -> None:
    """Protects the first start."""
    settings = load_settings(None, {})
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8040)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """Protects containers, which configure by environment."""
    file = write(tmp_path, "[server]\nport = 1000\nhost = '0.0.0.0'\n")
    settings = load_settings(file, {"KILONOVA_SERVER__PORT": "2000", "KILONOVA_HOME": "/x"})
    assert (settings.server.port, settings.server.host) == (2000, "0.0.0.0")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nprot = 1\n", "server.prot: unknown setting; did you mean server.port?"),
        ("[sever]\n", "did you mean server?"),
        ("[server]\nport = 'x'\n", "server.port"),
        ("[server\n", "not valid TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, words: str) -> None:
    """Protects operators from a setting that is silently ignored."""
    with pytest.raises(SettingsError, match=words.replace("?", r"\?")):
        load_settings(write(tmp_path, text), {})


def test_a_role_that_is_none_is_told_what_there_is(tmp_path: Path) -> None:
    """Protects whoever lets people in by a rule from guessing what a role is called."""
    with pytest.raises(SettingsError, match=r"admit\[0\].role.*'boss'; known: viewer, developer"):
        load_settings(write(tmp_path, "[[oidc.admit]]\ndomain = 'a.example'\nrole = 'boss'\n"), {})


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """Protects against running on defaults by accident."""
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "none.toml", {})


def test_a_list_comes_from_the_environment_too(tmp_path: Path) -> None:
    """Protects containers that give the server its names."""
    settings = load_settings(
        None, {"KILONOVA_TLS__NAMES": "a.lan, b.lan", "KILONOVA_TLS__ENABLED": "1"}
    )
    assert (settings.tls.names, settings.tls.enabled) == (("a.lan", "b.lan"), True)
