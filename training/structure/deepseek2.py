"""Micro's network: the `deepseek2` family of llama.cpp, latent attention and fine-grained experts.

Parameters have the names and the layout of the GGUF file, so nothing is transposed on export.
Training multiplies the latent out to full keys and values, the engine keeps it compressed; both
are the same function. RoPE turns neighbouring pairs. The router decides in full precision.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from structure.recipe_deepseek2 import Deepseek2Recipe

__all__ = ["Deepseek2"]

_WEIGHT_SUM_MIN = 2.0**-14  # the engine clamps the sum of expert weights here: smallest F16


def _rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Turn pairs of the last axis by angles of the same shape, halved."""
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = (even * cosines - odd * sines, even * sines + odd * cosines)
    return torch.stack(turned, dim=-1).flatten(-2)


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax attention over (batch, heads, length, width); `mask` is true where one may look."""
    if query.is_cuda:
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=mask is None
        )
    # Written out: on CPU the fused kernel's backward pass is the slower one.
    scores = (query / math.sqrt(query.shape[-1])) @ key.transpose(-1, -2)
    if mask is None:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    return functional.softmax(scores.masked_fill(~mask, -math.inf), dim=-1) @ value


class _Permuted(torch.autograd.Function):
    """Rows in another order; the way back is the inverse order instead of a scattered sum."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        """Pick rows by `order`."""
        ctx.save_for_backward(inverse)
        return rows[order]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Put the gradients back where the rows came from."""
        (inverse,) = ctx.saved_tensors
        return gradients[0][inverse], None, None


def _permute(rows: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
    result: Tensor = _Permuted.apply(rows, order, inverse)  # type: ignore[no-untyped-call]
    return result


class _Norm(nn.RMSNorm):
    """Weighs in the precision of the stream, so that the kernel stays fused."""

    def forward(self, x: Tensor) -> Tensor:
        """The root mean square of each row becomes one."""
        weight = self.weight.to(x.dtype)
        return functional.rms_norm(x, self.normalized_shape, weight, self.eps)


class _Stack(nn.Module):
    """One matrix per expert or head: (count, rows, columns), as the file holds them."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))


class _Attention(nn.Module):
    """Low-rank queries; keys and values from one latent; one rotated key for all heads."""

    def __init__(self, recipe: Deepseek2Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        heads, latent = recipe.heads, recipe.latent_rank
        self.attn_q_a = nn.Linear(recipe.width, recipe.query_rank, bias=False)
        self.attn_q_a_norm = _Norm(recipe.query_rank, eps=recipe.norm_epsilon)
        self.attn_q_b = nn.Linear(recipe.query_rank, heads * recipe.head_width, bias=False)
        self.attn_kv_a_mqa = nn.Linear(recipe.width, latent + recipe.rope_width, bias=False)
        self.attn_kv_a_norm = _Norm(latent, eps=recipe.norm_epsilon)
        self.attn_k_b = _Stack(heads, latent, recipe.plain_width)
        self.attn_v_b = _Stack(heads, recipe.value_width, latent)
        self.attn_output = nn.Linear(heads * recipe.value_width, recipe.width, bias=False)

    def _queries(self, x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
        batch, length, _ = x.shape
        flat = self.attn_q_b(self.attn_q_a_norm(self.attn_q_a(x)))
        query = flat.view(batch, length, self.recipe.heads, -1).transpose(1, 2)
        plain, turning = query.split([self.recipe.plain_width, self.recipe.rope_width], dim=-1)
        return torch.cat([plain, _rotate(turning, cosines, sines)], dim=-1)

    def _keys_values(self, x: Tensor, cosines: Tensor, sines: Tensor) -> tuple[Tensor, Tensor]:
        batch, length, _ = x.shape
        heads = self.recipe.heads
        both = self.attn_kv_a_mqa(x)
        latent, turning = both.split([self.recipe.latent_rank, self.recipe.rope_width], dim=-1)
        latent = self.attn_kv_a_norm(latent)
        to_key = self.attn_k_b.weight.transpose(1, 2).flatten(0, 1)
        key = functional.linear(latent, to_key).view(batch, length, heads, -1).transpose(1, 2)
        value = functional.linear(latent, self.attn_v_b.weight.flatten(0, 1))
        value = value.view(batch, length, heads, -1).transpose(1, 2)
        turned = _rotate(turning.unsqueeze(1), cosines, sines).expand(-1, heads, -1, -1)
        return torch.cat([key, turned], dim=-1), value

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        """Mix positions."""
        key, value = self._keys_values(x, *rotary)
        mixed = _attend(self._queries(x, *rotary), key, value, mask)
        result: Tensor = self.attn_output(mixed.transpose(1, 2).flatten(2))
        return result


class _Mlp(nn.Module):
    """The gated MLP of the dense blocks."""

    def __init__(self, recipe: Deepseek2Recipe) -> None:
        super().__init__()
        self.ffn_gate = nn.Linear(recipe.width, recipe.hidden, bias=False)
        self.ffn_up = nn.Linear(recipe.width, recipe.hidden, bias=False)
        self.ffn_down = nn.Linear(recipe.hidden, recipe.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Gate, widen, narrow."""
        result: Tensor = self.ffn_down(functional.silu(self.ffn_gate(x)) * self.ffn_up(x))
        return result


class _Balance(nn.Module):
    """The bias that steers selection but not weight, and how often each expert was chosen."""

    bias: Tensor
    load: Tensor

    def __init__(self, experts: int) -> None:
        super().__init__()
        self.register_buffer("bias", torch.zeros(experts))
        self.register_buffer("load", torch.zeros(experts, dtype=torch.int64), persistent=False)


class _Experts(nn.Module):
    """A few of many small MLPs per token, chosen by a sigmoid router, beside a shared one."""

    def __init__(self, recipe: Deepseek2Recipe) -> None:
        super().__init__()
        self.used, self.scale = recipe.experts_used, recipe.expert_scale
        width, hidden, count = recipe.width, recipe.expert_hidden, recipe.experts
        shared = hidden * recipe.experts_shared
        self.ffn_gate_inp = nn.Linear(width, count, bias=False)
        self.exp_probs_b = _Balance(count)
        self.ffn_gate_exps = _Stack(count, hidden, width)
        self.ffn_up_exps = _Stack(count, hidden, width)
        self.ffn_down_exps = _Stack(count, width, hidden)
        self.ffn_gate_shexp = nn.Linear(width, shared, bias=False)
        self.ffn_up_shexp = nn.Linear(width, shared, bias=False)
        self.ffn_down_shexp = nn.Linear(shared, width, bias=False)

    def route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Experts and their weights for each row; the bias only chooses."""
        with torch.autocast(x.device.type, enabled=False):
            scores = functional.linear(x.float(), self.ffn_gate_inp.weight).sigmoid()
        chosen = (scores.detach() + self.exp_probs_b.bias).topk(self.used, dim=-1).indices
        weights = scores.gather(-1, chosen)
        total = weights.sum(-1, keepdim=True).clamp(min=_WEIGHT_SUM_MIN)
        return chosen, weights / total * self.scale

    def _grouped(self, rows: Tensor, ends: Tensor) -> Tensor:
        """Rows sorted by expert, each multiplied by its expert's three matrices."""
        gate, up, down = (
            stack.weight.to(rows.dtype).transpose(1, 2)
            for stack in (self.ffn_gate_exps, self.ffn_up_exps, self.ffn_down_exps)
        )
        gated = functional.silu(functional.grouped_mm(rows, gate, offs=ends))
        hidden = gated * functional.grouped_mm(rows, up, offs=ends)
        result: Tensor = functional.grouped_mm(hidden, down, offs=ends)
        return result

    def _routed(self, x: Tensor) -> Tensor:
        chosen, weights = self.route(x)
        sorted_experts, order = chosen.flatten().sort(stable=True)
        inverse = torch.empty_like(order)
        inverse[order] = torch.arange(len(order), device=x.device)
        experts = torch.arange(len(self.exp_probs_b.load), device=x.device)
        ends = torch.searchsorted(sorted_experts, experts, right=True)
        if self.training:
            self.exp_probs_b.load += ends.diff(prepend=ends.new_zeros(1))
        rows = x.unsqueeze(1).expand(-1, self.used, -1).flatten(0, 1)
        answers = self._grouped(_permute(rows, order, inverse), ends.to(torch.int32))
        answers = _permute(answers, inverse, order).view(len(x), self.used, -1)
        return (answers * weights.unsqueeze(-1).to(x.dtype)).sum(1)

    def forward(self, x: Tensor) -> Tensor:
        """The shared expert's answer plus the weighted answers of the chosen ones."""
        shared = functional.silu(self.ffn_gate_shexp(x)) * self.ffn_up_shexp(x)
        answer: Tensor = self.ffn_down_shexp(shared)
        return answer + self._routed(x.flatten(0, 1)).view_as(x)


class _Block(nn.Module):
    """Attention, then an MLP or experts, each on a normalised residual stream."""

    def __init__(self, recipe: Deepseek2Recipe, layer: int) -> None:
        super().__init__()
        self.attn_norm = _Norm(recipe.width, eps=recipe.norm_epsilon)
        self.attention = _Attention(recipe)
        self.ffn_norm = _Norm(recipe.width, eps=recipe.norm_epsilon)
        self.mlp = _Mlp(recipe) if layer < recipe.dense_layers else _Experts(recipe)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        """One layer."""
        x = x + self.attention(self.attn_norm(x), rotary, mask)
        result: Tensor = x + self.mlp(self.ffn_norm(x))
        return result


class Deepseek2(nn.Module):
    """Embedding, blocks, norm; the embedding is also the output matrix."""

    speeds: Tensor

    def __init__(self, recipe: Deepseek2Recipe) -> None:
        super().__init__()
        self.token_embd = nn.Embedding(recipe.vocabulary, recipe.width)
        self.blk = nn.ModuleList(_Block(recipe, layer) for layer in range(recipe.layers))
        self.output_norm = _Norm(recipe.width, eps=recipe.norm_epsilon)
        exponent = torch.arange(0, recipe.rope_width, 2).float() / recipe.rope_width
        self.register_buffer("speeds", recipe.rope_base**-exponent, persistent=False)
        self._initialise(recipe)

    def _initialise(self, recipe: Deepseek2Recipe) -> None:
        """Small normal weights; projections back into the stream shrink with depth."""
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                continue
            deep = "attn_output" in name or "ffn_down" in name
            nn.init.normal_(parameter, std=0.02 / (math.sqrt(2 * recipe.layers) if deep else 1.0))

    def _rotary(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosines and sines of shape (batch, 1, length, rope_width / 2)."""
        angles = positions.unsqueeze(1).unsqueeze(-1).float() * self.speeds
        return angles.cos().to(dtype), angles.sin().to(dtype)

    def features(
        self, tokens: Tensor, positions: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Normalised last-layer features for (batch, length) token ids.

        `positions` has the shape of `tokens`; `mask` is (batch, 1, length, length), false where a
        row may not look at a column. Without them each row is one text read from its start.
        """
        if positions is None:
            positions = torch.arange(tokens.shape[1], device=tokens.device).unsqueeze(0)
        x = self.token_embd(tokens)
        if torch.is_autocast_enabled(tokens.device.type):
            x = x.to(torch.get_autocast_dtype(tokens.device.type))
        rotary = self._rotary(positions, x.dtype)
        for block in self.blk:
            x = block(x, rotary, mask)
        result: Tensor = self.output_norm(x)
        return result

    def logits(self, features: Tensor) -> Tensor:
        """Scores over the vocabulary; pass only the rows that are needed, this is costly."""
        return functional.linear(features, self.token_embd.weight)

    def _balances(self) -> list[_Balance]:
        return [module for module in self.modules() if isinstance(module, _Balance)]

    def take_loads(self) -> Tensor:
        """How often each expert was chosen since the last call: (expert layers, experts)."""
        loads = torch.stack([balance.load for balance in self._balances()])
        for balance in self._balances():
            balance.load.zero_()
        return loads

    def balance(self, loads: Tensor, *, rate: float) -> None:
        """Make busy experts a little less likely to be chosen, and idle ones a little more."""
        loads = loads.float()
        steps = rate * torch.sign(loads.mean(-1, keepdim=True) - loads)
        for balance, step in zip(self._balances(), steps, strict=True):
            balance.bias += step
