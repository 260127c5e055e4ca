"""The shape of a `deepseek2` network: latent attention (MLA) and fine-grained experts.

Plain numbers, no torch: the exporter and the tests read them as well.
"""

from typing import Literal

import msgspec

__all__ = ["Deepseek2Recipe", "is_coarse"]

_FINE = ("token_embd", "ffn_gate_inp")


class Deepseek2Recipe(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag="deepseek2",
    tag_field="architecture",
):
    """Every size of the network; widths that become matrix rows are multiples of 32."""

    name: str
    vocabulary: int
    width: int
    layers: int
    heads: int
    query_rank: int
    latent_rank: int  # what the cache keeps per token, beside rope_width
    plain_width: int  # features per head that do not turn with the position
    rope_width: int  # features that do; one key for all heads
    value_width: int
    dense_layers: int  # the first blocks have one wide MLP instead of experts
    hidden: int  # of the dense blocks
    experts: int
    experts_used: int
    experts_shared: int
    expert_hidden: int
    expert_scale: float
    balance_rate: float  # how fast a busy expert's selection bias falls, per step
    matrices: Literal["Q4_0", "Q8_0"]  # how the file holds them
    rounding_share: float  # the last part of the training sees the weights as Q4_0 rounds them
    context_tokens: int
    rope_base: float
    norm_epsilon: float

    def __post_init__(self) -> None:
        """Refuse shapes that the file format or the engine cannot hold."""
        rows = ("width", "query_rank", "latent_rank", "plain_width", "hidden", "expert_hidden")
        ragged = [name for name in rows if getattr(self, name) % 32]
        if (self.heads * self.value_width) % 32:
            ragged.append("heads * value_width")
        if ragged:
            raise ValueError(f"not a multiple of 32, so not quantisable: {', '.join(ragged)}")
        if self.rope_width % 2:
            raise ValueError(f"rope_width turns pairs and must be even, not {self.rope_width}")
        if not 0 < self.dense_layers < self.layers:
            raise ValueError("dense_layers must leave at least one block on either side")
        if not 0 < self.experts_used <= self.experts:
            raise ValueError("experts_used must be between 1 and experts")
        if self.experts_shared < 1:
            raise ValueError("the engine expects at least one shared expert")
        if self.layers in (26, 27):
            raise ValueError("the engine takes 26 or 27 blocks for another model of the family")

    @property
    def description(self) -> str:
        """The shape in one line, for the card."""
        return (
            f"`deepseek2`, {self.layers} layers, width {self.width}, {self.heads} heads over a "
            f"latent of {self.latent_rank} + {self.rope_width}, {self.experts} experts of "
            f"{self.expert_hidden} of which {self.experts_used} work on a token beside "
            f"{self.experts_shared} shared, tied embeddings"
        )

    @property
    def head_width(self) -> int:
        """Features per head of a query or an uncompressed key."""
        return self.plain_width + self.rope_width


def is_coarse(name: str, dimensions: int) -> bool:
    """Whether a tensor takes the file's matrix format; the rest stays finer.

    Norms, biases and the router stay F32 (a flipped expert costs more than the bytes save), the
    embedding Q8_0, because it is the output matrix as well.
    """
    return dimensions > 1 and not any(part in name for part in _FINE)
