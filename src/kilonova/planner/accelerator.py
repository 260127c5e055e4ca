"""An accelerator as the planner sees it: what one chip computes, holds, moves and draws.

Rates are dense peaks of one chip in units a second; the share of them that is reached is a fitted
constant (``constants.py``). Which rate a precision uses is a rule of this page.
"""

from msgspec import Struct

__all__ = ["PRECISIONS", "Accelerator", "Precision"]


class Precision(Struct, frozen=True, kw_only=True):
    """Bytes a weight of the shared parts and of the experts, and a cache element.

    ``computes`` is the width in bits in which matrices are multiplied. ``dense_bytes`` holds for
    the shared parts of a mixture of experts; a model without experts is narrowed throughout.
    """

    name: str
    weight_bytes: float
    dense_bytes: float
    cache_bytes: float
    computes: int


# Four-bit weights carry a scale for every 16 (8-bit) or 32 elements, hence more than half a byte;
# checkpoints of that width leave the attention of mixtures of experts wider.
PRECISIONS = {
    "bf16": Precision(name="bf16", weight_bytes=2.0, dense_bytes=2.0, cache_bytes=2.0, computes=16),
    "fp8": Precision(name="fp8", weight_bytes=1.0, dense_bytes=1.0, cache_bytes=1.0, computes=8),
    "fp4": Precision(name="fp4", weight_bytes=0.5625, dense_bytes=1.0, cache_bytes=1.0, computes=4),
    "int4": Precision(
        name="int4", weight_bytes=0.5625, dense_bytes=2.0, cache_bytes=2.0, computes=16
    ),
}


class Accelerator(Struct, frozen=True, kw_only=True):
    """Units last: teraflops a second (0: not supported), gigabytes, terabytes a second, watts.

    ``link_gb_s`` is one direction between chips that share a fast link, ``linked`` how many do;
    ``network_gb_s`` one direction of a chip's own card to all others (0: it has none).
    """

    name: str
    generation: str
    bf16_tflops: float
    fp8_tflops: float
    fp4_tflops: float
    memory_gb: float
    bandwidth_tb_s: float
    power_w: float
    link_gb_s: float
    linked: int
    network_gb_s: float
    source: str = ""
    date: str = ""

    def tflops(self, precision: Precision) -> float:
        """The peak for ``precision``: the widest narrow type that the chip has."""
        narrow = {4: self.fp4_tflops, 8: self.fp8_tflops}.get(precision.computes, 0.0)
        if precision.computes == 4 and not narrow:
            return self.bf16_tflops  # weights are unpacked, and multiplied in sixteen bits
        return narrow or self.bf16_tflops
