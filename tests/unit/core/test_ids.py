"""Identifiers say when they were made, and stand in the order of it."""

import time

import pytest

from kilonova.core.ids import new_id, time_ms


def test_an_identifier_knows_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects pages and times that are read from ids: the same to the millisecond, in order."""
    names = []
    for moment_ms in (1, 1_795_449_067_123, 2**48 - 1):
        monkeypatch.setattr(time, "time_ns", lambda moment_ms=moment_ms: moment_ms * 1_000_000)
        names.append(new_id("req"))
        assert time_ms(names[-1]) == time_ms(names[-1].removeprefix("req_")) == moment_ms
    assert names == sorted(names)
