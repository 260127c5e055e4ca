"""Configurations as columns: one row a configuration, one array a number that the formulas read.

``Layout`` is how one replica spreads over chips; ``Configuration`` is a model on it. Ten thousand
of them become about thirty arrays once, and every formula after that is arithmetic on arrays.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from kilonova.planner.accelerator import Accelerator, Precision
from kilonova.planner.shape import ModelShape

__all__ = ["ENGINES", "Array", "Columns", "Configuration", "Layout"]

Array = NDArray[np.float64]

# The ways to run a model for which there are measurements; others are planned as the slowest.
ENGINES = ("trtllm", "sglang", "vllm")


class Layout(Struct, frozen=True, kw_only=True):
    """One replica: ``chips`` in all; attention split over ``tensor`` of them, and copied otherwise.

    ``experts`` is how many groups the experts are dealt to; 1 splits every expert instead. If more
    chips than share a fast link are in a replica, they are dealt over the network.
    """

    chips: int
    tensor: int
    experts: int = 1

    @property
    def copies(self) -> int:
        """How many copies of the attention weights there are, each with requests of its own."""
        return max(1, self.chips // self.tensor)


class Configuration(Struct, frozen=True, kw_only=True):
    model: ModelShape
    accelerator: Accelerator
    precision: Precision
    layout: Layout
    engine: str = "vllm"


class Columns(Struct, frozen=True, kw_only=True):
    """Arrays of shape (n,), n the number of configurations.

    Counts of parameters and bytes are of the whole model, once; rates are of one chip, in bytes or
    flops a second. ``islands`` is over how many fast links a replica spreads, ``narrowing`` how
    often the width was halved below sixteen bits, and ``unpacks`` is 1 where weights are narrower
    than what is multiplied.
    """

    chips: Array
    tensor: Array
    copies: Array
    expert_groups: Array
    dense_bytes: Array
    expert_bytes: Array
    embedding_bytes: Array
    experts: Array
    experts_per_token: Array
    dense_params: Array
    head_params: Array
    expert_params: Array
    layers: Array
    moe_layers: Array
    hidden: Array
    cache_bytes: Array
    cache_shards: Array
    window_bytes: Array
    window_tokens: Array
    state_bytes: Array
    attention_flops: Array
    prefill_attention_flops: Array
    bandwidth: Array
    flops: Array
    dense_flops: Array
    narrowing: Array
    dense_narrowing: Array
    unpacks: Array
    latent: Array
    link: Array
    network: Array
    islands: Array
    memory_bytes: Array
    power_w: Array
    engine: NDArray[np.int64]
    generation: NDArray[np.int64]

    @classmethod
    def of(cls, configurations: Sequence[Configuration]) -> "Columns":
        """One row for each configuration, in order."""
        rows = [_row(configuration) for configuration in configurations]
        table = np.array(rows, dtype=np.float64).reshape(len(rows), len(cls.__struct_fields__)).T
        named: dict[str, Any] = dict(zip(cls.__struct_fields__, table, strict=True))
        for name in ("engine", "generation"):
            named[name] = named[name].astype(np.int64)
        return cls(**named)

    def take(self, rows: NDArray[np.generic]) -> "Columns":
        """The chosen rows: ``rows`` is an index or a mask."""
        return Columns(**{name: getattr(self, name)[rows] for name in self.__struct_fields__})

    def followed_by(self, more: "Columns") -> "Columns":
        """These rows, and then those of ``more``."""
        names = self.__struct_fields__
        both = {name: np.concatenate([getattr(self, name), getattr(more, name)]) for name in names}
        return Columns(**both)


def _row(configuration: Configuration) -> tuple[float, ...]:
    model, chip, layout = configuration.model, configuration.accelerator, configuration.layout
    precision = configuration.precision
    # A dense model is narrowed throughout; a mixture of experts in its experts above all. The
    # output head stays in sixteen bits.
    dense_width = precision.dense_bytes if model.experts else precision.weight_bytes
    dense_bytes = (model.dense_params - model.head_params) * dense_width + model.head_params * 2
    expert_bytes = model.expert_params * precision.weight_bytes
    peak = chip.tflops(precision)
    wide = _dense_tflops(chip, precision) if model.experts else peak
    return (
        layout.chips,
        layout.tensor,
        layout.copies,
        layout.experts,
        dense_bytes,
        expert_bytes,
        model.embedding_params * 2,
        model.experts,
        model.experts_per_token,
        model.dense_params,
        model.head_params,
        model.expert_params,
        model.layers,
        model.moe_layers,
        model.hidden,
        model.cache_elements * precision.cache_bytes,
        min(layout.tensor, model.cache_heads),
        model.window_elements * precision.cache_bytes,
        model.window_tokens,
        model.state_elements * 2,
        model.attention_flops,
        model.prefill_attention_flops,
        chip.bandwidth_tb_s * 1e12,
        peak * 1e12,
        wide * 1e12,
        math.log2(peak / chip.bf16_tflops),
        math.log2(wide / chip.bf16_tflops),
        1.0 if precision.weight_bytes < 1 and peak == chip.bf16_tflops else 0.0,
        1.0 if model.is_latent else 0.0,
        chip.link_gb_s * 1e9,
        chip.network_gb_s * 1e9,
        math.ceil(layout.chips / chip.linked),
        chip.memory_gb * 1e9,
        chip.power_w,
        ENGINES.index(configuration.engine)
        if configuration.engine in ENGINES
        else len(ENGINES) - 1,
        1.0 if chip.generation == "blackwell" else 0.0,
    )


def _dense_tflops(chip: Accelerator, precision: Precision) -> float:
    """The peak for the parts that a mixture of experts leaves wider."""
    if precision.dense_bytes == 1.0:
        return chip.fp8_tflops or chip.bf16_tflops
    return chip.bf16_tflops
