"""Step times against the limits that they must approach."""

import numpy as np
import pytest

from kilonova.planner.columns import Columns
from kilonova.planner.steps import cache_bytes, decode_s, experts_hit, prefill_s
from planner_samples import TABLES, columns, way

CONSTANTS = TABLES.fit.constants
MANY = columns(
    way(),
    way("deepseek-r1", chip="h200"),
    way("deepseek-r1", chip="b200", tensor=1, experts=8, precision="fp4"),
    way("gpt-oss-120b", chip="h100", chips=1, precision="fp4"),
)


def test_experts_that_a_batch_hits() -> None:
    """Protects sparse models: one token reads k experts, many tokens nearly all of them."""
    sparse = columns(way("deepseek-r1"))
    assert experts_hit(sparse, np.array([1.0]))[0] == pytest.approx(8)
    assert experts_hit(sparse, np.array([64.0]))[0] == pytest.approx(222.4, abs=0.1)
    assert experts_hit(sparse, np.array([4096.0]))[0] == pytest.approx(256)
    assert experts_hit(columns(), np.array([64.0]))[0] == 0


def test_a_step_is_never_faster_than_its_weights_can_be_read() -> None:
    """Protects the roofline: 70 GB at 3.35 TB/s on each of eight chips is its floor."""
    floor = 69.5e9 / (8 * 3.35e12)
    step = decode_s(columns(), CONSTANTS, batch=np.array([1.0]), context=np.array([100.0]))
    assert floor < step[0] < 6 * floor


def test_a_prompt_is_never_read_faster_than_the_multipliers_can() -> None:
    """Protects the other side of the roofline."""
    floor = 2 * 68.5e9 * 8192 / (8 * 1978e12)
    taken = prefill_s(columns(), CONSTANTS, tokens=np.array([8192.0]))
    assert floor < taken[0] < 6 * floor


@pytest.mark.parametrize("what", ["batch", "context"])
def test_more_work_takes_longer(what: str) -> None:
    """Protects the search, which looks for the most that still meets a target."""
    times = []
    for size in (1.0, 16.0, 256.0, 4096.0):
        load = {"batch": np.full(4, 8.0), "context": np.full(4, 1024.0), what: np.full(4, size)}
        times.append(decode_s(MANY, CONSTANTS, batch=load["batch"], context=load["context"]))
    assert np.all(np.diff(np.array(times), axis=0) > 0)


def test_rows_do_not_see_each_other() -> None:
    """Protects vectorising: ten thousand rows are ten thousand single answers."""
    batch, context = np.array([1.0, 8, 64, 512]), np.array([100.0, 1000, 4000, 8000])
    together = decode_s(MANY, CONSTANTS, batch=batch, context=context)
    for at in range(4):
        row = np.array([at])
        alone = decode_s(MANY.take(row), CONSTANTS, batch=batch[row], context=context[row])
        assert alone[0] == together[at]


def test_what_a_sequence_keeps() -> None:
    """Protects memory: grouped heads in eight bits, and a window that is full after 128 tokens."""
    assert cache_bytes(columns(), np.array([1000.0]))[0] == 1000 * 80 * 2 * 8 * 128
    half = columns(way("gpt-oss-120b", precision="fp4"))
    layer = 18 * 2 * 8 * 64
    assert cache_bytes(half, np.array([1000.0]))[0] == 1000 * layer + 128 * layer


def test_columns_hold_what_is_put_in() -> None:
    """Protects the order of thirty columns that are made from one tuple."""
    row = columns(way("deepseek-r1", chip="b200", tensor=1, experts=8, precision="fp4"))
    assert (row.chips[0], row.tensor[0], row.copies[0], row.expert_groups[0]) == (8, 1, 8, 8)
    assert (row.experts[0], row.experts_per_token[0], row.moe_layers[0]) == (256, 8, 58)
    assert (row.layers[0], row.hidden[0], row.latent[0]) == (61, 7168, 1)
    assert (row.bandwidth[0], row.flops[0], row.dense_flops[0]) == (7.7e12, 9e15, 4.5e15)
    assert (row.narrowing[0], row.dense_narrowing[0], row.unpacks[0]) == (2, 1, 0)
    assert (row.link[0], row.memory_bytes[0], row.power_w[0]) == (9e11, 1.8e11, 1000)
    assert (row.engine[0], row.generation[0]) == (2, 1)
    assert (row.window_bytes[0], row.window_tokens[0], row.state_bytes[0]) == (0, 0, 0)


def test_narrow_weights_are_unpacked_where_the_chip_cannot_multiply_them() -> None:
    """Protects four-bit weights on a chip without four-bit multipliers."""
    row = columns(way("gpt-oss-120b", chip="h100", precision="fp4"))
    assert (row.unpacks[0], row.flops[0]) == (1, 989e12)


def test_an_empty_search_has_empty_columns() -> None:
    """Protects callers that have nothing to ask."""
    assert Columns.of(()).chips.shape == (0,)
