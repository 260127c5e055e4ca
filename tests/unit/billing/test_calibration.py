"""Calibration: what is measured is found again, and a file that is wrong is named."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from kilonova.billing.cost.calibration import Calibration, read_calibration, weights_of
from kilonova.billing.cost.measuring import Effort, Measurer, TooLittleError
from kilonova.core.chat import ChatRequest
from kilonova.core.events import (
    ChatBegun,
    ChatFinished,
    ChatStarted,
    ChoiceFinished,
    EngineEvent,
    TextDelta,
)
from kilonova.core.model import Model
from kilonova.core.usage import Usage
from kilonova.engines.echo import Echo
from kilonova.settings import SettingsError

_MODEL = Model(
    id="m", name="M", provider="t", engine="e", abilities=("completion",), context_tokens=4096
)
_QUICK = Effort(prompts=(50, 200, 400), contexts=(20, 400), output_tokens=12, repeats=2)


class _Steady(Echo):
    """An engine that takes so many milliseconds for each token."""

    read_ms, write_ms, context_ms = 0.1, 3.0, 0.01
    tokens_max = 1_000

    def chat(self, request: ChatRequest) -> AsyncGenerator[EngineEvent, None]:
        return self._steady(request)

    async def _steady(self, request: ChatRequest) -> AsyncGenerator[EngineEvent, None]:
        tokens = len((request.prompt or "").split())
        written = min(request.max_output_tokens or 1, self.tokens_max)
        yield ChatBegun()
        await asyncio.sleep(tokens * self.read_ms / 1000)
        yield ChatStarted(tokens)
        for number in range(1, written + 1):
            yield TextDelta("x", number)
            await asyncio.sleep((self.write_ms + tokens * self.context_ms) / 1000)
        yield ChoiceFinished("length", written)
        yield ChatFinished(Usage(input_tokens=tokens, output_tokens=written))


async def test_the_times_of_a_steady_engine_are_found() -> None:
    """Protects the weights: lines through real measurements give what the engine was told to take,
    within what a busy machine's clock allows."""
    found = await Measurer(_Steady("e"), _MODEL, effort=_QUICK).measure()
    assert 0.08e6 < found.prefill_ns < 0.3e6
    assert 2e6 < found.decode_ns < 9e6
    assert 0.004e6 < found.context_ns < 0.03e6
    assert found.prefill_fit.samples == 3
    weights = found.weights
    assert weights.read == round(found.prefill_ns * 1000)
    assert weights.write == round(found.decode_ns * 1000)


async def test_answers_that_are_too_short_are_not_guessed_from() -> None:
    """Protects the file from figures of nothing."""
    engine = _Steady("e")
    engine.tokens_max = 2
    with pytest.raises(TooLittleError, match="too short"):
        await Measurer(engine, _MODEL, effort=_QUICK).measure()


async def test_times_that_do_not_fit_together_are_refused() -> None:
    """Protects the shares of requests: on a busy machine no weight is better than a wrong one."""
    engine = _Steady("e")
    # A line through these times says that a token takes less than nothing without context.
    engine.write_ms, engine.context_ms = -3.0, 0.05
    effort = Effort(prompts=(20, 60), contexts=(20, 400), output_tokens=6, repeats=1)
    with pytest.raises(TooLittleError, match="do not fit together .* when it is idle"):
        await Measurer(engine, _MODEL, effort=effort).measure()


def test_no_file_is_no_calibration(tmp_path: Path) -> None:
    """Protects the first start."""
    assert read_calibration(tmp_path / "calibration.json") is None
    assert weights_of(None) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "calibration.json: .*Make it anew: kilonova calibrate"),
        (b'{"format": 1}', "missing required field"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    """Protects the operator: it is not silently taken for no file."""
    path = tmp_path / "calibration.json"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=message):
        read_calibration(path)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    """Protects a later release's file from being misread by this one."""
    path = tmp_path / "calibration.json"
    made = Calibration(format=2, made_at="", versions={}, machine="", processors=1, models={})
    path.write_bytes(msgspec.json.encode(made))
    with pytest.raises(SettingsError, match="its format is 2, and this release reads 1"):
        read_calibration(path)
