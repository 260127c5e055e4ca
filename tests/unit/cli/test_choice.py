"""Which model a command talks to."""

import pytest

from kilonova.cli import choice
from kilonova.cli.choice import choose_model
from kilonova.cli.exits import NOT_FOUND, UNREACHABLE, CommandError
from kilonova.cli.run import Run
from kilonova.core.ports import Health
from unit.cli.conftest import Terminal


@pytest.fixture
def run(terminal: Terminal) -> Run:
    return Run(home=terminal.home, is_json=True, is_debug=False)


def test_a_named_model_is_taken(run: Run) -> None:
    """Protects aliases: they name the same model as on every wire."""
    assert choose_model(run, "echo").id == choose_model(run, "kilonova.echo-v1:0").id
    with pytest.raises(CommandError, match=r"kilonova\.spark-v1:0") as unknown:
        choose_model(run, "nonsense")
    assert unknown.value.code == NOT_FOUND


def test_a_real_model_is_waited_for(
    run: Run, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects the first chat: the echo is ready earlier, and nobody wants to talk to it."""
    waits: list[float] = []

    def wait(duration_s: float) -> None:
        waits.append(duration_s)
        terminal.office.parts["spark"] = Health(True)

    monkeypatch.setattr(choice.time, "sleep", wait)
    assert choose_model(run).id == "kilonova.spark-v1:0"
    assert len(waits) == 1


def test_a_model_that_never_gets_ready_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects people from waiting without end or reason."""
    monkeypatch.setattr(choice, "_READY_S", -1.0)
    with pytest.raises(CommandError, match="spark") as late:
        choose_model(run)
    assert late.value.code == UNREACHABLE
