"""Crash points: inert in production, exact when armed."""

import pytest

from kilonova.core import crash


def test_nothing_is_armed_here() -> None:
    """Protects production: without the variable a crash point is an empty function."""
    assert crash.crash_point is crash._pass


def test_the_nth_passage_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the crash tests: they must die where they say."""
    exits: list[int] = []
    monkeypatch.setattr(crash.os, "_exit", exits.append)
    armed = crash._armed("commit.done:2")
    for name in ("commit.done", "commit.begun", "commit.done", "commit.done"):
        armed(name)
    assert exits == [137]


def test_an_unknown_name_is_refused() -> None:
    """Protects against a test that crashes nowhere."""
    with pytest.raises(ValueError, match="choose one of"):
        crash._armed("commit.dnoe")
