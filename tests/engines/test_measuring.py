"""Calibration on the real local engine: what it takes is found through the engine's port."""

import pytest

from kilonova.billing.cost.measuring import Effort, Measurer
from kilonova.core.model import Model
from kilonova.engines.llamacpp.engine import LlamaCpp

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_model_file_can_be_calibrated(llamacpp: LlamaCpp) -> None:
    """Protects ``kilonova calibrate``: answers are long enough, nothing is remembered, and each
    line has its points."""
    model = Model(
        id="tiny",
        name="Tiny",
        provider="test",
        engine="tiny",
        abilities=("chat", "completion"),
        context_tokens=2048,
    )
    effort = Effort(prompts=(16, 64, 256), busy=(64,), output_tokens=32, seconds=0, rounds_min=3)
    found = await Measurer(llamacpp, model, slots=2, effort=effort).measure()
    assert found.prefill_ns + found.prefill_more_ns > 0
    assert found.decode_ns >= 1
    assert found.beside == (1, 2)
    assert found.rounds == 3
