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
    effort = Effort(prompts=(16, 64, 256), contexts=(16, 128), output_tokens=64, repeats=2)
    found = await Measurer(llamacpp, model, effort=effort).measure()
    assert min(found.prefill_ns, found.decode_ns) >= 1
    assert (found.prefill_fit.samples, found.decode_fit.samples) == (3, 2)
    assert found.parallel >= 0
