"""Spark's network: a plain decoder of the `qwen3` family, written for speed on one CPU thread.

Queries and keys are normalised per head: without that the scores grew without bound under Muon,
most heads put all their weight on one token, and learned slowly. RoPE turns the first half of a
head's features with the second, the order that llama.cpp expects of this family, so the weights
need no permutation on export. Attention is written out: the fused kernel's backward pass is slow on
CPU (33 % of the step, measured). Positions and mask come from outside, because a training row holds
several conversations that do not see each other (`rows.py`).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from structure.recipe import ModelRecipe

__all__ = ["Spark", "rotary_table"]


def rotary_table(recipe: ModelRecipe, length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of shape (length, head_width / 2)."""
    exponent = torch.arange(0, recipe.head_width, 2).float() / recipe.head_width
    angles = torch.outer(torch.arange(length).float(), recipe.rope_base**-exponent)
    return angles.cos(), angles.sin()


def _rotate(heads: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotate pairs of (…, length, head_width)."""
    first, second = heads.chunk(2, dim=-1)
    return torch.cat((first * cosines - second * sines, first * sines + second * cosines), dim=-1)


class _Attention(nn.Module):
    """Grouped-query attention with explicit softmax."""

    def __init__(self, recipe: ModelRecipe) -> None:
        super().__init__()
        self.heads, self.kv_heads = recipe.heads, recipe.kv_heads
        kv_width = recipe.kv_heads * recipe.head_width
        self.attn_q = nn.Linear(recipe.width, recipe.width, bias=False)
        self.attn_k = nn.Linear(recipe.width, kv_width, bias=False)
        self.attn_v = nn.Linear(recipe.width, kv_width, bias=False)
        self.attn_output = nn.Linear(recipe.width, recipe.width, bias=False)
        self.attn_q_norm = nn.RMSNorm(recipe.head_width, eps=recipe.norm_epsilon)
        self.attn_k_norm = nn.RMSNorm(recipe.head_width, eps=recipe.norm_epsilon)

    def _split(self, flat: Tensor, heads: int) -> Tensor:
        batch, length, _ = flat.shape
        return flat.view(batch, length, heads, -1).transpose(1, 2)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """Mix positions; `mask` is added to the scores."""
        batch, length, _ = x.shape
        group = self.heads // self.kv_heads
        query = _rotate(self.attn_q_norm(self._split(self.attn_q(x), self.heads)), *rotary)
        key = _rotate(self.attn_k_norm(self._split(self.attn_k(x), self.kv_heads)), *rotary)
        value = self._split(self.attn_v(x), self.kv_heads)
        # Query heads of one group become rows of one matrix, so keys are never repeated.
        query = query.reshape(batch, self.kv_heads, group * length, -1)
        query = query / math.sqrt(query.shape[-1])  # cheaper here than on the scores
        scores = query @ key.transpose(-1, -2)
        scores = scores.view(batch, self.heads, length, length) + mask
        weights = functional.softmax(scores, dim=-1)
        mixed = weights.view(batch, self.kv_heads, group * length, length) @ value
        mixed = mixed.view(batch, self.heads, length, -1).transpose(1, 2)
        result: Tensor = self.attn_output(mixed.reshape(batch, length, -1))
        return result


class _Block(nn.Module):
    """Attention, then a gated MLP, each on a normalised residual stream."""

    def __init__(self, recipe: ModelRecipe) -> None:
        super().__init__()
        self.attn_norm = nn.RMSNorm(recipe.width, eps=recipe.norm_epsilon)
        self.attention = _Attention(recipe)
        self.ffn_norm = nn.RMSNorm(recipe.width, eps=recipe.norm_epsilon)
        self.ffn_gate = nn.Linear(recipe.width, recipe.hidden, bias=False)
        self.ffn_up = nn.Linear(recipe.width, recipe.hidden, bias=False)
        self.ffn_down = nn.Linear(recipe.hidden, recipe.width, bias=False)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """One layer."""
        x = x + self.attention(self.attn_norm(x), rotary, mask)
        hidden = self.ffn_norm(x)
        result: Tensor = self.ffn_down(functional.silu(self.ffn_gate(hidden)) * self.ffn_up(hidden))
        return x + result


class Spark(nn.Module):
    """Embedding, blocks, norm; the embedding is also the output matrix."""

    cosines: Tensor
    sines: Tensor

    def __init__(self, recipe: ModelRecipe) -> None:
        super().__init__()
        self.token_embd = nn.Embedding(recipe.vocabulary, recipe.width)
        self.blk = nn.ModuleList(_Block(recipe) for _ in range(recipe.layers))
        self.output_norm = nn.RMSNorm(recipe.width, eps=recipe.norm_epsilon)
        cosines, sines = rotary_table(recipe, recipe.context_tokens)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)
        self._initialise(recipe)

    def _initialise(self, recipe: ModelRecipe) -> None:
        """Small normal weights; projections back into the stream shrink with depth."""
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                continue
            deep = "attn_output" in name or "ffn_down" in name
            shrink = math.sqrt(2 * recipe.layers) if deep else 1.0
            nn.init.normal_(parameter, std=0.02 / shrink)

    def features(
        self, tokens: Tensor, positions: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Normalised last-layer features, (batch, length, width), for (batch, length) token ids.

        `positions` has the shape of `tokens`; `mask` is (batch, 1, length, length), false where a
        row may not look at a column. Without them each row is one text read from its start.
        """
        length = tokens.shape[1]
        if positions is None:
            positions = torch.arange(length)[None]
        if mask is None:
            mask = torch.ones(1, 1, length, length, dtype=torch.bool).tril()
        x = self.token_embd(tokens)
        if torch.is_autocast_enabled("cpu"):
            x = x.to(torch.get_autocast_dtype("cpu"))
        turns = (self.cosines[positions][:, None], self.sines[positions][:, None])
        rotary = (turns[0].to(x.dtype), turns[1].to(x.dtype))
        penalty = torch.zeros_like(mask, dtype=x.dtype).masked_fill(~mask, float("-inf"))
        for block in self.blk:
            x = block(x, rotary, penalty)
        result: Tensor = self.output_norm(x)
        return result

    def logits(self, features: Tensor) -> Tensor:
        """Scores over the vocabulary; pass only the rows that are needed, this is costly."""
        return functional.linear(features, self.token_embd.weight)
