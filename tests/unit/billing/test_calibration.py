"""Calibration: what is measured is found again, and a file that is wrong is named."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

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
_QUICK = Effort(
    prompts=(50, 200, 400),
    short=20,
    busy=(60, 200),
    output_tokens=6,
    seconds=0,
    rounds_min=2,
)


class _Steady(Echo):
    """An engine that takes so many milliseconds for each token, and does one thing at a time."""

    start_ms, read_ms, write_ms, context_ms = 0.0, 0.1, 3.0, 0.01
    tokens_max = 1_000

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._work = asyncio.Lock()

    def chat(self, request: ChatRequest) -> AsyncGenerator[EngineEvent, None]:
        return self._steady(request)

    async def _take(self, milliseconds: float) -> None:
        async with self._work:
            await asyncio.sleep(milliseconds / 1000)

    async def _steady(self, request: ChatRequest) -> AsyncGenerator[EngineEvent, None]:
        tokens = len((request.prompt or "").split())
        written = min(request.max_output_tokens or 1, self.tokens_max)
        yield ChatBegun()
        await self._take(self.start_ms + tokens * self.read_ms)
        yield ChatStarted(tokens)
        for number in range(1, written + 1):
            await self._take(self.write_ms + tokens * self.context_ms)
            yield TextDelta("x", number)
        yield ChoiceFinished("length", written)
        yield ChatFinished(Usage(input_tokens=tokens, output_tokens=written))


async def test_the_times_of_a_steady_engine_are_found() -> None:
    """Protects the weights: waves through the engine's port give what the engine was told to take,
    within what a busy machine's clock allows."""
    found = await Measurer(_Steady("e"), _MODEL, slots=2, effort=_QUICK).measure()
    assert 0.07e6 < found.prefill_ns + 200 * found.prefill_more_ns < 0.3e6
    assert 2e6 < found.decode_ns < 9e6
    assert 0 < found.context_ns < 0.05e6
    # It does one thing at a time: two answers take twice as long as one.
    assert found.beside == (1, 2)
    assert 0.5 < found.parallel < 2
    assert found.rounds == 2
    assert found.weights.write == round(found.decode_ns * 1000)
    read_ns = found.prefill_ns + found.prefill_more_ns * found.step_tokens
    assert found.weights.read == round(read_ns * 1000)


async def test_a_slow_model_is_measured_by_fewer_kinds() -> None:
    """Protects patience: what keeps all slots busy for minutes is asked of quick models only."""
    slow = Measurer(_Steady("e"), _MODEL, slots=2, effort=_QUICK)
    quick = Measurer(_Steady("e"), _MODEL, slots=2, effort=replace(_QUICK, seconds=600))
    await slow.warm_up()
    await quick.warm_up()
    assert slow.kinds < quick.kinds


async def test_answers_that_are_too_short_are_not_guessed_from() -> None:
    """Protects the file from figures of nothing."""
    engine = _Steady("e")
    engine.tokens_max = 2
    with pytest.raises(TooLittleError, match="too short"):
        await Measurer(engine, _MODEL, effort=_QUICK).measure()


async def test_times_that_do_not_fit_together_are_refused() -> None:
    """Protects the shares of requests: on a busy machine no weight is better than a wrong one."""
    engine = _Steady("e")
    # The longer a prompt, the sooner it is read.
    engine.start_ms, engine.read_ms, engine.context_ms = 50.0, -0.1, 0.0
    with pytest.raises(TooLittleError, match="do not fit together .* when it is idle"):
        await Measurer(engine, _MODEL, effort=_QUICK).measure()


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


def test_a_file_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    """Protects an upgrade: what was measured before steps were told apart still counts."""
    fit = {"samples": 5, "r2": 0.99, "residual_ns": 1.0}
    measured = {
        "engine": "e", "engine_model": "m", "prefill_ns": 1e5, "decode_ns": 2e6, "context_ns": 0.0,
        "start_ns": 1e6, "parallel": 0.5, "step_tokens": 512, "prefill_fit": fit, "decode_fit": fit,
    }  # fmt: skip
    made = {
        "format": 1, "made_at": "", "versions": {}, "machine": "", "processors": 2,
        "models": {"m": measured},
    }  # fmt: skip
    path = tmp_path / "calibration.json"
    path.write_bytes(msgspec.json.encode(made))
    weights = weights_of(read_calibration(path))["m"]
    assert (weights.read, weights.write) == (100_000_000, 2_000_000_000)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    """Protects a later release's file from being misread by this one."""
    path = tmp_path / "calibration.json"
    made = Calibration(format=2, made_at="", versions={}, machine="", processors=1, models={})
    path.write_bytes(msgspec.json.encode(made))
    with pytest.raises(SettingsError, match="its format is 2, and this release reads 1"):
        read_calibration(path)
